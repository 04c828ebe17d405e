"""Formulas of z3 that simplify themselves: a constant never stays inside another term.

Designs differ by switches, so most of what a rule says is settled before any solver
is asked. z3 has one of each term, and its own operators look at types that are known
here: what is asked and made often is asked and made directly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import z3

Formula = Any
"""A term of z3, which has no types of its own."""

VALUES = (z3.Z3_OP_ANUM, z3.Z3_OP_TRUE, z3.Z3_OP_FALSE)
TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)


def truth(value: bool) -> Formula:
    return TRUE if value else FALSE


def number(term: Formula) -> int:
    """One for each term, as long as it lives."""
    found: int = term.ast.value
    return found


_TRUE, _FALSE = number(TRUE), number(FALSE)


def kind(term: Formula) -> int:
    """What the term is made by, as z3 numbers it; -1 if it is quantified.

    The same as z3's own predicates tell, at a fraction of what these cost.
    """
    context, node = term.ctx_ref(), term.as_ast()
    if not z3.Z3_is_app(context, node):
        return -1
    found: int = z3.Z3_get_decl_kind(context, z3.Z3_get_app_decl(context, node))
    return found


def is_true(term: Formula) -> bool:
    return number(term) == _TRUE


def is_false(term: Formula) -> bool:
    return number(term) == _FALSE


def same(one: Formula, other: Formula) -> bool:
    return number(one) == number(other)


def not_(operand: Formula) -> Formula:
    if is_true(operand):
        return FALSE
    if is_false(operand):
        return TRUE
    if kind(operand) == z3.Z3_OP_NOT:
        return operand.arg(0)
    context = operand.ctx
    return z3.BoolRef(z3.Z3_mk_not(context.ref(), operand.ast), context)


def and_(operands: Iterable[Formula]) -> Formula:
    kept: dict[int, Formula] = {}
    for operand in operands:
        if is_false(operand):
            return FALSE
        if not is_true(operand):
            kept[number(operand)] = operand
    if len(kept) < 2:
        return next(iter(kept.values()), TRUE)
    return _of_many(z3.Z3_mk_and, kept.values())


def or_(operands: Iterable[Formula]) -> Formula:
    kept: dict[int, Formula] = {}
    for operand in operands:
        if is_true(operand):
            return TRUE
        if not is_false(operand):
            kept[number(operand)] = operand
    if len(kept) < 2:
        return next(iter(kept.values()), FALSE)
    return _of_many(z3.Z3_mk_or, kept.values())


def _of_many(make: Any, operands: Collection[Formula]) -> Formula:
    array = (z3.Ast * len(operands))(*(operand.ast for operand in operands))
    context = TRUE.ctx
    return z3.BoolRef(make(context.ref(), len(operands), array), context)


def implies(premise: Formula, conclusion: Formula) -> Formula:
    return or_((not_(premise), conclusion))


def ite(condition: Formula, then: Formula, otherwise: Formula) -> Formula:
    if is_true(condition) or same(then, otherwise):
        return then
    if is_false(condition):
        return otherwise
    if z3.is_bool(then):
        if is_true(then):
            return or_((condition, otherwise))
        if is_false(then):
            return and_((not_(condition), otherwise))
        if is_true(otherwise):
            return or_((not_(condition), then))
        if is_false(otherwise):
            return and_((condition, then))
    return z3.If(condition, then, otherwise)


def equal(left: Formula, right: Formula) -> Formula:
    if same(left, right):
        return TRUE
    if is_value(left):
        left, right = right, left
    if is_value(right):
        if is_value(left):
            return FALSE
        if is_true(right):
            return left
        if is_false(right):
            return not_(left)
        if kind(left) == z3.Z3_OP_ITE:
            condition, then, otherwise = left.children()
            return ite(condition, equal(then, right), equal(otherwise, right))
    return left == right


def is_value(term: Formula) -> bool:
    """A number, a truth value or a member of an enumeration: no two are the same."""
    made_by = kind(term)
    if made_by == z3.Z3_OP_DT_CONSTRUCTOR:
        return bool(term.num_args() == 0)
    return made_by in VALUES


def forall(variables: list[Formula], body: Formula) -> Formula:
    if not variables or is_true(body) or is_false(body):
        return body
    return z3.ForAll(variables, body)


def exists(variables: list[Formula], body: Formula) -> Formula:
    if not variables or is_true(body) or is_false(body):
        return body
    return z3.Exists(variables, body)
