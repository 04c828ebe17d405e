"""What is exported: a slice of a ground system, and its rules as conditions of it.

Whatever a rule speaks of, it is said of single states: of a step rule, that no step
which breaks it is possible; of what shall be possible, that it never is, so that
what refutes this shows how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.ground.terms import TRUE, Node, Terms
from tdxcheck.checker.language.system import Mode, Property


class Unsayable(Exception):
    """The format has no words for it."""


@dataclass(frozen=True, eq=False)
class Check:
    """A rule as conditions that hold unless the rule is broken, or its goal reached."""

    rule: Property
    state: Node
    """Of every reachable state; true of a step rule, which says it of its steps."""
    steps: Mapping[int, Node]
    """Of every state in which the step with this number is taken."""
    whole: Node
    """The same of states alone."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A system to write down, in whatever format."""

    title: str
    notes: tuple[str, ...]
    """Of the machine and the assumptions, and what is left out."""
    system: GroundSystem
    checks: tuple[Check, ...]


def subject(
    system: GroundSystem,
    numbers: Iterable[int],
    *,
    title: str = "",
    notes: Iterable[str] = (),
) -> Subject:
    """The part of the system that the properties with these numbers depend on."""
    part = slice_for(system, numbers).system if system.properties else system
    checks = tuple(_check(part, rule) for rule in part.properties)
    return Subject(title or system.name, tuple(notes), part, checks)


def can_be_said(rule: Property) -> bool:
    """Whether the rule says something of single states or steps."""
    return rule.mode is not Mode.LEADS_TO


def _check(system: GroundSystem, rule: GroundProperty) -> Check:
    make = Terms()
    steps: dict[int, Node] = {}
    match rule.property.mode:
        case Mode.INVARIANT:
            state = whole = rule.conditions[0]
        case Mode.REACHABLE:
            state = whole = make.not_(rule.conditions[0])
        case Mode.DEADLOCK_FREE:
            possible = [make.and_(step.guards) for step in system.steps]
            state = whole = make.or_((*possible, rule.conditions[0]))
        case Mode.STEP_RULE:
            state = TRUE
            steps = {n: c for n, c in enumerate(rule.conditions) if c is not TRUE}
            whole = make.and_(
                make.or_((make.not_(make.and_(system.steps[n].guards)), condition))
                for n, condition in steps.items()
            )
        case Mode.LEADS_TO:
            raise Unsayable(
                f"{rule.property.name} says what comes in the end (leads-to): "
                "exports say only what holds of single states and steps"
            )
    return Check(rule.property, state, steps, whole)
