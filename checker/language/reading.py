"""What a term speaks of: variables, definitions, events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from tdxcheck.checker.language.state import Definition, Refusal
from tdxcheck.checker.language.system import Event
from tdxcheck.checker.language.terms import Named, Reacts, Read, StepIs, Term
from tdxcheck.checker.language.variables import Variable


def variables_in(*terms: Any) -> Iterator[Variable]:
    """The variables that are read in the terms, and in all that they consist of."""
    return (part.variable for part in _parts(*terms) if isinstance(part, Read))


def events_in(term: Term[Any]) -> set[Event]:
    """The events that it asks of, as reactions to them or as steps."""
    found = set()
    for part in _parts(term):
        if isinstance(part, Reacts):
            found.add(part.event)
        elif isinstance(part, StepIs):
            found |= {t for t in part.targets if isinstance(t, Event)}
    return found


def asks_for_reactions(term: Term[Any]) -> bool:
    """It speaks of what would be answered to an event, were it to happen."""
    return any(isinstance(part, Reacts) for part in _parts(term))


def definitions_in(term: Term[Any]) -> set[Definition]:
    return {part.definition for part in _parts(term) if isinstance(part, Named)}


def _parts(*terms: Any) -> Iterator[Any]:
    """The terms and every term and refusal inside them, each once."""
    stack: list[Any] = list(terms)
    seen: set[int] = set()
    while stack:
        term = stack.pop()
        if isinstance(term, tuple):
            stack += term
        elif isinstance(term, Term | Refusal) and id(term) not in seen:
            seen.add(id(term))
            yield term
            record: Any = term
            stack += [getattr(record, part.name) for part in fields(record)]
