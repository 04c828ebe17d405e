"""Rewriting: a term with others in the place of some of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tdxcheck.checker.language.reading import names_of
from tdxcheck.checker.language.terms import Term


class Rewriter:
    """Puts in the place of a part what a function says, and looks into all others.

    A term that stands in several places is rewritten once, and what has no such part
    stays the same term, so that whoever knows it by its identity knows it still.
    """

    def __init__(self, instead: Callable[[Term[Any]], Term[Any] | None]) -> None:
        self.instead = instead
        """What stands in the place of a term; None for what its parts make of it."""
        self._known: dict[int, tuple[Term[Any], Term[Any]]] = {}

    def of(self, part: Any) -> Any:
        """The term, or each term of the tuple, or what else it is, rewritten."""
        if isinstance(part, tuple):
            new = tuple(map(self.of, part))
            return part if all(map(_is, new, part)) else new
        if not isinstance(part, Term):
            return part
        if id(part) not in self._known:
            found = self.instead(part)
            self._known[id(part)] = part, self._made(part) if found is None else found
        return self._known[id(part)][1]

    def _made(self, part: Term[Any]) -> Term[Any]:
        record: Any = part
        kind: Any = type(record)
        old = {name: getattr(record, name) for name in names_of(kind)}
        new = {name: self.of(value) for name, value in old.items()}
        if all(_is(new[name], old[name]) for name in old):
            return part
        found: Term[Any] = replace(record, **new)
        return found


def _is(new: Any, old: Any) -> bool:
    return new is old
