"""Phrases: terms as a reader of C would say them, with elements filled in."""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.language.instance import show_element, show_value
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.language.state import Variable
from tdxcheck.checker.language.terms import (
    And,
    Choice,
    Const,
    Count,
    Element,
    Equal,
    Exists,
    Forall,
    Implies,
    Index,
    Ite,
    Less,
    Minus,
    Named,
    Not,
    Or,
    Plus,
    Reacts,
    Read,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
)


def phrase(term: Term[Any], view: View) -> str:
    """The term in words; parameters and indices by the elements that they stand for."""
    match term:
        case Const(value):
            return show_value(value, term.sort)
        case Element(sort, number):
            return show_element(sort, number)
        case Index() | Choice():
            if term in view.binding:
                return show_value(view.binding[term], term.sort)
            return term.name
        case Read(variable, indices, after):
            inner = ", ".join(phrase(index, view) for index in indices)
            name = f"{variable.name}[{inner}]" if indices else variable.name
            return f"{name} after the step" if after else name
        case Named(definition, arguments, _):
            inner = ", ".join(phrase(argument, view) for argument in arguments)
            return f"{definition.name}({inner})" if arguments else definition.name
        case Not(operand):
            return f"not {_inner(operand, view)}"
        case And(operands):
            return " and ".join(_inner(operand, view) for operand in operands)
        case Or(operands):
            return " or ".join(_inner(operand, view) for operand in operands)
        case Implies(premise, conclusion):
            return f"{_inner(premise, view)} implies {_inner(conclusion, view)}"
        case Equal(left, right):
            return f"{_inner(left, view)} = {_inner(right, view)}"
        case Less(left, right):
            return f"{_inner(left, view)} < {_inner(right, view)}"
        case Plus(left, right):
            return f"{_inner(left, view)} + {_inner(right, view)}"
        case Minus(left, right):
            return f"{_inner(left, view)} - {_inner(right, view)}"
        case Ite(condition, then, otherwise):
            return (
                f"{phrase(then, view)} if {phrase(condition, view)} "
                f"else {phrase(otherwise, view)}"
            )
        case Forall(index, body):
            return f"every {_sort(index)} has {_inner(body, view)}"
        case Exists(index, body):
            return f"some {_sort(index)} has {_inner(body, view)}"
        case Count(index, body):
            return f"the number of {_sort(index)}s with {_inner(body, view)}"
        case Reacts(event, arguments, reaction):
            inner = ", ".join(phrase(argument, view) for argument in arguments)
            return f"{event.name}({inner}): {reaction.value}"
    return _of_step(term, view)


def show_setting(variable: Variable, value: Any) -> str:
    """The value that a system gives to a configuration variable."""
    if value is None:
        return "any"
    if callable(value):
        return "as the machine has it"
    return show_value(value, variable.sort)


def _of_step(term: Term[Any], view: View) -> str:
    match term:
        case StepIs(None, targets):
            names = " or ".join(target.name for target in targets)
            return f"the step is {names}"
        case StepIs(kind, _):
            assert kind is not None
            return f"the step is a {kind.value}"
        case StepAt(element):
            return f"the step is at {phrase(element, view)}"
        case StepAnswers(status):
            return f"the call is answered {status.name}"
    raise TypeError(f"no words for {term!r}")


def _inner(term: Term[Any], view: View) -> str:
    text = phrase(term, view)
    compound = isinstance(term, And | Or | Implies | Ite | Equal | Less | Plus | Minus)
    return f"({text})" if compound else text


def _sort(index: Index) -> str:
    return type(index).label or type(index).__name__.lower()
