"""The explicit-state engine: a breadth-first search of every reachable state.

States are visited level by level, so the first violation met is a shortest one.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tdxcheck.checker.engines.explicit_runs import Runs
from tdxcheck.checker.engines.packing import (
    Packing,
    Watch,
    compile_expansion,
    compile_successors,
    compile_watches,
)
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundSystem,
    Values,
)
from tdxcheck.checker.ground.terms import FALSE, TRUE, Node, Not, Terms
from tdxcheck.checker.language.system import Action, Mode
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

CHUNK = 4096
"""States expanded between two looks at the limits."""


class FolderError(Exception):
    """The folder of a search cannot be used; says why, in a line."""


@dataclass(frozen=True)
class Limits:
    """Where a search ends without an answer; None for no limit."""

    states: int | None = None
    memory: int | None = None
    """Of the whole process, in bytes."""
    threads: int = 1
    """With more than one, how many states are found at a limit is left to chance."""
    folder: Path | None = None
    """Where a search by tables is kept, and goes on from what is there."""


UNLIMITED = Limits()


@dataclass(frozen=True)
class Progress:
    depth: int
    states: int
    frontier: int


@dataclass(frozen=True, eq=False)
class Exploration:
    """What a search has seen, and what that says of each property."""

    system: GroundSystem
    states: int
    transitions: int
    depth: int
    """Steps to the farthest state seen."""
    limit: Limit | None
    """Why the search ended early; None if every reachable state was visited."""
    fired: dict[Action, int] = field(repr=False)
    """How often each action was taken."""
    verdicts: tuple[Verdict, ...]
    """One for each property of the system, in their order."""
    kept: str = ""
    """How a search by tables has kept its states, and why so."""

    @property
    def complete(self) -> bool:
        return self.limit is None

    @property
    def never_fired(self) -> tuple[Action, ...]:
        return tuple(action for action, times in self.fired.items() if not times)


Visit = Callable[[GroundSystem, Limits, Callable[[Progress], None]], Exploration]
"""Visits every reachable state of a system, or as many as the limits allow."""


class Search:
    """A breadth-first search, one level at a time."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.packing = Packing(system)
        self.hits: list[tuple[int, int, int]] = []
        self.witness: dict[int, tuple[int, int | None]] = {}
        """By watch: the state that hit it first, and for step watches the step."""
        self.parents: dict[int, int | None] = {}
        """The state that each state was first reached from."""
        self.taken = [0] * len(system.steps)
        self.depth = 0
        self.looked = -1
        """Every run of so many steps was looked at, but not where it may end."""
        self.watches = tuple(watches_of(system))
        self.ends = _ends(system, self.packing)
        self.stuck: list[int] = []
        """States from which no step leads, not yet looked at."""
        self._compile()

    @property
    def transitions(self) -> int:
        return sum(self.taken)

    def _compile(self) -> None:
        pending = [w for w in self.watches if w.name not in self.witness]
        self._expand = compile_expansion(
            self.system, self.packing, pending, self.hits, self.stuck
        )
        self.hit = compile_watches(self.packing, pending)
        self.watching = any(w.step is None for w in pending)

    def start(self) -> list[int]:
        check_start(self.system)
        frontier = []
        for state in starting_states(self.system, self.packing):
            if state not in self.parents:
                self.parents[state] = None
                frontier.append(state)
                self._look(state)
        self.looked = 0
        return frontier

    def _look(self, state: int) -> None:
        """Note the watches that the state is the first to hit."""
        if not self.watching:
            return
        found = [name for name in self.hit(state) if name not in self.witness]
        if found:
            for name in found:
                self.witness[name] = (state, None)
            self._compile()

    def expand(self, states: list[int], reached: list[int]) -> None:
        """Take every step from these states; add what is new to `reached`."""
        seen = len(reached)
        try:
            self._expand(states, self.parents, reached, self.taken)
        finally:
            self._note(reached, seen)

    def _note(self, reached: list[int], seen: int) -> None:
        """Look at what a part of a level has brought, in the order it was found."""
        for state in self.stuck:
            self._note_deadlock(state)
        self.stuck.clear()
        if self.hits:
            for name, at, number in self.hits:
                self.witness.setdefault(name, (at, number))
            self.hits.clear()
            self._compile()
        for place in range(seen, len(reached)):
            if not self.watching:
                break
            if self.hit(reached[place]):
                self._look(reached[place])

    def _note_deadlock(self, state: int) -> None:
        for name, allowed in list(self.ends.items()):
            if not allowed(state):
                self.witness[name] = (state, None)
                del self.ends[name]

    def runs(self) -> dict[int, Run]:
        """By property: the canonical run to what decides it, where that was found."""
        runs = Runs(self.system, self.packing, self.parents)
        found = {}
        for number, rule in enumerate(self.system.properties):
            if 2 * number in self.witness:
                state, step = self.witness[2 * number]
                depth = runs.depth(state)
                if step is None:
                    found[number] = runs.to_state(self._goal(rule), depth)
                else:
                    found[number] = runs.to_step(
                        _broken_by(self.watches, number), depth
                    )
        return found

    def _goal(self, rule: GroundProperty) -> Callable[[int], bool]:
        """Whether a packed state decides a property that is one of states."""
        holds = compile_watches(self.packing, [Watch(0, rule.conditions[0])])
        if rule.property.mode is Mode.REACHABLE:
            return lambda state: bool(holds(state))
        if rule.property.mode is Mode.INVARIANT:
            return lambda state: not holds(state)
        successors = compile_successors(self.system, self.packing)
        return lambda state: not holds(state) and not successors(state)


