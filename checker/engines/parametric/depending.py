"""Depending: what the meaning of a term rests on, so that it is worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.reading import made_of
from tdxcheck.checker.language.system import Action, Event
from tdxcheck.checker.language.terms import (
    Choice,
    Index,
    Reacts,
    Read,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
)
from tdxcheck.checker.language.variables import Variable


@dataclass(frozen=True)
class Needs:
    """What must be known for a term to have a meaning."""

    reads: frozenset[Variable] = frozenset()
    """All variables that it reads, before or after a step."""
    later: frozenset[Variable] = frozenset()
    """Those of them that it itself says to be read after the step."""
    of_a_step: bool = False
    """It asks which step is taken."""
    open: frozenset[Term[Any]] = frozenset()
    """The indices and choices in it, those among them that it binds itself, too."""


class Depending:
    """What the terms of one system depend on."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = tuple(actions)
        self._needs: dict[Term[Any], Needs] = {}

    def of(self, term: Term[Any]) -> Needs:
        if term not in self._needs:
            self._needs[term] = self._found(term)
        return self._needs[term]

    def _found(self, term: Term[Any]) -> Needs:
        inside = [self.of(part) for part in made_of(term)]
        reads = frozenset[Variable]().union(*(part.reads for part in inside))
        later = frozenset[Variable]().union(*(part.later for part in inside))
        left = frozenset[Term[Any]]().union(*(part.open for part in inside))
        of_a_step = any(part.of_a_step for part in inside)
        match term:
            case Read(variable, _, after):
                reads |= {variable}
                later |= {variable} if after else frozenset()
            case Index() | Choice():
                left |= {term}
            case Reacts(event):
                reads |= self._of_event(event)
            case StepIs() | StepAt() | StepAnswers():
                of_a_step = True
        return Needs(reads, later, of_a_step, left)

    def _of_event(self, event: Event) -> frozenset[Variable]:
        """What the answer to an event depends on."""
        asked = (
            self.of(guard.condition).reads
            for action in self._actions
            if action.event is event
            for guard in action.guards
        )
        return frozenset[Variable]().union(*asked)
