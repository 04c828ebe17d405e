"""Literals: the parts of a condition that must all hold, and those that are false."""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.language.interpreter import Interpreter, View
from tdxcheck.checker.language.reading import as_arrow
from tdxcheck.checker.language.terms import (
    And,
    Const,
    Exists,
    Forall,
    Implies,
    Named,
    Or,
    Term,
)


def conjuncts(term: Term[Any]) -> list[Term[bool]]:
    """The parts of a condition that must all hold, definitions opened where they are
    conjunctions."""
    match term:
        case And(operands):
            return [part for operand in operands for part in conjuncts(operand)]
        case Named(_, _, And() as body):
            return conjuncts(body)
        case Const(True):
            return []
    return [term]


def false_parts(
    interpreter: Interpreter, condition: Term[bool], view: View
) -> list[Term[bool]]:
    """The parts of a condition that are false in a state."""
    return [
        part for part in conjuncts(condition) if not interpreter.evaluate(part, view)
    ]


def clauses(condition: Term[Any]) -> list[Term[bool]]:
    """Conditions that together say the same, with as few parts as can be each.

    Quantifiers and left sides are repeated with every part of what they are about, and
    each way to meet a left side has a clause of its own.
    """
    match condition:
        case And(operands):
            return [part for operand in operands for part in clauses(operand)]
        case Forall(index, body):
            return [Forall(index, part) for part in clauses(body)]
        case Named(_, _, And() | Forall() | Implies() as body):
            return clauses(body)
        case Implies(premise, conclusion):
            ways = premise.operands if isinstance(premise, Or) else (premise,)
            return [Implies(way, part) for way in ways for part in clauses(conclusion)]
    return [condition]


def left_sides(condition: Term[Any], *, below: bool = False) -> list[Term[bool]]:
    """What must be the case for each arrow of a condition to say anything.

    For some elements, where it stands below quantifiers; with the left sides of the
    arrows that it stands to the right of. There only `implies` counts as one.
    """
    match condition if below else as_arrow(condition):
        case Implies(premise, conclusion):
            inner = left_sides(conclusion, below=True)
            return [premise, *(And((premise, side)) for side in inner)]
        case Forall(index, body):
            return [Exists(index, side) for side in left_sides(body, below=below)]
        case And(operands):
            return [s for part in operands for s in left_sides(part, below=below)]
        case Named(_, _, body):
            return left_sides(body, below=below)
    return []
