"""Stores: the canonical states that were found, and how steps are taken there.

Two of a kind, with the same results: one is the compiled kernel's, the other does
with numpy where that is missing, or where symmetry is more than columns.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.orbits.program import (
    Groups,
    columns_of,
    fits,
    laid_out,
)
from tdxcheck.checker.engines.orbits.shape import Counts, Shape
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.vector import Moves, moves

Numbers = npt.NDArray[np.int64]


class Store(Protocol):
    """Canonical states by their numbers, in the order in which they are found."""

    def __len__(self) -> int: ...

    def prepared(self, groups: Groups) -> Any:
        """The groups as this store reads them."""

    def add(self, states: Words) -> None:
        """Add the canonical states of these, those that are new."""

    def expand(self, groups: Any, begin: int, end: int, taken: Counts) -> Numbers:
        """Take every step from some states; the numbers of those that have none.

        `taken` counts the commands, each state for all that it stands for.
        """

    def look(self, groups: Any, begin: int, end: int, hits: Numbers) -> None:
        """Note for each command the first state in which it is possible."""

    def origins(self, groups: Any, begin: int, end: int, goal: Any) -> Numbers:
        """From which of these states a step leads to one of another store."""

    def states(self, begin: int, end: int) -> Words:
        """The states of these numbers."""

    def size(self, begin: int, end: int) -> int:
        """How many states these stand for."""


@cache
def kernel() -> Any | None:
    """The compiled kernel, if it came with the installation."""
    try:
        return importlib.import_module("tdxcheck.checker.engines.orbits.kernel")
    except ImportError:
        return None


def store_for(shape: Shape, programs: Sequence[Groups], *, compiled: bool) -> Store:
    """An empty store for states of a shape, on which these programs are to run."""
    loops = kernel()
    fit = all(fits(groups, shape) for groups in programs)
    if compiled and loops is not None and fit:
        return NativeStore(shape, loops)
    return VectorStore(shape)


class NativeStore:
    """The compiled kernel's store."""

    def __init__(self, shape: Shape, loops: Any) -> None:
        self.shape = shape
        self._kernel = loops
        self._store = loops.Store(shape.layout.words, *columns_of(shape))

    def __len__(self) -> int:
        return len(self._store)

    def prepared(self, groups: Groups) -> Any:
        return self._kernel.Program(*laid_out(groups, self.shape))

    def add(self, states: Words) -> None:
        self._store.add(np.ascontiguousarray(states))

    def expand(self, groups: Any, begin: int, end: int, taken: Counts) -> Numbers:
        stuck = np.empty(end - begin, dtype=np.int64)
        return stuck[: self._store.expand(groups, begin, end, taken, stuck)]

    def look(self, groups: Any, begin: int, end: int, hits: Numbers) -> None:
        self._store.look(groups, begin, end, hits)

    def origins(self, groups: Any, begin: int, end: int, goal: Any) -> Numbers:
        found = np.empty(end - begin, dtype=np.int64)
        return found[: self._store.origins(groups, begin, end, goal._store, found)]

    def states(self, begin: int, end: int) -> Words:
        rows = np.frombuffer(self._store.states(begin, end), dtype=np.uint64)
        return rows.reshape(-1, self.shape.layout.words)

    def size(self, begin: int, end: int) -> int:
        return int(self._store.size(begin, end))


PART = 1 << 14
"""States whose steps numpy takes at once."""


class VectorStore:
    """The same with numpy: sorted runs of keys, merged as they come to be of a size."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.words = shape.layout.words
        self._states = np.empty((1024, self.words), dtype=np.uint64)
        self._count = 0
        self._runs: list[Any] = []

    def __len__(self) -> int:
        return self._count

    def prepared(self, groups: Groups) -> Any:
        return groups

    def add(self, states: Words) -> None:
        states = self.shape.canonical(states)
        keys, first = np.unique(self._keys(states), return_index=True)
        new = ~self.has(keys)
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

    def has(self, keys: Any) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(keys), dtype=np.bool_)
        for run in self._runs:
            if len(run):
                at = np.minimum(np.searchsorted(run, keys), len(run) - 1)
                found |= run[at] == keys
        return found

    def expand(self, groups: Any, begin: int, end: int, taken: Counts) -> Numbers:
        stuck = [np.zeros(0, dtype=np.int64)]
        for at in range(begin, end, PART):
            states = self.states(at, min(end, at + PART))
            sizes = self.shape.sizes(states)
            ends = np.ones(len(states), dtype=np.bool_)
            targets = [states[:0]]
            for sources, numbers, times, found in self._moves(groups, states):
                ends[sources] = False
                np.add.at(taken, numbers, sizes[sources] * times)
                targets.append(found)
            self.add(np.concatenate(targets))
            stuck.append(np.flatnonzero(ends) + at)
        return np.concatenate(stuck)

    def _moves(
        self, groups: Groups, states: Words
    ) -> Iterator[tuple[Numbers, Numbers, Counts, Words]]:
        """Sources, commands, for how many elements each stands, targets."""
        for group in groups.groups:
            times = self.shape.times(states, group.columns)
            rows = np.flatnonzero(times)
            for found in moves(group.program, states[rows]):
                sources = rows[found.sources]
                numbers = self._numbers(found, group.commands)
                yield sources, numbers, times[sources], found.targets

    def _numbers(self, found: Moves, commands: Numbers) -> Numbers:
        return commands[found.commands.astype(np.int64)]

    def look(self, groups: Any, begin: int, end: int, hits: Numbers) -> None:
        for at in range(begin, end, PART):
            states = self.states(at, min(end, at + PART))
            for sources, numbers, _, _ in self._moves(groups, states):
                commands, first = np.unique(numbers, return_index=True)
                new = hits[commands] < 0
                hits[commands[new]] = sources[first][new] + at

    def origins(self, groups: Any, begin: int, end: int, goal: Any) -> Numbers:
        leads = np.zeros(end - begin, dtype=np.bool_)
        for at in range(begin, end, PART):
            states = self.states(at, min(end, at + PART))
            for sources, _, _, targets in self._moves(groups, states):
                keys = self._keys(self.shape.canonical(targets))
                leads[sources[goal.has(keys)] + (at - begin)] = True
        return np.flatnonzero(leads) + begin

    def states(self, begin: int, end: int) -> Words:
        return self._states[begin:end]

    def size(self, begin: int, end: int) -> int:
        parts = (
            self.shape.sizes(self.states(at, min(end, at + PART)))
            for at in range(begin, end, PART)
        )
        return sum(int(part.sum()) for part in parts)
