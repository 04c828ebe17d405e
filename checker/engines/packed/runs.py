"""Runs: the canonical ones, found by walking the levels back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.costs import FAR, Actors, Costs, walk
from tdxcheck.checker.engines.explicit import watches_of
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.levels import Level
from tdxcheck.checker.engines.packed.program import Command, Program, program
from tdxcheck.checker.engines.packed.vector import Numbers, moves, moving
from tdxcheck.checker.engines.packed.vector_visited import keys_of
from tdxcheck.checker.engines.packed.visited import Marks, Steps
from tdxcheck.checker.engines.packing import Watch
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Run

CHUNK = 1 << 16
"""States looked at at a time."""

MARKS = 64
"""Runs that are looked for at once."""


def watch_command(system: GroundSystem, watch: Watch) -> Command:
    guards = () if watch.step is None else system.steps[watch.step].guards
    return Command((*guards, watch.condition))


def step_command(system: GroundSystem, number: int) -> Command:
    step = system.steps[number]
    assert step.number == number
    return Command(
        step.guards, [(system.slots[n].term, v) for n, v in step.updates.items()]
    )


def among(system: GroundSystem, layout: Layout, watch: Watch, states: Words) -> Numbers:
    """The rows of the states that the watch is hit in."""
    tables = program(layout, [watch_command(system, watch)])
    return moving(tables, states)


@dataclass(frozen=True, eq=False)
class Marked:
    """States, each with marks, as bits, of the runs that it is good for."""

    states: Words
    marks: Marks

    def having(self, mark: np.uint64) -> Words:
        marked: Words = self.states[self.marks & mark != 0]
        return marked


def _joined(parts: Sequence[Marked]) -> Marked:
    """All states, each once, with all of its marks."""
    states = np.concatenate([part.states for part in parts])
    marks = np.concatenate([part.marks for part in parts])
    states, inverse = np.unique(states, axis=0, return_inverse=True)
    joined = np.zeros(len(states), dtype=np.uint64)
    np.bitwise_or.at(joined, inverse.reshape(-1), marks)
    return Marked(states, joined)


Costly = npt.NDArray[np.int64]
"""Of each state a row of costs, by the actor of the step before."""


def before_all(actors: Actors, costs: Costly) -> Costly:
    """`Actors.before` of every row."""
    paid = costs + np.array(actors.fees)
    changed: Costly = np.minimum(paid, paid.min(axis=1, keepdims=True) + 1)
    return changed


class Rows:
    """States of a level that lie on a run, each with its costs."""

    def __init__(self, states: Words, costs: Costly) -> None:
        keys = keys_of(states)
        order = np.argsort(keys, kind="stable")
        self.states = states[order]
        self.costs = costs[order]
        self._keys = keys[order]

    def of(self, state: Words) -> Costs | None:
        """The costs of a state, or None for one that lies on no run."""
        key = keys_of(state)[0]
        at = int(np.searchsorted(self._keys, key))
        if at == len(self._keys) or self._keys[at] != key:
            return None
        costs: Costs = self.costs[at].tolist()
        return costs


@dataclass(eq=False)
class Runs:
    """Finds runs among the levels of a search."""

    system: GroundSystem
    layout: Layout
    tables: Program
    """Of the steps of the system."""
    taking: Steps
    levels: Sequence[Level]
    found: Mapping[int, int]
    """By the name of a watch: the level where it was first hit."""

    def to(self, names: Sequence[int]) -> dict[int, Run]:
        """The canonical run to what each of the watches looks for."""
        runs: dict[int, Run] = {}
        for at in range(0, len(names), MARKS):
            runs |= self._to(names[at : at + MARKS])
        return runs

    def _to(self, names: Sequence[int]) -> dict[int, Run]:
        """For as many watches as there are marks: the bits of a word."""
        marks = {name: np.uint64(1 << bit) for bit, name in enumerate(names)}
        prepared = self.taking.prepared(self.tables)
        ahead: list[Marked] = []
        """From the last level that matters to the first: from where to go on."""
        for level in reversed(range(1 + max(map(self.found.__getitem__, names)))):
            parts = [self._origins(prepared, level, ahead[-1])] if ahead else []
            for name in names:
                if self.found[name] == level:
                    goal = self._goal(name, level)
                    parts.append(Marked(goal, np.full(len(goal), marks[name])))
            ahead.append(_joined(parts))
        ahead.reverse()
        return {
            name: self._run(
                name,
                [part.having(marks[name]) for part in ahead[: self.found[name] + 1]],
            )
            for name in names
        }

    def _origins(self, prepared: object, level: int, ahead: Marked) -> Marked:
        """The states of a level from which a step leads to these."""
        goal = self.taking.goal(ahead.states, ahead.marks)
        parts = [Marked(ahead.states[:0], ahead.marks[:0])]
        for states in self.levels[level].chunks(CHUNK):
            rows, marks = self.taking.origins(prepared, states, goal)
            parts.append(Marked(states[rows], marks))
        return _joined(parts)

    def _run(self, name: int, levels: Sequence[Words]) -> Run:
        """The canonical run through levels, all states of which lie on some run."""
        watches = self._watches(name)
        by_step = {w.step: w.condition for w in watches if w.step is not None}

        def last(values: Values) -> Iterator[int]:
            for number, _ in self._successors(values):
                if number in by_step and evaluate(by_step[number], values):
                    yield number

        costs = np.zeros((len(levels[-1]), self.actors.count), dtype=np.int64)
        if by_step:
            costs = self._last_costs(watches, levels[-1])
        ahead = [Rows(levels[-1], costs)]
        for states in reversed(levels[:-1]):
            ahead.append(Rows(states, self._costs(states, ahead[-1])))
        ahead.reverse()
        least = ahead[0].costs.min(axis=1)
        first = ahead[0].states[least == least.min()]
        return walk(
            self.system,
            self.actors,
            min(map(self.layout.unpack, first)),
            [partial(self._of, rows) for rows in ahead],
            self._successors,
            last if by_step else None,
        )

    def _of(self, rows: Rows, values: Values) -> Costs | None:
        return rows.of(self.layout.pack_all([values]))

    def _last_costs(self, watches: Sequence[Watch], states: Words) -> Costly:
        """The costs of states from which the last step is taken."""
        commands = [watch_command(self.system, watch) for watch in watches]
        actors = np.array(
            [self.actors.of[w.step] for w in watches if w.step is not None]
        )
        costs = np.full((len(states), self.actors.count), FAR, dtype=np.int64)
        for found in moves(program(self.layout, commands), states):
            costs[found.sources, actors[found.commands]] = 0
        return before_all(self.actors, costs)

    def _costs(self, states: Words, ahead: Rows) -> Costly:
        """The costs of states from which steps lead to those ahead."""
        costs = np.full((len(states), self.actors.count), FAR, dtype=np.int64)
        for actor, tables in enumerate(self._by_actor):
            theirs = ahead.costs[:, actor]
            for base in range(theirs.min(), theirs.max() + 1, MARKS):
                near = (theirs >= base) & (theirs < base + MARKS)
                bits = np.uint64(1) << (theirs[near] - base).astype(np.uint64)
                goal = self.taking.goal(ahead.states[near], bits)
                rows, marks = self.taking.origins(tables, states, goal)
                least = base + np.log2((marks & -marks).astype(np.float64))
                costs[rows, actor] = np.minimum(costs[rows, actor], least)
        return before_all(self.actors, costs)

    @cached_property
    def actors(self) -> Actors:
        return Actors(self.system)

    @cached_property
    def _by_actor(self) -> list[Any]:
        """The steps of each actor, as they are taken."""
        return [
            self.taking.prepared(
                program(
                    self.layout,
                    [step_command(self.system, n) for n in self.actors.steps(actor)],
                )
            )
            for actor in range(self.actors.count)
        ]

    def _watches(self, name: int) -> list[Watch]:
        return [watch for watch in watches_of(self.system) if watch.name == name]

    def _goal(self, name: int, level: int) -> Words:
        """The states of the level that decide."""
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.DEADLOCK_FREE:
            return self._dead_ends(rule, level)
        commands = [watch_command(self.system, w) for w in self._watches(name)]
        tables = program(self.layout, commands)
        parts = []
        for states in self.levels[level].chunks(CHUNK):
            parts.append(states[moving(tables, states)])
        return np.concatenate(parts)

    def _dead_ends(self, rule: GroundProperty, level: int) -> Words:
        ends = []
        for states in self.levels[level].chunks(CHUNK):
            some = np.delete(states, moving(self.tables, states), axis=0)
            allowed = among(
                self.system, self.layout, Watch(0, rule.conditions[0]), some
            )
            ends.append(np.delete(some, allowed, axis=0))
        return np.concatenate(ends)

    def _successors(self, values: Values) -> list[tuple[int, Values]]:
        """The steps from a state, by their numbers."""
        state = self.layout.pack_all([values])
        found = [
            (int(number), self.layout.unpack(row))
            for part in moves(self.tables, state)
            for number, row in zip(part.commands, part.targets, strict=True)
        ]
        return sorted(found, key=lambda pair: pair[0])
