"""A program laid out for the compiled kernel: flat arrays of plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.inputs import Inputs, width
from tdxcheck.checker.engines.packed.program import Lookup, Program
from tdxcheck.checker.engines.packed.split import Places, Split
from tdxcheck.checker.engines.packed.within import Lists, Within

MOST_WORDS = 4
MOST_ALL_WORDS = 16
"""What the kernel is compiled for: program.h has the same numbers."""

GATHER = np.dtype([("begin", "u4"), ("end", "u4")])
SEGMENT = np.dtype([("mask", "u8"), ("word", "u4"), ("shift", "u4")])
FIRST = np.dtype(
    [
        *(("mask", "u8"), ("from", "u4"), ("gather", "u4")),
        *(("values", "u4"), ("word", "u4"), ("offset", "u4"), ("", "u4")),
    ]
)
CLUSTER = np.dtype(
    [("mask", "u8"), ("word", "u4"), ("gather", "u4"), ("offsets", "u4"), ("", "u4")]
)
REST = np.dtype([("guards", "u4"), ("changes", "u4"), ("end", "u4")])
PART = np.dtype(
    [
        *(("mask", "u8"), ("word", "u4"), ("gather", "u4")),
        *(("width", "u4"), ("rows", "u4")),
    ]
)
ROW = np.dtype([("adds", "u8"), ("begin", "u4"), ("kind", "u4")])
LANES = 2
"""Steps of a row that the kernel reads together: visited.h has the same number."""
NO_CHANGES = np.zeros(0, dtype=np.uint8)
LOOKUP = np.dtype([("gather", "u4"), ("values", "u4")])


def fits(program: Program) -> bool:
    return program.words <= MOST_WORDS and program.all_words <= MOST_ALL_WORDS


class Laid:
    """The arrays, in the making."""

    def __init__(self) -> None:
        self.gathers: list[tuple[int, int]] = []
        self.segments: list[tuple[int, int, int]] = []
        self.numbers: list[Any] = []
        self.truths: list[Any] = []
        self._gathers: dict[tuple[tuple[int, int], ...], int] = {}
        self._placed: dict[tuple[int, bool], int] = {}
        self._sizes = {True: 0, False: 0}

    def program(self, program: Program) -> tuple[Any, ...]:
        """In the order of the fields of program.h."""
        first = []
        for table, entry in program.first:
            gather = self.gather(table.inputs)
            place = entry.field.word, entry.field.offset
            first.append((*self.alone(gather), gather, self.table(table), *place, 0))
        clusters = []
        offsets: list[Any] = []
        entries, rows = 0, 0
        for cluster in program.clusters:
            gather = self.gather(cluster.inputs)
            mask, word = self.alone(gather)
            clusters.append((mask, word, gather, rows, 0))
            offsets.append(cluster.offsets + np.uint32(entries))
            rows += len(cluster.offsets)
            entries += len(cluster.commands)
        rests = []
        lookups: list[tuple[int, int]] = []
        for rest in program.rests:
            begin = len(lookups)
            lookups += [(self.gather(g.inputs), self.truth(g)) for g in rest.guards]
            middle = len(lookups)
            lookups += [(self.gather(c.inputs), self.table(c)) for c in rest.changes]
            rests.append((begin, middle, len(lookups)))
        return (
            np.array(self.gathers, dtype=GATHER),
            np.array(self.segments, dtype=SEGMENT),
            np.array(first, dtype=FIRST),
            np.array(clusters, dtype=CLUSTER),
            _joined(offsets, "u4"),
            _entries(program),
            np.array(rests, dtype=REST),
            np.array(lookups, dtype=LOOKUP),
            _joined(self.truths, "u1"),
            _joined(self.numbers, "u4"),
            np.ascontiguousarray(program.differences),
        )

    def split(self, split: Split, within: Within) -> tuple[Any, ...]:
        """In the order of the fields of visited.h."""
        parts, rows = [], [_rows(split.bases, within.root)]
        gather = self.gather(split.root)
        parts.append((*self.alone(gather), gather, 0, 0))
        size = len(split.bases)
        for inputs, table, lists in zip(
            split.parts, split.tables, within.parts, strict=True
        ):
            gather = self.gather(inputs)
            parts.append((*self.alone(gather), gather, width(inputs), size))
            rows.append(_rows(table.reshape(-1), lists))
            size += table.size
        return (
            np.array(self.gathers, dtype=GATHER),
            np.array(self.segments, dtype=SEGMENT),
            split.roots,
            np.array(parts, dtype=PART),
            np.concatenate([*split.changes(within.rest), NO_CHANGES]),
            np.concatenate(rows),
            within.lengths.astype(np.uint32),
            np.concatenate([within.leads, np.zeros(LANES, dtype=np.uint64)]),
            within.flips,
            _ends(within.alive.sum(axis=1)),
            np.nonzero(within.alive)[1].astype(np.uint32),
        )

    def alone(self, gather: int) -> tuple[int, int]:
        """The mask and the word, if bits of one word only are gathered."""
        begin, end = self.gathers[gather]
        return self.segments[begin][:2] if end - begin == 1 else (0, 0)

    def gather(self, inputs: Inputs) -> int:
        """The number of what collects these bits into one index."""
        key = tuple(entry.place for entry in inputs)
        if key not in self._gathers:
            begin, shift = len(self.segments), 0
            for word in sorted({entry.field.word for entry in inputs}):
                fields = [e.field for e in inputs if e.field.word == word]
                self.segments.append((sum(f.mask for f in fields), word, shift))
                shift += sum(f.width for f in fields)
            self.gathers.append((begin, len(self.segments)))
            self._gathers[key] = len(self.gathers) - 1
        return self._gathers[key]

    def table(self, lookup: Lookup) -> int:
        return self._place(lookup, False)

    def truth(self, lookup: Lookup) -> int:
        return self._place(lookup, True)

    def _place(self, lookup: Lookup, truths: bool) -> int:
        """Where the table begins among those of its kind."""
        key = id(lookup), truths
        if key not in self._placed:
            self._placed[key] = self._sizes[truths]
            self._sizes[truths] += len(lookup.values)
            (self.truths if truths else self.numbers).append(lookup.values)
        return self._placed[key]


def _rows(adds: Places, lists: Lists) -> Any:
    rows = np.empty(len(adds), dtype=ROW)
    rows["adds"], rows["begin"], rows["kind"] = adds, lists.begins, lists.kinds
    return rows


def _ends(counts: Any) -> Any:
    """Where each of some runs of numbers begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def _joined(parts: list[Any], kind: str) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)


def _entries(program: Program) -> Any:
    """A row each: the command and, above it, its rest; then what is flipped."""
    parts = [np.zeros((0, 1 + program.words), dtype=np.uint64)]
    for cluster, flips in zip(program.clusters, program.flips, strict=True):
        entries = np.empty((len(cluster.commands), 1 + program.words), dtype=np.uint64)
        rests = cluster.rests.astype(np.int64).astype(np.uint64)
        entries[:, 0] = cluster.commands.astype(np.uint64) | rests << np.uint64(32)
        entries[:, 1:] = flips
        parts.append(entries)
    return np.concatenate(parts)


def laid_out(program: Program) -> tuple[Any, ...]:
    """The arguments of the kernel's Program."""
    arrays = Laid().program(program)
    counts = len(program.first), len(program.clusters), program.commands
    return program.words, program.all_words, *counts, arrays


def split_laid_out(split: Split, within: Within) -> tuple[Any, ...]:
    """The arguments of the kernel's Visited, after the words of a state."""
    return split.size, 1 + len(split.parts), Laid().split(split, within)
