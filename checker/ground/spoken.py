"""What a term means by its free names, and by the step, besides what it reads.

Whatever these are the same for is the same ground term, and need be made but once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tdxcheck.checker.language.reading import made_of
from tdxcheck.checker.language.terms import (
    Choice,
    Count,
    Exists,
    Forall,
    Index,
    Read,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
)
from tdxcheck.checker.language.variables import Variable


class Speaks(NamedTuple):
    """What a ground term depends on, besides the state."""

    term: Term[Any]
    """Kept, so that no other has its identity."""
    names: tuple[Term[Any], ...]
    """The parameters and indices that are free in it."""
    of_step: bool
    """It asks which step is taken."""
    later: frozenset[Variable]
    """The variables that it reads after the step."""


class Spoken:
    """What terms speak of, found once for each."""

    def __init__(self) -> None:
        self._known: dict[int, Speaks] = {}

    def of(self, term: Term[Any]) -> Speaks:
        return self._known.get(id(term)) or self._find(term)

    def _find(self, term: Term[Any]) -> Speaks:
        names: dict[Term[Any], None] = {}
        of_step = isinstance(term, StepIs | StepAt | StepAnswers)
        later = {term.variable} if isinstance(term, Read) and term.after else set()
        for part in made_of(term):
            if isinstance(part, Index | Choice):
                names[part] = None
            else:
                inner = self.of(part)
                names |= dict.fromkeys(inner.names)
                of_step |= inner.of_step
                later |= inner.later
        if isinstance(term, Forall | Exists | Count):
            names.pop(term.index, None)
        found = Speaks(term, tuple(names), of_step, frozenset(later))
        self._known[id(term)] = found
        return found
