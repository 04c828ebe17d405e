"""Levels: the states that are so many steps away, in blocks, in memory or on files."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.vector import Numbers

BLOCK = 1 << 18
"""States that are kept in one piece, or somewhat more."""

LARGE = 1 << 16
"""States that are kept as they came."""

FILE = 1 << 19
"""States of a file, at most."""

PARTS = 64
"""Parts that the states of a file are sorted by, so that one part can be read alone."""


class Block(Protocol):
    """Some states of a level."""

    def __len__(self) -> int: ...

    def rows(self, begin: int, end: int) -> Words: ...


class Held:
    """A block in memory."""

    def __init__(self, states: Words) -> None:
        self.states = states

    def __len__(self) -> int:
        return len(self.states)

    def rows(self, begin: int, end: int) -> Words:
        return self.states[begin:end]


@dataclass(frozen=True)
class Filed:
    """A block on a file, sorted by parts."""

    path: Path
    words: int
    counts: tuple[int, ...]
    """States of each part."""
    checksum: int

    def __len__(self) -> int:
        return sum(self.counts)

    def rows(self, begin: int, end: int) -> Words:
        size = 8 * self.words
        count = (end - begin) * self.words
        found = np.fromfile(self.path, np.uint64, count, offset=begin * size)
        return found.reshape(-1, self.words)

    def part(self, number: int) -> Words:
        begin = sum(self.counts[:number])
        return self.rows(begin, begin + self.counts[number])

    def is_sound(self) -> bool:
        """Whether the file is there, and as it was written."""
        try:
            if self.path.stat().st_size != 8 * self.words * len(self):
                return False
            checksum = 0
            with self.path.open("rb") as file:
                while some := file.read(1 << 24):
                    checksum = zlib.crc32(some, checksum)
        except OSError:
            return False
        return checksum == self.checksum


def mixed(states: Words) -> Words:
    """A number for each state, of which every bit depends on all of the state."""
    found = np.zeros(len(states), dtype=np.uint64)
    for column in states.T:
        found += column
        found *= np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(32)
    found *= np.uint64(0xD6E8FEB86659FD93)
    return found


def by_parts(states: Words) -> tuple[Words, Numbers]:
    """The states sorted by parts, and how many are of each."""
    parts = (mixed(states) >> np.uint64(58)).astype(np.uint8)
    order = np.argsort(parts, kind="stable")
    return states[order], np.bincount(parts, minlength=PARTS)


class Files(Protocol):
    """Where files of states are made."""

    def write(self, states: Words) -> Filed: ...


class Level:
    """The states of a level."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self.blocks = list(blocks)
        self._pending: list[Words] = []
        self._waiting = 0
        self._count = sum(map(len, self.blocks))

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Of memory that is in use."""
        held = [b.states.nbytes for b in self.blocks if isinstance(b, Held)]
        return sum(held) + sum(states.nbytes for states in self._pending)

    def append(self, states: Words) -> None:
        if not len(states):
            return
        self._count += len(states)
        if len(states) >= LARGE:
            self.blocks.append(Held(states))
            return
        self._pending.append(states)
        self._waiting += len(states)
        if self._waiting >= BLOCK:
            self.close()

    def extend(self, many: Iterable[Words]) -> None:
        for states in many:
            self.append(states)

    def close(self) -> None:
        """Put what came last into a block."""
        if self._pending:
            self.blocks.append(Held(np.concatenate(self._pending)))
            self._pending, self._waiting = [], 0

    def file(self, files: Files, cut: int = 0) -> list[Filed]:
        """Put what is in memory on files; all files of the level.

        The first states up to the cut stay the first ones.
        """
        self.close()
        blocks, self.blocks = self.blocks, []
        done: list[Filed] = []
        some: list[Words] = []
        first = 0

        def write() -> None:
            if some:
                done.append(files.write(np.concatenate(some)))
                some.clear()

        for place, block in enumerate(blocks):
            if isinstance(block, Filed):
                write()
                done.append(block)
            else:
                states = block.rows(0, len(block))
                # One after the other: memory may be short.
                blocks[place] = Held(states[:0])
                at = min(max(cut - first, 0), len(states))
                if sum(map(len, some)) + len(states) > FILE:
                    write()
                if at:
                    some.append(states[:at])
                    if first + at == cut:
                        write()
                if at < len(states):
                    some.append(states[at:])
            first += len(block)
        write()
        self.blocks = list(done)
        return done

    def chunk(self, size: int, begin: int) -> Words:
        """States from the one of this number on, so many at most."""
        self.close()
        for block in self.blocks:
            if begin < len(block):
                return block.rows(begin, min(len(block), begin + size))
            begin -= len(block)
        raise IndexError("no such state")

    def chunks(self, size: int) -> Iterator[Words]:
        """All states, so many at a time at most."""
        self.close()
        for block in tuple(self.blocks):
            for at in range(0, len(block), size):
                yield block.rows(at, min(len(block), at + size))
