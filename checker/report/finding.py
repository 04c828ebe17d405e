"""Findings: what a command has found, as the formats for programs need it.

A format reads these and nothing else, so whatever can be told as findings can be
had in every format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.judging.judgement import (
    Assessment,
    Judgement,
    Standing,
)
from tdxcheck.checker.language.instance import show_entry, show_value
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.narrative import show_answer, told_by
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.story import tell
from tdxcheck.checker.report.words import category, is_idle, kind, sentence, word
from tdxcheck.checker.trace import Change, Trace
from tdxcheck.checker.verdict import Refuted

if TYPE_CHECKING:
    from tdxcheck.checker.certificates import Attempt

WIDTH = 100
"""Columns of the reports inside other formats."""


class Result(Enum):
    """How a finding counts where there are only a few ways to count."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    """Never to be taken for passed."""
    SKIPPED = "not checked"


@dataclass(frozen=True)
class Stage:
    """A step of the run that shows a finding."""

    location: Location
    text: str
    """What happens, and what was answered."""
    changes: tuple[tuple[str, str], ...] = ()
    """The entries that it changes, each with its value after it."""
    decisive: bool = False


@dataclass(frozen=True)
class Finding:
    subject: str
    """What was judged: a design, on which machine, under which assumptions."""
    name: str
    """What was asked of it: a rule, a claim, a safeguard."""
    result: Result
    message: str
    """One line."""
    location: Location | None
    """Of what was asked, if that is in a file."""
    meaning: str = ""
    """What was asked, in words."""
    rationale: str = ""
    known: str = ""
    """Why it is no news although something is broken; empty otherwise."""
    report: str = ""
    """The incident report, of several lines; empty where nothing happened."""
    severity: str = ""
    sources: tuple[str, ...] = ()
    verdict: str = ""
    """The kind of the verdict, if it is one on a rule."""
    idle: bool = False
    """It holds, as it would whatever were judged: that says nothing."""
    stages: tuple[Stage, ...] = ()
    elsewhere: tuple[Location, ...] = ()
    """Other places that it may be shown at, the best first."""


@dataclass(frozen=True)
class Results:
    """All that a command has found."""

    command: str
    summary: str
    """How it ended, in one line."""
    status: int
    """The exit code."""
    findings: tuple[Finding, ...]
    seconds: float
    interrupted: bool = False
    by_subject: Mapping[str, float] = field(default_factory=dict)
    """Seconds that were spent on each subject, where that is known."""

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many verdicts there are of each kind."""
        return Counter(f.verdict for f in self.findings if f.verdict)

    def having(self, result: Result) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.result is result)


RESULTS = {
    Standing.EXPECTED: Result.PASSED,
    Standing.UNEXPECTED: Result.FAILED,
    Standing.UNDECIDED: Result.UNDECIDED,
    Standing.NOT_CHECKED: Result.SKIPPED,
}


def results_of(
    assessment: Assessment, status: int, certified: Sequence[Attempt] = ()
) -> Results:
    """An assessment as findings, one a question; each says what certificate it has."""
    of = {attempt.judgement: attempt for attempt in certified}
    spent: dict[str, float] = {}
    for found in assessment.findings:
        spent[found.case] = spent.get(found.case, 0.0) + found.seconds
    return Results(
        "verify",
        summary.in_one_line(assessment),
        status,
        tuple(finding_of(j, of.get(j)) for j in assessment.judgements),
        assessment.seconds,
        assessment.interrupted,
        spent,
    )


def finding_of(judgement: Judgement, certified: Attempt | None = None) -> Finding:
    rule = judgement.question.rule
    claim = judgement.question.claim
    broken = judgement.outcome is Outcome.REFUTED
    trace = judgement.trace if broken else None
    return Finding(
        subject=judgement.case.label,
        name=judgement.question.name,
        result=RESULTS[judgement.standing],
        message=_message(judgement) + _certificate(certified),
        location=rule.location,
        meaning=claim.statement if claim else rule.summary,
        rationale=" ".join(rule.rationale.split()),
        known=_known(judgement) if broken else "",
        report=_report(judgement),
        severity=rule.severity.value,
        sources=tuple(map(str, dict.fromkeys(rule.sources))),
        verdict=category(judgement),
        idle=is_idle(judgement),
        stages=tuple(_stages(trace)) if trace else (),
        elsewhere=tuple(_elsewhere(judgement)),
    )


def _certificate(certified: Attempt | None) -> str:
    if certified is None:
        return ""
    if certified.path is not None:
        return f"; certificate: {certified.path}"
    return f"; no certificate: {certified.reason}" if certified.reason else ""


def _known(judgement: Judgement) -> str:
    if judgement.standing is not Standing.EXPECTED:
        return ""
    expected = judgement.question.expected
    if expected is None:
        return "it is asked whether the claim needs the assumption"
    return expected.told or "it is known"


def _message(judgement: Judgement) -> str:
    expected = judgement.question.expected
    outcome = judgement.outcome
    match judgement.standing:
        case Standing.NOT_CHECKED:
            return "not checked: no engine answers this kind of question yet"
        case Standing.UNDECIDED:
            return f"undecided: {sentence(judgement)}"
        case Standing.UNEXPECTED if outcome is Outcome.REFUTED and judgement.trace:
            return f"{kind(judgement.verdict)} steps: {_why(judgement.trace)}"
        case Standing.UNEXPECTED:
            assert expected is not None, "where any answer is welcome, none is news"
            told = summary.instead(judgement, expected)
            return f"{word(judgement)}: {told}"
    if judgement.question.dropped is not None:
        return summary.about(judgement)
    known = f": {expected.told}" if expected and expected.told else ""
    if outcome is Outcome.REFUTED:
        steps = " steps" if isinstance(judgement.verdict, Refuted) else ""
        return f"known refutation, {kind(judgement.verdict)}{steps}{known}"
    if expected is not None and expected.outcome is outcome is Outcome.VACUOUS:
        return f"{word(judgement)}, as is known{known}"
    if expected is not None and expected.outcome is Outcome.REFUTED:
        return f"{sentence(judgement)}; on other machines a known refutation{known}"
    return f"{word(judgement)}: {sentence(judgement)}"


def _why(trace: Trace) -> str:
    clause = tell(trace).clause
    return clause.text if clause and clause.text else trace.rule.summary


def _report(judgement: Judgement) -> str:
    page = Page(WIDTH)
    if judgement.standing is Standing.UNEXPECTED:
        summary.unexpected(page, judgement)
    elif isinstance(judgement.verdict, Refuted) and judgement.trace is not None:
        summary.told(page, judgement)
    return str(page)


def _stages(trace: Trace) -> Iterator[Stage]:
    decisive = {step.number for step in tell(trace).decisive}
    for step in trace.steps:
        yield Stage(
            step.action.location,
            told_by(step) + show_answer(step),
            tuple(map(_changed, step.changes)),
            step.number in decisive,
        )


def _changed(change: Change) -> tuple[str, str]:
    variable, _ = change.entry
    return show_entry(change.entry), show_value(change.after, variable.sort)


def _elsewhere(judgement: Judgement) -> Iterator[Location]:
    """Where the design is stated, and the steps that it takes in its own way."""
    system = judgement.case.design.system
    if system.location is not None:
        yield system.location
    if judgement.trace is not None:
        for step in reversed(judgement.trace.steps):
            yield step.action.location
    before = system.base.actions if system.base else ()
    for action in system.actions:
        if action not in before:
            yield action.location
