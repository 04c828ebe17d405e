"""Simplification: what a term comes to once some variables are settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tdxcheck.checker.language.terms import (
    And,
    Const,
    Exists,
    Forall,
    Implies,
    Ite,
    Not,
    Or,
    Read,
    Term,
)
from tdxcheck.checker.language.variables import Variable

YES, NO = Const(True), Const(False)


def simplified(term: Term[Any], settings: Mapping[Variable, Any]) -> Term[Any]:
    """The term with the values of settled variables put in, as short as that makes it.

    Of the connectives only; what is not one is left as it is. A definition is kept
    by its name, whatever it would come to.
    """

    def short(part: Term[Any]) -> Term[Any]:
        return simplified(part, settings)

    match term:
        case Read(variable, (), _):
            value = settings.get(variable)
            return term if value is None else Const(value)
        case Not(operand):
            return _not(short(operand))
        case And(operands):
            return _joined(And, [short(o) for o in operands], NO)
        case Or(operands):
            return _joined(Or, [short(o) for o in operands], YES)
        case Implies(premise, conclusion):
            return _implies(short(premise), short(conclusion))
        case Ite(condition, then, otherwise):
            asked = short(condition)
            if _is(asked, YES) or _is(asked, NO):
                return short(then if _is(asked, YES) else otherwise)
            return replace(
                term, condition=asked, then=short(then), otherwise=short(otherwise)
            )
        case Forall(_, body) | Exists(_, body):
            inner = short(body)
            known = _is(inner, YES) or _is(inner, NO)
            return inner if known else replace(term, body=inner)
    return term


def _is(term: Term[Any], constant: Const[bool]) -> bool:
    return isinstance(term, Const) and term.value is constant.value


def _not(operand: Term[Any]) -> Term[Any]:
    if isinstance(operand, Const):
        return NO if operand.value else YES
    return operand.operand if isinstance(operand, Not) else Not(operand)


def _implies(premise: Term[Any], conclusion: Term[Any]) -> Term[Any]:
    if _is(premise, NO) or _is(conclusion, YES):
        return YES
    if _is(premise, YES):
        return conclusion
    return _not(premise) if _is(conclusion, NO) else Implies(premise, conclusion)


def _joined(
    connective: type[And] | type[Or], parts: list[Term[Any]], decisive: Const[bool]
) -> Term[Any]:
    if any(_is(part, decisive) for part in parts):
        return decisive
    left = tuple(part for part in parts if not isinstance(part, Const))
    if not left:
        return YES if decisive is NO else NO
    return left[0] if len(left) == 1 else connective(left)
