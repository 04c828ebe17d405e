"""Shape: packed states whose columns can be sorted, and the canonical one of an orbit.

What is said of one element of a class is a column of bits. Of the states that differ
by exchanges within classes, the canonical one has the columns of each class in
ascending order. It is also the first of them, value by value: the slots that come
first are the highest bits of a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.engines.packed.layout import Field, Layout, Room, Words
from tdxcheck.checker.ground.permutation import Permutation, Sort
from tdxcheck.checker.ground.symmetry import Symmetry
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.instance import Entry

WIDEST = 60
"""Bits of a column, which lies in one word."""

Counts = npt.NDArray[np.uint64]


class ColumnLayout(Layout):
    """The fields of a system's slots, those of one element side by side."""

    def __init__(self, system: GroundSystem, symmetry: Symmetry) -> None:
        room = Room()
        members: dict[tuple[Sort, int], list[int]] = {
            (one.sort, element): []
            for one in symmetry.classes
            for element in one.elements
        }
        rest: list[int] = []
        for slot in system.slots:
            column = symmetry.column(slot.entry)
            (rest if column is None else members[column]).append(slot.number)
        widths = [(s.term.high - s.term.low).bit_length() for s in system.slots]
        fields: dict[int, Field] = {}
        self.columns: dict[tuple[Sort, int], Field] = {}
        for key, numbers in members.items():
            width = sum(widths[n] for n in numbers)
            if width > WIDEST:
                raise Unsuited
            whole = self.columns[key] = room.take(width, 0)
            offset = whole.offset + width
            for number in numbers:
                offset -= widths[number]
                low = system.slots[number].term.low
                fields[number] = Field(whole.word, offset, widths[number], low)
        for number in rest:
            fields[number] = room.take(widths[number], system.slots[number].term.low)
        self.fields = [fields[slot.number] for slot in system.slots]
        self.words = room.words
        self.bits = sum(widths)


@dataclass(frozen=True, eq=False)
class Move:
    """How a permutation moves the value of a slot."""

    origin: Field
    target: Field
    values: npt.NDArray[np.uint64] | None
    """The new value of each, where the value is an element."""


class Shape:
    """The layout of a system under a symmetry, and its canonical states."""

    def __init__(
        self,
        system: GroundSystem,
        symmetry: Symmetry,
        layout: ColumnLayout | None = None,
    ) -> None:
        self.symmetry = symmetry
        self.layout = ColumnLayout(system, symmetry) if layout is None else layout
        self.classes = [
            [self.layout.columns[one.sort, element] for element in one.elements]
            for one in symmetry.classes
        ]
        numbers = {slot.entry: slot.number for slot in system.slots}
        self.others = [
            [
                self._move(system, permutation, numbers, slot.number)
                for slot in system.slots
            ]
            for permutation in symmetry.others
        ]

    def _move(
        self,
        system: GroundSystem,
        permutation: Permutation,
        numbers: dict[Entry, int],
        number: int,
    ) -> Move:
        slot = system.slots[number]
        target = numbers[permutation.entry(slot.entry)]
        of: Mapping[Any, tuple[int, ...]] = permutation.of
        to = of.get(slot.entry[0].sort)
        values = None if to is None else np.array(to, dtype=np.uint64)
        return Move(self.layout.fields[number], self.layout.fields[target], values)

    def canonical(self, states: Words) -> Words:
        """Of each state the canonical one of its orbit."""
        best = self._sorted(states)
        for moves in self.others:
            other = self._sorted(_moved(states, moves))
            less = _less(other, best)
            best[less] = other[less]
        return best

    def sizes(self, states: Words) -> Counts:
        """How many states each of these canonical ones stands for."""
        sizes = np.ones(len(states), dtype=np.uint64)
        for columns in self.classes:
            sizes *= np.uint64(factorial(len(columns)))
            run = np.ones(len(states), dtype=np.uint64)
            values = [_value(states, column) for column in columns]
            for before, value in pairwise(values):
                run = np.where(before == value, run + np.uint64(1), np.uint64(1))
                sizes //= run
        if self.others:
            kept = np.ones(len(states), dtype=np.uint64)
            for moves in self.others:
                image = self._sorted(_moved(states, moves))
                kept += (image == states).all(axis=1).astype(np.uint64)
            sizes *= np.uint64(1 + len(self.others))
            sizes //= kept
        return sizes

    def times(self, states: Words, columns: Sequence[Field]) -> Counts:
        """How many elements like each of these there are, 0 if it is not the first."""
        times = np.ones(len(states), dtype=np.uint64)
        for column in columns:
            of = next(members for members in self.classes if column in members)
            place = of.index(column)
            mine = _value(states, column)
            alike = np.ones(len(states), dtype=np.uint64)
            for other in of[place + 1 :]:
                alike += (_value(states, other) == mine).astype(np.uint64)
            if place:
                alike[_value(states, of[place - 1]) == mine] = 0
            times *= alike
        return times

    def classes_of(self, system: GroundSystem, slots: Iterable[int]) -> set[int]:
        """The numbers of the classes of whose columns the slots are parts."""
        found = set()
        for slot in slots:
            column = self.symmetry.column(system.slots[slot].entry)
            for number, one in enumerate(self.symmetry.classes):
                if column is not None and column[0] is one.sort:
                    if column[1] in one.elements:
                        found.add(number)
        return found

    def images(self, states: Words) -> Words:
        """Of each state the first of its orbit by each of the other permutations."""
        parts = [states, *(self._sorted(_moved(states, m)) for m in self.others)]
        return np.concatenate(parts)

    def _sorted(self, states: Words) -> Words:
        states = states.copy()
        for columns in self.classes:
            values = np.stack([_value(states, column) for column in columns])
            values.sort(axis=0)
            for column in columns:
                states[:, column.word] &= ~np.uint64(column.mask)
            for column, value in zip(columns, values, strict=True):
                states[:, column.word] |= value << np.uint64(column.offset)
        return states


def _value(states: Words, column: Field) -> Counts:
    mask = np.uint64((1 << column.width) - 1)
    value: Counts = states[:, column.word] >> np.uint64(column.offset) & mask
    return value


def _moved(states: Words, moves: Sequence[Move]) -> Words:
    moved = np.zeros_like(states)
    for move in moves:
        value = _value(states, move.origin)
        if move.values is not None:
            low = np.uint64(move.origin.low)
            value = move.values[(value + low).astype(np.int64)] - low
        moved[:, move.target.word] |= value << np.uint64(move.target.offset)
    return moved


def _less(one: Words, other: Words) -> npt.NDArray[np.bool_]:
    """Which rows come before those of the other, by their words."""
    less = np.zeros(len(one), dtype=np.bool_)
    equal = np.ones(len(one), dtype=np.bool_)
    for word in range(one.shape[1]):
        less |= equal & (one[:, word] < other[:, word])
        equal &= one[:, word] == other[:, word]
    return less
