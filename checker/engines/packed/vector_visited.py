"""Visited with numpy: sorted runs of keys, merged as they come to be of a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import Here, Places, Split
from tdxcheck.checker.engines.packed.vector import Moves, Numbers, moves
from tdxcheck.checker.engines.packed.visited import (
    Counts,
    Found,
    Marks,
    Truths,
)

PART = 1 << 15
"""States whose steps are taken at once."""


def keys_of(states: Words) -> Any:
    """A key for each state, by which states are compared and sorted."""
    rows = np.ascontiguousarray(states)
    if rows.shape[1] == 1:
        return rows.reshape(-1)
    return rows.view(f"V{8 * rows.shape[1]}").reshape(-1)


def distinct(keys: Any) -> Any:
    """The keys, sorted, each once."""
    keys = np.sort(keys)
    if len(keys) < 2:
        return keys
    new = np.empty(len(keys), dtype=np.bool_)
    new[0] = True
    new[1:] = keys[1:] != keys[:-1]
    return keys[new]


def among(keys: Any, run: Any) -> Any:
    """Which of the keys are in the sorted run."""
    if not len(run):
        return np.zeros(len(keys), dtype=np.bool_)
    at = np.searchsorted(run, keys)
    at[at == len(run)] = 0
    return run[at] == keys


class VectorSteps:
    """Steps by numpy."""

    def prepared(self, program: Program) -> Any:
        return program

    def look(self, program: Any, states: Words, hits: Truths) -> None:
        for at in range(0, len(states), PART):
            for found in moves(program, states[at : at + PART]):
                hits[found.commands] = True

    def goal(self, states: Words, marks: Marks) -> Any:
        keys = keys_of(states)
        order = np.argsort(keys)
        return keys[order], marks[order]

    def origins(self, program: Any, states: Words, goal: Any) -> tuple[Numbers, Marks]:
        keys, marks = goal
        leads = np.zeros(len(states), dtype=np.uint64)
        for at in range(0, len(states), PART):
            for found in moves(program, states[at : at + PART]):
                targets = keys_of(found.targets)
                place = np.minimum(np.searchsorted(keys, targets), len(keys) - 1)
                hit = keys[place] == targets
                np.bitwise_or.at(leads, found.sources[hit] + at, marks[place[hit]])
        here = np.flatnonzero(leads)
        return here, leads[here]


class VectorVisited:
    """Sorted runs of the keys of states."""

    def __init__(self, words: int) -> None:
        self.words = words
        self._count = 0
        self._runs: list[Any] = []

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return sum(int(run.nbytes) for run in self._runs)

    @property
    def grows(self) -> bool:
        return True

    def growth(self, more: int) -> int:
        return 24 * self.words * (self._count + more)

    def add(self, states: Words) -> Words:
        keys = distinct(keys_of(states))
        for run in self._runs:
            keys = keys[~among(keys, run)]
        self._count += len(keys)
        merged = keys
        while self._runs and len(self._runs[-1]) <= 2 * len(merged):
            merged = np.concatenate([self._runs.pop(), merged])
            merged.sort(kind="stable")
        if len(merged):
            self._runs.append(merged)
        rows: Words = keys.view(np.uint64).reshape(-1, self.words)
        return rows

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        return expanded(self.add, program, states, taken)


class VectorBits:
    """A bit for each state of a split."""

    def __init__(self, program: Program, split: Split) -> None:
        self.words = program.words
        self.split = split
        self._changes = split.changes(program)
        self._bytes = np.zeros((split.size + 7) // 8, dtype=np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return int(self._bytes.nbytes)

    @property
    def grows(self) -> bool:
        return False

    def growth(self, more: int) -> int:
        return 0

    def add(self, states: Words) -> Words:
        places = self.split.places(states)
        new = self._new(places)
        return self._set(places[new], states[new])

    def _new(self, places: Places) -> Numbers:
        """The rows of places whose bits are not set."""
        if len(places) and int(places.max()) >= self.split.size:
            raise AssertionError("a split has no place for a state")
        kept = self._bytes[(places >> np.uint64(3)).view(np.int64)]
        kept >>= (places & np.uint64(7)).astype(np.uint8)
        kept &= np.uint8(1)
        return np.flatnonzero(kept == 0)

    def _set(self, places: Places, states: Words) -> Words:
        """Set the bits of places; the states of them, each once."""
        if not len(places):
            return states
        order = np.argsort(places)
        places = places[order]
        first = np.ones(len(places), dtype=np.bool_)
        first[1:] = places[1:] != places[:-1]
        places = places[first]
        at = (places >> np.uint64(3)).view(np.int64)
        begin = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
        bits = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
        self._bytes[at[begin]] |= np.bitwise_or.reduceat(bits, begin)
        self._count += len(places)
        return states[order[first]]

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        fresh, stuck = [], []
        for at in range(0, len(states), PART):
            some = states[at : at + PART]
            here = Here(self.split, some)
            moving = np.zeros(len(some), dtype=np.bool_)
            for found, changes in zip(moves(program, some), self._changes, strict=True):
                count(found, moving, taken)
                led = here.places(found, changes)
                new = self._new(led)
                fresh.append(self._set(led[new], found.targets[new]))
            stuck.append(np.flatnonzero(~moving) + at)
        return Found(fresh, np.concatenate(stuck))


def expanded(
    add: Callable[[Words], Words], program: Program, states: Words, taken: Counts
) -> Found:
    fresh, stuck = [], []
    for at in range(0, len(states), PART):
        ends, targets = stepped(program, states[at : at + PART], taken)
        fresh.append(add(np.concatenate(targets)))
        stuck.append(ends + at)
    return Found(fresh, np.concatenate(stuck))


def stepped(
    program: Program, states: Words, taken: Counts
) -> tuple[Numbers, list[Words]]:
    """The rows of states that have no step, and where all steps lead."""
    moving = np.zeros(len(states), dtype=np.bool_)
    targets = [states[:0]]
    for found in moves(program, states):
        count(found, moving, taken)
        targets.append(found.targets)
    return np.flatnonzero(~moving), targets


def count(found: Moves, moving: Truths, taken: Counts) -> None:
    """Note which rows have moves, and how often each command is taken."""
    moving[found.sources] = True
    taken += np.bincount(found.commands, minlength=len(taken)).astype(np.uint64)
