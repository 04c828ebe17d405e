"""Costs: the canonical run, for engines that visit states one by one.

Of the shortest runs the cheapest, where each change of actor costs one and so does each
step of an actor from outside; and of those the first, by its initial state and then by
the numbers of its steps. An engine finds from the end to the start what is still to be
paid; `walk` goes from the start to the end. `diagrams/runs.py` does the same with sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.verdict import Run

FAR = 1 << 14
"""More than a run costs: no run leads on so."""

Costs = Sequence[int]
"""Of a state: what the cheapest run from there on costs, by actor."""

Ahead = Callable[[Values], Costs | None]
"""Of the states of a level: their costs by the actor of the step before, or None for
one that lies on no shortest run."""

Last = Callable[[Values], Iterable[int]]
"""The steps that a run may end with, from a state of its last level."""


class Actors:
    """The actors of a system's steps, by numbers."""

    def __init__(self, system: GroundSystem) -> None:
        named = [step.action.actor for step in system.steps]
        numbers = {actor: n for n, actor in enumerate(dict.fromkeys(named))}
        self.count = len(numbers) or 1
        self.of = [numbers[actor] for actor in named]
        """By the number of a step."""
        outside = system.instance.system.outside
        self.fees = [int(actor in outside) for actor in numbers] or [0]
        """What a step costs whoever came before, by actor."""

    def steps(self, actor: int) -> list[int]:
        """The numbers of the steps that the actor takes."""
        return [number for number, other in enumerate(self.of) if other == actor]

    def before(self, costs: Costs) -> list[int]:
        """From costs by the actor of the next step, when it has been taken, to those
        by the actor of the step before."""
        paid = [cost + fee for cost, fee in zip(costs, self.fees, strict=True)]
        change = min(paid) + 1
        return [min(cost, change) for cost in paid]


def walk(
    system: GroundSystem,
    actors: Actors,
    start: Values,
    ahead: Sequence[Ahead],
    successors: Callable[[Values], Iterable[tuple[int, Values]]],
    last: Last | None = None,
) -> Run:
    """The canonical run from this state, through levels, of which it lies on the first.

    `successors` gives the steps from a state by their numbers, `last` those of which
    one is taken from the last level, if the run does not end there.
    """
    costs = ahead[0](start)
    assert costs is not None, "the run starts on it"
    left = min(costs)
    values, previous = start, None
    states, steps = [start], []

    def rest(number: int) -> int:
        changed = previous is not None and previous != actors.of[number]
        return left - changed - actors.fees[actors.of[number]]

    for level in ahead[1:]:
        for number, following in successors(values):
            costs = level(following)
            if costs is not None and costs[actors.of[number]] <= rest(number):
                break
        else:
            raise AssertionError("some step leads on")
        left, previous, values = rest(number), actors.of[number], following
        states.append(values)
        steps.append(number)
    for number in last(values) if last else ():
        if rest(number) >= 0:
            states.append(taken(system.steps[number], values))
            steps.append(number)
            break
    return Run(tuple(states), tuple(steps))
