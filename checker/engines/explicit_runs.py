"""Runs of the explicit search: the canonical one to what it has found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tdxcheck.checker.engines.costs import FAR, Actors, Costs, Last, walk
from tdxcheck.checker.engines.packing import Packing, compile_successors
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import Node, evaluate
from tdxcheck.checker.verdict import Run

_Level = Mapping[int, Costs]
"""The states of a level that lie on a run, each with its costs."""


class Runs:
    """Makes runs of the states that a search has seen, each with its parent."""

    def __init__(
        self, system: GroundSystem, packing: Packing, parents: Mapping[int, int | None]
    ) -> None:
        self.system = system
        self.packing = packing
        self.actors = Actors(system)
        self.successors = compile_successors(system, packing)
        self.levels: list[list[int]] = []
        depth: dict[int, int] = {}
        for state, parent in parents.items():  # A parent comes before its children.
            far = depth[state] = 0 if parent is None else depth[parent] + 1
            if far == len(self.levels):
                self.levels.append([])
            self.levels[far].append(state)
        self._depth = depth
        self._known: list[dict[int, list[tuple[int, int]]]] = []

    def depth(self, state: int) -> int:
        """The steps that it takes to reach the state."""
        return self._depth[state]

    def to_state(self, goal: Callable[[int], bool], depth: int) -> Run:
        """The canonical run to a state of a level that is one of the goal."""
        nothing = [0] * self.actors.count
        ends = {state: nothing for state in self.levels[depth] if goal(state)}
        return self._run(ends, depth, None)

    def to_step(self, conditions: Mapping[int, Node], depth: int) -> Run:
        """The canonical run to a step from a level that meets its condition there."""

        def last(values: Values) -> list[int]:
            return [
                number
                for number, _ in self._steps(values)
                if number in conditions and evaluate(conditions[number], values)
            ]

        ends = {}
        for state in self.levels[depth]:
            costs = [FAR] * self.actors.count
            for number in last(self.packing.unpack(state)):
                costs[self.actors.of[number]] = 0
            if min(costs) < FAR:
                ends[state] = self.actors.before(costs)
        return self._run(ends, depth, last)

    def _run(self, ends: _Level, depth: int, last: Last | None) -> Run:
        ahead = [ends]
        for at in reversed(range(depth)):
            ahead.append(self._before(ahead[-1], at))
        ahead.reverse()
        least = min(map(min, ahead[0].values()))
        unpack, pack = self.packing.unpack, self.packing.pack
        start = min(unpack(s) for s, costs in ahead[0].items() if min(costs) == least)
        levels = [lambda v, level=level: level.get(pack(v)) for level in ahead]
        return walk(self.system, self.actors, start, levels, self._steps, last)

    def _before(self, ahead: _Level, depth: int) -> _Level:
        """The states of a level from which a run goes on there."""
        found: dict[int, list[int]] = {}
        for state, costs in ahead.items():
            for number, origin in self._origins(depth).get(state, ()):
                actor = self.actors.of[number]
                best = found.setdefault(origin, [FAR] * self.actors.count)
                best[actor] = min(best[actor], costs[actor])
        return {state: self.actors.before(costs) for state, costs in found.items()}

    def _origins(self, depth: int) -> dict[int, list[tuple[int, int]]]:
        """By state of the next level: the steps that lead there, and from where."""
        while len(self._known) <= depth:
            origins: dict[int, list[tuple[int, int]]] = {}
            at = len(self._known)
            for state in self.levels[at]:
                for number, target in self.successors(state):
                    if self._depth.get(target) == at + 1:
                        origins.setdefault(target, []).append((number, state))
            self._known.append(origins)
        return self._known[depth]

    def _steps(self, values: Values) -> list[tuple[int, Values]]:
        unpack = self.packing.unpack
        state = self.packing.pack(values)
        return [(number, unpack(target)) for number, target in self.successors(state)]
