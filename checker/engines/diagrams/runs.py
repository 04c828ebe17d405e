"""The canonical run: the cheapest of the shortest ones.

A change of actor costs one, and so does a step of an actor from outside. Among equals
it is the first, by its initial state and then by the numbers of its steps. Every engine
shows the same: a reader can follow an actor for as long as it may act, and nobody from
outside does what the story would do without.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import reduce
from operator import or_

from tdxcheck.checker.engines.diagrams.deciding import Target
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.joining import Joint
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.verdict import Run

Actor = Enum | None

Ahead = dict[Actor, list[Diagram]]
"""By the actor of the step before: the states of a level that lie on a run to the end
that costs nothing from here on, at most one, at most two..."""


def canonical_run(
    encoding: Encoding,
    joints: Sequence[Joint],
    levels: Sequence[Diagram],
    targets: Sequence[Target],
) -> Run:
    """The canonical run to one of the targets, first met on the last of the levels.

    A level may have the states of those before it.
    """
    return _Canonical(encoding, joints, targets).run(levels)


class _Canonical:
    def __init__(
        self, encoding: Encoding, joints: Sequence[Joint], targets: Sequence[Target]
    ) -> None:
        self.encoding = encoding
        self.joints = joints
        self.targets = targets
        self.steps = encoding.system.steps
        acting = [joint.action.actor for joint in joints]
        acting += [self._actor(t.step) for t in targets if t.step is not None]
        self.actors = list(dict.fromkeys(acting)) or [None]
        self.outside = encoding.system.instance.system.outside

    def run(self, levels: Sequence[Diagram]) -> Run:
        leading: list[list[Move]] = []
        ahead = [self._ends(levels[-1])]
        for level in reversed(levels[:-1]):
            before, steps = self._before(level, ahead[-1])
            ahead.append(before)
            leading.append(steps)
        return self._walk(ahead[::-1], leading[::-1])

    def _ends(self, level: Diagram) -> Ahead:
        """What is still to come on the last level: nothing, or one step."""
        false = self.encoding.manager.false
        if any(target.step is None for target in self.targets):
            goal = reduce(or_, (level & target.states for target in self.targets))
            return {actor: [goal] for actor in self.actors}
        costs = {actor: [false] for actor in self.actors}
        for target in self.targets:
            if target.step is not None:
                costs[self._actor(target.step)][0] |= level & target.states
        return self._after(costs)

    def _actor(self, number: int) -> Actor:
        return self.steps[number].action.actor

    def _before(self, level: Diagram, ahead: Ahead) -> tuple[Ahead, list[Move]]:
        """The same a level earlier, and the steps that may lead on from there."""
        false = self.encoding.manager.false
        costs = {actor: [false] * len(ahead[actor]) for actor in self.actors}
        leading: list[Move] = []
        for joint in self.joints:
            actor = joint.action.actor
            whole = level & self.encoding.before(ahead[actor][-1], joint)
            if whole == false:
                continue
            leading += joint.moves
            costs[actor][-1] |= whole
            for cost, goal in enumerate(ahead[actor][:-1]):
                if goal != false:
                    costs[actor][cost] |= whole & self.encoding.before(goal, joint)
        return self._after(costs), leading

    def _after(self, costs: dict[Actor, list[Diagram]]) -> Ahead:
        """From the actor of the next step, taken, to that of the step before."""
        false = self.encoding.manager.false
        for paid in self.outside & costs.keys():
            costs[paid] = [false, *costs[paid]]
        most = max(map(len, costs.values()))
        any_actor = [
            reduce(or_, (_at(found, cost) for found in costs.values()))
            for cost in range(most)
        ]
        ahead: Ahead = {}
        for actor, found in costs.items():
            wide = [_at(found, 0)]
            for cost in range(1, most + 1):
                if wide[-1] == any_actor[-1]:
                    break
                wide.append(_at(found, cost) | any_actor[cost - 1])
            ahead[actor] = wide
        return ahead

    def _walk(self, ahead: Sequence[Ahead], leading: Sequence[Sequence[Move]]) -> Run:
        encoding, false = self.encoding, self.encoding.manager.false
        left = 0
        while not (there := self._within(ahead[0], left)) != false:
            left += 1
        states = [encoding.first(there)]
        steps: list[int] = []
        previous: list[Actor] = []
        """The actor of the last step, after the first."""
        for moves, goals in zip(leading, ahead[1:], strict=True):
            here = encoding.state(states[-1])
            for move in moves:
                actor = move.step.action.actor
                rest = left - self._price(actor, previous)
                if rest < 0:
                    continue
                if _at(goals[actor], rest) & encoding.after(here, move) != false:
                    break
            else:
                raise AssertionError("some step leads on")
            left, previous = rest, [actor]
            states.append(taken(move.step, states[-1]))
            steps.append(move.step.number)
        here = encoding.state(states[-1])
        for target in self.targets:
            if target.step is None or target.states & here == false:
                continue
            if left >= self._price(self._actor(target.step), previous):
                states.append(taken(self.steps[target.step], states[-1]))
                steps.append(target.step)
                break
        return Run(tuple(states), tuple(steps))

    def _price(self, actor: Actor, previous: Sequence[Actor]) -> int:
        """What a step of the actor costs after that of another, if there was one."""
        return (previous not in ([], [actor])) + (actor in self.outside)

    def _within(self, ahead: Ahead, cost: int) -> Diagram:
        """The states from which a run costs no more, whoever acts next."""
        return reduce(or_, (_at(found, cost) for found in ahead.values()))


def _at(found: Sequence[Diagram], cost: int) -> Diagram:
    """What costs no more than that; the last of the sets has every state."""
    return found[min(cost, len(found) - 1)]
