"""The kernel in numpy: every step of many states, by the tables of a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import Inputs
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import NO_REST, Program, Rest

PART = 1 << 16
"""States whose steps are taken at once."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moves:
    """Commands that are possible, each with the state it is taken from and leads to."""

    sources: Numbers
    """Rows of the states that were given."""
    entries: Numbers
    """Of the cluster."""
    commands: Numbers
    targets: Words


def moves(program: Program, states: Words) -> Iterator[Moves]:
    """Everything that is possible in these states."""
    everything = computed_first(program, states)
    for number in range(len(program.clusters)):
        yield from of_cluster(program, number, states, everything)


def look(program: Program, states: Words, hits: npt.NDArray[np.bool_]) -> None:
    """Note which commands are possible in some of the states."""
    for at in range(0, len(states), PART):
        for found in moves(program, states[at : at + PART]):
            hits[found.commands] = True


def moving(program: Program, states: Words) -> Numbers:
    """The rows of the states in which something is possible."""
    sources = [np.zeros(0, dtype=np.int64)]
    sources += [found.sources for found in moves(program, states)]
    return np.unique(np.concatenate(sources))


def computed_first(program: Program, states: Words) -> Words:
    if program.all_words == program.words:
        return states
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
    for word, shift, width in _runs(inputs):
        bits = everything[:, word] >> np.uint64(shift)
        bits &= np.uint64((1 << width) - 1)
        if offset:
            bits <<= np.uint64(offset)
            index |= bits
        else:
            index = bits
        offset += width
    return index.view(np.int64)


def _runs(inputs: Inputs) -> list[tuple[int, int, int]]:
    """Fields that lie side by side, as one: word, offset, width."""
    runs: list[tuple[int, int, int]] = []
    for entry in inputs:
        field = entry.field
        if runs and runs[-1][0] == field.word and sum(runs[-1][1:]) == field.offset:
            word, offset, width = runs.pop()
            runs.append((word, offset, width + field.width))
        else:
            runs.append((field.word, field.offset, field.width))
    return runs


def of_cluster(
    program: Program, number: int, states: Words, everything: Words
) -> Iterator[Moves]:
    """What is possible by a cluster: first what is the first entry of each row, and so
    on. `everything` has what is computed first, too."""
    cluster, flips = program.clusters[number], program.flips[number]
    index = index_of(cluster.inputs, everything)
    counts, begins = cluster.counts[index], cluster.begins[index]
    for turn in range(int(counts.max(initial=0))):
        sources = np.flatnonzero(counts > turn)
        entries = begins[sources]
        entries += turn
        if not cluster.has_rests:
            targets = _flipped(states, sources, flips, entries)
            yield Moves(sources, entries, cluster.commands[entries], targets)
            continue
        changed = flips[entries]
        passed = np.ones(len(sources), dtype=np.bool_)
        rests = cluster.rests[entries]
        for rest in np.unique(rests):
            if rest != NO_REST:
                rows = np.flatnonzero(rests == rest)
                of = program.rests[rest]
                _apply(program, of, rows, sources, everything, passed, changed)
        sources, entries, changed = sources[passed], entries[passed], changed[passed]
        targets = states[sources] ^ changed
        yield Moves(sources, entries, cluster.commands[entries], targets)


def _flipped(states: Words, sources: Numbers, flips: Words, entries: Numbers) -> Words:
    if states.shape[1] > 1:
        return states[sources] ^ flips[entries]
    targets = states.reshape(-1)[sources]
    targets ^= flips.reshape(-1)[entries]
    return targets.reshape(-1, 1)


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
