"""Comparing: a system, and what it becomes without each of its safeguards, at once.

The safeguards are left open in one system, in which at most one of them is missing.
Its configurations are the systems that are compared, and one search visits them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.diagrams.members import Member, worse
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Answer,
    Budget,
    Findings,
    Notice,
    OutOfTime,
    Report,
    alarm,
    answer,
    nothing,
)
from tdxcheck.checker.language.system import Initial, TransitionSystem
from tdxcheck.checker.language.terms import Read, Term, all_of
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.verdict import Limit, Refuted, Unknown


@dataclass(frozen=True)
class Compared(Findings):
    """What the systems without a safeguard break, and the whole one does not."""

    worse: Mapping[str, Mapping[int, Answer]] = field(default_factory=dict)
    """By safeguard and question, where it is broken anew or sooner, or not decided."""
    known: frozenset[int] = frozenset()
    """The questions that are broken sooner, if at all: the whole breaks them too."""


@dataclass(frozen=True)
class Compare:
    """The judge that takes each of these safeguards out of a case's system."""

    safeguards: tuple[Safeguard, ...]

    def __call__(self, case: Case, budget: Budget, report: Report) -> Findings:
        started = time.monotonic()
        with alarm(budget.seconds) as expired:
            try:
                return self._compared(case, budget, report, expired)
            except OutOfTime:
                return nothing(case, Engine.DIAGRAMS, Limit.TIME, started)

    def _compared(
        self, case: Case, budget: Budget, report: Report, expired: Callable[[], bool]
    ) -> Compared:
        started = time.monotonic()
        system = opened(case.instance.system, self.safeguards)
        whole = ground(system, case.instance.scope)
        part = slice_for(whole, range(len(whole.properties)))
        missing = (None, *self.safeguards)
        found = worse(
            part.system,
            [self._member(part.system, one) for one in missing],
            Limits(budget.depth, budget.memory),
            lambda text: report(Notice(case.label, Engine.DIAGRAMS, text)),
        )
        answers: dict[str, dict[int, Answer]] = {s.name: {} for s in self.safeguards}
        for one in found:
            safeguard = self.safeguards[one.member - 1]
            verdict = one.verdict
            if isinstance(verdict, Unknown) and expired():
                verdict = Unknown(Limit.TIME)
            if isinstance(verdict, Refuted):
                run = part.lift(verdict.run, self._member(whole, safeguard))
                verdict = replace(verdict, run=run)
            answers[safeguard.name][one.property] = answer(whole, verdict)
        return Compared(
            case.label,
            Engine.DIAGRAMS,
            (),
            time.monotonic() - started,
            worse=answers,
            known=frozenset(one.property for one in found if one.sooner),
        )

    def _member(self, system: GroundSystem, missing: Safeguard | None) -> Member:
        """The configuration with one safeguard missing, or none."""
        return {
            slot.number: int(slot.entry[0] is not missing)
            for slot in system.slots
            if slot.entry[0] in self.safeguards
        }


def opened(
    system: TransitionSystem, safeguards: Sequence[Safeguard]
) -> TransitionSystem:
    """The system with the safeguards left open, of which at most one is missing."""
    there: list[Term[bool]] = [Read(s, (), False) for s in safeguards]
    alone = Initial(
        "one_safeguard_at_most_is_missing",
        "At most one of the safeguards is missing.",
        all_of(*(one | other for one, other in combinations(there, 2))),
        safeguards[0].location,
    )
    return replace(
        system,
        settings={**system.settings, **dict.fromkeys(safeguards)},
        initial=(*system.initial, alone),
    )
