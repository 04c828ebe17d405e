"""Liveness: what comes in the end, and the fairness that it may rely on.

A run may come to rest wherever nothing that is fair is possible: what no fairness
speaks of may happen, and need not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from tdxcheck.checker.language.location import Location, SpecificationError, recorded
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.state import State
from tdxcheck.checker.language.system import (
    Action,
    Event,
    Kind,
    Mode,
    Property,
    Severity,
    docstring_of,
    property_of,
    signature_of,
)
from tdxcheck.checker.language.terms import Index, Term, all_of, lift

S = TypeVar("S", bound=State)

Target: TypeAlias = Action | Event | Kind | Enum
"""An action, an event, a kind of actions, or everything that an actor does."""


class Turns(Enum):
    """Whose turn it is that comes again and again."""

    EACH_ACTION = "each action, for each element"
    EACH_ELEMENT = "for each element, by whichever action"
    TOGETHER = "any of the steps will do"


@dataclass(frozen=True, eq=False)
class Fairness:
    """What is not put off for ever, where the condition holds.

    Weak: what stays possible from some time on is taken, again and again. Strong:
    so is what becomes possible again and again.
    """

    name: str
    summary: str
    rationale: str
    targets: tuple[Target, ...]
    condition: Term[bool]
    """Where it applies."""
    location: Location
    strong: bool = False
    turns: Turns = Turns.EACH_ACTION
    excepted: tuple[Target, ...] = ()
    """What it does not speak of, though it may be a target."""
    choosing: Mapping[str, Any] = field(default_factory=dict)
    """Only steps with these values of parameters, by name."""
    sources: tuple[Source, ...] = ()

    def __repr__(self) -> str:
        return f"<Fairness {self.name}>"

    @property
    def strength(self) -> str:
        return "strong" if self.strong else "weak"

    def covers(self, action: Action, arguments: tuple[Any, ...]) -> bool:
        """It speaks of the action with these arguments."""
        if not _is_one_of(action, self.targets) or _is_one_of(action, self.excepted):
            return False
        given = {
            parameter.name: argument
            for parameter, argument in zip(action.parameters, arguments, strict=True)
        }
        return all(
            name in given and given[name] == value
            for name, value in self.choosing.items()
        )

    def turn(
        self, action: Action, arguments: tuple[Any, ...]
    ) -> tuple[Action | None, tuple[tuple[type[Index], int], ...]]:
        """What gets a turn of its own: steps with one and the same share one."""
        if self.turns is Turns.TOGETHER:
            return None, ()
        elements = tuple(
            (type(parameter), argument)
            for parameter, argument in zip(action.parameters, arguments, strict=True)
            if isinstance(parameter, Index)
        )
        each = self.turns is Turns.EACH_ACTION
        return (action if each else None), elements


def _is_one_of(action: Action, targets: tuple[Target, ...]) -> bool:
    own = (action, action.event, action.actor, *action.kinds)
    return any(target is each for target in targets for each in own)


def fairness(
    *targets: Target,
    strong: bool = False,
    turns: Turns = Turns.EACH_ACTION,
    excepted: tuple[Target, ...] = (),
    choosing: Mapping[str, Any] | None = None,
    sources: tuple[Source, ...] = (),
) -> Callable[[Callable[[S], Term[bool]]], Fairness]:
    """Record a rule as fairness to actions, events, or all that an actor does.

    What the rule returns is where it applies. `choosing` narrows it to steps of
    which the environment has chosen so.
    """

    def record(rule: Callable[[S], Term[bool]]) -> Fairness:
        state_type, _ = signature_of(rule)
        state: Any = state_type()
        location = Location.of_function(rule)
        if not targets:
            raise SpecificationError(location, f"{rule.__name__} is fair to nothing")
        condition: Term[bool] = lift(recorded(rule, state), bool)
        return Fairness(
            rule.__name__,
            *docstring_of(rule),
            targets,
            condition,
            location,
            strong,
            turns,
            excepted,
            dict(choosing or {}),
            sources,
        )

    return record


def leads_to(
    *,
    fair: tuple[Action | Event | Fairness, ...],
    severity: Severity = Severity.MODEL,
    sources: tuple[Source, ...] = (),
) -> Callable[[Callable[[S], tuple[Term[bool], Term[bool]]]], Property]:
    """Record that the first condition is always followed by the second.

    On every run that is fair. An action or event stands for weak fairness to it.
    """

    def record(rule: Callable[[S], tuple[Term[bool], Term[bool]]]) -> Property:
        state_type, _ = signature_of(rule)
        state: Any = state_type()
        cause, goal = recorded(rule, state)
        found = property_of(rule, Mode.LEADS_TO, cause, severity, sources)
        return replace(found, goal=lift(goal, bool), fair=tuple(map(_line, fair)))

    return record


def always_eventually(
    *,
    fair: tuple[Action | Event | Fairness, ...],
    severity: Severity = Severity.MODEL,
    sources: tuple[Source, ...] = (),
) -> Callable[[Callable[[S], Term[bool]]], Property]:
    """Record that the condition holds again and again, on every run that is fair.

    It is what everything leads to.
    """

    def record(rule: Callable[[S], Term[bool]]) -> Property:
        state_type, _ = signature_of(rule)
        state: Any = state_type()
        goal: Term[bool] = lift(recorded(rule, state), bool)
        found = property_of(rule, Mode.LEADS_TO, all_of(), severity, sources)
        return replace(found, goal=goal, fair=tuple(map(_line, fair)))

    return record


def _line(fair: Action | Event | Fairness) -> Fairness:
    if isinstance(fair, Fairness):
        return fair
    location = fair.location if isinstance(fair, Action) else Location.of_caller()
    return Fairness(
        fair.name, fair.summary, "", (fair,), all_of(), location, sources=fair.sources
    )
