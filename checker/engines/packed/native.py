"""A program laid out for the compiled kernel: flat arrays of plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.inputs import Inputs
from tdxcheck.checker.engines.packed.program import Lookup, Program

MOST_WORDS = 4
MOST_ALL_WORDS = 16
"""What the kernel is compiled for: kernel.c has the same numbers."""

GATHER = np.dtype([("begin", "u4"), ("end", "u4")])
SEGMENT = np.dtype([("mask", "u8"), ("word", "u4"), ("shift", "u4")])
FIRST = np.dtype([("gather", "u4"), ("values", "u4"), ("word", "u4"), ("offset", "u4")])
CLUSTER = np.dtype([("gather", "u4"), ("offsets", "u4"), ("entries", "u4")])
ENTRY = np.dtype([("command", "u4"), ("difference", "u4"), ("rest", "i4")])
REST = np.dtype([("guards", "u4"), ("changes", "u4"), ("end", "u4")])
LOOKUP = np.dtype([("gather", "u4"), ("values", "u4")])


def fits(program: Program) -> bool:
    return program.words <= MOST_WORDS and program.all_words <= MOST_ALL_WORDS


class Laid:
    """The arrays, in the making."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.gathers: list[tuple[int, int]] = []
        self.segments: list[tuple[int, int, int]] = []
        self.numbers: list[Any] = []
        self.truths: list[Any] = []
        self._gathers: dict[tuple[tuple[int, int], ...], int] = {}
        self._placed: dict[tuple[int, bool], int] = {}
        self._sizes = {True: 0, False: 0}

    def arrays(self) -> tuple[Any, ...]:
        """In the order of the fields of kernel.c's Program."""
        program = self.program
        first = [
            (self.gather(t.inputs), self.table(t), e.field.word, e.field.offset)
            for t, e in program.first
        ]
        clusters = []
        offsets, entries = 0, 0
        for cluster in program.clusters:
            clusters.append((self.gather(cluster.inputs), offsets, entries))
            offsets += len(cluster.offsets)
            entries += len(cluster.commands)
        rests = []
        lookups: list[tuple[int, int]] = []
        for rest in program.rests:
            begin = len(lookups)
            lookups += [(self.gather(g.inputs), self.truth(g)) for g in rest.guards]
            middle = len(lookups)
            lookups += [(self.gather(c.inputs), self.table(c)) for c in rest.changes]
            rests.append((begin, middle, len(lookups)))
        entry = np.zeros(entries, dtype=ENTRY)
        for name, parts in (
            ("command", [c.commands for c in program.clusters]),
            ("difference", [c.differences for c in program.clusters]),
            ("rest", [c.rests for c in program.clusters]),
        ):
            entry[name] = np.concatenate(parts) if parts else 0
        return (
            np.array(self.gathers, dtype=GATHER),
            np.array(self.segments, dtype=SEGMENT),
            np.array(first, dtype=FIRST),
            np.array(clusters, dtype=CLUSTER),
            _joined([c.offsets for c in program.clusters], "u4"),
            entry,
            np.array(rests, dtype=REST),
            np.array(lookups, dtype=LOOKUP),
            _joined(self.truths, "u1"),
            _joined(self.numbers, "u4"),
            np.ascontiguousarray(program.differences),
        )

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


def _joined(parts: list[Any], kind: str) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)


def laid_out(program: Program) -> tuple[Any, ...]:
    """The arguments of the kernel's Program."""
    laid = Laid(program)
    arrays = laid.arrays()
    counts = len(program.first), len(program.clusters), program.commands
    return program.words, program.all_words, *counts, arrays
