"""Influence: which variables an action depends on, looked for once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tdxcheck.checker.language import terms as language
from tdxcheck.checker.language.reading import terms_in
from tdxcheck.checker.language.state import Update
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.language.variables import Every, Variable


class Influence:
    """Which variables actions depend on, looked for once."""

    def __init__(self) -> None:
        self._read: dict[Action, frozenset[Variable] | None] = {}
        """None where it depends on all: what becomes of an event may rest on any."""

    def __call__(self, action: Action, variables: set[Variable]) -> bool:
        """What the action does may be other than it was, now that these change."""
        if action not in self._read:
            self._read[action] = _read_by(action)
        read = self._read[action]
        return read is None or not read.isdisjoint(variables)


def _read_by(action: Action) -> frozenset[Variable] | None:
    terms = [guard.condition for guard in action.guards]
    for update in action.updates:
        terms += [update.value, *indices_of(update)]
    parts = list(terms_in(*terms))
    if any(isinstance(part, language.Reacts) for part in parts):
        return None
    read = {part.variable for part in parts if isinstance(part, language.Read)}
    return frozenset(read | {update.variable for update in action.updates})


def indices_of(update: Update) -> Iterator[Term[Any]]:
    """The indices of the entry that an update assigns to."""
    for index in update.indices or ():
        yield index.index if isinstance(index, Every) else index
