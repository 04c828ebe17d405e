"""Visited: the states that a machine reaches, and what is never so in them."""

from __future__ import annotations

from tdxcheck.checker.engines.diagrams import encoding as diagrams
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.grounded import Cube, Grounded, Part
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.system import GroundStep, no_initial_state
from tdxcheck.checker.language.terms import Index


class Visited(Grounded):
    """The states that one machine reaches.

    Or some of them: if nothing is done to more than so many elements of a sort.
    """

    def __init__(self, part: Part, clock: Clock, most: int | None = None) -> None:
        super().__init__(part)
        self.diagrams = diagrams.Encoding(part.system)
        self.moves = self.diagrams.moves()
        self._false = self.diagrams.manager.false
        self._told: dict[tuple[int, tuple[int, ...]], Diagram] = {}
        start = self.diagrams.initial()
        moves = [m for m in self.moves if most is None or _is_within(m.step, most)]
        self.reachable = closure(self.diagrams, moves, start, clock.look)
        if self.reachable == self._false:
            raise no_initial_state(part.system)

    def is_true(self, clause: Clause) -> bool:
        """It is about this machine, and so in every state."""
        try:
            first = next(self.instances(clause), None)
        except KeyError:
            return False
        return first is not None and self.never(first)

    def never(self, cube: Cube) -> bool:
        """No state is so."""
        every = self.diagrams.manager.true
        for slot, values in cube.items():
            every &= self._holds(slot, values)
        return bool(self.reachable & every == self._false)

    def _holds(self, slot: int, values: tuple[int, ...]) -> Diagram:
        """The slot has one of the values, or the condition after them this one."""
        key = slot, values
        if key not in self._told:
            self._told[key] = self._made(slot, values)
        return self._told[key]

    def _made(self, slot: int, values: tuple[int, ...]) -> Diagram:
        if slot >= self.slots:
            truth = self.diagrams.truth(self.conditions[slot - self.slots].node)
            return truth if values[0] else ~truth
        found = self._false
        for value in values:
            found |= self.diagrams.holds(self.system.slots[slot], value)
        return found


def _is_within(step: GroundStep, most: int) -> bool:
    arguments = zip(step.action.parameters, step.arguments, strict=True)
    return all(
        argument < most
        for parameter, argument in arguments
        if isinstance(parameter, Index)
    )
