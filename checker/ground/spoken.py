"""What a term means by its free names, and by the step, besides what it reads.

Whatever these are the same for is the same ground term, and need be made but once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tdxcheck.checker.language.terms import (
    And,
    Choice,
    Count,
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


class Speaks(NamedTuple):
    """What a ground term depends on, besides the state."""

    term: Term[Any]
    """Kept, so that no other has its identity."""
    names: tuple[Term[Any], ...]
    """The parameters and indices that are free in it."""
    of_step: bool


class Spoken:
    """What terms speak of, found once for each."""

    def __init__(self) -> None:
        self._known: dict[int, Speaks] = {}

    def of(self, term: Term[Any]) -> Speaks:
        return self._known.get(id(term)) or self._find(term)

    def _find(self, term: Term[Any]) -> Speaks:
        names: dict[Term[Any], None] = {}
        of_step = isinstance(term, StepIs | StepAt | StepAnswers) or (
            isinstance(term, Read) and term.after
        )
        for part in _parts(term):
            if isinstance(part, Index | Choice):
                names[part] = None
            else:
                inner = self.of(part)
                names |= dict.fromkeys(inner.names)
                of_step |= inner.of_step
        if isinstance(term, Forall | Exists | Count):
            names.pop(term.index, None)
        found = Speaks(term, tuple(names), of_step)
        self._known[id(term)] = found
        return found


def _parts(term: Term[Any]) -> Iterator[Term[Any]]:
    """The terms that it is made of, without those that only its name is made of."""
    match term:
        case Read(_, parts, _) | Reacts(_, parts, _):
            yield from parts
        case And(parts) | Or(parts):
            yield from parts
        case Named(_, _, body):
            yield body
        case Forall(_, body) | Exists(_, body):
            yield body
        case Count(_, body):
            yield body
        case Not(operand):
            yield operand
        case Implies(one, other) | Equal(one, other):
            yield from (one, other)
        case Less(one, other) | Plus(one, other):
            yield from (one, other)
        case Minus(one, other):
            yield from (one, other)
        case Ite(condition, then, otherwise):
            yield from (condition, then, otherwise)
        case StepAt(element):
            yield element
