"""Partitions: the states of one search, divided among processes by what they are.

Each state belongs to one partition, by a hash of it. A level is a list of arrays, one
for each partition: every step is taken from one by one process, which sorts what it
finds by partition; and what was found for a partition anywhere is compared with all of
its levels by one process. Both are functions of plain arrays, and so can be done again
anywhere, when a process has died.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.levels import mixed
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.vector_visited import VectorSteps, VectorVisited
from tdxcheck.checker.engines.packed.visited import (
    Counts,
    NativeSteps,
    NativeVisited,
    Steps,
    Truths,
    Visited,
    kernel_for,
)

CHUNK = 1 << 16
"""States from which steps are taken at a time."""


@dataclass(frozen=True, eq=False)
class Expanded:
    """What is found by taking every step from some states."""

    taken: Counts
    """How often each command was."""
    hits: Truths
    """By watch, whether some state hit it."""
    stuck: Words
    """The states that have no step."""
    parts: tuple[Words, ...]
    """Where the steps lead, by partition, each state once."""


def expanded(
    steps: Program, watches: Program, states: Words, partitions: int
) -> Expanded:
    """Take every step from the states of a partition, and look for what is watched."""
    taking = _steps(steps)
    prepared, looked_for = taking.prepared(steps), taking.prepared(watches)
    table = _table(steps)
    taken = np.zeros(steps.commands, dtype=np.uint64)
    hits = np.zeros(watches.commands, dtype=np.bool_)
    stuck, fresh = [states[:0]], [states[:0]]
    for some in _chunks(states):
        taking.look(looked_for, some, hits)
        found = table.expand(prepared, some, taken)
        stuck.append(some[found.stuck])
        fresh += found.fresh
    parts = by_partition(fresh, partitions)
    return Expanded(taken, hits, np.concatenate(stuck), parts)


def by_partition(chunks: Iterable[Words], partitions: int) -> tuple[Words, ...]:
    """The states that belong to each partition."""
    states = np.concatenate(list(chunks))
    owners = mixed(states) % np.uint64(partitions)
    return tuple(states[owners == number] for number in range(partitions))


@dataclass(eq=False)
class _Kept:
    """The states of a partition, as this process last knew them."""

    table: Visited
    levels: int


_KEPT: dict[str, _Kept] = {}
"""By the name of a partition; it may be missing or old at any time."""


def settled(
    name: str, steps: Program, levels: Sequence[Words], candidates: Sequence[Words]
) -> Words:
    """The candidates that are new in a partition, whose levels these are.

    The table of the partition is kept by its name for the next level, and made again
    of the levels where it is not there.
    """
    kept = _KEPT.pop(name, None)
    if kept is None or kept.levels != len(levels):
        kept = _Kept(_table(steps), len(levels))
        for level in levels:
            _added(kept.table, level)
    fresh = [levels[0][:0]]
    for states in candidates:
        fresh += _added(kept.table, states)
    kept.levels += 1
    _KEPT[name] = kept
    return np.concatenate(fresh)


def forget(names: Sequence[str]) -> None:
    """Give back the memory of partitions of a search that has ended."""
    for name in names:
        _KEPT.pop(name, None)


def _added(table: Visited, states: Words) -> list[Words]:
    return [table.add(some) for some in _chunks(states)]


def _chunks(states: Words) -> Iterator[Words]:
    for begin in range(0, len(states), CHUNK):
        yield np.ascontiguousarray(states[begin : begin + CHUNK])


def _table(steps: Program) -> Visited:
    loops = kernel_for(steps, compiled=True)
    if loops is None:
        return VectorVisited(steps.words)
    return NativeVisited.table(loops, steps)


def _steps(steps: Program) -> Steps:
    loops = kernel_for(steps, compiled=True)
    return VectorSteps() if loops is None else NativeSteps(loops, steps.words)
