"""Programs: the steps of a system in groups, each of the elements that it is about.

Where two elements of a class have equal columns, what one can do leads to the same
orbits as what the other can. So each group of steps is taken for the first of equal
elements only, and counted for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.engines.packed.inputs import Inputs
from tdxcheck.checker.engines.packed.layout import Field, Words
from tdxcheck.checker.engines.packed.program import (
    Cluster,
    Command,
    Lookup,
    Program,
    program,
)
from tdxcheck.checker.ground.symmetry import Class
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.language.terms import Index

MOST_WORDS = 4
MOST_ALL_WORDS = 16
MOST_COLUMNS = 64
NO_COLUMN, SOME_COLUMNS = MOST_COLUMNS, MOST_COLUMNS + 1
WORD_BITS = 64
"""What the kernel is compiled for: kernel.c has the same numbers."""


@dataclass(frozen=True, eq=False)
class Group:
    """Commands that are about the same elements."""

    columns: tuple[Field, ...]
    program: Program
    commands: npt.NDArray[np.int64]
    """The number of each command among all."""
    classes: int
    """Of which classes the commands change columns, as bits by their numbers."""


@dataclass(frozen=True, eq=False)
class Groups:
    groups: tuple[Group, ...]
    commands: int


def steps_of(
    system: GroundSystem, shape: Shape, among: Iterable[int] | None = None
) -> Groups:
    """The steps of the system, or those of some numbers."""
    members: dict[tuple[Field, ...], list[int]] = {}
    for number in range(len(system.steps)) if among is None else among:
        members.setdefault(_columns(system.steps[number], shape), []).append(number)
    groups = []
    for columns, numbers in members.items():
        commands = [_command(system, system.steps[n]) for n in numbers]
        tables = program(shape.layout, commands)
        every = np.array(numbers, dtype=np.int64)
        changed = {slot for n in numbers for slot in system.steps[n].updates}
        classes = sum(1 << n for n in shape.classes_of(system, changed))
        groups.append(Group(columns, tables, every, classes))
    return Groups(tuple(groups), len(system.steps))


def watches_of(shape: Shape, commands: Sequence[Command]) -> Groups:
    """Conditions that are looked out for, whatever they are about."""
    tables = program(shape.layout, commands)
    every = np.arange(len(commands), dtype=np.int64)
    return Groups((Group((), tables, every, 0),), len(commands))


def _columns(step: GroundStep, shape: Shape) -> tuple[Field, ...]:
    """The columns of the elements that a step is about, if of each class there is one.

    Of two elements of a class, neither can be exchanged without the other.
    """
    found: dict[Class, int] = {}
    for parameter, argument in zip(step.action.parameters, step.arguments, strict=True):
        sort = parameter.sort
        if not (isinstance(sort, type) and issubclass(sort, Index)):
            continue
        for one in shape.symmetry.classes:
            if one.sort is sort and argument in one.elements:
                if one in found:
                    return ()
                found[one] = argument
    return tuple(shape.layout.columns[one.sort, n] for one, n in found.items())


def _command(system: GroundSystem, step: GroundStep) -> Command:
    updates = [(system.slots[n].term, value) for n, value in step.updates.items()]
    return Command(step.guards, updates)


# Laid out for the compiled kernel: flat arrays of plain numbers.

COLUMN = np.dtype([("mask", "u8"), ("word", "u4"), ("offset", "u4")])
RANGE = np.dtype([("begin", "u4"), ("end", "u4")])
GATHER = np.dtype([("begin", "u4"), ("words", "u4"), ("end", "u4")])
SEGMENT = np.dtype(
    [
        ("mask", "u8"),
        ("word", "u4"),
        ("offset", "u4"),
        ("shift", "u4"),
        ("unused", "u4"),
    ]
)
FIRST = np.dtype([("gather", "u4"), ("values", "u4"), ("word", "u4"), ("offset", "u4")])
CLUSTER = np.dtype([("gather", "u4"), ("offsets", "u4"), ("entries", "u4")])
ENTRY = np.dtype(
    [("command", "u4"), ("difference", "u4"), ("rest", "i4"), ("moved", "u4")]
)
REST = np.dtype([("guards", "u4"), ("changes", "u4"), ("end", "u4")])
LOOKUP = np.dtype([("gather", "u4"), ("values", "u4")])
GROUP = np.dtype(
    [("columns", RANGE), ("first", RANGE), ("clusters", RANGE), ("classes", "u8")]
)


def fits(groups: Groups, shape: Shape) -> bool:
    """The compiled kernel can take it."""
    return (
        not shape.others
        and shape.layout.words <= MOST_WORDS
        and (shape.layout.words > 1 or shape.layout.bits < WORD_BITS)
        and sum(map(len, shape.classes)) <= MOST_COLUMNS
        and all(g.program.all_words <= MOST_ALL_WORDS for g in groups.groups)
    )


def columns_of(shape: Shape) -> tuple[Any, Any]:
    """The columns and the classes, as a store of the kernel is given them."""
    columns = [
        ((1 << c.width) - 1, c.word, c.offset) for of in shape.classes for c in of
    ]
    ends = np.cumsum([len(of) for of in shape.classes])
    classes = [
        (end - len(of), end) for of, end in zip(shape.classes, ends, strict=True)
    ]
    return np.array(columns, dtype=COLUMN), np.array(classes, dtype=RANGE)


class _Laid:
    """The arrays, in the making."""

    def __init__(self, shape: Shape) -> None:
        self.every = [column for of in shape.classes for column in of]
        self.places = {(c.word, c.offset): n for n, c in enumerate(self.every)}
        self.groups: list[Any] = []
        self.columns: list[int] = []
        self.gathers: list[tuple[int, int, int]] = []
        self.segments: list[tuple[int, ...]] = []
        self.first: list[tuple[int, ...]] = []
        self.clusters: list[tuple[int, ...]] = []
        self.offsets: list[Any] = []
        self.entries: list[Any] = []
        self.rests: list[tuple[int, ...]] = []
        self.lookups: list[tuple[int, int]] = []
        self.numbers: list[Any] = []
        self.differences: list[Any] = []
        self._sizes = {"offsets": 0, "entries": 0, "numbers": 0, "differences": 0}
        self._gathers: dict[tuple[tuple[int, int], ...], int] = {}
        self._placed: dict[int, int] = {}

    def add(self, group: Group) -> None:
        tables = group.program
        columns, first = len(self.columns), len(self.first)
        clusters, rests = len(self.clusters), len(self.rests)
        differences = self._put("differences", tables.differences)
        self.columns += [self.places[c.word, c.offset] for c in group.columns]
        for lookup, entry in tables.first:
            place = entry.field
            gather = self._gather(lookup.inputs)
            self.first.append((gather, self._table(lookup), place.word, place.offset))
        for rest in tables.rests:
            begin = len(self.lookups)
            self._look(rest.guards)
            middle = len(self.lookups)
            self._look(rest.changes, differences)
            self.rests.append((begin, middle, len(self.lookups)))
        for cluster, flips in zip(tables.clusters, tables.flips, strict=True):
            entries = np.zeros(len(cluster.commands), dtype=ENTRY)
            entries["command"] = group.commands[cluster.commands.astype(np.int64)]
            entries["difference"] = cluster.differences + differences
            entries["rest"] = np.where(
                cluster.rests < 0, cluster.rests, cluster.rests + rests
            )
            entries["moved"] = self._moved(tables, cluster, flips)
            gather = self._gather(cluster.inputs)
            offsets = self._put("offsets", cluster.offsets)
            self.clusters.append((gather, offsets, self._put("entries", entries)))
        self.groups.append(
            (
                (columns, len(self.columns)),
                (first, len(self.first)),
                (clusters, len(self.clusters)),
                group.classes,
            )
        )

    def _moved(self, tables: Program, cluster: Cluster, flips: Words) -> Any:
        """By entry: the column that it changes, or NO_COLUMN, or SOME_COLUMNS."""
        moved = np.full(len(flips), NO_COLUMN, dtype=np.uint32)
        for number, column in enumerate(self.every):
            touched = flips[:, column.word] & np.uint64(column.mask) != 0
            moved[touched] = np.where(moved[touched] == NO_COLUMN, number, SOME_COLUMNS)
        more = np.array([*(bool(rest.changes) for rest in tables.rests), False])
        moved[more[cluster.rests]] = SOME_COLUMNS
        return moved

    def _look(self, lookups: Sequence[Lookup], by: int = 0) -> None:
        for lookup in lookups:
            values = self._table(lookup, by)
            self.lookups.append((self._gather(lookup.inputs), values))

    def _table(self, lookup: Lookup, by: int = 0) -> int:
        if not by and id(lookup) in self._placed:
            return self._placed[id(lookup)]
        place = self._put("numbers", lookup.values.astype(np.uint32) + np.uint32(by))
        if not by:
            self._placed[id(lookup)] = place
        return place

    def _put(self, name: str, part: Any) -> int:
        """Where a part begins among those of its kind."""
        begin = self._sizes[name]
        getattr(self, name).append(part)
        self._sizes[name] += len(part)
        return begin

    def _gather(self, inputs: Inputs) -> int:
        """The number of what collects these bits into one index."""
        key = tuple((entry.field.word, entry.field.offset) for entry in inputs)
        if key not in self._gathers:
            begin, shift = len(self.segments), 0
            for word, offset, width in _runs(inputs):
                self.segments.append(((1 << width) - 1, word, offset, shift, 0))
                shift += width
            words, shift = len(self.segments), 0
            for word in sorted({entry.field.word for entry in inputs}):
                mask = sum(e.field.mask for e in inputs if e.field.word == word)
                self.segments.append((mask, word, 0, shift, 0))
                shift += mask.bit_count()
            self.gathers.append((begin, words, len(self.segments)))
            self._gathers[key] = len(self.gathers) - 1
        return self._gathers[key]

    def arrays(self) -> tuple[Any, ...]:
        """In the order of the fields of kernel.c's Program."""
        return (
            np.array(self.groups, dtype=GROUP),
            np.array(self.columns, dtype="u4"),
            np.array(self.gathers, dtype=GATHER),
            np.array(self.segments, dtype=SEGMENT),
            np.array(self.first, dtype=FIRST),
            np.array(self.clusters, dtype=CLUSTER),
            _joined(self.offsets, "u4"),
            _joined(self.entries, ENTRY),
            np.array(self.rests, dtype=REST),
            np.array(self.lookups, dtype=LOOKUP),
            _joined(self.numbers, "u4"),
            np.ascontiguousarray(_joined(self.differences, "u8")),
        )


def _runs(inputs: Inputs) -> list[tuple[int, int, int]]:
    """Fields that lie side by side, as one: word, offset, width."""
    runs: list[tuple[int, int, int]] = []
    for entry in inputs:
        place = entry.field
        if runs and runs[-1][0] == place.word and sum(runs[-1][1:]) == place.offset:
            word, offset, width = runs.pop()
            runs.append((word, offset, width + place.width))
        else:
            runs.append((place.word, place.offset, place.width))
    return runs


def _joined(parts: list[Any], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)


def laid_out(groups: Groups, shape: Shape) -> tuple[Any, ...]:
    """The arguments of the kernel's Program."""
    laid = _Laid(shape)
    for group in groups.groups:
        laid.add(group)
    words = shape.layout.words
    widest = max((g.program.all_words for g in groups.groups), default=words)
    return words, widest, groups.commands, laid.arrays()
