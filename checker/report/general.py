"""Proofs for every number of things, told: what they rest on, or what they lack."""

from __future__ import annotations

from collections.abc import Iterator

from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.judgement import Assessment, Judgement
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.words import told_by
from tdxcheck.checker.verdict import (
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Refuted,
    Unknown,
)

FEW = 2
"""More proofs than these are told without what they rest on.

One that says nothing of some machines is told with these in any case.
"""


def proofs(page: Page, assessment: Assessment) -> None:
    """The invariants, if there are few; and where there is none, what is missing."""
    found = [
        judgement
        for judgement in assessment.judgements
        if Engine.PARAMETRIC in judgement.by_engine
    ]
    proved = [j for j in found if isinstance(_verdict(j), ProvedForEvery)]
    for judgement in proved if len(proved) <= FEW else ():
        page.add()
        page.add(f"{_title(judgement)}: {_told(judgement)}", at=2)
        for part in _parts(judgement):
            page.add(part, label="  - ", at=4)
    lacking = [j for j in found if _lacks(j)]
    if len(proved) > FEW:
        lacking += [j for j in proved if _excepts(j)]
    if lacking:
        page.add()
    for judgement in lacking:
        page.add(f"{_title(judgement)}: {_told(judgement)}", Style.QUIET, at=2)


def _parts(judgement: Judgement) -> Iterator[str]:
    verdict = _verdict(judgement)
    assert isinstance(verdict, ProvedForEvery), "only a proof has an invariant"
    yield from verdict.because
    yield from verdict.invariant


def _lacks(judgement: Judgement) -> bool:
    if isinstance(judgement.verdict, Refuted):
        return False
    match _verdict(judgement):
        case HeldInSmall() | Unknown(Limit.FAMILY | Limit.SMALL):
            return True
    return False


def _excepts(judgement: Judgement) -> bool:
    verdict = _verdict(judgement)
    return isinstance(verdict, ProvedForEvery) and bool(verdict.excepted)


def _verdict(judgement: Judgement) -> object:
    return judgement.by_engine[Engine.PARAMETRIC]


def _title(judgement: Judgement) -> str:
    return f"{judgement.case.design.key}, {judgement.question.name}"


def _told(judgement: Judgement) -> str:
    return told_by(Engine.PARAMETRIC, judgement.by_engine[Engine.PARAMETRIC])
