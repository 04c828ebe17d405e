"""Limits: where a search among diagrams ends without an answer."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.encoding import Unsuited
from tdxcheck.checker.verdict import Limit


@dataclass(frozen=True)
class Limits:
    """Where a search ends without an answer; None for no limit."""

    depth: int | None = None
    """Steps of the runs that are looked at; without it, every state is visited."""
    memory: int | None = None
    """Of the whole process, in bytes."""


NO_LIMITS = Limits()


class Stop(Exception):
    """A limit was met."""


@dataclass
class Met:
    """The limit that was met, if one was."""

    limit: Limit | None = None


@contextmanager
def limited() -> Iterator[Met]:
    """Let a search end where a limit is met, and say which."""
    met = Met()
    try:
        yield met
    except Unsuited:
        met.limit = Limit.NUMBERS
    except (Stop, MemoryError):
        met.limit = Limit.MEMORY
    except KeyboardInterrupt:
        met.limit = Limit.INTERRUPT


class Lookout:
    """Ends the search when the limit of memory is met.

    It knows nothing of the search: dd complains of its diagrams if they are freed
    by the collector of reference cycles.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.looks = 0

    def __call__(self) -> None:
        self.looks += 1
        if self.limits.memory is not None and self.looks % 64 == 0:
            unit = 1 if sys.platform == "darwin" else 1024
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
            if used >= self.limits.memory:
                raise Stop
