"""Splits: a bit for each state, found by which pairs of values can occur.

The pairs of a root and a part that can occur are found by taking every step with all
other parts left open. That gives more than what is reachable, and never less, so a
place among them is a perfect hash: that of the root, and in it that of every part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.grouping import Grouping, groupings
from tdxcheck.checker.engines.packed.inputs import (
    Input,
    Inputs,
    Table,
    Unsuited,
    conjuncts,
    ordered,
    width,
)
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.vector import Moves, index_of
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Node, support

Places = npt.NDArray[np.uint64]
Truths = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

WIDEST = 14
"""Bits that a guard or an effect may read, or it is taken for open."""

OPEN = 64
"""Values that an effect may have where it is open."""

NOWHERE = 1 << 56
"""Added where no state can be; visited.h has the same number."""

MOST_PARTS = 63
MUCH = 255
"""Said of a change of more than one part, or of the root. visited.h has both, too."""


MOST = 1 << 36
"""Bits of the largest split that is of use."""


MOST_PAIRS = 1 << 19
"""Pairs from which steps are taken, of all steps together."""


WORK = 64 << 20
"""Bytes of memory that a split may take to find."""


class NoSplit(Exception):
    """Why there is no split of a system."""


@dataclass(frozen=True, eq=False)
class Split:
    """Where the bit of each state is."""

    root: Inputs
    parts: tuple[Inputs, ...]
    grouping: str
    roots: npt.NDArray[np.uint32]
    """By the bits of the root: its number."""
    bases: npt.NDArray[np.uint64]
    """By the number of a root: the bit of its first state."""
    tables: tuple[npt.NDArray[np.uint64], ...]
    """Of each part, by the number of a root and the bits of the part: what is added."""
    size: int
    """Bits in all."""

    def changes(self, program: Program) -> tuple[npt.NDArray[np.uint8], ...]:
        """Of each cluster: which part its entries change, from 1; 0 for none."""
        masks = []
        for inputs in (*self.parts, self.root):
            mask = np.zeros(program.words, dtype=np.uint64)
            for entry in inputs:
                mask[entry.field.word] |= np.uint64(entry.field.mask)
            masks.append(mask)
        much = np.array([*(bool(rest.changes) for rest in program.rests), False])
        found = []
        for cluster, flips in zip(program.clusters, program.flips, strict=True):
            changes = np.zeros(len(flips), dtype=np.uint8)
            for number, mask in enumerate(masks, 1):
                touched = (flips & mask).any(axis=1)
                alone = touched & (changes == 0) & (number < len(masks))
                changes[touched] = MUCH
                changes[alone] = number
            changes[much[cluster.rests]] = MUCH
            found.append(changes)
        return tuple(found)

    def places(self, states: Words) -> Places:
        """The bits of states."""
        root = self.roots[index_of(self.root, states)].astype(np.int64)
        places = self.bases[root]
        for part, table in zip(self.parts, self.tables, strict=True):
            places += table.reshape(-1)[(root << width(part)) + index_of(part, states)]
        return places


class Here:
    """Some states, and the places of what they lead to, told by what changes."""

    def __init__(self, split: Split, states: Words) -> None:
        self.split = split
        self.root = split.roots[index_of(split.root, states)].astype(np.int64)
        self.pairs = [
            (self.root << width(part)) + index_of(part, states) for part in split.parts
        ]
        """By part: the number of the root, and the bits of the part below it."""
        self.adds = [
            table.reshape(-1)[pairs]
            for pairs, table in zip(self.pairs, split.tables, strict=True)
        ]
        self.all = split.bases[self.root] + sum(self.adds)

    def with_roots(self, roots: Numbers, rows: Numbers) -> Places:
        """The places of some of the states, if they had these roots."""
        places: Places = self.split.bases[roots]
        moved = roots - self.root[rows]
        for part, pairs, table in zip(
            self.split.parts, self.pairs, self.split.tables, strict=True
        ):
            places += table.reshape(-1)[pairs[rows] + (moved << width(part))]
        return places

    def places(self, found: Moves, changes: npt.NDArray[np.uint8]) -> Places:
        """Of the targets; `changes` tells which part each entry changes."""
        places: Places = self.all[found.sources]
        codes = changes[found.entries]
        for code in np.flatnonzero(np.bincount(codes)[1:]) + 1:
            rows = np.flatnonzero(codes == code)
            targets = found.targets[rows]
            if code == MUCH:
                places[rows] = self.split.places(targets)
                continue
            sources = found.sources[rows]
            part, table = self.split.parts[code - 1], self.split.tables[code - 1]
            pairs = (self.root[sources] << width(part)) + index_of(part, targets)
            places[rows] += table.reshape(-1)[pairs] - self.adds[code - 1][sources]
        return places


def split(system: GroundSystem, layout: Layout, initial: Words) -> Split:
    """The split of a system that starts in these states. Raises NoSplit."""
    why = NoSplit("the slots mix too much")
    for groups in groupings(system, layout):
        if len(groups.parts) > MOST_PARTS:
            continue
        try:
            return _Projection(system, layout, groups, initial).split()
        except NoSplit as reason:
            why = reason
        except Unsuited:
            why = NoSplit("a number has too many values")
    raise why


@dataclass(eq=False)
class _Change:
    """What a step does to a part, from the pairs of a root and a part."""

    sources: Numbers
    """Pairs from which it is possible, as far as they tell."""
    roots: Numbers
    """Of each source."""
    targets: Numbers
    """Pairs to which it leads from there."""
    target_roots: Numbers


@dataclass(eq=False)
class _Move:
    """What a step does to everything."""

    possible: Truths
    """By the root."""
    changes: dict[int, _Change]
    """By the part, of those that it reads or changes."""
    moves_root: bool
    roots: tuple[Numbers, Numbers] | None
    """From where to where, if the root alone tells."""


class _Side:
    """The root or a part: its slots, and its values as numbers."""

    def __init__(self, layout: Layout, system: GroundSystem, slots: Sequence[int]):
        self.inputs = ordered(
            Input(system.slots[n].term, layout.fields[n]) for n in slots
        )
        self.numbers = frozenset(slots)
        self.bits = width(self.inputs)
        self.offsets: dict[tuple[int, int], int] = {}
        offset = 0
        for entry in self.inputs:
            self.offsets[entry.place] = offset
            offset += entry.field.width

    def contribution(self, inputs: Inputs) -> Numbers:
        """By the value of this side: its bits in an index of the inputs."""
        values = np.arange(1 << self.bits, dtype=np.int64)
        index, offset = np.zeros_like(values), 0
        for entry in inputs:
            if entry.place in self.offsets:
                mask = (1 << entry.field.width) - 1
                index |= (values >> self.offsets[entry.place] & mask) << offset
            offset += entry.field.width
        return index


class _Projection:
    def __init__(
        self,
        system: GroundSystem,
        layout: Layout,
        groups: Grouping,
        initial: Words,
    ) -> None:
        self.system = system
        self.layout = layout
        self.name = groups.name
        self._pairs = 0
        self._supports: dict[int, frozenset[int]] = {}
        self.root = _Side(layout, system, groups.root)
        self.parts = [_Side(layout, system, part) for part in groups.parts]
        self.always = frozenset(
            n for n, field in enumerate(layout.fields) if not field.width
        )
        roots = index_of(self.root.inputs, initial)
        self.members: list[Truths] = []
        for part in self.parts:
            pairs = np.zeros((1 << self.root.bits, 1 << part.bits), dtype=np.bool_)
            pairs[roots, index_of(part.inputs, initial)] = True
            self.members.append(pairs)

    # Steps, each as what it does to the root and the parts.

    def _inputs(self, *nodes: Node) -> Inputs:
        numbers = frozenset[int]().union(*map(self._support, nodes))
        return ordered(
            Input(self.system.slots[n].term, self.layout.fields[n]) for n in numbers
        )

    def _support(self, node: Node) -> frozenset[int]:
        """What a term reads; by its identity, as the system keeps it."""
        if id(node) not in self._supports:
            self._supports[id(node)] = support(node)
        return self._supports[id(node)]

    def _tells(self, node: Node, part: _Side | None) -> bool:
        """Whether the root (and the part) tell the value of a term."""
        others = self._support(node) - self.root.numbers - self.always
        if part is not None:
            others -= part.numbers
        return not others and width(self._inputs(node)) <= WIDEST

    def _values(self, node: Node, part: _Side | None, roots: Numbers) -> Numbers:
        """The values of a term by the root, or by the root and the part."""
        inputs = self._inputs(node)
        values = Table(inputs).column(node)
        rows = self.root.contribution(inputs)[roots]
        if part is not None:
            rows = rows[:, None] | part.contribution(inputs)[None, :]
        found: Numbers = values[rows]
        return found

    def _move(self, step: GroundStep) -> _Move | None:
        guards = [c for guard in step.guards for c in conjuncts(guard)]
        by_root = [guard for guard in guards if self._tells(guard, None)]
        roots = np.arange(1 << self.root.bits)
        for guard in by_root:
            roots = roots[self._values(guard, None, roots) != 0]
        possible = np.zeros(1 << self.root.bits, dtype=np.bool_)
        possible[roots] = True
        moves_root = any(number in self.root.numbers for number in step.updates)
        left = [guard for guard in guards if guard not in by_root]
        changes = {}
        for number, part in enumerate(self.parts):
            mine = [guard for guard in left if self._tells(guard, part)]
            read = frozenset[int]().union(
                *map(self._support, (*mine, *step.updates.values()))
            )
            if mine or part.numbers & (read | step.updates.keys()):
                change = self._change(step, part, mine, roots)
                if not len(change.sources):
                    return None
                changes[number] = change
                self._pairs += len(change.sources)
                if self._pairs > MOST_PAIRS:
                    raise NoSplit("the slots mix too much")
        told = None
        if moves_root and all(
            self._tells(value, None)
            for n, value in step.updates.items()
            if n in self.root.numbers
        ):
            after = self._after(step, self.root, None, roots, roots)
            told = after[0], after[1]
        return _Move(possible, changes, moves_root, told)

    def _change(
        self, step: GroundStep, part: _Side, guards: Sequence[Node], roots: Numbers
    ) -> _Change:
        holds = np.ones((len(roots), 1 << part.bits), dtype=np.bool_)
        for guard in guards:
            holds &= self._values(guard, part, roots) != 0
        rows, values = np.nonzero(holds)
        before = roots[rows] << part.bits | values
        sources, root_after = self._after(step, self.root, part, roots, before)
        many, value_after = self._after(step, part, part, roots, sources)
        if len(many) > len(sources):
            root_after = np.repeat(root_after, len(many) // len(sources))
        return _Change(
            many, many >> part.bits, root_after << part.bits | value_after, root_after
        )

    def _after(
        self,
        step: GroundStep,
        side: _Side,
        part: _Side | None,
        roots: Numbers,
        pairs: Numbers,
    ) -> tuple[Numbers, Numbers]:
        """The pairs, each as often as it leads elsewhere, and the side after it.

        Without a part, the pairs are roots.
        """
        bits = part.bits if part is not None else 0
        row = np.zeros(1 << self.root.bits, dtype=np.int64)
        row[roots] = np.arange(len(roots))
        mask = (1 << bits) - 1
        after = pairs & mask if side is part else pairs >> bits
        for number, value in step.updates.items():
            if number not in side.numbers:
                continue
            field = self.layout.fields[number]
            if not field.width:
                continue
            offset = side.offsets[field.word, field.offset]
            if self._tells(value, part):
                told = self._values(value, part, roots)
                flat = told.reshape(-1)
                new = flat[row[pairs >> bits] << bits | pairs & mask]
            else:
                slot = self.system.slots[number].term
                low, high = max(slot.low, value.low), min(slot.high, value.high)
                if high - low >= OPEN:
                    raise NoSplit("an effect depends on too much")
                count = high - low + 1
                pairs, after = np.repeat(pairs, count), np.repeat(after, count)
                new = np.tile(np.arange(low, high + 1), len(pairs) // count)
            new = new - field.low & (1 << field.width) - 1
            after = after & ~(((1 << field.width) - 1) << offset) | new << offset
        return pairs, after

    # The pairs that can occur.

    def _close(self) -> None:
        moves = [m for m in map(self._move, self.system.steps) if m is not None]
        versions = [1] * len(self.parts)
        seen = [[0] * len(self.parts) for _ in moves]
        changed = True
        while changed:
            changed = False
            self._check_size()
            for number, move in enumerate(moves):
                matter = range(len(self.parts)) if move.moves_root else move.changes
                if all(seen[number][k] == versions[k] for k in matter):
                    continue
                seen[number] = list(versions)
                for k in self._take(move):
                    versions[k] += 1
                    changed = True

    def _check_size(self) -> None:
        counts = [members.sum(axis=1).astype(np.float64) for members in self.members]
        total = float(np.prod(counts, axis=0).sum())
        if total > MOST:
            raise NoSplit(f"at least 2^{int(np.log2(total))} states may be reachable")

    def _take(self, move: _Move) -> list[int]:
        """Take a step from all pairs there are; the parts that have more then."""
        possible = move.possible.copy()
        for members in self.members:
            possible &= members.any(axis=1)
        here = {}
        for k, change in move.changes.items():
            here[k] = self.members[k].reshape(-1)[change.sources]
            some = np.zeros_like(possible)
            some[change.roots[here[k]]] = True
            possible &= some
        more = []
        pairs = [] if move.roots is None else [move.roots]
        for k, change in move.changes.items():
            taken = here[k] & possible[change.roots]
            members = self.members[k].reshape(-1)
            targets = change.targets[taken]
            if not members[targets].all():
                members[targets] = True
                more.append(k)
            if move.roots is None:
                pairs.append((change.roots[taken], change.target_roots[taken]))
        if move.moves_root:
            before, after = _fewest(pairs)
            before, after = before[possible[before]], after[possible[before]]
            for k, members in enumerate(self.members):
                if k not in move.changes:
                    full = members.sum()
                    np.logical_or.at(members, after, members[before])
                    if members.sum() > full:
                        more.append(k)
        return more

    def split(self) -> Split:
        self._close()
        self._check_size()
        counts = [members.sum(axis=1) for members in self.members]
        live = np.flatnonzero(np.all(counts, axis=0))
        roots = np.full(1 << self.root.bits, len(live), dtype=np.uint32)
        roots[live] = np.arange(len(live))
        sizes = [1] * len(live)
        tables: list[Places] = []
        for members, count in zip(self.members, counts, strict=True):
            here = members[live]
            strides = np.array([min(size, NOWHERE) for size in sizes], dtype=np.uint64)
            ranks: Places = (np.cumsum(here, axis=1) - here).astype(np.uint64)
            table = np.where(here, ranks * strides[:, None], np.uint64(NOWHERE))
            nothing = np.zeros((1, here.shape[1]), dtype=np.uint64)
            tables.append(np.concatenate([table, nothing]))
            sizes = [size * int(n) for size, n in zip(sizes, count[live], strict=True)]
        total = sum(sizes)
        bases = np.cumsum([0, *sizes])
        bases[-1] = NOWHERE
        return Split(
            self.root.inputs,
            tuple(part.inputs for part in self.parts),
            self.name,
            roots,
            bases.astype(np.uint64),
            tuple(tables),
            total,
        )


def _fewest(pairs: Sequence[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    """Of what the parts say of the root, what says most, each once."""
    before, after = min(pairs, key=lambda pair: len(pair[0]))
    return before, after
