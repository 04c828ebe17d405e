"""Targets: the states, or the steps, that a symbolic engine looks for.

Whatever a property says, an engine is asked the same question of it: whether a
run can come to a state, or take a step, of a certain kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.ground.terms import Node, Terms, evaluate
from tdxcheck.checker.language.system import Mode


@dataclass(frozen=True, eq=False)
class Target:
    """States by one condition, or steps by one for each step of the system."""

    nodes: tuple[Node, ...]
    at_step: bool
    """The conditions speak of the state before a step that is taken."""

    def hit(self, values: Values, step: int | None) -> bool:
        """The state, or the step taken in it, is one that is looked for."""
        if self.at_step:
            return step is not None and bool(evaluate(self.nodes[step], values))
        return step is None and bool(evaluate(self.nodes[0], values))


def target_of(system: GroundSystem, rule: GroundProperty) -> Target:
    """What decides the property: it is refuted, or reached, where this is hit."""
    make = Terms()
    match rule.property.mode:
        case Mode.INVARIANT:
            return Target((make.not_(rule.conditions[0]),), at_step=False)
        case Mode.REACHABLE:
            return Target(rule.conditions, at_step=False)
        case Mode.STEP_RULE:
            nodes = tuple(make.not_(condition) for condition in rule.conditions)
            return Target(nodes, at_step=True)
        case Mode.DEADLOCK_FREE:
            possible = (make.and_(step.guards) for step in system.steps)
            ended = make.not_(make.or_((rule.conditions[0], *possible)))
            return Target((ended,), at_step=False)
    raise ValueError(f"no target decides {rule.property.mode.value}")


def premise_of(rule: GroundProperty) -> Target | None:
    """What must be hit for the property to say anything, where that is a question."""
    match rule.property.mode:
        case Mode.INVARIANT:
            return Target(rule.premises, at_step=False)
        case Mode.STEP_RULE:
            return Target(rule.premises, at_step=True)
    return None
