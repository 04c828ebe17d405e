"""Programs: a system's steps as tables, which a kernel reads without knowing it.

A command is a step, or a condition that is looked out for. Commands that read the
same few bits share a cluster: a table that lists, for each value of these bits,
the commands that are possible as far as the bits tell, and what each changes. What
a command asks or changes beyond them is its rest: more tables, looked up only when
the cluster has let it pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import (
    LIMIT,
    Cut,
    Cutter,
    Input,
    Inputs,
    Table,
    conjuncts,
    ordered,
    width,
)
from tdxcheck.checker.engines.packed.layout import Layout
from tdxcheck.checker.ground.terms import Node, Slot

NO_REST = -1


@dataclass(frozen=True, eq=False)
class Command:
    """What is done where all guards hold: fields are changed, or only a note made."""

    guards: tuple[Node, ...]
    updates: Sequence[tuple[Slot, Node]] = ()


@dataclass(frozen=True, eq=False)
class Lookup:
    """A table and the bits that it is looked up by."""

    inputs: Inputs
    values: npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Rest:
    """What a command's cluster does not know of it."""

    guards: tuple[Lookup, ...]
    changes: tuple[Lookup, ...]
    """Tables of numbers of differences."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """For each value of the inputs, the entries from `offsets[v]` to `offsets[v+1]`."""

    inputs: Inputs
    offsets: npt.NDArray[np.uint32]
    commands: npt.NDArray[np.int64]
    differences: npt.NDArray[np.uint32]
    rests: npt.NDArray[np.int32]

    @cached_property
    def begins(self) -> npt.NDArray[np.int64]:
        return self.offsets[:-1].astype(np.int64)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        offsets = self.offsets.astype(np.int64)
        return offsets[1:] - offsets[:-1]

    @cached_property
    def has_rests(self) -> bool:
        return bool((self.rests != NO_REST).any())

    def only(self, kept: npt.NDArray[np.bool_]) -> Cluster:
        """The same with some of the entries."""
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.uint32)
        return Cluster(
            self.inputs,
            before[self.offsets],
            self.commands[kept],
            self.differences[kept],
            self.rests[kept],
        )


@dataclass(frozen=True, eq=False)
class Program:
    words: int
    """Of a state."""
    all_words: int
    """Of a state and of what is computed of it first."""
    commands: int
    first: tuple[tuple[Lookup, Input], ...]
    """What is computed of a state first: by which table, into which field."""
    clusters: tuple[Cluster, ...]
    rests: tuple[Rest, ...]
    differences: npt.NDArray[np.uint64]
    """What a change flips in each word of the state, by its number."""

    @cached_property
    def flips(self) -> tuple[npt.NDArray[np.uint64], ...]:
        """Of each cluster: what its entries flip, less what their rests do."""
        return tuple(self.differences[c.differences] for c in self.clusters)

    def only(self, wanted: npt.NDArray[np.bool_]) -> Program:
        """The same with some of the commands, which keep their numbers."""
        kept = [c.only(wanted[c.commands]) for c in self.clusters]
        return replace(self, clusters=tuple(c for c in kept if len(c.commands)))


def program(layout: Layout, commands: Sequence[Command]) -> Program:
    """Make the tables of some commands. Raises Unsuited if a number is too wide."""
    return _Maker(layout).make(commands)


@dataclass(eq=False)
class _Draft:
    """A command whose guards are apart, and narrow like its updates."""

    number: int
    guards: list[Node]
    updates: list[tuple[Slot, Node]]
    inputs: Inputs = ()
    """Of the whole command."""

    @property
    def fits(self) -> bool:
        return width(self.inputs) <= LIMIT


@dataclass(eq=False)
class _Group:
    """A cluster in the making."""

    inputs: Inputs
    drafts: list[_Draft] = field(default_factory=list)


class _Maker:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.cutter = Cutter(layout)
        self.numbers: dict[tuple[int, ...], int] = {(0,) * layout.words: 0}
        """Differences, by what they flip."""
        self.rests: list[Rest] = []
        self.lookups: dict[int, Lookup] = {}

    def make(self, commands: Sequence[Command]) -> Program:
        drafts = [self._draft(n, command) for n, command in enumerate(commands)]
        groups = self._group(drafts)
        clusters = tuple(self._cluster(group) for group in groups)
        first = tuple(self._first(cut) for cut in self.cutter.cuts)
        return Program(
            self.layout.words,
            self.cutter.words,
            len(commands),
            first,
            clusters,
            tuple(self.rests),
            np.array(list(self.numbers), dtype=np.uint64).reshape(
                -1, self.layout.words
            ),
        )

    def _draft(self, number: int, command: Command) -> _Draft:
        parts = [p for guard in command.guards for p in conjuncts(guard)]
        guards = [self.cutter.narrow(part) for part in parts]
        updates = [
            (slot, self.cutter.narrow(value, (self.cutter.slot(slot),)))
            for slot, value in command.updates
        ]
        nodes = [*guards, *(n for update in updates for n in update)]
        return _Draft(number, guards, updates, self.cutter.inputs(*nodes))

    def _group(self, drafts: Iterable[_Draft]) -> list[_Group]:
        """Put commands that read the same together, the narrow ones first."""
        groups: list[_Group] = []
        for draft in sorted(drafts, key=lambda d: (width(d.inputs), d.number)):
            if draft.fits:
                self._join(draft, draft.inputs, groups)
        for draft in drafts:
            if not draft.fits:
                self._join(draft, self._key(draft), groups)
        return groups

    def _key(self, draft: _Draft) -> Inputs:
        """Of a wide command what it asks first: of few bits, as many guards as fit."""
        key: Inputs = ()
        for guard in sorted(draft.guards, key=lambda g: width(self.cutter.inputs(g))):
            more = ordered((*key, *self.cutter.inputs(guard)))
            if width(more) <= LIMIT:
                key = more
        return key

    def _join(self, draft: _Draft, inputs: Inputs, groups: list[_Group]) -> None:
        """Into the group that grows least by it, if it shares anything with one."""
        best: tuple[int, Inputs, _Group] | None = None
        mine = {entry.place for entry in inputs}
        for group in groups:
            if mine and not mine & {entry.place for entry in group.inputs}:
                continue
            both = ordered((*group.inputs, *inputs))
            growth = width(both) - width(group.inputs)
            if width(both) <= LIMIT and (best is None or growth < best[0]):
                best = growth, both, group
        if best is None:
            groups.append(_Group(inputs, [draft]))
        else:
            _, best[2].inputs, _ = best
            best[2].drafts.append(draft)

    def _cluster(self, group: _Group) -> Cluster:
        table = Table(group.inputs)
        rows: list[npt.NDArray[np.int64]] = []
        commands: list[npt.NDArray[np.int64]] = []
        differences: list[npt.NDArray[np.int64]] = []
        rests: list[npt.NDArray[np.int64]] = []
        for draft in sorted(group.drafts, key=lambda d: d.number):
            possible, change, rest = self._within(draft, table)
            here = np.flatnonzero(possible)
            rows.append(here)
            commands.append(np.full(len(here), draft.number))
            differences.append(change[here])
            rests.append(np.full(len(here), rest))
        row = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        order = np.argsort(row, kind="stable")
        offsets = np.searchsorted(row[order], np.arange(table.rows + 1))

        def sorted_(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
            return np.concatenate(parts)[order]

        return Cluster(
            group.inputs,
            offsets.astype(np.uint32),
            sorted_(commands),
            sorted_(differences).astype(np.uint32),
            sorted_(rests).astype(np.int32),
        )

    def _within(
        self, draft: _Draft, table: Table
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], int]:
        """Where the table lets a command pass, what it changes, and its rest."""
        known = {entry.place for entry in table.inputs}

        def is_known(*nodes: Node) -> bool:
            return all(e.place in known for e in self.cutter.inputs(*nodes))

        possible = np.ones(table.rows, dtype=np.bool_)
        guards: list[Lookup] = []
        for guard in draft.guards:
            if is_known(guard):
                possible &= table.column(guard) != 0
            else:
                guards.append(self._lookup(guard))
        inside = [update for update in draft.updates if is_known(*update)]
        outside = [update for update in draft.updates if not is_known(*update)]
        changes = tuple(self._change(update) for update in outside)
        rest = NO_REST
        if guards or changes:
            self.rests.append(Rest(tuple(guards), changes))
            rest = len(self.rests) - 1
        return possible, self._flips(table, inside), rest

    def _lookup(self, guard: Node) -> Lookup:
        if id(guard) not in self.lookups:
            table = Table(self.cutter.inputs(guard))
            values = (table.column(guard) != 0).astype(np.uint32)
            self.lookups[id(guard)] = Lookup(table.inputs, values)
        return self.lookups[id(guard)]

    def _change(self, update: tuple[Slot, Node]) -> Lookup:
        table = Table(self.cutter.inputs(*update))
        return Lookup(table.inputs, self._flips(table, [update]).astype(np.uint32))

    def _flips(
        self, table: Table, updates: Iterable[tuple[Slot, Node]]
    ) -> npt.NDArray[np.int64]:
        """By row, the number of the difference that the updates make there."""
        flips = np.zeros((table.rows, self.layout.words), dtype=np.uint64)
        for slot, value in updates:
            place = self.layout.fields[slot.number]
            if not place.width:
                continue
            old = table.slot(slot.number) - place.low
            # Rows that no state has may lead out of the range: they are cut off.
            new = (table.column(value) - place.low) & ((1 << place.width) - 1)
            shifted = (old ^ new).astype(np.uint64) << np.uint64(place.offset)
            flips[:, place.word] ^= shifted
        first, numbers = _numbered(flips)
        known = [
            self.numbers.setdefault(tuple(map(int, row)), len(self.numbers))
            for row in flips[first]
        ]
        return np.array(known, dtype=np.int64)[numbers]

    def _first(self, cut: Cut) -> tuple[Lookup, Input]:
        table = Table(cut.inputs)
        values = (table.column(cut.node) - cut.field.low) & ((1 << cut.field.width) - 1)
        lookup = Lookup(cut.inputs, values.astype(np.uint32))
        return lookup, Input(cut.node, cut.field)


def _numbered(
    rows: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first row of each kind, and of every row the number of its kind."""
    numbers = np.zeros(len(rows), dtype=np.int64)
    first = np.zeros(1, dtype=np.int64)
    for column in rows.T:
        if (column == column[0]).all():
            continue
        kinds = column
        if len(first) > 1:
            _, more = np.unique(column, return_inverse=True)
            kinds = (more * len(first) + numbers).astype(np.uint64)
        _, first, numbers = np.unique(kinds, return_index=True, return_inverse=True)
    return first, numbers
