"""Orbiting: the part in judging of the search over orbits."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.explicit import Limits, Progress
from tdxcheck.checker.engines.orbits import judge
from tdxcheck.checker.engines.orbits.search import NoSymmetry
from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.symmetry import Symmetry, symmetry_of
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.exploring import DeepEnough, because
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Answer,
    Budget,
    Findings,
    Notice,
    Report,
    Statistics,
    answer,
    fired_by_name,
)
from tdxcheck.checker.verdict import Limit, Unknown


def orbited(
    case: Case, budget: Budget, report: Report, expired: Callable[[], bool]
) -> Findings:
    """What visiting a state of each orbit says of every question.

    A property that does not have the symmetry of the system is judged alone, with
    what it leaves of that of its own slice.
    """
    started = time.monotonic()
    whole = ground(case.instance.system, case.instance.scope)
    check_start(whole)
    everything = range(len(whole.properties))
    visit = _Visit(case, whole, budget, report, expired)
    together = visit.of(everything, ())
    answers = dict(zip(everything, together.answers, strict=True))
    notes = [together.note]
    for number in everything:
        if visit.limit is None and answers[number] == OPEN:
            alone = visit.of([number], (0,))
            (answers[number],) = alone.answers
            if answers[number] != OPEN:
                rule = whole.properties[number].property
                notes.append(f"{rule.name} alone: {alone.note}")
    return Findings(
        case.label,
        Engine.ORBITS,
        tuple(answers[number] for number in everything),
        time.monotonic() - started,
        together.statistics,
        note="; ".join(notes),
    )


OPEN = Answer(Unknown(Limit.SYMMETRY), None)


@dataclass(frozen=True)
class _Seen:
    """What one search over orbits says of some questions."""

    answers: tuple[Answer, ...]
    note: str
    statistics: Statistics | None = None


class _Visit:
    """Searches over orbits of slices of one system, until a limit is met."""

    def __init__(
        self,
        case: Case,
        whole: GroundSystem,
        budget: Budget,
        report: Report,
        expired: Callable[[], bool],
    ) -> None:
        self.case = case
        self.whole = whole
        self.budget = budget
        self.report = report
        self.expired = expired
        self.limit: Limit | None = None
        """That was met by the last search."""

    def of(self, numbers: Sequence[int], kept: Collection[int]) -> _Seen:
        """Judge the properties of these numbers in their slice."""
        part = slice_for(self.whole, numbers)
        symmetry = symmetry_of(part.system, kept)
        limits = Limits(self.budget.states, self.budget.memory)
        deep_enough = False

        def progress(at: Progress) -> None:
            nonlocal deep_enough
            if self.budget.depth is not None and at.depth > self.budget.depth:
                deep_enough = True
                raise DeepEnough
            text = f"{at.states:,} states, depth {at.depth}"
            self.report(Notice(self.case.label, Engine.ORBITS, text))

        try:
            found = judge.explore(part.system, symmetry, limits, progress)
        except NoSymmetry:
            return _Seen((OPEN,) * len(numbers), told(symmetry))
        except Unsuited:
            unknown = Answer(Unknown(Limit.NUMBERS), None)
            return _Seen((unknown,) * len(numbers), told(symmetry))
        limit = found.limit
        if limit is Limit.INTERRUPT and deep_enough:
            limit = Limit.DEPTH
        elif limit is Limit.INTERRUPT and self.expired():
            limit = Limit.TIME
        self.limit = None if limit is Limit.DEPTH else limit
        verdicts = (because(v, limit, self.budget.depth) for v in found.verdicts)
        return _Seen(
            tuple(answer(self.whole, part.lift_verdict(v)) for v in verdicts),
            f"{'' if limit is None else 'the first '}{found.orbits:,} orbits: "
            + told(symmetry),
            Statistics(
                found.states,
                found.transitions,
                found.depth,
                limit,
                fired_by_name(part, found.fired),
            ),
        )


def told(symmetry: Symmetry) -> str:
    """Which elements are interchangeable, and what tells the others apart."""
    alike = [f"{c} are interchangeable" for c in (*symmetry.classes, *symmetry.parts)]
    if len(symmetry.others) and not symmetry.parts:
        alike.append("some are, each with what belongs to it")
    return "; ".join(
        [
            *(alike or ["no elements are interchangeable"]),
            *map(str, symmetry.apart),
            *symmetry.asymmetric.values(),
        ]
    )
