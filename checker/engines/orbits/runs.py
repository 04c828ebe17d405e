"""Runs: what the search has found in orbits, as runs of the system itself.

The first of the shortest runs: first by its initial state, then by the numbers of its
steps. Which orbits lie on a shortest run is found from its end to its start; then
steps are taken from a state itself, each time the first that stays in those orbits.

What breaks a step rule is one step, with its own elements. Orbits are then those of the
permutations that leave these elements where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from tdxcheck.checker.engines.explicit import watches_of
from tdxcheck.checker.engines.orbits import program
from tdxcheck.checker.engines.orbits.search import CHUNK, Search
from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.engines.orbits.stores import Store, store_for
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packing import Packing, Watch
from tdxcheck.checker.engines.starting import starting_states
from tdxcheck.checker.ground.forms import Forms
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.verdict import Run


class Runs:
    """Makes runs of a search that has come to its end."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.system: GroundSystem = search.system

    def run_to(self, name: int) -> Run:
        """The run to what a watch has found."""
        level = self.search.found[name]
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.STEP_RULE:
            return self._to_step(name, level)
        goal = self._goal(name, level)
        return self._walk(self.search.shape, self._ahead(goal, level), None)

    # The end.

    def _goal(self, name: int, level: int) -> Words:
        """The canonical states of the level that decide a property of states."""
        states = self._level(level)
        rule = self.system.properties[name // 2]
        if rule.property.mode is Mode.DEADLOCK_FREE:
            watch = Watch(name, rule.conditions[0])
            store = self._stored(self.search.shape, states)
            ignored = np.zeros(len(self.system.steps), dtype=np.uint64)
            steps = store.prepared(self.search.groups)
            stuck = self.search.rows(
                store.expand(steps, 0, len(states), ignored), store
            )
            return np.delete(stuck, self.search.hitting(watch, stuck), axis=0)
        watch = next(w for w in watches_of(self.system) if w.name == name)
        return states[self.search.hitting(watch, states)]

    def _to_step(self, name: int, level: int) -> Run:
        states = self._level(level)
        hits = {
            watch.step: rows
            for watch in watches_of(self.system)
            if watch.name == name and watch.step is not None
            if len(rows := self.search.hitting(watch, states))
        }
        images = {step: self._images(step) for step in hits}
        first = min(min(image) for image in images.values())
        like = [hits[step] for step, image in images.items() if first in image]
        goal = states[np.unique(np.concatenate(like))]
        ahead = self._ahead(goal, level)
        symmetry = self.search.symmetry.fixing(_elements(self.system.steps[first]))
        shape = Shape(self.system, symmetry, self.search.shape.layout)
        watch = next(
            w for w in watches_of(self.system) if w.name == name and w.step == first
        )
        return self._walk(shape, self._narrowed(shape, ahead, watch), first)

    def _images(self, number: int) -> set[int]:
        """The steps that symmetry makes of a step."""
        forms = Forms(self.system)
        scope = self.system.instance.scope
        generators = list(self.search.symmetry.generators(scope))
        found, frontier = {number}, [number]
        while frontier:
            step = self.system.steps[frontier.pop()]
            for permutation in generators:
                image = forms.step(step, permutation)
                assert image is not None, "the steps are symmetric"
                if image.number not in found:
                    found.add(image.number)
                    frontier.append(image.number)
        return found

    # From the end to the start.

    def _ahead(self, goal: Words, level: int) -> list[Words]:
        """By level: the canonical states that lie on a shortest run to the goal."""
        search, ahead = self.search, [goal]
        for number in reversed(range(level)):
            begin, end = search.levels[number : number + 2]
            store = self._stored(search.shape, ahead[-1])
            found = [
                search.store.origins(search.steps, at, min(end, at + CHUNK), store)
                for at in range(begin, end, CHUNK)
            ]
            ahead.append(search.rows(np.concatenate(found)))
        ahead.reverse()
        return ahead

    def _narrowed(self, shape: Shape, ahead: list[Words], watch: Watch) -> list[Words]:
        """The same for one step alone, in the orbits of fewer permutations."""
        groups = program.steps_of(self.system, shape)
        whole = [_Set(states) for states in ahead]
        levels = [self._kept(self._initial(shape, ahead[0]), whole[0])]
        for orbits in whole[1:]:
            store = self._stored(shape, levels[-1])
            ignored = np.zeros(len(self.system.steps), dtype=np.uint64)
            count = len(store)
            store.expand(store.prepared(groups), 0, count, ignored)
            levels.append(self._kept(store.states(count, len(store)), orbits))
        hit = self.search.hitting(watch, levels[-1])
        narrowed = [levels.pop()[hit]]
        while levels:
            states = levels.pop()
            store = self._stored(shape, states)
            steps = store.prepared(groups)
            goal = self._stored(shape, narrowed[-1])
            rows = store.origins(steps, 0, len(store), goal)
            narrowed.append(self.search.rows(rows, store))
        narrowed.reverse()
        return narrowed

    def _initial(self, shape: Shape, states: Words) -> Words:
        """The initial states of some orbits, in the orbits of fewer permutations."""
        found = _Set(states)
        packing = Packing(self.system)
        store = self._stored(shape, states[:0])
        starts = starting_states(self.system, packing)
        while some := list(islice(starts, CHUNK)):
            packed = shape.layout.pack_all(map(packing.unpack, some))
            store.add(self._kept(packed, found))
        return store.states(0, len(store))

    def _kept(self, states: Words, orbits: _Set) -> Words:
        """Those of the states that are of these orbits."""
        rows = orbits.has(self.search.shape.canonical(states))
        kept: Words = states[rows]
        return kept

    # From the start to the end.

    def _walk(self, shape: Shape, ahead: Sequence[Words], last: int | None) -> Run:
        layout = shape.layout
        values = min(map(layout.unpack, shape.images(ahead[0])))
        states, steps = [values], []
        for orbits in map(_Set, ahead[1:]):
            for step in self.system.steps:
                if all(evaluate(guard, values) for guard in step.guards):
                    after = taken(step, values)
                    if orbits.has(shape.canonical(layout.pack_all([after])))[0]:
                        break
            else:
                raise AssertionError("some step leads on")
            values = after
            states.append(values)
            steps.append(step.number)
        if last is not None:
            states.append(taken(self.system.steps[last], values))
            steps.append(last)
        return Run(tuple(states), tuple(steps))

    def _level(self, level: int) -> Words:
        begin, end = self.search.levels[level : level + 2]
        return self.search.store.states(begin, end)

    def _stored(self, shape: Shape, states: Words) -> Store:
        groups = (
            self.search.groups
            if shape is self.search.shape
            else program.steps_of(self.system, shape)
        )
        store = store_for(shape, [groups], compiled=self.search.compiled)
        store.add(states)
        return store


class _Set:
    """Some canonical states, to be asked whether they have others."""

    def __init__(self, states: Words) -> None:
        self.keys = np.unique(_keys(states))

    def has(self, states: Words) -> Any:
        if not len(self.keys):
            return np.zeros(len(states), dtype=np.bool_)
        keys = _keys(states)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return self.keys[at] == keys


def _keys(states: Words) -> Any:
    rows = np.ascontiguousarray(states)
    if rows.shape[1] == 1:
        return rows.reshape(-1)
    return rows.view(f"V{8 * rows.shape[1]}").reshape(-1)


def _elements(step: GroundStep) -> set[tuple[type[Index], int]]:
    """The elements that a step is about."""
    return {
        (parameter.sort, argument)
        for parameter, argument in zip(
            step.action.parameters, step.arguments, strict=True
        )
        if isinstance(parameter.sort, type) and issubclass(parameter.sort, Index)
    }
