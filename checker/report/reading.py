"""What a term speaks of: variables, definitions, events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from tdxcheck.checker.language.state import Definition, Variable
from tdxcheck.checker.language.system import Event
from tdxcheck.checker.language.terms import Named, Reacts, Read, StepIs, Term


def variables_in(term: Term[Any]) -> set[Variable]:
    return {part.variable for part in _parts(term) if isinstance(part, Read)}


def events_in(term: Term[Any]) -> set[Event]:
    found = set()
    for part in _parts(term):
        if isinstance(part, Reacts):
            found.add(part.event)
        elif isinstance(part, StepIs):
            found |= {t for t in part.targets if isinstance(t, Event)}
    return found


def definitions_in(term: Term[Any]) -> set[Definition]:
    return {part.definition for part in _parts(term) if isinstance(part, Named)}


def _parts(term: Term[Any]) -> Iterator[Term[Any]]:
    """The term and every term inside it."""
    yield term
    if not is_dataclass(term):
        return
    for field in fields(term):
        value = getattr(term, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Term):
                yield from _parts(part)
