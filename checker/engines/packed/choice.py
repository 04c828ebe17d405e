"""Choice: how a search keeps what it has visited, and why so.

A hash table at first, or with numpy sorted runs. When it has come to be as large as a
bit for each state that may be reachable would be, it becomes that.
"""

from __future__ import annotations

from collections.abc import Iterable

from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import NoSplit, Split, split
from tdxcheck.checker.engines.packed.vector_visited import (
    VectorBits,
    VectorSteps,
    VectorVisited,
)
from tdxcheck.checker.engines.packed.visited import (
    Allow,
    NativeSteps,
    NativeVisited,
    Steps,
    Visited,
    kernel_for,
)
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
        allow: Allow = lambda _: None,
        split_from: int | None = MANY,
    ) -> None:
        self.system = system
        self.layout = layout
        self.program = program
        self.threads = threads
        self.split_from = split_from
        self.split: Split | None = None
        self._loops = kernel_for(program, compiled)
        self.taking: Steps
        self.visited: Visited
        if self._loops is None:
            self.taking = VectorSteps()
            self.visited = VectorVisited(program.words, allow)
            self.reason = "sorted runs"
        else:
            self.taking = NativeSteps(self._loops, program.words)
            self.visited = NativeVisited.table(self._loops, program, threads, allow)
            self.reason = "hash table"
        if split_from is None:
            self.reason += ": no split was looked for"
        else:
            self.reason += f": fewer than {split_from:,} states"

    def reconsider(self, initial: Words, visited: Iterable[Words]) -> None:
        """Change to bits if that is better by now."""
        if self.split_from is None or len(self.visited) < self.split_from:
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
        if size // 8 > max(CHEAP, self.visited.nbytes):
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
        if self._loops is None:
            return VectorBits(self.program, found)
        return NativeVisited.bits(self._loops, self.program, found, self.threads)
