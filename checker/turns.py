"""Turns on a loop: of each, where it is taken, or where and why it is not due.

A run that repeats itself for ever shows that something never comes only if it is
fair: if nothing is put off for ever that must not be. The interpreter says so, by
the recorded terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.instance import Assignment, Instance, show_element
from tdxcheck.checker.language.interpreter import Interpreter, Taken, View
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Index


@dataclass(frozen=True, eq=False)
class Turn:
    """A turn that somebody is due."""

    line: Fairness
    action: Action | None
    elements: tuple[tuple[type[Index], int], ...]
    steps: tuple[tuple[Action, tuple[Any, ...]], ...]

    @property
    def name(self) -> str:
        """Such as `pass_token (node 1)`."""
        whose = self.action.name if self.action else self.line.name
        shown = ", ".join(show_element(sort, number) for sort, number in self.elements)
        return f"{whose} ({shown})" if shown else whose


@dataclass(frozen=True)
class Hindrance:
    """Why a turn is not due: the line does not apply, or a guard of its step fails."""

    action: Action | None
    arguments: tuple[Any, ...]
    guard: Guard | None


@dataclass(frozen=True, eq=False)
class Served:
    """What becomes of a turn on a loop."""

    turn: Turn
    taken: int | None
    """The number of the first step by which it is taken."""
    idle: int | None
    """The number of the first state, counted in steps, in which it is not due."""
    hindrances: tuple[Hindrance, ...]
    """What is in the way there, of each of its steps."""

    @property
    def is_fair(self) -> bool:
        return self.taken is not None or self.idle is not None


@dataclass(frozen=True, eq=False)
class Loop:
    """The part of a run that is repeated; of a run at rest, its last state alone."""

    begin: int
    """Steps before it."""
    states: tuple[Assignment, ...]
    """Those that are repeated, each once."""
    steps: tuple[Taken, ...]


def turns_of(instance: Instance, rule: Property) -> list[Turn]:
    """Every turn that the rule relies on, in the order of lines and actions."""
    found = []
    for line in rule.fair:
        steps: dict[Any, list[tuple[Action, tuple[Any, ...]]]] = {}
        for action in instance.system.actions:
            for arguments in instance.choices(action):
                if line.covers(action, arguments):
                    turn = line.turn(action, arguments)
                    steps.setdefault(turn, []).append((action, arguments))
        for (action_, elements), mine in steps.items():
            found.append(Turn(line, action_, elements, tuple(mine)))
    return found


def served(interpreter: Interpreter, turn: Turn, loop: Loop) -> Served:
    """What becomes of the turn: of a strong one, it counts only if it is never due."""
    line = turn.line
    for number, (state, step) in enumerate(
        zip(loop.states, loop.steps, strict=False), start=loop.begin + 1
    ):
        if (step.action, step.arguments) in turn.steps:
            if interpreter.evaluate(line.condition, View(state, {})):
                return Served(turn, number, None, ())
    idle: list[tuple[int, tuple[Hindrance, ...]]] = []
    for number, state in enumerate(loop.states, start=loop.begin):
        hindrances = _hindrances(interpreter, turn, state)
        if hindrances is not None:
            idle.append((number, hindrances))
    if not idle or (line.strong and len(idle) < len(loop.states)):
        return Served(turn, None, None, ())
    return Served(turn, None, *idle[0])


def _hindrances(
    interpreter: Interpreter, turn: Turn, state: Assignment
) -> tuple[Hindrance, ...] | None:
    """Why the turn is not due in the state; None if it is."""
    if not interpreter.evaluate(turn.line.condition, View(state, {})):
        return (Hindrance(None, (), None),)
    found = []
    for action, arguments in turn.steps:
        outcome = interpreter.attempt(state, action, arguments)
        if outcome.guard is None:
            return None
        found.append(Hindrance(action, arguments, outcome.guard))
    return tuple(found)
