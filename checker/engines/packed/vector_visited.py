"""Visited with numpy: sorted runs of keys, merged as they come to be of a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import Split
from tdxcheck.checker.engines.packed.vector import Numbers, moves
from tdxcheck.checker.engines.packed.visited import (
    Allow,
    Counts,
    Found,
    Marks,
    Truths,
)

PART = 1 << 14
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

    def __init__(self, words: int, allow: Allow = lambda _: None) -> None:
        self.words = words
        self.allow = allow
        self._count = 0
        self._runs: list[Any] = []

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return sum(int(run.nbytes) for run in self._runs)

    def add(self, states: Words) -> Words:
        keys = distinct(keys_of(states))
        for run in self._runs:
            keys = keys[~among(keys, run)]
        self._count += len(keys)
        merged = keys
        while self._runs and len(self._runs[-1]) <= 2 * len(merged):
            self.allow(2 * (merged.nbytes + self._runs[-1].nbytes))
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

    def __init__(self, words: int, split: Split) -> None:
        self.words = words
        self.split = split
        self._bytes = np.zeros((split.size + 7) // 8, dtype=np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return int(self._bytes.nbytes)

    def add(self, states: Words) -> Words:
        places = self.split.places(states)
        if len(places) and int(places.max()) >= self.split.size:
            raise AssertionError("a split has no place for a state")
        at, bit = places >> np.uint64(3), (places & np.uint64(7)).astype(np.uint8)
        new = np.flatnonzero(self._bytes[at] >> bit & 1 == 0)
        order = np.argsort(places[new])
        new = new[order]
        sorted_ = places[new]
        first = np.ones(len(new), dtype=np.bool_)
        first[1:] = sorted_[1:] != sorted_[:-1]
        new = new[first]
        if not len(new):
            return states[:0]
        at = at[new]
        begin = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
        bits = np.left_shift(np.uint8(1), bit[new])
        self._bytes[at[begin]] |= np.bitwise_or.reduceat(bits, begin)
        self._count += len(new)
        return states[new]

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        return expanded(self.add, program, states, taken)


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
        moving[found.sources] = True
        counts = np.bincount(found.commands, minlength=len(taken))
        taken += counts.astype(np.uint64)
        targets.append(found.targets)
    return np.flatnonzero(~moving), targets
