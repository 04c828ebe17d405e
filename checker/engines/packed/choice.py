"""Choice: how a search keeps what it has visited, and why so.

A hash table at first, or with numpy sorted runs. When it has come to be as large as a
bit for each state that may be reachable would be, it becomes that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.levels import Filed, Files
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.parted import Parted
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import NoSplit, Split, split
from tdxcheck.checker.engines.packed.vector_visited import (
    VectorBits,
    VectorSteps,
    VectorVisited,
)
from tdxcheck.checker.engines.packed.visited import (
    NativeSteps,
    NativeVisited,
    Steps,
    Visited,
    kernel_for,
)
from tdxcheck.checker.engines.packed.within import within
from tdxcheck.checker.engines.packed.workers import Workers
from tdxcheck.checker.ground.system import GroundSystem

MANY = 1 << 17
"""States before a split is looked for: a small search ends sooner."""

CHEAP = 32 << 20
"""Bytes that a bit for each state may always take."""


class Choice:
    """What a search takes steps by, and keeps states in."""

    def __init__(
        self,
        system: GroundSystem,
        layout: Layout,
        program: Program,
        *,
        compiled: bool,
        threads: int,
        split_from: int | None = MANY,
    ) -> None:
        self.system = system
        self.layout = layout
        self.program = program
        self._workers = Workers(threads)
        self.split_from = split_from
        self.split: Split | None = None
        self._loops = kernel_for(program, compiled)
        self.taking: Steps = (
            VectorSteps()
            if self._loops is None
            else NativeSteps(self._loops, program.words, self._workers)
        )
        self.visited: Visited = self.table()
        self.reason = "sorted runs" if self._loops is None else "hash table"
        if split_from is None:
            self.reason += ": no split was looked for"
        else:
            self.reason += f": fewer than {split_from:,} states"

    def table(self) -> Visited:
        """An empty hash table, or sorted runs."""
        if self._loops is None:
            return VectorVisited(self.program.words)
        return NativeVisited.table(self._loops, self.program, self._workers)

    def part(
        self, files: Files, memory: Memory, candidates: Sequence[Filed] = ()
    ) -> None:
        """Go on on files."""
        # What is in memory goes first, or it would count.
        self.visited = self.table()
        self.visited = Parted(self.table, files, memory.room, candidates)
        self.split_from = None
        self.reason = "parts on files, compared level by level: memory is short"

    def reconsider(self, count: int, initial: Words, visited: Iterable[Words]) -> None:
        """Change to bits, if that is better for so many states."""
        if self.split_from is None or count < self.split_from:
            return
        kept = self.reason.partition(":")[0]
        if self.split is None:
            try:
                self.split = split(self.system, self.layout, initial)
            except NoSplit as why:
                self.reason = f"{kept}: {why}"
                self.split_from = None
                return
        size = self.split.size
        if size // 8 > max(CHEAP, 8 * self.program.words * count):
            self.reason = f"{kept}: {size:,} states may be reachable"
            return
        self.visited = self._bits(self.split)
        for states in visited:
            self.visited.add(states)
        self.reason = (
            f"a bit for each of {size:,} states that may be reachable, "
            f"split {self.split.grouping}"
        )
        self.split_from = None

    def _bits(self, found: Split) -> Visited:
        inside = within(self.system, self.layout, self.program, found)
        if self._loops is None:
            return VectorBits(found, inside)
        return NativeVisited.bits(self._loops, found, inside, self._workers)
