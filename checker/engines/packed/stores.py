"""Stores: the states that were found, in their order, and how steps are taken there.

Two of a kind, with the same results: one is the compiled kernel's, the other does
with numpy where that is missing, or where a system is too wide for it.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed import native
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.vector import Numbers, moves

Counts = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.uint64]


class Store(Protocol):
    """States by their numbers, which are given in the order in which they are found."""

    def __len__(self) -> int: ...

    def prepared(self, program: Program) -> Any:
        """The program as this store reads it."""

    def add(self, states: Words) -> None:
        """Add states, those that are new."""

    def expand(self, program: Any, begin: int, end: int, taken: Counts) -> Numbers:
        """Take every step from some states; the numbers of those that have none.

        `taken` counts the commands. Raises MemoryError where memory ends.
        """

    def look(self, program: Any, begin: int, end: int, hits: Numbers) -> None:
        """Note for each command the first state in which it is possible.

        `hits` is negative where none is known.
        """

    def origins(
        self, program: Any, begin: int, end: int, goal: Any, marks: Marks
    ) -> tuple[Numbers, Marks]:
        """Which of these states have a step to a state of another store.

        Each with the marks, as bits, of all that it leads to; `marks` has those of
        the states of `goal`.
        """

    def states(self, begin: int, end: int) -> Words:
        """The states of these numbers."""

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


def store_for(program: Program, *, compiled: bool = True) -> Store:
    """An empty store for the states of a program; numpy's, if none is `compiled`."""
    loops = kernel()
    if compiled and loops is not None and native.fits(program):
        return NativeStore(program.words, loops)
    return VectorStore(program.words)


class NativeStore:
    """The compiled kernel's store."""

    def __init__(self, words: int, loops: Any) -> None:
        self._kernel = loops
        self._store = self._kernel.Store(words)
        self.words = words

    def __len__(self) -> int:
        return len(self._store)

    def prepared(self, program: Program) -> Any:
        return self._kernel.Program(*native.laid_out(program))

    def add(self, states: Words) -> None:
        self._store.add(np.ascontiguousarray(states))

    def expand(self, program: Any, begin: int, end: int, taken: Counts) -> Numbers:
        stuck = np.empty(end - begin, dtype=np.int64)
        return stuck[: self._store.expand(program, begin, end, taken, stuck)]

    def look(self, program: Any, begin: int, end: int, hits: Numbers) -> None:
        self._store.look(program, begin, end, hits)

    def origins(
        self, program: Any, begin: int, end: int, goal: Any, marks: Marks
    ) -> tuple[Numbers, Marks]:
        found = np.empty(end - begin, dtype=np.int64)
        marked = np.empty(end - begin, dtype=np.uint64)
        n = self._store.origins(program, begin, end, goal._store, marks, found, marked)
        return found[:n], marked[:n]

    def states(self, begin: int, end: int) -> Words:
        rows = np.frombuffer(self._store.states(begin, end), dtype=np.uint64)
        return rows.reshape(-1, self.words)

    @property
    def nbytes(self) -> int:
        return int(self._store.nbytes)


PART = 1 << 14
"""States whose steps numpy takes at once."""


class VectorStore:
    """The same with numpy: sorted runs of keys, merged as they come to be of a size."""

    def __init__(self, words: int) -> None:
        self.words = words
        self._states = np.empty((1024, words), dtype=np.uint64)
        self._count = 0
        self._runs: list[Any] = []

    def __len__(self) -> int:
        return self._count

    def prepared(self, program: Program) -> Any:
        return program

    def add(self, states: Words) -> None:
        keys = self._keys(states)
        keys, first = np.unique(keys, return_index=True)
        new = ~self._has(keys)
        keys, fresh = keys[new], states[np.sort(first[new])]
        while self._count + len(fresh) > len(self._states):
            more = np.empty((len(self._states) // 2, self.words), dtype=np.uint64)
            self._states = np.concatenate([self._states, more])
        self._states[self._count : self._count + len(fresh)] = fresh
        self._count += len(fresh)
        while self._runs and len(self._runs[-1]) <= 2 * len(keys):
            keys = np.sort(np.concatenate([self._runs.pop(), keys]), kind="stable")
        self._runs.append(keys)

    def _keys(self, states: Words) -> Any:
        rows = np.ascontiguousarray(states)
        if self.words == 1:
            return rows.reshape(-1)
        return rows.view(f"V{8 * self.words}").reshape(-1)

    def _has(self, keys: Any) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(keys), dtype=np.bool_)
        for run in self._runs:
            if len(run):
                at = np.minimum(np.searchsorted(run, keys), len(run) - 1)
                found |= run[at] == keys
        return found

    def expand(self, program: Any, begin: int, end: int, taken: Counts) -> Numbers:
        stuck = []
        for at in range(begin, end, PART):
            states = self.states(at, min(end, at + PART))
            ends = np.ones(len(states), dtype=np.bool_)
            targets = [states[:0]]
            for found in moves(program, states):
                ends[found.sources] = False
                taken += np.bincount(found.commands, minlength=len(taken)).astype(
                    np.uint64
                )
                targets.append(found.targets)
            self.add(np.concatenate(targets))
            stuck.append(np.flatnonzero(ends) + at)
        return np.concatenate(stuck) if stuck else np.zeros(0, dtype=np.int64)

    def look(self, program: Any, begin: int, end: int, hits: Numbers) -> None:
        for at in range(begin, end, PART):
            for found in moves(program, self.states(at, min(end, at + PART))):
                commands, first = np.unique(found.commands, return_index=True)
                sources = found.sources[first] + at
                new = hits[commands] < 0
                hits[commands[new]] = sources[new]

    def origins(
        self, program: Any, begin: int, end: int, goal: Any, marks: Marks
    ) -> tuple[Numbers, Marks]:
        keys = self._keys(goal.states(0, len(goal)))
        order = np.argsort(keys)
        keys = keys[order]
        leads = np.zeros(end - begin, dtype=np.uint64)
        for at in range(begin, end, PART):
            for found in moves(program, self.states(at, min(end, at + PART))):
                targets = self._keys(found.targets)
                place = np.minimum(np.searchsorted(keys, targets), len(keys) - 1)
                hit = keys[place] == targets
                sources = found.sources[hit] + (at - begin)
                np.bitwise_or.at(leads, sources, marks[order[place[hit]]])
        here = np.flatnonzero(leads)
        return here + begin, leads[here]

    def states(self, begin: int, end: int) -> Words:
        return self._states[begin:end]

    @property
    def nbytes(self) -> int:
        return int(self._states.nbytes) + sum(int(run.nbytes) for run in self._runs)
