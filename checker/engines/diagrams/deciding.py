"""Deciding: which states, or steps from them, decide a property."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.language.system import Mode


@dataclass(frozen=True, eq=False)
class Target:
    """What decides a property: states, and the step that is then taken, if any."""

    states: Diagram
    step: int | None = None


def deciding(
    encoding: Encoding, moves: Sequence[Move], rule: GroundProperty
) -> list[Target]:
    """What refutes the property, or shows that it can be reached.

    Of a step rule one target a step, in their order; of the others one at most.
    """
    match rule.property.mode:
        case Mode.INVARIANT:
            return [Target(~encoding.truth(rule.conditions[0]))]
        case Mode.REACHABLE:
            return [Target(encoding.truth(rule.conditions[0]))]
        case Mode.STEP_RULE:
            return [
                Target(bad, move.step.number)
                for move in moves
                if (bad := _breaking(encoding, move, rule)) != encoding.manager.false
            ]
        case Mode.DEADLOCK_FREE:
            stuck = ~encoding.truth(rule.conditions[0])
            for move in moves:
                stuck &= ~move.guard
            return [Target(stuck)]
    return []


def _breaking(encoding: Encoding, move: Move, rule: GroundProperty) -> Diagram:
    """From where the step breaks the step rule."""
    return move.guard & ~encoding.truth(rule.conditions[move.step.number])
