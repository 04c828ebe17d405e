"""Partitions: one large explicit search by all workers of a Dask scheduler.

The workers keep the levels. What they do is a graph of tasks, in which each array
depends on those that it is made of: where a worker has died, Dask makes again what it
had, and nothing else. The client counts, and walks the levels back for runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.engines.explicit import Exploration, Limits, Progress
from tdxcheck.checker.engines.packed.breadth import Search
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.levels import Level
from tdxcheck.checker.engines.packed.partition import (
    by_partition,
    expanded,
    forget,
    settled,
)
from tdxcheck.checker.engines.packed.program import program
from tdxcheck.checker.engines.packed.runs import watch_command
from tdxcheck.checker.engines.packed.search import explored
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging import content


def explore_divided(
    client: Any,
    system: GroundSystem,
    limits: Limits,
    progress: Callable[[Progress], None],
) -> Exploration:
    """Visit every reachable state of the system, with the client's workers.

    Raises UsageError if they are of another version.
    """
    if set(client.run(content.versions).values()) != {content.versions()}:
        raise UsageError("a worker has another version of tdxcheck, or of Python")
    search = Divided(system, client)
    try:
        return explored(search, limits, progress)
    finally:
        search.end()


class Divided(Search):
    """A search, the levels of which are with the workers."""

    def __init__(self, system: GroundSystem, client: Any) -> None:
        self.client = client
        self.partitions = max(1, sum(client.nthreads().values()))
        self.name = f"tdxcheck-{uuid.uuid4().hex}"
        super().__init__(system, split_from=None)
        self.choice.reason = (
            f"{self.partitions} partitions, each a hash table of a worker"
        )
        self.tables_there = self._made("steps", _itself, self.tables)

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        super().start(between)
        states = self.levels[0].chunks(self.chunk)
        self.parts: list[list[Any]] = [
            [self._made(f"start-{number}", _itself, part)]
            for number, part in enumerate(by_partition(states, self.partitions))
        ]
        """By partition and level, the states."""
        self.levels[0] = self._level()

    def deepen(self, between: Callable[[], None]) -> bool:
        """Have the workers look at the last level, and find the next."""
        between()
        depth = self.depth
        found = [
            self._made(
                f"expand-{depth}-{number}",
                expanded,
                self.tables_there,
                self.watches_there,
                levels[-1],
                self.partitions,
            )
            for number, levels in enumerate(self.parts)
        ]
        told = [
            self._made(f"told-{depth}-{number}", _TOLD, each)
            for number, each in enumerate(found)
        ]
        for number, levels in enumerate(self.parts):
            pieces = [
                self._made(f"piece-{depth}-{n}-{number}", _piece, each, number)
                for n, each in enumerate(found)
            ]
            levels.append(
                self._made(
                    f"settle-{depth}-{number}",
                    settled,
                    f"{self.name}-{number}",
                    self.tables_there,
                    list(levels),
                    pieces,
                )
            )
        level = self._level()
        self._note(self.client.gather(told))
        if len(level):
            self.levels.append(level)
        else:
            self.finished = True
        return not self.finished

    def end(self) -> None:
        """Have the workers keep nothing of the search."""
        self.keeper.close()
        names = [f"{self.name}-{number}" for number in range(self.partitions)]
        self.client.run(forget, names, on_error="ignore")

    def _level(self) -> Level:
        """The last level, which stays where it is."""
        last = [levels[-1] for levels in self.parts]
        sizes = self.client.gather(
            [self._made(f"size-{each.key}", len, each) for each in last]
        )
        return Level(map(_Away, last, sizes))

    def _note(self, told: Sequence[tuple[Any, Any, Words]]) -> None:
        """What the workers say of the last level."""
        for taken, hits, stuck in told:
            self.taken += taken
            self.hits |= hits
            if len(stuck) and self.ends:
                self._note_ends(stuck)
        self._note_hits()

    def _watch(self) -> None:
        super()._watch()
        commands = [watch_command(self.system, watch) for watch in self.pending]
        tables = program(self.layout, commands)
        self.watches_there = self._made(f"watches-{len(commands)}", _itself, tables)

    def _made(self, what: str, make: Callable[..., Any], *of: Any) -> Any:
        """What a worker makes of other things, again if it is lost."""
        return self.client.submit(make, *of, key=f"{self.name}-{what}", pure=False)


class _Away:
    """Some states of a level that are with a worker."""

    def __init__(self, states: Any, size: int) -> None:
        self.states = states
        self._size = size

    def __len__(self) -> int:
        return self._size

    def rows(self, begin: int, end: int) -> Words:
        client = self.states.client
        part = client.submit(itemgetter(slice(begin, end)), self.states, pure=False)
        rows: Words = part.result()
        return rows


_TOLD = attrgetter("taken", "hits", "stuck")
"""Of what was found, that which the client is to know."""


def _itself(what: Any) -> Any:
    return what


def _piece(found: Any, number: int) -> Words:
    """Of what was found, the states of one partition."""
    states: Words = found.parts[number]
    return states
