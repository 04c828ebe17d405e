"""Judgements: the verdict on each question, its trace, and whether it was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import Findings
from tdxcheck.checker.trace import Trace
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


class Standing(Enum):
    """How a verdict compares with what is known of the design."""

    EXPECTED = "as expected"
    UNEXPECTED = "unexpected"
    UNDECIDED = "undecided"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, eq=False)
class Judgement:
    """One question, answered."""

    case: Case
    question: Question
    verdict: Verdict
    """The strongest that was established."""
    by_engine: Mapping[Engine, Verdict]
    trace: Trace | None
    standing: Standing
    recalled: bool = False
    """Every engine's answer is from an earlier run."""
    idle: bool = False
    """No design could break the rule on this machine, by what it says alone."""

    @property
    def outcome(self) -> Outcome | None:
        """What was found comes to; None if it leaves the question open."""
        return outcome_of(self.verdict, idle=self.idle)

    @property
    def label(self) -> str:
        """Its name among the recorded counterexamples."""
        return "-".join(
            filter(None, (self.bug, self.case.design.key, self.question.name))
        )

    @property
    def bug(self) -> str:
        """The number of the bug that it shows, if there is one."""
        expected = self.question.expected
        return self.case.design.bug or (expected.bug if expected else "")


@dataclass(frozen=True, eq=False)
class Assessment:
    """Everything that was judged."""

    cases: tuple[Case, ...]
    judgements: tuple[Judgement, ...]
    findings: tuple[Findings, ...]
    interrupted: bool
    seconds: float

    @property
    def recalled(self) -> int:
        """How many questions no engine was asked about in this run."""
        return sum(judgement.recalled for judgement in self.judgements)

    def of_case(self, case: Case) -> tuple[Judgement, ...]:
        return tuple(j for j in self.judgements if j.case is case)

    def of_engine(self, case: Case, engine: Engine) -> Findings | None:
        for findings in self.findings:
            if findings.case == case.label and findings.engine is engine:
                return findings
        return None


def outcome_of(verdict: Verdict, *, idle: bool = False) -> Outcome | None:
    """What the verdict comes to; None if it leaves the question open.

    That a rule holds which is idle says as little as if it were vacuous.
    """
    match verdict:
        case Exhausted() | Proved() | ProvedForEvery() | Reached():
            return Outcome.VACUOUS if idle else Outcome.HOLDS
        case Refuted() | Unreachable():
            return Outcome.REFUTED
        case Vacuous():
            return Outcome.VACUOUS
        case Bounded() | HeldInSmall() | Unknown():
            return None


def standing(
    verdict: Verdict,
    expected: Expectation | None,
    demanded: bool,
    *,
    idle: bool = False,
) -> Standing:
    """How the verdict compares with the expectation.

    On a smaller machine, or under assumptions, a known bug may be out of reach:
    what is expected is not demanded there, but a new refutation is news anywhere.
    """
    if isinstance(verdict, Unknown) and verdict.limit is Limit.UNSUPPORTED:
        return Standing.NOT_CHECKED
    outcome = outcome_of(verdict, idle=idle)
    if outcome is None:
        return Standing.UNDECIDED
    if expected is None or outcome is expected.outcome:
        return Standing.EXPECTED
    if outcome is Outcome.REFUTED or demanded:
        return Standing.UNEXPECTED
    return Standing.EXPECTED
