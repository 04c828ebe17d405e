"""Keeping: what of a search goes to files, and when."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tdxcheck.checker.engines.packed.folder import Folder, described
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.parted import Parted

if TYPE_CHECKING:
    from tdxcheck.checker.engines.packed.breadth import Search

OFTEN = 5.0
"""Seconds after which what was found is saved."""

MUCH = 64 << 20
"""Bytes of states after which they are, too."""

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM}


class NoRoom(Exception):
    """The limit of memory is met, with all on files that can be there."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let what is done here be done whole: signals wait until it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Keeper:
    """Saves a search in its folder, and lets it go on on files when memory is short."""

    def __init__(self, folder: Folder | None, memory: Memory) -> None:
        self.folder = folder
        self.memory = memory
        self._spilling = False
        """Whether levels go to files, because memory is short."""
        self._saved = time.monotonic()

    @property
    def _keeps(self) -> bool:
        return self.folder is not None and self.folder.keep

    def after_chunk(self, search: Search) -> None:
        """When all steps were taken from some states."""
        late = time.monotonic() - self._saved > OFTEN
        if self._keeps and (late or search.ahead.nbytes > MUCH):
            self.save(search)
        elif self._spilling and search.ahead.nbytes > self.memory.room // 4:
            self._file(search)
        self._make_room(search)

    def at_level(self, search: Search) -> None:
        """When a level is complete, and the next is not begun."""
        if self._keeps or isinstance(search.visited, Parted):
            # What is still to be expanded is numbered in the order of its files.
            self.save(search)

    def save(self, search: Search) -> None:
        """Put everything on files, and say in the manifest what they are."""
        self._file(search)
        if self.folder is None or not self._keeps:
            return
        visited = search.visited
        candidates = visited.candidates if isinstance(visited, Parted) else []
        levels = [level.file(self.folder) for level in search.levels]
        ahead = search.ahead.file(self.folder)
        self.folder.save(
            {
                **search.state(),
                "levels": [described(blocks) for blocks in levels],
                "ahead": described(ahead),
                "candidates": described(candidates),
            }
        )
        self.folder.tidy([*search.files(), *candidates])
        self._saved = time.monotonic()

    def _file(self, search: Search) -> None:
        if self.folder is None:
            self.folder = Folder.temporary()
        for level in search.levels[:-1]:
            level.file(self.folder)
        for level in search.levels[-1:]:
            level.file(self.folder, search.position)
        search.ahead.file(self.folder)
        if isinstance(search.visited, Parted):
            search.visited.file()
            if not self._keeps:
                self.folder.tidy([*search.files(), *search.visited.candidates])

    def _make_room(self, search: Search) -> None:
        """Use files where memory is short. Raises NoRoom if that is not enough."""
        more = 4 * search.chunk
        if self.memory.has_room(search.visited.growth(more)):
            return
        if not isinstance(search.visited, Parted):
            self._spilling = True
            self._file(search)
            if self.memory.has_room(search.visited.growth(more)):
                return
            if search.visited.grows:
                assert self.folder is not None, "levels are on files"
                search.choice.part(self.folder, self.memory)
        if not self.memory.has_room(0):
            raise NoRoom

    def close(self) -> None:
        if self.folder is not None:
            self.folder.close()
