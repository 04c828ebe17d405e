"""Fairness, grounded: of each turn that somebody is due, where, and by which steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tdxcheck.checker.ground.system import GroundFairness, GroundStep
from tdxcheck.checker.ground.terms import (
    FALSE,
    And,
    Const,
    Eq,
    Node,
    Not,
    Or,
    Slot,
)
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import Index


def turns(
    line: Fairness, condition: Node, steps: Iterable[GroundStep]
) -> Iterator[GroundFairness]:
    """Every turn that the line speaks of, in the order of their steps.

    Steps that are possible nowhere where the line applies are left out.
    """
    if condition is FALSE:
        return
    numbers: dict[
        tuple[Action | None, tuple[tuple[type[Index], int], ...]], list[int]
    ] = {}
    for step in steps:
        if line.covers(step.action, step.arguments):
            if _known(condition, _settled_by(step.guards)) is not False:
                turn = line.turn(step.action, step.arguments)
                numbers.setdefault(turn, []).append(step.number)
    for (action, elements), mine in numbers.items():
        yield GroundFairness(line, action, elements, condition, tuple(mine))


def _settled_by(guards: Iterable[Node]) -> Mapping[int, int]:
    """The slots that have but one value where the guards hold."""
    settled: dict[int, int] = {}
    stack = list(guards)
    while stack:
        match stack.pop():
            case And(operands=operands):
                stack += operands
            case Eq(left=Slot(number=number), right=Const(value=value)):
                settled[number] = value
            case Eq(left=Const(value=value), right=Slot(number=number)):
                settled[number] = value
            case Slot(number=number, boolean=True):
                settled[number] = 1
            case Not(operand=Slot(number=number)):
                settled[number] = 0
    return settled


def _known(node: Node, settled: Mapping[int, int]) -> bool | None:
    """What the condition is where these slots are settled; None if it depends."""
    match node:
        case Const(value=value):
            return bool(value)
        case Slot(number=number) if number in settled:
            return bool(settled[number])
        case Not(operand=operand):
            inner = _known(operand, settled)
            return None if inner is None else not inner
        case And(operands=operands):
            parts = [_known(operand, settled) for operand in operands]
            return False if False in parts else None if None in parts else True
        case Or(operands=operands):
            parts = [_known(operand, settled) for operand in operands]
            return True if True in parts else None if None in parts else False
        case (
            Eq(left=Slot(number=number), right=Const(value=value))
            | Eq(left=Const(value=value), right=Slot(number=number))
        ) if number in settled:
            return settled[number] == value
    return None
