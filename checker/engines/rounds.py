"""Rounds: a fair cycle by way of one turn after the other.

The shortest cycle on which every turn is taken or ceases to be due is as hard to find
as a shortest tour. Where there are many turns, a cycle goes on to the nearest state or
step that settles one of those that are left, and at last back to where it began.
"""

from __future__ import annotations

from collections.abc import Mapping

from tdxcheck.checker.engines.spaces import Space, States, Turn
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import Values


class Round:
    """A fair cycle through a state, inside a component."""

    def __init__(
        self, space: Space, turns: Mapping[int, Turn], state: Values, inside: States
    ) -> None:
        self.space = space
        self.begin = state
        self.inside = inside
        self.left = dict(turns)
        """The turns that are still to be settled."""
        self.state = state
        self.steps: list[int] = []

    def make(self) -> list[int]:
        """The steps of the cycle: of each way the first of the shortest."""
        while self.left:
            self._go(self._settling(), settle=True)
        if self.state != self.begin or not self.steps:
            self._go(self.space.only(self.begin), settle=False)
        return self.steps

    def _settling(self) -> States:
        """The states in which a turn is settled by not being due."""
        found = self.space.nothing
        for turn in self.left.values():
            if not turn.strong:
                found = found | (self.inside & ~turn.due)
        return found

    def _last_steps(self, layer: States) -> list[tuple[int, States]]:
        """The steps that settle a turn, each with the states where they do."""
        found = []
        for step in self.space.steps:
            origins = self.space.nothing
            for turn in self.left.values():
                if step in turn.steps:
                    origins = origins | turn.applies
            there = layer & origins & self.space.before(self.inside, step)
            if not self.space.is_empty(there):
                found.append((step, there))
        return found

    def _go(self, goal: States, *, settle: bool) -> None:
        """Take a shortest way of at least one step to the goal, or to a last step."""
        layers = [self.space.only(self.state)]
        seen = layers[0] if settle else self.space.nothing
        while True:
            last = self._last_steps(layers[-1]) if settle else []
            if last:
                self._walk(layers, last[0][1])
                self._take(last[0][0])
                return
            layer = self.space.after_any(layers[-1]) & self.inside & ~seen
            assert not self.space.is_empty(layer), "a component leads everywhere in it"
            seen = seen | layer
            layers.append(layer)
            if not self.space.is_empty(layer & goal):
                self._walk(layers, goal)
                return

    def _walk(self, layers: list[States], goal: States) -> None:
        """Go to the goal on the last layer, by the first steps that lead there."""
        ahead = [layers[-1] & goal]
        for layer in reversed(layers[:-1]):
            ahead.append(layer & self.space.before_any(ahead[-1]))
        ahead.reverse()
        for wanted in ahead[1:]:
            here = self.space.only(self.state)
            self._take(
                next(
                    step
                    for step in self.space.steps
                    if not self.space.is_empty(self.space.after(here, step) & wanted)
                )
            )

    def _take(self, step: int) -> None:
        """Take the step, and leave out the turns that are settled by it."""
        here = self.space.only(self.state)
        self.state = taken(self.space.system.steps[step], self.state)
        self.steps.append(step)
        there = self.space.only(self.state)
        for number, turn in list(self.left.items()):
            took = step in turn.steps and not self.space.is_empty(here & turn.applies)
            idle = not turn.strong and self.space.is_empty(there & turn.due)
            if took or idle:
                del self.left[number]
