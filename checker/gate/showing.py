"""Showing: states and ground conditions by the names of their entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tdxcheck.checker.gate.reading import Field, Pair
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import (
    Add,
    And,
    Const,
    Eq,
    Ite,
    Lt,
    Node,
    Not,
    Or,
    Slot,
    Sub,
)

MOST = 12
"""Entries of a state that are told."""


def state_lines(pair: Pair, values: Values, relevant: Iterable[int]) -> Iterator[str]:
    """The entries that matter, those first that are not as they start."""
    system = pair.after.system
    numbers = sorted(set(relevant))
    away = [n for n in numbers if values[n] != system.slots[n].start]
    rest = [n for n in numbers if n not in away]
    told = away + rest if len(numbers) <= MOST else away[:MOST]
    for number in told:
        one = pair.fields[number]
        yield f"{one.name} = {one.show(values[number])}"
    left = len(numbers) - len(told)
    if left:
        yield f"and {left} more, " + (
            "each as it starts" if len(away) <= MOST else "not told"
        )


def steps(count: int) -> str:
    return f"{count} step{'s' * (count != 1)}"


def shown(node: Node, fields: tuple[Field, ...]) -> str:
    """A ground condition as a reader of C would say it."""

    def inner(operand: Node) -> str:
        text = shown(operand, fields)
        return f"({text})" if isinstance(operand, And | Or | Ite) else text

    match node:
        case Const(boolean=True, value=value):
            return "yes" if value else "no"
        case Const(value=value):
            return str(value)
        case Slot(number=number):
            return fields[number].name
        case Not(operand=Eq(left=Slot(number=number), right=Const(value=value))):
            return f"{fields[number].name} != {fields[number].show(value)}"
        case Not(operand=operand):
            return f"not {inner(operand)}"
        case And(operands=operands):
            return " and ".join(map(inner, operands))
        case Or(operands=operands):
            return " or ".join(map(inner, operands))
        case Eq(left=Slot(number=number), right=Const(value=value)):
            return f"{fields[number].name} == {fields[number].show(value)}"
        case Eq(left=left, right=right):
            return f"{inner(left)} == {inner(right)}"
        case Lt(left=left, right=right):
            return f"{inner(left)} < {inner(right)}"
        case Add(left=left, right=right):
            return f"{inner(left)} + {inner(right)}"
        case Sub(left=left, right=right):
            return f"{inner(left)} - {inner(right)}"
        case Ite(condition=condition, then=then, otherwise=otherwise):
            return f"{inner(condition)} ? {inner(then)} : {inner(otherwise)}"
    raise TypeError(f"not a ground term: {node!r}")
