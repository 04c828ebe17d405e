"""Visited on files: what memory has no room for.

Where steps lead is first only collected, on files, and compared with what was visited
when a level is done: a part of the states at a time, as much as there is room for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.levels import PARTS, Filed, Files, mixed
from tdxcheck.checker.engines.packed.visited import Counts, Found, Visited

PER_STATE = 32
"""Bytes for each word of a state in memory, while a table grows."""


class Parted:
    """Candidates for the next level, on files."""

    def __init__(
        self,
        make: Callable[[], Visited],
        files: Files,
        room: int,
        candidates: Sequence[Filed] = (),
    ) -> None:
        self.make = make
        self.files = files
        self.room = room
        """Bytes that may be used."""
        self.candidates = list(candidates)
        self._seen = make()
        """The candidates of late: most are found many times."""
        self._pending: list[Words] = []

    def __len__(self) -> int:
        return sum(map(len, self.candidates)) + sum(map(len, self._pending))

    @property
    def nbytes(self) -> int:
        return self._seen.nbytes + sum(states.nbytes for states in self._pending)

    @property
    def grows(self) -> bool:
        return False

    def growth(self, more: int) -> int:
        return 0

    def add(self, states: Words) -> Words:
        """Collect states as candidates: which of them are new is found out later."""
        self._pending.append(self._seen.add(states))
        return states[:0]

    def expand(self, program: Any, states: Words, taken: Counts) -> Found:
        found = self._seen.expand(program, states, taken)
        self._pending.extend(found.fresh)
        if 2 * self.nbytes > self.room:
            self.file()
            self._seen = self.make()
        return Found((), found.stuck)

    def file(self) -> None:
        """Put what was collected on a file."""
        pending, self._pending = self._pending, []
        states = [some for some in pending if len(some)]
        if states:
            self.candidates.append(self.files.write(np.concatenate(states)))

    def settle(
        self, visited: Sequence[Filed], begin: int = 0
    ) -> Iterator[tuple[int, list[Words]]]:
        """The candidates that were not visited, by the part, from one on."""
        self.file()
        self._seen = self.make()
        for part in range(begin, PARTS):
            yield part, self._settled(visited, part)

    def _settled(self, visited: Sequence[Filed], part: int) -> list[Words]:
        if not any(block.counts[part] for block in self.candidates):
            return []
        blocks = (*visited, *self.candidates)
        words = self.candidates[0].words
        needed = sum(block.counts[part] for block in blocks) * words * PER_STATE
        turns = -(-needed // max(self.room, 1))
        fresh = []
        for turn in range(turns):
            table = self.make()
            for block in visited:
                table.add(_turn(block.part(part), turn, turns))
            for block in self.candidates:
                fresh.append(table.add(_turn(block.part(part), turn, turns)))
        return fresh

    def settled(self) -> None:
        """Begin anew, for the next level."""
        self.candidates = []


def _turn(states: Words, turn: int, turns: int) -> Words:
    """The states whose turn it is."""
    if turns == 1:
        return states
    numbers = mixed(states) >> np.uint64(20) & np.uint64(0xFFFFFFFF)
    now: Words = states[numbers % np.uint64(turns) == turn]
    return now
