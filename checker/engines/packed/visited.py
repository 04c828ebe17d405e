"""Visited: which states were found, and how every step is taken from some of them.

Four of a kind, with the same results: a hash table or a bit for each state, with the
compiled kernel, or with numpy where that is missing or a system is too wide for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed import native
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import Split
from tdxcheck.checker.engines.packed.vector import Numbers
from tdxcheck.checker.engines.packed.within import Within

Counts = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.uint64]
Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Found:
    """What is found by taking every step from some states."""

    fresh: Sequence[Words]
    """The new states, each once."""
    stuck: Numbers
    """The rows of the states that have no step."""


class Steps(Protocol):
    """Takes steps; keeps nothing."""

    def prepared(self, program: Program) -> Any:
        """The program as these steps read it."""

    def look(self, program: Any, states: Words, hits: Truths) -> None:
        """Note which commands are possible in some state."""

    def goal(self, states: Words, marks: Marks) -> Any:
        """States to be led to, each with marks as bits."""

    def origins(self, program: Any, states: Words, goal: Any) -> tuple[Numbers, Marks]:
        """The rows of the states that have a step to one of the goal.

        Each with the marks of all that it leads to.
        """


class Visited(Protocol):
    """The states that were found."""

    def __len__(self) -> int: ...

    def add(self, states: Words) -> Words:
        """Add states; those that are new."""

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        """Take every step from some states, and add what it leads to.

        `taken` counts the commands. Raises MemoryError where memory ends.
        """

    @property
    def grows(self) -> bool:
        """Whether more memory is used for more states."""

    def growth(self, more: int) -> int:
        """Bytes of memory that adding so many states may take for a while."""

    @property
    def nbytes(self) -> int:
        """Of memory that is in use."""


@cache
def kernel() -> Any | None:
    """The compiled kernel, if it came with the installation."""
    try:
        return importlib.import_module("tdxcheck.checker.engines.packed.kernel")
    except ImportError:
        return None


def kernel_for(program: Program, compiled: bool) -> Any | None:
    """The kernel, if it is wanted, is there, and is wide enough."""
    return kernel() if compiled and native.fits(program) else None


class NativeSteps:
    """Steps by the compiled kernel."""

    def __init__(self, loops: Any, words: int) -> None:
        self._kernel = loops
        self.words = words

    def prepared(self, program: Program) -> Any:
        return self._kernel.Program(*native.laid_out(program))

    def look(self, program: Any, states: Words, hits: Truths) -> None:
        self._kernel.look(program, states, hits)

    def goal(self, states: Words, marks: Marks) -> Any:
        table = self._kernel.Visited(self.words, 2 * len(states) + 4)
        table.add(np.ascontiguousarray(states))
        places = np.empty(len(states), dtype=np.int64)
        table.places(np.ascontiguousarray(states), places)
        by_cell = np.zeros(table.slots, dtype=np.uint64)
        by_cell[places] = marks
        return table, by_cell

    def origins(self, program: Any, states: Words, goal: Any) -> tuple[Numbers, Marks]:
        found = np.empty(len(states), dtype=np.int64)
        marked = np.empty(len(states), dtype=np.uint64)
        n = self._kernel.origins(program, states, *goal, found, marked)
        return found[:n], marked[:n]


LEAST = 1 << 14
"""Cells of a new table."""

PIECE = 1 << 13
"""States that a thread expands before it takes the next."""


class NativeVisited:
    """The compiled kernel's, for one thread or many."""

    def __init__(
        self,
        made: Any,
        words: int,
        threads: int = 1,
        *,
        within: Within | None = None,
        rest: Any = None,
    ) -> None:
        self._visited = made
        self.words = words
        self._within = within
        """Where there is a bit for each state: the steps within parts of the split."""
        self._rest = rest
        """The program of the others, prepared."""
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    @classmethod
    def table(cls, loops: Any, program: Program, threads: int) -> NativeVisited:
        """A hash table with room for all that threads add before they look again."""
        cells = LEAST + 8 * threads * (program.commands + 256)
        return cls(loops.Visited(program.words, cells), program.words, threads)

    @classmethod
    def bits(
        cls, loops: Any, split: Split, within: Within, threads: int
    ) -> NativeVisited:
        words = within.rest.words
        made = loops.Visited(words, *native.split_laid_out(split, within))
        rest = loops.Program(*native.laid_out(within.rest))
        return cls(made, words, threads, within=within, rest=rest)

    def __len__(self) -> int:
        return len(self._visited)

    @property
    def nbytes(self) -> int:
        return int(self._visited.nbytes)

    @property
    def grows(self) -> bool:
        return self._within is None

    def growth(self, more: int) -> int:
        cells = int(self._visited.slots)
        if not self.grows or 4 * (len(self) + more) < 3 * cells:
            return 0
        return 8 * self.words * max(2 * cells, 2 * (len(self) + more))

    def _rows(self, data: bytes) -> Words:
        return np.frombuffer(data, dtype=np.uint64).reshape(-1, self.words)

    def _grow(self) -> None:
        cells = self._visited.slots * 3 // 2
        self._visited.grow(cells)

    def add(self, states: Words) -> Words:
        states = np.ascontiguousarray(states)
        parts = []
        while True:
            done, _, fresh = self._visited.add(states)
            parts.append(self._rows(fresh))
            states = states[done:]
            if not len(states):
                return np.concatenate(parts)
            self._grow()

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        fresh: list[Words] = []
        stuck: list[Numbers] = []
        size = PIECE if self._pool is not None else len(states)
        left = [(at, states[at : at + size]) for at in range(0, len(states), size)]

        kinds = 0 if self._within is None else len(self._within.lengths)
        steps = program if self._within is None else self._rest

        def work(piece: tuple[int, Words]) -> tuple[Any, Counts, Numbers]:
            mine = np.zeros(len(taken) + kinds, dtype=np.uint64)
            ends = np.empty(len(piece[1]), dtype=np.int64)
            told = self._visited.expand(steps, piece[1], mine, ends)
            return told, mine, ends[: told[1]] + piece[0]

        while left:
            if self._pool is not None and len(left) > 1:
                told = list(self._pool.map(work, left))
            else:
                told = list(map(work, left))
            again = []
            for (at, piece), ((done, _, data), mine, ends) in zip(
                left, told, strict=True
            ):
                taken += mine[: len(taken)]
                if self._within is not None:
                    taken += mine[len(taken) :] @ self._within.commands
                stuck.append(ends)
                if data:
                    fresh.append(self._rows(data))
                if done < len(piece):
                    again.append((at + done, piece[done:]))
            left = again
            if left:
                self._grow()
        return Found(fresh, np.concatenate(stuck) if stuck else NO_NUMBERS)


NO_NUMBERS: Numbers = np.zeros(0, dtype=np.int64)
