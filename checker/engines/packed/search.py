"""The search: every reachable state, level by level, by the tables of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.program import Command, program
from tdxcheck.checker.engines.packed.stores import Marks, Store, store_for
from tdxcheck.checker.engines.packed.vector import Numbers, moves
from tdxcheck.checker.engines.packing import Packing, Watch
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
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
"""States expanded between two looks at the limits."""


class Search:
    """A breadth-first search, one level at a time."""

    def __init__(self, system: GroundSystem, *, compiled: bool = True) -> None:
        self.system = system
        self.layout = Layout(system)
        steps = program(self.layout, [_command(system, n) for n in _numbers(system)])
        self.compiled = compiled
        self.store: Store = store_for(steps, compiled=compiled)
        self.steps = self.store.prepared(steps)
        self.by_numpy = steps
        self.taken = np.zeros(len(system.steps), dtype=np.uint64)
        self.levels = [0]
        """The number of the first state of each level, and that of the next state."""
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
    def depth(self) -> int:
        """Steps to the states of the last level."""
        return len(self.levels) - 2

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        check_start(self.system)
        packing = Packing(self.system)
        states = starting_states(self.system, packing)
        while some := list(islice(states, CHUNK)):
            self.store.add(self.layout.pack_all(map(packing.unpack, some)))
            between()
        self.levels.append(len(self.store))

    def deepen(self, between: Callable[[], None]) -> bool:
        """Look at the last level, and find the next; whether there is one."""
        begin, end = self.levels[-2:]
        self._look(begin, end)
        for at in range(begin, end, CHUNK):
            between()
            last = min(end, at + CHUNK)
            stuck = self.store.expand(self.steps, at, last, self.taken)
            if len(stuck) and self.ends:
                self._note_ends(stuck)
        if len(self.store) == end:
            return False
        self.levels.append(len(self.store))
        return True

    def _watch(self) -> None:
        """Make the tables of the watches that are still to be hit."""
        commands = [_watch_command(self.system, watch) for watch in self.pending]
        self.watches = self.store.prepared(program(self.layout, commands))
        self.hits: Numbers = np.full(len(commands), -1, dtype=np.int64)

    def _look(self, begin: int, end: int) -> None:
        if not self.pending:
            return
        for at in range(begin, end, CHUNK):
            self.store.look(self.watches, at, min(end, at + CHUNK), self.hits)
        for number in np.flatnonzero(self.hits >= 0):
            self.found.setdefault(self.pending[number].name, self.depth)
        left = [watch for watch in self.pending if watch.name not in self.found]
        if len(left) <= len(self.pending) // 2:
            self.pending = left
            self._watch()

    def _note_ends(self, stuck: Numbers) -> None:
        for name, allowed in list(self.ends.items()):
            if self._among(Watch(name, allowed), stuck).size < stuck.size:
                self.found[name] = self.depth
                del self.ends[name]

    def _among(self, watch: Watch, numbers: Numbers) -> Numbers:
        """Those of the states that the watch is hit in."""
        tables = program(self.layout, [_watch_command(self.system, watch)])
        sources = [found.sources for found in moves(tables, self._rows(numbers))]
        return numbers[np.unique(np.concatenate(sources))]

    # Runs.

    def runs_to(self, names: Sequence[int]) -> dict[int, Run]:
        """The first of the shortest runs to what each of the watches looks for.

        The first by its initial state, then by the numbers of its steps.
        """
        runs: dict[int, Run] = {}
        for at in range(0, len(names), MARKS):
            runs |= self._runs_to(names[at : at + MARKS])
        return runs

    def _runs_to(self, names: Sequence[int]) -> dict[int, Run]:
        """For as many watches as there are marks: the bits of a word."""
        marks = {name: np.uint64(1 << bit) for bit, name in enumerate(names)}
        lasts: dict[int, int | None] = {}
        ahead: list[_Marked] = []
        """From the last level that matters to the first: from where to go on."""
        for level in reversed(range(1 + max(map(self.found.__getitem__, names)))):
            parts = [self._origins(level, ahead[-1])] if ahead else []
            for name in names:
                if self.found[name] == level:
                    goal, lasts[name] = self._targets(name, level)
                    parts.append(_Marked(goal, np.full(len(goal), marks[name])))
            ahead.append(_joined(parts))
        ahead.reverse()
        return {
            name: self._run(ahead[: self.found[name] + 1], marks[name], lasts[name])
            for name in names
        }

    def _origins(self, level: int, goal: _Marked) -> _Marked:
        """The states of a level from which a step leads to these."""
        begin, end = self.levels[level : level + 2]
        store = self._stored(goal.states)
        found = [
            self.store.origins(self.steps, at, min(end, at + CHUNK), store, goal.marks)
            for at in range(begin, end, CHUNK)
        ]
        numbers = np.concatenate([numbers for numbers, _ in found])
        return _Marked(self._rows(numbers), np.concatenate([m for _, m in found]))

    def _run(self, ahead: Sequence[_Marked], mark: np.uint64, last: int | None) -> Run:
        values = min(map(self.layout.unpack, ahead[0].having(mark)))
        states, steps = [values], []
        for goal in ahead[1:]:
            wanted = set(map(self.layout.unpack, goal.having(mark)))
            number, values = next(
                (number, after)
                for number, after in self._successors(values)
                if after in wanted
            )
            states.append(values)
            steps.append(number)
        if last is not None:
            states.append(next(s for n, s in self._successors(values) if n == last))
            steps.append(last)
        return Run(tuple(states), tuple(steps))

    def _targets(self, name: int, level: int) -> tuple[Words, int | None]:
        """The states of the level that decide, and the step that is then taken."""
        begin, end = self.levels[level : level + 2]
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.DEADLOCK_FREE:
            return self._dead_ends(rule, begin, end), None
        watches = [w for w in watches_of(self.system) if w.name == name]
        tables = program(
            self.layout, [_watch_command(self.system, watch) for watch in watches]
        )
        hits: dict[int, list[Words]] = {}
        for at in range(begin, end, CHUNK):
            states = self.store.states(at, min(end, at + CHUNK))
            for found in moves(tables, states):
                for number in np.unique(found.commands):
                    rows = found.sources[found.commands == number]
                    hits.setdefault(int(number), []).append(states[rows])
        first = min(hits)
        return np.concatenate(hits[first]), watches[first].step

    def _dead_ends(self, rule: GroundProperty, begin: int, end: int) -> Words:
        taken = np.zeros_like(self.taken)
        stuck = self._stored(self.store.states(begin, end)).expand(
            self.steps, 0, end - begin, taken
        )
        allowed = self._among(Watch(0, rule.conditions[0]), stuck + begin)
        return self._rows(np.setdiff1d(stuck + begin, allowed))

    def _stored(self, states: Words) -> Store:
        store = store_for(self.by_numpy, compiled=self.compiled)
        store.add(states)
        return store

    def _rows(self, numbers: Numbers) -> Words:
        """The states of these numbers, which ascend."""
        parts = []
        for some in np.split(numbers, np.arange(CHUNK, len(numbers), CHUNK)):
            begin, end = int(some[0]), int(some[-1]) + 1
            parts.append(self.store.states(begin, end)[some - begin])
        return np.concatenate(parts)

    def _successors(self, values: Values) -> list[tuple[int, Values]]:
        """The steps from a state, by their numbers."""
        state = self.layout.pack_all([values])
        found = [
            (int(number), self.layout.unpack(row))
            for part in moves(self.by_numpy, state)
            for number, row in zip(part.commands, part.targets, strict=True)
        ]
        return sorted(found, key=lambda pair: pair[0])


def _numbers(system: GroundSystem) -> range:
    return range(len(system.steps))


def _command(system: GroundSystem, number: int) -> Command:
    step = system.steps[number]
    assert step.number == number
    return Command(
        step.guards, [(system.slots[n].term, v) for n, v in step.updates.items()]
    )


def _watch_command(system: GroundSystem, watch: Watch) -> Command:
    guards = () if watch.step is None else system.steps[watch.step].guards
    return Command((*guards, watch.condition))


MARKS = 64
"""Runs that are looked for at once."""


@dataclass(frozen=True, eq=False)
class _Marked:
    """States, each with marks, as bits, of the runs that it is good for."""

    states: Words
    marks: Marks

    def having(self, mark: np.uint64) -> Words:
        marked: Words = self.states[self.marks & mark != 0]
        return marked


def _joined(parts: Sequence[_Marked]) -> _Marked:
    """All states, each once, with all of its marks."""
    states = np.concatenate([part.states for part in parts])
    marks = np.concatenate([part.marks for part in parts])
    states, inverse = np.unique(states, axis=0, return_inverse=True)
    joined = np.zeros(len(states), dtype=np.uint64)
    np.bitwise_or.at(joined, inverse.reshape(-1), marks)
    return _Marked(states, joined)


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
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow.

    Raises Unsuited if a number has too many values for tables.
    """
    search = Search(system, compiled=compiled)
    limit: Limit | None = None

    def between() -> None:
        met = exceeded(limits, len(search.store))
        if met is not None:
            raise _Full(met)

    try:
        search.start(between)
        going = True
        while going:
            width = search.levels[-1] - search.levels[-2]
            progress(Progress(search.depth, len(search.store), width))
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
    states = len(search.store)
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
    runs = search.runs_to([name for name in search.found if name % 2 == 0])
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
