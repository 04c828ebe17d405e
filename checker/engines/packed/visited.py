"""Visited: which states were found, and how every step is taken from some of them.

Four of a kind, with the same results: a hash table or a bit for each state, with the
compiled kernel, or with numpy where that is missing or a system is too wide for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed import native
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import Split
from tdxcheck.checker.engines.packed.vector import Numbers, look
from tdxcheck.checker.engines.packed.within import Within
from tdxcheck.checker.engines.packed.workers import Workers

Counts = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.uint64]
Truths = npt.NDArray[np.bool_]

PIECE = 1 << 12
"""States that a thread looks at before it takes the next."""

ALONE = Workers()


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

    def __init__(self, loops: Any, words: int, workers: Workers = ALONE) -> None:
        self._kernel = loops
        self.words = words
        self._workers = workers

    def prepared(self, program: Program) -> Any:
        """What the kernel reads; or, if that is too much for it, what numpy does.

        Many watches may need more than the steps do that it was chosen for.
        """
        if not native.fits(program):
            return program
        return self._kernel.Program(*native.laid_out(program))

    def look(self, program: Any, states: Words, hits: Truths) -> None:
        if isinstance(program, Program):
            look(program, states, hits)
            return

        def work(pieces: Iterator[tuple[int, Words]]) -> Truths:
            mine = hits.copy()
            for _, piece in pieces:
                self._kernel.look(program, piece, mine)
            return mine

        for mine in self._workers.share(work, _pieces(states)):
            hits |= mine

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


class NativeVisited:
    """The compiled kernel's, for one thread or many."""

    def __init__(
        self,
        made: Any,
        words: int,
        workers: Workers = ALONE,
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
        self._workers = workers

    @classmethod
    def table(
        cls, loops: Any, program: Program, workers: Workers = ALONE
    ) -> NativeVisited:
        """A hash table with room for all that threads add before they look again."""
        cells = LEAST + 8 * workers.threads * (program.commands + 256)
        return cls(loops.Visited(program.words, cells), program.words, workers)

    @classmethod
    def bits(
        cls, loops: Any, split: Split, within: Within, workers: Workers = ALONE
    ) -> NativeVisited:
        words = within.rest.words
        made = loops.Visited(words, *native.split_laid_out(split, within))
        rest = loops.Program(*native.laid_out(within.rest))
        return cls(made, words, workers, within=within, rest=rest)

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
        kinds = 0 if self._within is None else len(self._within.lengths)
        steps = program if self._within is None else self._rest
        fresh: list[Words] = []
        stuck: list[Numbers] = [NO_NUMBERS]
        left = list(_pieces(states))

        def work(
            pieces: Iterator[tuple[int, Words]],
        ) -> tuple[Counts, list[tuple[int, Words]]]:
            mine = np.zeros(len(taken) + kinds, dtype=np.uint64)
            found, again = [states[:0]], []
            for at, piece in pieces:
                ends = np.empty(len(piece), dtype=np.int64)
                done, n_ends, new = self._visited.expand(steps, piece, mine, ends)
                if new:
                    found.append(self._rows(new))
                if n_ends:
                    stuck.append(ends[:n_ends] + at)
                if done < len(piece):
                    again.append((at + done, piece[done:]))
            fresh.append(np.concatenate(found))
            return mine, again

        while left:
            told = self._workers.share(work, left)
            for mine, _ in told:
                taken += mine[: len(taken)]
                if self._within is not None:
                    taken += mine[len(taken) :] @ self._within.commands
            left = [piece for _, again in told for piece in again]
            if left:
                self._grow()
        return Found(fresh, np.concatenate(stuck))


def _pieces(states: Words) -> Iterator[tuple[int, Words]]:
    for at in range(0, len(states), PIECE):
        yield at, states[at : at + PIECE]


NO_NUMBERS: Numbers = np.zeros(0, dtype=np.int64)
