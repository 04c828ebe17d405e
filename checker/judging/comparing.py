"""Comparing: a system, and what it becomes without each of its safeguards, at once.

The safeguards are left open in one system, in which at most one of them is missing.
Its configurations are the systems that are compared, and one search visits them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from tdxcheck.checker.engines.diagrams.lasting import lasting, not_known
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.diagrams.members import Member, Worse, worse
from tdxcheck.checker.engines.enduring import INTERRUPTED, alike
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import Slice, slice_for
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
from tdxcheck.checker.verdict import Limit, Unknown


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
        limits = Limits(budget.depth, budget.memory)
        answers: dict[str, dict[int, Answer]] = {s.name: {} for s in self.safeguards}

        def note(text: str) -> None:
            report(Notice(case.label, Engine.DIAGRAMS, text))

        def keep(part: Slice, numbers: Sequence[int], found: Iterable[Worse]) -> None:
            for one in found:
                safeguard = self.safeguards[one.member - 1]
                verdict = one.verdict
                if isinstance(verdict, Unknown) and expired():
                    verdict = Unknown(Limit.TIME)
                verdict = part.lift_verdict(verdict, self._member(whole, safeguard))
                number = numbers[one.property]
                answers[safeguard.name][number] = answer(whole, verdict)

        every = range(len(whole.properties))
        part = slice_for(whole, every)
        breaches = found = worse(part.system, self._members(part.system), limits, note)
        keep(part, every, breaches)
        for numbers in alike(whole):
            note(f"what comes in the end, {whole.properties[numbers[0]].property.name}")
            end = slice_for(whole, numbers)
            members = self._members(end.system)
            # After an interrupt nothing more is judged.
            if any(one.verdict == INTERRUPTED for one in found):
                found = not_known(end.system, members, INTERRUPTED)
            else:
                found = lasting(end.system, members, limits)
            keep(end, numbers, found)
        return Compared(
            case.label,
            Engine.DIAGRAMS,
            (),
            time.monotonic() - started,
            worse=answers,
            known=frozenset(one.property for one in breaches if one.sooner),
        )

    def _members(self, system: GroundSystem) -> list[Member]:
        """The configurations: nothing missing, then each of the safeguards."""
        return [self._member(system, one) for one in (None, *self.safeguards)]

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
