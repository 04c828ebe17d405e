"""Validation: what only a whole system can have wrong, found before any engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.state import Refusal, Variable
from tdxcheck.checker.language.system import TransitionSystem
from tdxcheck.checker.language.terms import Read, Term


def validate(*systems: TransitionSystem) -> None:
    """Refuse a state variable that nothing in any of the systems reads.

    The systems may share a state: a variable is of use if one of them uses it.
    To be assigned is not to be used, nor is to be read for its own next value.
    """
    read = {variable for system in systems for variable in _read_by(system)}
    for system in systems:
        for variable in system.state.variables():
            if variable not in read:
                raise SpecificationError(
                    variable.location,
                    f"{variable.name} is unused: no guard, effect, property or "
                    "initial condition reads it",
                )


def _read_by(system: TransitionSystem) -> Iterator[Variable]:
    for action in system.actions:
        for guard in action.guards:
            yield from _variables(guard.condition, guard.refusal)
        for update in action.updates:
            own = update.variable
            for variable in _variables(update.indices, update.value):
                if variable is not own:
                    yield variable
        for call in action.calls:
            yield from _variables(call.answer)
    for rule in system.properties:
        yield from _variables(rule.condition, rule.goal)
    for condition in system.initial:
        yield from _variables(condition.condition)
    for definition in system.state.definitions():
        indices = [sort(name) for name, sort in definition.parameters.items()]
        yield from _variables(definition.rule(system.state(), *indices))


def _variables(*terms: Any) -> Iterator[Variable]:
    """The variables that are read in the terms, and in all that they consist of."""
    stack: list[Any] = list(terms)
    seen: set[int] = set()
    while stack:
        term = stack.pop()
        if isinstance(term, tuple):
            stack += term
        elif isinstance(term, Term | Refusal) and id(term) not in seen:
            seen.add(id(term))
            record: Any = term
            if isinstance(term, Read):
                yield term.variable
            stack += [getattr(record, part.name) for part in fields(record)]
