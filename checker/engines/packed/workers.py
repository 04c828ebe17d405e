"""Workers: threads that share what is to be done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Piece = TypeVar("Piece")
Told = TypeVar("Told")


class Workers:
    """So many threads, of which the one that asks is the first."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self._others = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def share(
        self, work: Callable[[Iterator[Piece]], Told], pieces: Iterable[Piece]
    ) -> list[Told]:
        """What each thread makes of the pieces that it takes, one after the other."""
        left = deque(pieces)
        if self._others is None or len(left) < 2:
            return [work(_taken(left))]
        others = [
            self._others.submit(work, _taken(left)) for _ in range(self.threads - 1)
        ]
        try:
            mine = work(_taken(left))
        finally:
            wait(others)
        return [mine, *(other.result() for other in others)]


def _taken(left: deque[Piece]) -> Iterator[Piece]:
    while True:
        try:
            piece = left.popleft()
        except IndexError:
            return
        yield piece
