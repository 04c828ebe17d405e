"""Visited with numpy: sorted runs of keys, merged as they come to be of a size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import Here, Places, Split
from tdxcheck.checker.engines.packed.vector import (
    PART,
    Moves,
    Numbers,
    computed_first,
    look,
    moves,
    of_cluster,
)
from tdxcheck.checker.engines.packed.visited import (
    Counts,
    Found,
    Marks,
    Truths,
)
from tdxcheck.checker.engines.packed.within import Within


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
        look(program, states, hits)

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

    def __init__(self, split: Split, within: Within) -> None:
        self.words = within.rest.words
        self.split = split
        self._within = within
        self._changes = split.changes(within.rest)
        self._alive = np.ascontiguousarray(within.alive.T)
        self._lengths = within.lengths.astype(np.uint16)
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
        try:
            kept = self._bytes[(places >> np.uint64(3)).view(np.int64)]
        except IndexError:
            raise AssertionError("a split has no place for a state") from None
        kept >>= places.astype(np.uint8) & np.uint8(7)
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
        fresh: list[Words] = []
        stuck = []
        for at in range(0, len(states), PART):
            some = states[at : at + PART]
            here = Here(self.split, some)
            moving = np.zeros(len(some), dtype=np.bool_)
            fresh += self._listed(here, some, moving, taken)
            fresh += self._others(here, some, moving, taken)
            stuck.append(np.flatnonzero(~moving) + at)
        return Found(fresh, np.concatenate(stuck))

    def _listed(
        self, here: Here, states: Words, moving: Truths, taken: Counts
    ) -> Iterator[Words]:
        """Take the steps in lists: all that are first in theirs, then all second ones;
        the new states."""
        within = self._within
        every = [(within.root, here.root), *zip(within.parts, here.pairs, strict=True)]
        for lists, rows in every:
            kinds = lists.kinds[rows]
            times = np.bincount(kinds, minlength=len(self._lengths))
            taken += times.astype(np.uint64) @ within.commands
            lengths, begins = self._lengths[kinds], lists.begins[rows]
            np.logical_or(moving, lengths, out=moving)
            for turn in range(int(lengths.max())):
                left = np.flatnonzero(lengths > turn)
                steps = begins[left]
                steps += turn
                if lists is within.root:
                    led = here.with_roots(within.leads[steps].view(np.int64), left)
                else:
                    led = here.all[left]
                    led += within.leads[steps]
                new = self._new(led)
                flips = within.flips[steps[new]]
                yield self._set(led[new], states[left[new]] ^ flips)

    def _others(
        self, here: Here, states: Words, moving: Truths, taken: Counts
    ) -> Iterator[Words]:
        """Take all other steps; the new states."""
        rest = self._within.rest
        everything = computed_first(rest, states)
        for number, changes in enumerate(self._changes):
            rows = np.flatnonzero(self._alive[number][here.root])
            for some in of_cluster(rest, number, states[rows], everything[rows]):
                found = replace(some, sources=rows[some.sources])
                count(found, moving, taken)
                led = here.places(found, changes)
                new = self._new(led)
                yield self._set(led[new], found.targets[new])


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
