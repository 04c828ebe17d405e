"""The search: every reachable state, level by level, by the tables of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from tdxcheck.checker.engines.explicit import (
    UNLIMITED,
    Exploration,
    Limits,
    Progress,
    exceeded,
    watches_of,
)
from tdxcheck.checker.engines.packed.choice import MANY, Choice
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.levels import Level
from tdxcheck.checker.engines.packed.program import Command, program
from tdxcheck.checker.engines.packed.runs import Runs, among, watch_command
from tdxcheck.checker.engines.packed.visited import Visited
from tdxcheck.checker.engines.packing import Packing, Watch
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

CHUNK = 1 << 16
"""States expanded between two looks at the limits, by each thread."""


class Search:
    """A breadth-first search, one level at a time."""

    def __init__(
        self,
        system: GroundSystem,
        *,
        compiled: bool = True,
        threads: int = 1,
        split_from: int | None = MANY,
    ) -> None:
        self.system = system
        self.layout = Layout(system)
        numbers = range(len(system.steps))
        self.tables = program(self.layout, [_command(system, n) for n in numbers])
        self.choice = Choice(
            system,
            self.layout,
            self.tables,
            compiled=compiled,
            threads=threads,
            split_from=split_from,
        )
        self.taking = self.choice.taking
        self.steps = self.taking.prepared(self.tables)
        self.taken = np.zeros(len(system.steps), dtype=np.uint64)
        self.levels: list[Level] = []
        self.chunk = CHUNK * threads
        self.found: dict[int, int] = {}
        """By the name of a watch: the level where it was first hit."""
        self.pending = list(watches_of(system))
        self.ends = {
            2 * number: rule.conditions[0]
            for number, rule in enumerate(system.properties)
            if rule.property.mode is Mode.DEADLOCK_FREE
        }
        self._watch()

    @property
    def visited(self) -> Visited:
        return self.choice.visited

    def __len__(self) -> int:
        """States that were found."""
        return len(self.visited)

    @property
    def depth(self) -> int:
        """Steps to the states of the last level that is complete."""
        return len(self.levels) - 1

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        check_start(self.system)
        packing = Packing(self.system)
        states = starting_states(self.system, packing)
        level = Level()
        while some := list(islice(states, CHUNK)):
            rows = self.layout.pack_all(map(packing.unpack, some))
            level.append(self.visited.add(rows))
            between()
        self.levels.append(level)
        self.initial = np.concatenate(list(level.chunks(CHUNK)))

    def deepen(self, between: Callable[[], None]) -> bool:
        """Look at the last level, and find the next; whether there is one."""
        here, ahead = self.levels[-1], Level()
        self._look(here)
        for states in here.chunks(self.chunk):
            between()
            self.choice.reconsider(self.initial, self._all(ahead))
            found = self.visited.expand(self.steps, states, self.taken)
            ahead.extend(found.fresh)
            if len(found.stuck) and self.ends:
                self._note_ends(states[found.stuck])
        if not len(ahead):
            return False
        self.levels.append(ahead)
        return True

    def _all(self, ahead: Level) -> Iterator[Words]:
        for level in (*self.levels, ahead):
            yield from level.chunks(CHUNK)

    def _watch(self) -> None:
        """Make the tables of the watches that are still to be hit."""
        commands = [watch_command(self.system, watch) for watch in self.pending]
        self.watches = self.taking.prepared(program(self.layout, commands))
        self.hits = np.zeros(len(commands), dtype=np.bool_)

    def _look(self, level: Level) -> None:
        if not self.pending:
            return
        for states in level.chunks(self.chunk):
            self.taking.look(self.watches, states, self.hits)
        for number in np.flatnonzero(self.hits):
            self.found.setdefault(self.pending[number].name, self.depth)
        left = [watch for watch in self.pending if watch.name not in self.found]
        if len(left) <= len(self.pending) // 2:
            self.pending = left
            self._watch()

    def _note_ends(self, stuck: Words) -> None:
        for name, allowed in list(self.ends.items()):
            hit = among(self.system, self.layout, Watch(name, allowed), stuck)
            if len(hit) < len(stuck):
                self.found[name] = self.depth
                del self.ends[name]

    def runs(self) -> dict[int, Run]:
        """The first of the shortest runs to each violation, and to each goal."""
        names = [name for name in self.found if name % 2 == 0]
        return Runs(
            self.system, self.layout, self.tables, self.taking, self.levels, self.found
        ).to(names)


def _command(system: GroundSystem, number: int) -> Command:
    step = system.steps[number]
    assert step.number == number
    return Command(
        step.guards, [(system.slots[n].term, v) for n, v in step.updates.items()]
    )


class _Full(Exception):
    """A limit was met."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit


def explore(
    system: GroundSystem,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    compiled: bool = True,
    threads: int = 1,
    split_from: int | None = MANY,
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow.

    Raises Unsuited if a number has too many values for tables.
    """
    search = Search(system, compiled=compiled, threads=threads, split_from=split_from)
    limit: Limit | None = None

    def between() -> None:
        met = exceeded(limits, len(search))
        if met is not None:
            raise _Full(met)

    try:
        search.start(between)
        going = True
        while going:
            width = len(search.levels[-1])
            progress(Progress(search.depth, len(search), width))
            going = search.deepen(between)
    except _Full as full:
        limit = full.limit
    except KeyboardInterrupt:
        limit = Limit.INTERRUPT
    except MemoryError:
        limit = Limit.MEMORY
    fired = dict.fromkeys(system.instance.system.actions, 0)
    for step, times in zip(system.steps, search.taken, strict=True):
        fired[step.action] += int(times)
    states = len(search)
    return Exploration(
        system,
        states,
        sum(fired.values()),
        max(search.depth, 0),
        limit,
        fired,
        _verdicts(search, limit, states),
    )


def _verdicts(search: Search, limit: Limit | None, states: int) -> tuple[Verdict, ...]:
    runs = search.runs()
    return tuple(
        _verdict(search, number, rule, limit, states, runs.get(2 * number))
        for number, rule in enumerate(search.system.properties)
    )


def _verdict(
    search: Search,
    number: int,
    rule: GroundProperty,
    limit: Limit | None,
    states: int,
    run: Run | None,
) -> Verdict:
    mode = rule.property.mode
    if mode is Mode.LEADS_TO:
        return Unknown(Limit.UNSUPPORTED)
    if run is not None:
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)
    if limit is not None:
        sure = max(search.depth, 0)
        return Unknown(limit) if mode is Mode.REACHABLE else Bounded(sure, limit)
    if mode is Mode.REACHABLE:
        return Unreachable(f"{states:,} states")
    if mode is not Mode.DEADLOCK_FREE and 2 * number + 1 not in search.found:
        return Vacuous(f"{states:,} states")
    return Exhausted(states)
