"""Memory: how much of it a process uses, and whether there is room for more."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass

LEAST = 4 << 20
"""Bytes that a search needs whatever the limit."""


@dataclass(frozen=True)
class Memory:
    """Of the whole process, with a limit in bytes; None for no limit."""

    limit: int | None = None

    def has_room(self, more: int) -> bool:
        return self.limit is None or used() + more < self.limit

    @property
    def room(self) -> int:
        """A fair part of what is left."""
        if self.limit is None:
            return 1 << 30
        return max(LEAST, (self.limit - used()) // 3)


def used() -> int:
    """Bytes in use now; where that is not told, the most that ever were."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
