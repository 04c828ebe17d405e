"""Making certificates: of what was judged to hold, by property-directed reachability.

However a rule was judged to hold, its certificate is made anew; where a run is found
instead, the engines disagree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tdxcheck.checker.certificate_endings import Ranking
from tdxcheck.checker.certificates import manifest
from tdxcheck.checker.certificates.posing import pose, subject_of
from tdxcheck.checker.certificates.ranking import ranking_of
from tdxcheck.checker.certificates.writing import (
    EVERY,
    HOLDS,
    UNREACHABLE,
    VACUOUS,
    VACUOUS_FOR_EVERY,
    Subject,
    for_every,
    script,
    story,
    story_of_every,
    targets_of,
)
from tdxcheck.checker.engines.diagrams.covers import TooManyCubes
from tdxcheck.checker.engines.symbolic.pdr import Budget, GaveUp, Proof, prove
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Disagreement
from tdxcheck.checker.judging.judgement import Assessment, Judgement
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Exhausted,
    Proved,
    ProvedForEvery,
    Unreachable,
    Vacuous,
    every_of,
)


@dataclass(frozen=True, eq=False)
class Certificate:
    """A proof, as the text of its two files."""

    script: str
    story: str
    clauses: int


@dataclass(frozen=True, eq=False)
class Attempt:
    """What became of one judgement: a certificate, or why there is none."""

    judgement: Judgement
    seconds: float
    path: Path | None = None
    clauses: int = 0
    reason: str = ""
    """Why a proof has none; empty where there is no proof."""


def certify(
    system: GroundSystem, number: int, subject: Subject, budget: Budget
) -> Certificate:
    """A certificate of what the subject says of the property with this number.

    Of a rule that holds vacuously, that what it speaks of never happens.
    """
    part = slice_for(system, (number,))
    (rule,) = part.system.properties
    ranking = Ranking()
    if rule.property.mode is Mode.LEADS_TO and subject.says == HOLDS:
        ranking = ranking_of(part.system, rule)
    posed = pose(part, subject, ranking)
    asked = posed.system
    (rule,) = asked.properties
    found = prove(asked, *targets_of(asked, rule, subject.says), budget=budget)
    if not isinstance(found, Proof):
        raise Disagreement(
            f"the engines disagree on {subject.question} of {subject.design}: "
            f"a run of {len(found.steps)} steps is found where a proof is sought"
        )
    text = script(posed.subject, found, part.steps)
    return Certificate(text, story(posed.subject, found), len(found.clauses))


def certify_all(
    assessment: Assessment,
    folder: Path,
    seconds: float | None,
) -> Iterator[Attempt]:
    """Write the certificate of every proof, within so many seconds for each."""
    for case in assessment.cases:
        system = ground(case.instance.system, case.instance.scope)
        for number, judgement in enumerate(assessment.of_case(case)):
            yield _attempt(judgement, system, number, folder, Budget(None, seconds))


def _attempt(
    judgement: Judgement,
    system: GroundSystem,
    number: int,
    folder: Path,
    budget: Budget,
) -> Attempt:
    """Write the certificate; what is there of another time is removed."""
    started = time.monotonic()
    name = f"{judgement.case.design.key}-{judgement.question.name}"
    files = [folder / f"{name}{suffix}" for suffix in (".smt2", ".txt")]
    says = _says(judgement)
    reason = ""
    if every := _for_every(judgement):
        is_vacuous = isinstance(judgement.verdict, Vacuous)
        said = VACUOUS_FOR_EVERY if is_vacuous else EVERY
        subject = subject_of(judgement.case, number, said)
        found = Certificate(
            for_every(subject, every),
            story_of_every(subject, every),
            len(every.invariant),
        )
        return _kept(judgement, files, found, started)
    if says:
        try:
            found = certify(
                system, number, subject_of(judgement.case, number, says), budget
            )
        except GaveUp as limit:
            reason = f"{limit} was met"
        except TooManyCubes:
            reason = "its stages cannot be told shortly"
        else:
            return _kept(judgement, files, found, started)
    for path in files:
        path.unlink(missing_ok=True)
    manifest.record(folder, dict.fromkeys(path.name for path in files))
    return Attempt(judgement, time.monotonic() - started, reason=reason)


def _kept(
    judgement: Judgement, files: list[Path], found: Certificate, started: float
) -> Attempt:
    texts = dict(zip(files, (found.script, found.story), strict=True))
    for path, text in texts.items():
        write_whole(path, text)
    manifest.record(files[0].parent, {path.name: t for path, t in texts.items()})
    return Attempt(judgement, time.monotonic() - started, files[0], found.clauses)


def _for_every(judgement: Judgement) -> ProvedForEvery | None:
    """The proof for every number, if there is one."""
    found = map(every_of, judgement.by_engine.values())
    return next(filter(None, found), None)


def _says(judgement: Judgement) -> str:
    """What there is to prove; empty if nothing was shown that needs a proof."""
    match judgement.verdict:
        case Exhausted() | Proved():
            return HOLDS
        case Vacuous():
            return VACUOUS
        case Unreachable():
            return UNREACHABLE
    return ""
