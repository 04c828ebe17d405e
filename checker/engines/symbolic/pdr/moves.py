"""Moves: how each step of a system can lead into a cube, in a SAT solver's literals.

A cube is a conjunction of literals of slots, "this slot has not that value". Whether
a step leads into it is asked of the state before the step: there the guards must hold,
and of every literal what the step makes of it. Only steps that assign a slot of the
cube can lead into it from outside, and no variable is needed for the state after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tdxcheck.checker.engines.symbolic.pdr.literals import FALSE, TRUE, Literals
from tdxcheck.checker.engines.symbolic.target import Target
from tdxcheck.checker.ground.system import GroundSystem

Cube = frozenset[int]


@dataclass(frozen=True, eq=False)
class Move:
    """What must hold before a step for it to lead into a cube."""

    step: int
    before: dict[int, int]
    """By literal that must hold, the literal of the cube that asks for it."""
    guard: int


class Moves:
    """The steps of one system over its literals."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.literals = Literals(system)
        self.guards = [self.literals.all(step.guards) for step in system.steps]
        self.changing: list[list[int]] = [[] for _ in system.slots]
        """By slot, the steps that assign it."""
        for step in system.steps:
            if self.guards[step.number] != FALSE:
                for slot in step.updates:
                    self.changing[slot].append(step.number)
        self._after: list[dict[int, int]] = [{} for _ in system.steps]
        """By step and literal, what must hold before for the literal to hold after."""
        self.initial = self._initial()
        self.at_start = {
            self.literals.not_value(slot.number, slot.start)
            for slot in system.slots
            if slot.start is not None and slot.term.low < slot.term.high
        }
        """Literals that no initial state satisfies."""

    def _initial(self) -> int:
        literals = self.literals
        starts = [
            literals.slots[slot.number][slot.start]
            for slot in self.system.slots
            if slot.start is not None
        ]
        return literals.and_((*starts, literals.all(self.system.initial)))

    def after(self, step: int, literal: int) -> int:
        """What must hold before the step, for the literal to hold after it."""
        slot, value = self.literals.excluded(literal)
        updates = self.system.steps[step].updates
        if slot not in updates:
            return literal
        return -self.literals.number(updates[slot]).get(value, FALSE)

    def into(self, cube: Iterable[int]) -> list[Move | tuple[int, int]]:
        """How each step can lead into the cube from outside.

        Of a step that cannot, whatever the state is: its number, and a literal that
        is false after it.
        """
        slots = dict.fromkeys(self.literals.excluded(literal)[0] for literal in cube)
        steps = dict.fromkeys(step for slot in slots for step in self.changing[slot])
        return [self.move(step, cube) for step in steps]

    def move(self, step: int, cube: Iterable[int]) -> Move | tuple[int, int]:
        before: dict[int, int] = {}
        known = self._after[step]
        for literal in cube:
            asked = known.get(literal)
            if asked is None:
                asked = known[literal] = self.after(step, literal)
            if asked == FALSE:
                return step, literal
            if asked != TRUE:
                before.setdefault(asked, literal)
        return Move(step, before, self.guards[step])

    def bad(self, target: Target) -> int:
        """The literal of the states in which the target is hit, or can be at once."""
        if not target.at_step:
            return self.literals.truth(target.nodes[0])
        return self.literals.or_(
            self.literals.and_((guard, self.literals.truth(node)))
            for guard, node in zip(self.guards, target.nodes, strict=True)
        )
