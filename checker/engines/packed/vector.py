"""The kernel in numpy: every step of many states, by the tables of a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import Inputs
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import NO_REST, Cluster, Program, Rest

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moves:
    """Commands that are possible, each with the state it is taken from and leads to."""

    sources: Numbers
    """Rows of the states that were given."""
    commands: Numbers
    targets: Words


def moves(program: Program, states: Words) -> Iterator[Moves]:
    """Everything that is possible in these states, a cluster at a time."""
    everything = _computed_first(program, states)
    for cluster in program.clusters:
        yield _of_cluster(program, cluster, states, everything)


def _computed_first(program: Program, states: Words) -> Words:
    everything = np.zeros((len(states), program.all_words), dtype=np.uint64)
    everything[:, : program.words] = states
    for lookup, entry in program.first:
        values = lookup.values[index_of(lookup.inputs, everything)].astype(np.uint64)
        everything[:, entry.field.word] |= values << np.uint64(entry.field.offset)
    return everything


def index_of(inputs: Inputs, everything: Words) -> Numbers:
    """The row of a table that each state looks up."""
    index = np.zeros(len(everything), dtype=np.uint64)
    offset = 0
    for entry in inputs:
        bits = everything[:, entry.field.word] >> np.uint64(entry.field.offset)
        bits &= np.uint64((1 << entry.field.width) - 1)
        index |= bits << np.uint64(offset)
        offset += entry.field.width
    return index.astype(np.int64)


def _of_cluster(
    program: Program, cluster: Cluster, states: Words, everything: Words
) -> Moves:
    index = index_of(cluster.inputs, everything)
    begin = cluster.offsets[index].astype(np.int64)
    counts = cluster.offsets[index + 1].astype(np.int64) - begin
    sources = np.repeat(np.arange(len(states)), counts)
    ends = np.cumsum(counts)
    entries = np.arange(len(sources)) + np.repeat(begin - (ends - counts), counts)
    rests = cluster.rests[entries]
    flips = program.differences[cluster.differences[entries]]
    passed = np.ones(len(sources), dtype=np.bool_)
    for number in np.unique(rests):
        if number != NO_REST:
            rows = np.flatnonzero(rests == number)
            rest = program.rests[number]
            _apply(program, rest, rows, sources, everything, passed, flips)
    sources, entries, flips = sources[passed], entries[passed], flips[passed]
    commands = cluster.commands[entries].astype(np.int64)
    return Moves(sources, commands, states[sources] ^ flips)


def _apply(
    program: Program,
    rest: Rest,
    rows: Numbers,
    sources: Numbers,
    everything: Words,
    passed: npt.NDArray[np.bool_],
    flips: Words,
) -> None:
    """Look up what a cluster does not know of one of its commands."""
    for guard in rest.guards:
        holds = guard.values[index_of(guard.inputs, everything[sources[rows]])] != 0
        passed[rows[~holds]] = False
        rows = rows[holds]
    for change in rest.changes:
        numbers = change.values[index_of(change.inputs, everything[sources[rows]])]
        flips[rows] ^= program.differences[numbers]
