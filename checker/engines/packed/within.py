"""Within: steps that stay within one part of a split, listed by a pair alone.

A step that reads nothing but the root and one part, and changes that part, is possible
or not, and leads as many bits up or down, whatever the other parts are. So each pair
of a root and a part lists such steps, and nothing is computed of a state that one
leads to but its bit, unless it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import Inputs, width
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.split import NOWHERE, Places, Split
from tdxcheck.checker.engines.packed.vector import Numbers, index_of, moves
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import support

LONGEST = 64
"""Steps that a pair may list. visited.h has the same number."""

ROOT = -1
"""In place of the number of a part."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The lists of one part: by the number of a root and the bits of the part."""

    kinds: Numbers
    """Rows of one kind list the same commands."""
    begins: Numbers
    """Where the steps of a row begin."""


@dataclass(frozen=True, eq=False)
class Within:
    """The steps within parts, and the program of all others."""

    rows: tuple[Rows, ...]
    leads: Places
    """By step: what it adds to the bit of a state."""
    flips: Words
    """By step: what it flips of a state."""
    commands: npt.NDArray[np.uint64]
    """By kind and command: 1 where the rows of this kind list it. The first kind
    lists none."""
    lengths: Numbers
    """By kind: how many commands a row lists."""
    rest: Program


def within(
    system: GroundSystem, layout: Layout, program: Program, split: Split
) -> Within:
    """Find the steps within the parts of a split; the program is of all steps."""
    parts = _parts_of(system, layout, split)
    kinds = [np.zeros((1, program.commands), dtype=np.bool_)]
    leads: list[Places] = []
    flips = [np.zeros((0, program.words), dtype=np.uint64)]
    rows = []
    n_kinds, n_steps = 1, 0
    roots = np.flatnonzero(split.roots < len(split.bases) - 1)
    for number, (part, table) in enumerate(zip(split.parts, split.tables, strict=True)):
        mine = np.zeros(program.commands, dtype=np.bool_)
        mine[np.flatnonzero(parts == number)[:LONGEST]] = True
        parts[(parts == number) & ~mine] = ROOT
        places = table.reshape(-1)
        pairs = np.flatnonzero(places[: len(roots) << width(part)] < NOWHERE)
        states = np.zeros((len(pairs), program.words), dtype=np.uint64)
        _put(split.root, roots[pairs >> width(part)], states)
        _put(part, pairs & (1 << width(part)) - 1, states)
        found = list(moves(program.only(mine), states))
        sources = _joined([m.sources for m in found])
        commands = _joined([m.commands for m in found])
        order = np.lexsort((commands, sources))
        sources, commands = sources[order], commands[order]
        targets = np.concatenate([states[:0], *(m.targets for m in found)])[order]
        base = pairs[sources] >> width(part) << width(part)
        leads.append(
            places[base + index_of(part, targets)] - places[pairs[sources]]
        )
        flips.append(targets ^ states[sources])
        listed = np.zeros((len(pairs), program.commands), dtype=np.bool_)
        listed[sources, commands] = True
        different, kind = _different(listed)
        kinds.append(different)
        of = Rows(np.zeros_like(places, np.int64), np.zeros_like(places, np.int64))
        of.kinds[pairs] = kind + n_kinds
        of.begins[pairs] = n_steps + np.searchsorted(sources, np.arange(len(pairs)))
        rows.append(of)
        n_kinds += len(different)
        n_steps += len(sources)
    lists = np.concatenate(kinds)
    return Within(
        tuple(rows),
        np.concatenate([np.zeros(0, dtype=np.uint64), *leads]),
        np.concatenate(flips),
        lists.astype(np.uint64),
        lists.sum(axis=1),
        program.only(parts == ROOT),
    )


def _parts_of(system: GroundSystem, layout: Layout, split: Split) -> Numbers:
    """By step: the part within which it stays; ROOT for none."""
    sides = {e.place: n for n, part in enumerate(split.parts) for e in part}

    def touched(slots: Sequence[int]) -> set[int]:
        fields = [layout.fields[n] for n in slots]
        return {sides.get((f.word, f.offset), ROOT) for f in fields if f.width}

    def part_of(step: GroundStep) -> int:
        read = frozenset[int]().union(
            *map(support, (*step.guards, *step.updates.values()))
        )
        changed = touched(tuple(step.updates))
        parts = (touched(tuple(read)) | changed) - {ROOT}
        return parts.pop() if len(parts) == 1 and ROOT not in changed else ROOT

    return np.array([part_of(step) for step in system.steps], dtype=np.int64)


def _put(inputs: Inputs, values: Numbers, states: Words) -> None:
    """Set these bits of the states, as index_of reads them."""
    offset = 0
    for entry in inputs:
        field = entry.field
        bits = (values >> offset & (1 << field.width) - 1).astype(np.uint64)
        states[:, field.word] |= bits << np.uint64(field.offset)
        offset += field.width


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _different(
    rows: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """The different rows, and of each row the number of its equal."""
    packed = np.packbits(rows, axis=1)
    keys = packed.view(f"V{packed.shape[1]}").reshape(-1)
    _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], numbers.reshape(-1)
