"""Removal: each safeguard of a design taken out in turn, and what breaks without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tdxcheck.checker.catalogue import Catalogue, Design, Outcome, Sizes
from tdxcheck.checker.judging.assess import Shown, assess
from tdxcheck.checker.judging.judgement import (
    Assessment,
    Judgement,
    Standing,
    outcome_of,
)
from tdxcheck.checker.judging.question import Case, Question, cases_of
from tdxcheck.checker.judging.work import Budget, Engines, Report
from tdxcheck.checker.language.reading import asks_for_reactions
from tdxcheck.checker.language.system import Severity
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.verdict import Refuted, Verdict


@dataclass(frozen=True, eq=False)
class Removal:
    """One safeguard of one design."""

    design: Design
    safeguard: Safeguard
    broken: tuple[Judgement, ...]
    """Rules that the variant breaks and the whole design does not."""
    sooner: tuple[Judgement, ...]
    """Rules that both break, and the variant by a shorter run."""
    undecided: tuple[Judgement, ...]

    @property
    def telling(self) -> Judgement | None:
        """The breach that says best what the safeguard is good for.

        One that happens before one that only would not be refused; one that is new
        before one that only comes sooner; then the most severe, and the shortest.
        """
        shown = [j for j in (*self.broken, *self.sooner) if j.trace is not None]
        return min(shown, key=self._rank, default=None)

    def _rank(self, judgement: Judgement) -> tuple[bool, bool, int, int]:
        assert isinstance(judgement.verdict, Refuted)
        rule = judgement.question.rule
        return (
            asks_for_reactions(rule.condition),
            judgement in self.sooner,
            list(Severity).index(rule.severity),
            len(judgement.verdict.run.steps),
        )


def removals(
    catalogue: Catalogue,
    designs: Sequence[tuple[Design, Sequence[Safeguard]]],
    sizes: Sizes,
    engines: Engines,
    budget: Budget,
    jobs: int,
    report: Report = lambda _: None,
) -> tuple[list[Removal], bool, float]:
    """Judge each design whole, and without each of the safeguards named with it.

    The first engine judges. Gives what was found, whether that was interrupted, and
    the seconds that it took.
    """
    first = dict([next(iter(engines.items()))])
    rules = [rule.id for rule in catalogue.rules]

    def judge(asked: Sequence[Design], shown: Shown) -> Assessment:
        cases = cases_of(catalogue, asked, sizes, names=rules)
        own = [case for case in cases if case.questions[0].claim is None]
        return assess(own, first, budget, jobs, shown=shown, report=report)

    whole = judge([design for design, _ in designs], lambda *_: False)
    if whole.interrupted:
        return [], True, whole.seconds
    before = {
        (judgement.case.design.key, judgement.question.name): judgement
        for judgement in whole.judgements
    }
    variants = {
        catalogue.without(design, safeguard).key: (design, safeguard)
        for design, safeguards in designs
        for safeguard in safeguards
    }

    def is_worse(case: Case, question: Question, verdict: Verdict) -> bool:
        design, _ = variants[case.design.key]
        return _is_worse(before[design.key, question.name].verdict, verdict)

    without = judge([catalogue.design(key) for key in variants], is_worse)
    found = []
    for key, (design, safeguard) in variants.items():
        pairs = [
            (before[design.key, judgement.question.name], judgement)
            for judgement in without.judgements
            if judgement.case.design.key == key
        ]
        if pairs:
            found.append(_removal(design, safeguard, pairs))
    interrupted = whole.interrupted or without.interrupted
    return found, interrupted, whole.seconds + without.seconds


def _is_worse(before: Verdict, after: Verdict) -> bool:
    """Broken now, and was not; or by a shorter run."""
    if outcome_of(after) is not Outcome.REFUTED:
        return False
    if outcome_of(before) is not Outcome.REFUTED:
        return True
    return (
        isinstance(before, Refuted)
        and isinstance(after, Refuted)
        and len(after.run.steps) < len(before.run.steps)
    )


def _removal(
    design: Design, safeguard: Safeguard, pairs: Sequence[tuple[Judgement, Judgement]]
) -> Removal:
    broken: list[Judgement] = []
    sooner: list[Judgement] = []
    undecided: list[Judgement] = []
    for before, after in pairs:
        outcomes = outcome_of(before.verdict), outcome_of(after.verdict)
        if after.standing is Standing.NOT_CHECKED:
            continue
        if None in outcomes:
            undecided.append(after)
        elif _is_worse(before.verdict, after.verdict):
            known = outcomes[0] is Outcome.REFUTED
            (sooner if known else broken).append(after)
    return Removal(design, safeguard, tuple(broken), tuple(sooner), tuple(undecided))
