"""Hindrances: why an action is not possible in a state, and what would make it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.engines.diagrams.enabling import Enabling
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, decode
from tdxcheck.checker.ground.terms import Terms
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.language.instance import Assignment, Entry, Instance, describe
from tdxcheck.checker.language.interpreter import Interpreter, Recorder, View
from tdxcheck.checker.language.literals import false_parts
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.trace import Change
from tdxcheck.checker.verdict import Run

Step = tuple[Action, tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Hindrance:
    """An action with its arguments, and what stands in its way in a state."""

    action: Action
    arguments: tuple[Any, ...]
    parts: tuple[tuple[Guard, Term[bool]], ...]
    """The false literals, each with the guard that it is of; none if it is possible."""
    view: View

    @property
    def sentence(self) -> str:
        return describe(self.action, self.arguments)


@dataclass(frozen=True, eq=False)
class Fixed:
    """A variable that has one value in every reachable state."""

    entry: Entry
    value: Any
    setters: tuple[Hindrance, ...]
    """What would change it, were it possible."""


@dataclass(frozen=True, eq=False)
class Remedy:
    """What would make the action possible."""

    changes: tuple[Change, ...] | None
    """The fewest variables with other values; None if no values make it possible."""
    reachable: bool
    """The state with these changes is reachable."""
    way: tuple[Step, ...] | None
    """The fewest steps to a state in which it is possible; None if there are none."""
    later: int
    """How many states can come after this one, it included."""
    anywhere: bool
    """It is possible in some reachable state."""
    states: int
    """How many states are reachable."""
    fixed: tuple[Fixed, ...] = ()
    """The variables that no step ever changes, and that a guard would need to."""


def hindrances(
    instance: Instance, state: Assignment, steps: Iterable[Step]
) -> list[Hindrance]:
    """What stands in the way of each step, fewest false literals first."""
    interpreter = Interpreter(instance)
    found = []
    for action, arguments in steps:
        view = View(state, dict(zip(action.parameters, arguments, strict=True)))
        parts = tuple(
            (guard, part)
            for guard in action.guards
            for part in false_parts(interpreter, guard.condition, view)
        )
        found.append(Hindrance(action, arguments, parts, view))
    return sorted(found, key=lambda hindrance: len(hindrance.parts))


class Helper:
    """Finds what would help in one state of a system."""

    def __init__(self, instance: Instance, state: Assignment) -> None:
        self.instance = instance
        self.state = state
        self.system: GroundSystem = ground(instance.system, instance.scope)
        self.values = self.system.values(state)
        self.enabling = Enabling(self.system, self.values)

    def remedy(self, hindrance: Hindrance) -> Remedy:
        """What would make the action possible."""
        enabling = self.enabling
        later, states = map(enabling.count, (enabling.later, enabling.reachable))
        step = self._step(hindrance)
        if step is None:  # A guard reads what never changes, and is false.
            fixed = tuple(self._fixed(hindrance))
            return Remedy(None, False, None, later, False, states, fixed)
        condition = Terms().and_(step.guards)
        nearest = enabling.nearest(condition)
        possible = enabling.encoding.all(step.guards)
        run = enabling.shortest(possible)
        false = enabling.encoding.manager.false
        return Remedy(
            None if nearest is None else self._changes(nearest.values),
            nearest is not None and nearest.reachable,
            None if run is None else self._way(run, hindrance),
            later,
            enabling.reachable & possible != false,
            states,
        )

    def _step(self, hindrance: Hindrance) -> GroundStep | None:
        asked = (hindrance.action, hindrance.arguments)
        steps = self.system.steps
        return next((s for s in steps if (s.action, s.arguments) == asked), None)

    def _fixed(self, hindrance: Hindrance) -> Iterator[Fixed]:
        """What the false literals read that has one value in every reachable state."""
        read = self._read(hindrance)
        for entry in self.system.constants:
            if entry in read:
                yield Fixed(entry, self.state[entry], tuple(self._setters(entry)))

    def _setters(self, entry: Entry) -> Iterator[Hindrance]:
        """What would assign the variable, with the arguments that are nearest."""
        variable, _ = entry
        for action in self.instance.system.actions:
            if any(update.variable is variable for update in action.updates):
                steps = [(action, c) for c in self.instance.choices(action)]
                nearest = hindrances(self.instance, self.state, steps)[0]
                if nearest.parts and entry not in self._read(nearest):
                    yield nearest

    def _read(self, hindrance: Hindrance) -> set[Entry]:
        """What the false literals read."""
        recorder = Recorder(Interpreter(self.instance))
        for _, part in hindrance.parts:
            recorder.evaluate(part, hindrance.view)
        return recorder.read

    def _changes(self, values: tuple[int, ...]) -> tuple[Change, ...]:
        return tuple(
            Change(
                slot.entry,
                decode(self.values[slot.number], slot.entry[0].sort),
                decode(values[slot.number], slot.entry[0].sort),
            )
            for slot in self.system.slots
            if self.values[slot.number] != values[slot.number]
        )

    def _way(self, run: Run, hindrance: Hindrance) -> tuple[Step, ...]:
        """The run's steps, confirmed by the interpreter."""
        taken = [self.system.steps[number] for number in run.steps]
        steps = [(step.action, step.arguments) for step in taken]
        interpreter, state = Interpreter(self.instance), self.state
        for action, arguments in (*steps, (hindrance.action, hindrance.arguments)):
            after = interpreter.attempt(state, action, arguments).after
            if after is None:
                raise InternalError(
                    f"'{describe(action, arguments)}' is not possible after all"
                )
            state = after
        return tuple(steps)
