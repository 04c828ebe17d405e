"""What a term speaks of: variables, definitions, events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

from tdxcheck.checker.language.state import Definition, Refusal
from tdxcheck.checker.language.system import Event
from tdxcheck.checker.language.terms import (
    And,
    Const,
    Exists,
    Forall,
    Implies,
    Ite,
    Named,
    Not,
    Or,
    Reacts,
    Read,
    StepIs,
    Term,
)
from tdxcheck.checker.language.variables import Variable


def variables_in(*terms: Any) -> Iterator[Variable]:
    """The variables that are read in the terms, and in all that they consist of."""
    return (part.variable for part in terms_in(*terms) if isinstance(part, Read))


def events_in(term: Term[Any]) -> set[Event]:
    """The events that it asks of, as reactions to them or as steps."""
    found = set()
    for part in terms_in(term):
        if isinstance(part, Reacts):
            found.add(part.event)
        elif isinstance(part, StepIs):
            found |= {t for t in part.targets if isinstance(t, Event)}
    return found


def asks_for_reactions(term: Term[Any]) -> bool:
    """It speaks of what would be answered to an event, were it to happen."""
    return any(isinstance(part, Reacts) for part in terms_in(term))


def definitions_in(term: Term[Any]) -> set[Definition]:
    return {part.definition for part in terms_in(term) if isinstance(part, Named)}


def terms_in(*roots: Any) -> Iterator[Term[Any]]:
    """The terms and every term inside them, each once."""
    stack: list[Any] = list(roots)
    seen: set[int] = set()
    while stack:
        term = stack.pop()
        if isinstance(term, Term):
            if id(term) not in seen:
                seen.add(id(term))
                yield term
                stack += _held_by(term)
        elif isinstance(term, tuple):
            stack += term
        elif isinstance(term, Refusal):
            stack += _held_by(term)


def made_of(term: Term[Any]) -> Iterator[Term[Any]]:
    """The terms that it is directly made of, without those only its name is made of."""
    for held in (term.body,) if isinstance(term, Named) else _held_by(term):
        for part in held if isinstance(held, tuple) else (held,):
            if isinstance(part, Term):
                yield part


def _held_by(record: Any) -> tuple[Any, ...]:
    kind: Any = type(record)
    return _reader(kind)(record)


@cache
def _reader(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What reads all that a record of this type holds, at once."""
    names = names_of(kind)
    if not names:
        return lambda record: ()
    read = attrgetter(*names)
    # Of a single name it gives the value itself.
    return (lambda record: (read(record),)) if len(names) == 1 else read


@cache
def names_of(kind: Any) -> tuple[str, ...]:
    """The names of what a record of this type holds."""
    return tuple(part.name for part in fields(kind))


def as_arrow(condition: Term[Any]) -> Term[Any]:
    """With an arrow, if it says that one thing leads to another, however it does.

    `~a | b`, `ite(a, b, True)` and `ite(a, True, b)` are what `implies` is.
    """
    match condition:
        case Or(operands):
            left = tuple(part.operand for part in operands if isinstance(part, Not))
            right = tuple(part for part in operands if not isinstance(part, Not))
            if left and right:
                return Implies(
                    And(left) if left[1:] else left[0],
                    Or(right) if right[1:] else right[0],
                )
        case Ite(left, right, other) if _is_true(other):
            return Implies(left, right)
        case Ite(left, other, right) if _is_true(other):
            return Implies(Not(left), right)
    return condition


def _is_true(term: Term[Any]) -> bool:
    match term:
        case And(operands):
            return all(map(_is_true, operands))
    return isinstance(term, Const) and term.value is True


def premise_of(condition: Term[Any], *, below: bool = False) -> Term[Any]:
    """What must be the case for a condition to say anything: the left of its arrows.

    Below an arrow, only `implies` is another one.
    """
    match condition if below else as_arrow(condition):
        case Implies(premise, conclusion):
            inner = premise_of(conclusion, below=True)
            if isinstance(inner, Const):
                return premise
            return And((premise, inner))
        case Forall(index, body):
            inner = premise_of(body, below=below)
            if isinstance(inner, Const):
                return inner
            return Exists(index, inner)
        case And(operands):
            parts = tuple(premise_of(part, below=below) for part in operands)
            if any(isinstance(part, Const) for part in parts):
                return Const(True)
            return Or(parts)
        case Named(_, _, body):
            return premise_of(body, below=below)
    return Const(True)
