"""Phrases: terms as a reader of C would say them, with elements filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from tdxcheck.checker.language.instance import show_element, show_value
from tdxcheck.checker.language.interpreter import View
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
from tdxcheck.checker.language.variables import Variable


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
        case Not(Equal(left, right)):
            return f"{_inner(left, view)} != {_inner(right, view)}"
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
            name, inside = _bound(index, body, view)
            return f"every {name} has {_inner(body, inside)}"
        case Exists(index, body):
            name, inside = _bound(index, body, view)
            return f"some {name} has {_inner(body, inside)}"
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


def _bound(index: Index, body: Term[Any], view: View) -> tuple[str, View]:
    """What to call a quantified index, and a view in which it is called so.

    It is called by its sort alone, unless the body speaks of another index of
    that name: then it is marked.
    """
    others = {i.name for i in _indices(body) if i is not index}
    if index.name not in others:
        return _sort(index), view
    marked = View(view.state, view.binding | {index: "x"}, view.after, view.step)
    return f"{_sort(index)} x", marked


def _indices(term: Any) -> Iterator[Index]:
    """The parameters and indices that the term speaks of."""
    if isinstance(term, Index):
        yield term
    elif isinstance(term, tuple):
        for part in term:
            yield from _indices(part)
    elif isinstance(term, Term):
        for each in fields(term):  # type: ignore[arg-type]
            yield from _indices(getattr(term, each.name))


def _sort(index: Index) -> str:
    return type(index).label or type(index).__name__.lower()
