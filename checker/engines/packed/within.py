"""Within: steps that stay within one part of a split, or within its root, in lists.

A step that reads nothing but the root and one part, and changes that part, is possible
or not, and leads as many bits up or down, whatever the other parts are. So each pair
of a root and a part lists such steps, and nothing is computed of a state that one
leads to but its bit, unless it is new. In the same way each root lists the steps that
read and change nothing else. All other steps are left to a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import Inputs, width
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.program import Cluster, Program
from tdxcheck.checker.engines.packed.split import NOWHERE, Places, Split
from tdxcheck.checker.engines.packed.vector import Numbers, index_of, moves
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import support

LISTED = 256
"""Commands that are in lists, at most. visited.h has the same number."""

ROOT = 0
"""In place of the number of a part: they are counted from 1."""

ELSEWHERE = -1
"""The same of a step that does not stay within one."""

Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lists:
    """Of the root by its number, or of a part by that and the bits of the part."""

    begins: Numbers
    """Where the steps of a list begin."""
    kinds: Numbers
    """Lists of one kind have the same commands."""


@dataclass(frozen=True, eq=False)
class Within:
    """The steps within the root and within parts, and the program of all others."""

    root: Lists
    parts: tuple[Lists, ...]
    leads: Places
    """By step: what it adds to the bit of a state; the new number of a root."""
    flips: Words
    """By step: what it flips of a state."""
    commands: npt.NDArray[np.uint64]
    """By kind and command: 1 where lists of this kind have it."""
    rest: Program
    alive: Truths
    """By the number of a root and the cluster of the rest: whether it has anything."""

    @property
    def lengths(self) -> Numbers:
        """By kind: how many steps such a list has."""
        lengths: Numbers = self.commands.sum(axis=1).astype(np.int64)
        return lengths


def within(
    system: GroundSystem, layout: Layout, program: Program, split: Split
) -> Within:
    """Sort the steps of a system out by a split; the program is of all of them."""
    sides = _sides_of(system, layout, split)
    making = _Making(program, split)
    root = making.lists((), split.bases, sides == ROOT)
    parts = [
        making.lists(part, table.reshape(-1), sides == number)
        for number, (part, table) in enumerate(
            zip(split.parts, split.tables, strict=True), 1
        )
    ]
    rest = program.only(~making.listed)
    alive = [making.alive(cluster) for cluster in rest.clusters]
    return Within(
        root,
        tuple(parts),
        np.concatenate(making.leads),
        np.concatenate(making.flips),
        np.concatenate(making.kinds).astype(np.uint64),
        rest,
        np.array(alive, dtype=np.bool_).reshape(-1, len(making.live)).T,
    )


def _sides_of(system: GroundSystem, layout: Layout, split: Split) -> Numbers:
    """By step: the part within which it stays, ROOT, or ELSEWHERE."""
    of = {entry.place: ROOT for entry in split.root}
    for number, part in enumerate(split.parts, 1):
        of |= {entry.place: number for entry in part}

    def sides(slots: frozenset[int]) -> set[int]:
        fields = [layout.fields[number] for number in slots]
        return {of[f.word, f.offset] for f in fields if f.width}

    def side(step: GroundStep) -> int:
        terms = *step.guards, *step.updates.values()
        read = sides(frozenset[int]().union(*map(support, terms)))
        changed = sides(frozenset(step.updates))
        if len(changed) == 1 and read <= changed | {ROOT}:
            return changed.pop()
        return ELSEWHERE

    return np.array([side(step) for step in system.steps], dtype=np.int64)


class _Making:
    """The lists, in the making."""

    def __init__(self, program: Program, split: Split) -> None:
        self.program = program
        self.split = split
        self.live = np.flatnonzero(split.roots < len(split.bases) - 1)
        """The bits of each root that can be, by its number."""
        self.listed = np.zeros(program.commands, dtype=np.bool_)
        self.kinds = [np.zeros((1, program.commands), dtype=np.bool_)]
        """The first is of lists of nothing."""
        self.leads = [np.zeros(0, dtype=np.uint64)]
        self.flips = [np.zeros((0, program.words), dtype=np.uint64)]

    def lists(self, part: Inputs, places: Places, wanted: Truths) -> Lists:
        """List some commands for the pairs of a part; without one, for the roots."""
        mine = np.zeros_like(wanted)
        mine[np.flatnonzero(wanted)[: LISTED - int(self.listed.sum())]] = True
        self.listed |= mine
        lists = Lists(*np.zeros((2, len(places)), dtype=np.int64))
        if not mine.any():
            return lists
        bits = width(part)
        pairs = np.flatnonzero(places < NOWHERE)
        pairs = pairs[pairs < len(self.live) << bits]
        states = self._states(self.split.root, self.live[pairs >> bits])
        states |= self._states(part, pairs & (1 << bits) - 1)
        found = list(moves(self.program.only(mine), states))
        sources = _joined([m.sources for m in found])
        commands = _joined([m.commands for m in found])
        order = np.lexsort((commands, sources))
        sources, commands = sources[order], commands[order]
        targets = np.concatenate([states[:0], *(m.targets for m in found)])[order]
        if part:
            before = pairs[sources]
            after = before >> bits << bits | index_of(part, targets)
            leads = places[after] - places[before]
        else:
            leads = self.split.roots[index_of(self.split.root, targets)]
        has = np.zeros((len(pairs), self.program.commands), dtype=np.bool_)
        has[sources, commands] = True
        kinds, numbers = _different(has)
        steps = sum(map(len, self.leads))
        lists.begins[pairs] = steps + np.searchsorted(sources, np.arange(len(pairs)))
        lists.kinds[pairs] = sum(map(len, self.kinds)) + numbers
        self.kinds.append(kinds)
        self.leads.append(leads.astype(np.uint64))
        self.flips.append(targets ^ states[sources])
        return lists

    def alive(self, cluster: Cluster) -> Truths:
        """By the number of a root: whether the cluster has anything for it."""
        rows = self._states(cluster.inputs, np.flatnonzero(cluster.counts))
        widest = np.array([(1 << width(cluster.inputs)) - 1])
        known = index_of(self.split.root, self._states(cluster.inputs, widest))
        return np.isin(self.live & known, index_of(self.split.root, rows))

    def _states(self, inputs: Inputs, values: Numbers) -> Words:
        """States with these values of the inputs, and nothing else."""
        states = np.zeros((len(values), self.program.all_words), dtype=np.uint64)
        offset = 0
        for entry in inputs:
            field = entry.field
            bits = (values >> offset & (1 << field.width) - 1).astype(np.uint64)
            states[:, field.word] |= bits << np.uint64(field.offset)
            offset += field.width
        return states


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _different(rows: Truths) -> tuple[Truths, Numbers]:
    """The different rows, and of each row the number of its equal."""
    packed = np.packbits(rows, axis=1)
    keys = packed.view(f"V{packed.shape[1]}").reshape(-1)
    _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], numbers.reshape(-1)
