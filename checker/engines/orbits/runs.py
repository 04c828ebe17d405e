"""Runs: what the search has found in orbits, as canonical runs of the system itself.

Which orbits lie on a shortest run, and at what cost, is found from its
end to its start: all states of an orbit have the same of both. Then steps are taken
from a state itself, each time the first that stays in those orbits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from tdxcheck.checker.engines.costs import FAR, Actors, Costs, walk
from tdxcheck.checker.engines.explicit import watches_of
from tdxcheck.checker.engines.orbits import program
from tdxcheck.checker.engines.orbits.search import CHUNK, Search
from tdxcheck.checker.engines.orbits.stores import Store, store_for
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.runs import Rows, before_all
from tdxcheck.checker.engines.packing import Watch
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Run


class Runs:
    """Makes runs of a search that has come to its end."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.system: GroundSystem = search.system
        self.actors = Actors(self.system)

    def run_to(self, name: int) -> Run:
        """The canonical run to what a watch has found."""
        level = self.search.found[name]
        watches = [w for w in watches_of(self.system) if w.name == name]
        by_step = {w.step: w.condition for w in watches if w.step is not None}

        def last(values: Values) -> Iterator[int]:
            for number, condition in by_step.items():
                guards = self.system.steps[number].guards
                if all(evaluate(node, values) for node in (*guards, condition)):
                    yield number

        if by_step:
            ends = self._before_last(watches, level)
        else:
            goal = self._goal(name, watches, level)
            costs = np.zeros((len(goal), self.actors.count), dtype=np.int64)
            ends = Rows(goal, costs)
        ahead = self._ahead(ends, level)
        shape = self.search.shape
        least = ahead[0].costs.min(axis=1)
        first = ahead[0].states[least == least.min()]
        return walk(
            self.system,
            self.actors,
            min(map(shape.layout.unpack, shape.images(first))),
            [partial(self._of, rows) for rows in ahead],
            self._successors,
            last if by_step else None,
        )

    # The end.

    def _goal(self, name: int, watches: Sequence[Watch], level: int) -> Words:
        """The canonical states of the level that decide a property of states."""
        states = self._level(level)
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.DEADLOCK_FREE:
            watch = Watch(name, rule.conditions[0])
            store = self._stored(states)
            ignored = np.zeros(len(self.system.steps), dtype=np.uint64)
            steps = store.prepared(self.search.groups)
            stuck = self.search.rows(
                store.expand(steps, 0, len(states), ignored), store
            )
            return np.delete(stuck, self.search.hitting(watch, stuck), axis=0)
        return states[self.search.hitting(watches[0], states)]

    def _before_last(self, watches: Sequence[Watch], level: int) -> Rows:
        """The canonical states of the level from which the last step is taken."""
        states = self._level(level)
        costs = np.full((len(states), self.actors.count), FAR, dtype=np.int64)
        for watch in watches:
            assert watch.step is not None
            hit = self.search.hitting(watch, states)
            costs[hit, self.actors.of[watch.step]] = 0
        hit = costs.min(axis=1) < FAR
        return Rows(states[hit], before_all(self.actors, costs[hit]))

    # From the end to the start.

    def _ahead(self, ends: Rows, level: int) -> list[Rows]:
        """By level: the canonical states that lie on a shortest run to the end."""
        ahead = [ends]
        for number in reversed(range(level)):
            ahead.append(self._before(ahead[-1], *self.search.levels[number:][:2]))
        ahead.reverse()
        return ahead

    def _before(self, ahead: Rows, begin: int, end: int) -> Rows:
        """The canonical states of a level, from number to number, that lead there."""
        costs = np.full((end - begin, self.actors.count), FAR, dtype=np.int64)
        for actor, steps in enumerate(self._by_actor):
            theirs = ahead.costs[:, actor]
            for cost in range(theirs.max(), theirs.min() - 1, -1):
                goal = self._stored(ahead.states[theirs <= cost])
                for at in range(begin, end, CHUNK):
                    last = min(end, at + CHUNK)
                    found = self.search.store.origins(steps, at, last, goal)
                    costs[found - begin, actor] = cost
        leads = np.flatnonzero(costs.min(axis=1) < FAR)
        states = self.search.rows(leads + begin)
        return Rows(states, before_all(self.actors, costs[leads]))

    @cached_property
    def _by_actor(self) -> list[Any]:
        """The steps of each actor, as the search takes them."""
        search = self.search
        return [
            search.store.prepared(
                program.steps_of(self.system, search.shape, self.actors.steps(actor))
            )
            for actor in range(self.actors.count)
        ]

    # From the start to the end.

    def _of(self, rows: Rows, values: Values) -> Costs | None:
        shape = self.search.shape
        return rows.of(shape.canonical(shape.layout.pack_all([values])))

    def _successors(self, values: Values) -> Iterator[tuple[int, Values]]:
        for step in self.system.steps:
            if all(evaluate(guard, values) for guard in step.guards):
                yield step.number, taken(step, values)

    def _level(self, level: int) -> Words:
        begin, end = self.search.levels[level : level + 2]
        return self.search.store.states(begin, end)

    def _stored(self, states: Words) -> Store:
        search = self.search
        store = store_for(search.shape, [search.groups], compiled=search.compiled)
        store.add(states)
        return store
