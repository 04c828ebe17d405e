"""Layout: where each slot lies in the machine words of a packed state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.packing import Packing
from tdxcheck.checker.ground.system import GroundSlot, GroundSystem, Values

WORD = 63
"""Bits of a word that are used: the highest one is the hash table's."""

Words = npt.NDArray[np.uint64]
"""States, a row each, a column for each word."""


@dataclass(frozen=True)
class Field:
    """Some bits of one word, which hold a value less `low`."""

    word: int
    offset: int
    width: int
    low: int

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.offset


class Room:
    """Words that are filled with fields, none of which crosses from one to the next."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.free = [WORD]

    def take(self, width: int, low: int) -> Field:
        """The next field of so many bits, in the first word that has room for it."""
        for word, free in enumerate(self.free):
            if width <= free:
                self.free[word] -= width
                return Field(self.first + word, WORD - free, width, low)
        self.free.append(WORD)
        return self.take(width, low)

    @property
    def words(self) -> int:
        return len(self.free)


def _element(slot: GroundSlot) -> tuple[str, int]:
    """What is said of one element lies together, so that it is gathered at once."""
    variable, indices = slot.entry
    if not indices:
        return "", 0
    return variable.index_sorts[0].__name__, indices[0]


class Layout:
    """The fields of a system's slots, by their numbers."""

    def __init__(self, system: GroundSystem) -> None:
        room = Room()
        fields = {}
        for slot in sorted(system.slots, key=_element):
            low, high = slot.term.low, slot.term.high
            fields[slot.number] = room.take((high - low).bit_length(), low)
        self.fields = [fields[slot.number] for slot in system.slots]
        self.words = room.words
        self.bits = sum(field.width for field in self.fields)

    def pack(self, values: Values) -> list[int]:
        words = [0] * self.words
        for value, field in zip(values, self.fields, strict=True):
            words[field.word] |= (value - field.low) << field.offset
        return words

    def pack_all(self, states: Iterable[Values]) -> Words:
        rows = [self.pack(values) for values in states]
        return np.array(rows, dtype=np.uint64).reshape(len(rows), self.words)

    def pack_integers(self, states: Sequence[int], packing: Packing) -> Words:
        """The same of states that are integers, all of them at once."""
        limbs = _limbs(states, -(-packing.bits // LIMB))
        words = np.zeros((len(states), self.words), dtype=np.uint64)
        for source, field in zip(packing.fields, self.fields, strict=True):
            if field.width:
                value = _bits(limbs, source.offset, field.width)
                words[:, field.word] |= value << np.uint64(field.offset)
        return words

    def unpack(self, row: Any) -> Values:
        """The values in one row of words."""
        words = [int(word) for word in row]
        return tuple(
            (words[f.word] >> f.offset & (1 << f.width) - 1) + f.low
            for f in self.fields
        )


LIMB = 64
"""Bits of what integers are cut into."""


def _limbs(integers: Sequence[int], count: int) -> Words:
    """The integers, a row each, a column for every 64 bits, the lowest first."""
    size = count * LIMB // 8
    data = b"".join([integer.to_bytes(size, "little") for integer in integers])
    return np.frombuffer(data, dtype="<u8").reshape(len(integers), count)


def _bits(limbs: Words, offset: int, width: int) -> Words:
    """So many bits of each row, which may begin in one limb and end in the next."""
    first, within = divmod(offset, LIMB)
    found = limbs[:, first] >> np.uint64(within)
    if within + width > LIMB:
        found |= limbs[:, first + 1] << np.uint64(LIMB - within)
    return found & np.uint64((1 << width) - 1)