def explore(
    system: GroundSystem,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow."""
    search = Search(system)
    return _told(search, _visit(search, limits, progress))


def explore_tiny(
    system: GroundSystem,
    limits: Limits,
    progress: Callable[[Progress], None],
    most: int,
) -> Exploration | None:
    """The same, or None if there are more states than that."""
    search = Search(system)
    limit = _visit(search, replace(limits, states=most), progress)
    return None if limit is Limit.STATES else _told(search, limit)


def _visit(
    search: Search, limits: Limits, progress: Callable[[Progress], None]
) -> Limit | None:
    """Visit states; the limit that was met, if one was."""
    limit: Limit | None = None
    try:
        frontier = search.start()
        while frontier and limit is None:
            progress(Progress(search.depth, len(search.parents), len(frontier)))
            reached: list[int] = []
            for begin in range(0, len(frontier), CHUNK):
                search.expand(frontier[begin : begin + CHUNK], reached)
                limit = exceeded(limits, len(search.parents))
                if limit is not None:
                    break
            else:
                search.looked += 1
            search.depth += bool(reached)
            frontier = reached
    except KeyboardInterrupt:
        return Limit.INTERRUPT
    except MemoryError:
        return Limit.MEMORY
    return limit


def _told(search: Search, limit: Limit | None) -> Exploration:
    system = search.system
    fired = dict.fromkeys(system.instance.system.actions, 0)
    for step, times in zip(system.steps, search.taken, strict=True):
        fired[step.action] += times
    runs = search.runs()
    verdicts = tuple(
        _verdict(search, number, runs.get(number), limit)
        for number in range(len(system.properties))
    )
    return Exploration(
        system,
        len(search.parents),
        search.transitions,
        search.depth,
        limit,
        fired,
        verdicts,
    )


def as_far_as(looked: int, mode: Mode, limit: Limit) -> Verdict:
    """The verdict on what every run of so many steps has shown, if any was looked at.

    Whether the last of their states have a step is not known.
    """
    sure = looked - (mode is Mode.DEADLOCK_FREE)
    if mode is Mode.REACHABLE or sure < 0:
        return Unknown(limit)
    return Bounded(sure, limit)


def exceeded(limits: Limits, states: int) -> Limit | None:
    """The limit that a search has met, if one."""
    if limits.states is not None and states >= limits.states:
        return Limit.STATES
    if limits.memory is not None:
        unit = 1 if sys.platform == "darwin" else 1024
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        if used >= limits.memory:
            return Limit.MEMORY
    return None


def watches_of(system: GroundSystem) -> Iterator[Watch]:
    """Two a property: twice its number for a hit, one more for its premise."""
    for number, rule in enumerate(system.properties):
        match rule.property.mode:
            case Mode.STEP_RULE:
                for step, condition in enumerate(rule.conditions):
                    if condition is not TRUE:
                        yield Watch(2 * number, _negation(condition), step)
                for step, premise in enumerate(rule.premises):
                    if premise is not FALSE:
                        yield Watch(2 * number + 1, premise, step)
            case Mode.INVARIANT:
                yield Watch(2 * number, _negation(rule.conditions[0]))
                yield Watch(2 * number + 1, rule.premises[0])
            case Mode.REACHABLE:
                yield Watch(2 * number, rule.conditions[0])


def _ends(
    system: GroundSystem, packing: Packing
) -> dict[int, Callable[[int], list[int]]]:
    """By watch of a deadlock freedom: whether a run may end in a packed state."""
    return {
        2 * number: compile_watches(packing, [Watch(0, rule.conditions[0])])
        for number, rule in enumerate(system.properties)
        if rule.property.mode is Mode.DEADLOCK_FREE
    }


def _broken_by(watches: Iterable[Watch], number: int) -> dict[int, Node]:
    """By step, where it breaks the property, a step rule."""
    return {
        watch.step: watch.condition
        for watch in watches
        if watch.name == 2 * number and watch.step is not None
    }


def _negation(node: Node) -> Node:
    return node.operand if isinstance(node, Not) else Terms().not_(node)


def _verdict(
    search: Search, number: int, run: Run | None, limit: Limit | None
) -> Verdict:
    mode = search.system.properties[number].property.mode
    if mode is Mode.LEADS_TO:
        return Unknown(limit or Limit.UNSUPPORTED)
    if run is not None:
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)
    if limit is not None:
        return as_far_as(search.looked, mode, limit)
    if mode is Mode.REACHABLE:
        return Unreachable(f"{len(search.parents):,} states")
    if mode is not Mode.DEADLOCK_FREE and 2 * number + 1 not in search.witness:
        return Vacuous(f"{len(search.parents):,} states")
    return Exhausted(len(search.parents))


def compile_state(system: GroundSystem, node: Node) -> Callable[[Values], bool]:
    """A function from a state to the truth of a condition."""
    packing = Packing(system)
    hit = compile_watches(packing, [Watch(0, node)])
    return lambda values: bool(hit(packing.pack(values)))


def successors_of(system: GroundSystem) -> Callable[[Values], list[tuple[int, Values]]]:
    """The successor function over unpacked states."""
    packing = Packing(system)
    packed = compile_successors(system, packing)

    def successors(values: Values) -> list[tuple[int, Values]]:
        return [(n, packing.unpack(s)) for n, s in packed(packing.pack(values))]

    return successors
