"""Levels: the states that are so many steps away, in blocks, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words

BLOCK = 1 << 17
"""States that are kept in one piece."""


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


class Level:
    """The states of a level, in the order in which they came."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._pending: list[Words] = []
        self._waiting = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, states: Words) -> None:
        if not len(states):
            return
        self._pending.append(states)
        self._count += len(states)
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

    def chunks(self, size: int, begin: int = 0) -> Iterator[Words]:
        """The states from the one of this number on, so many at a time at most."""
        self.close()
        first = 0
        for block in self.blocks:
            for at in range(max(0, begin - first), len(block), size):
                yield block.rows(at, min(len(block), at + size))
            first += len(block)
