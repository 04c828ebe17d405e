"""Runs: the first of the shortest ones, found by walking the levels back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tdxcheck.checker.engines.explicit import watches_of
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.levels import Level
from tdxcheck.checker.engines.packed.program import Command, Program, program
from tdxcheck.checker.engines.packed.vector import Numbers, moves
from tdxcheck.checker.engines.packed.visited import Marks, Steps
from tdxcheck.checker.engines.packing import Watch
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Run

CHUNK = 1 << 16
"""States looked at at a time."""

MARKS = 64
"""Runs that are looked for at once."""


def watch_command(system: GroundSystem, watch: Watch) -> Command:
    guards = () if watch.step is None else system.steps[watch.step].guards
    return Command((*guards, watch.condition))


def among(system: GroundSystem, layout: Layout, watch: Watch, states: Words) -> Numbers:
    """The rows of the states that the watch is hit in."""
    tables = program(layout, [watch_command(system, watch)])
    return np.unique(np.concatenate([m.sources for m in moves(tables, states)]))


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


@dataclass(frozen=True, eq=False)
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
        """The first of the shortest runs to what each of the watches looks for.

        The first by its initial state, then by the numbers of its steps.
        """
        runs: dict[int, Run] = {}
        for at in range(0, len(names), MARKS):
            runs |= self._to(names[at : at + MARKS])
        return runs

    def _to(self, names: Sequence[int]) -> dict[int, Run]:
        """For as many watches as there are marks: the bits of a word."""
        marks = {name: np.uint64(1 << bit) for bit, name in enumerate(names)}
        prepared = self.taking.prepared(self.tables)
        lasts: dict[int, int | None] = {}
        ahead: list[Marked] = []
        """From the last level that matters to the first: from where to go on."""
        for level in reversed(range(1 + max(map(self.found.__getitem__, names)))):
            parts = [self._origins(prepared, level, ahead[-1])] if ahead else []
            for name in names:
                if self.found[name] == level:
                    goal, lasts[name] = self._targets(prepared, name, level)
                    parts.append(Marked(goal, np.full(len(goal), marks[name])))
            ahead.append(_joined(parts))
        ahead.reverse()
        return {
            name: self._run(ahead[: self.found[name] + 1], marks[name], lasts[name])
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

    def _run(self, ahead: Sequence[Marked], mark: np.uint64, last: int | None) -> Run:
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

    def _targets(
        self, prepared: object, name: int, level: int
    ) -> tuple[Words, int | None]:
        """The states of the level that decide, and the step that is then taken."""
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.DEADLOCK_FREE:
            return self._dead_ends(rule, level), None
        watches = [w for w in watches_of(self.system) if w.name == name]
        tables = program(
            self.layout, [watch_command(self.system, watch) for watch in watches]
        )
        hits: dict[int, list[Words]] = {}
        for states in self.levels[level].chunks(CHUNK):
            for found in moves(tables, states):
                for number in np.unique(found.commands):
                    rows = found.sources[found.commands == number]
                    hits.setdefault(int(number), []).append(states[rows])
        first = min(hits)
        return np.concatenate(hits[first]), watches[first].step

    def _dead_ends(self, rule: GroundProperty, level: int) -> Words:
        ends = []
        for states in self.levels[level].chunks(CHUNK):
            stuck = np.ones(len(states), dtype=np.bool_)
            for found in moves(self.tables, states):
                stuck[found.sources] = False
            some = states[stuck]
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
