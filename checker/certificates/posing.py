"""Posing: what a certificate for one machine is about, whoever has found its proof."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tdxcheck.checker.certificate_endings import Ranking, as_invariant
from tdxcheck.checker.certificates.ranking import lifted, told
from tdxcheck.checker.certificates.writing import Subject
from tdxcheck.checker.ground.slicing import Slice
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.system import Mode


@dataclass(frozen=True, eq=False)
class Posed:
    """What is to be shown, and what the certificate says more of it."""

    system: GroundSystem
    """With one rule, which is about states or steps."""
    subject: Subject


def subject_of(case: Case, number: int, says: str) -> Subject:
    """What is said of the case's question with this number."""
    question = case.questions[number]
    # A claim brings its own.
    assumed = () if question.claim else tuple(a.key for a in case.assumed)
    return Subject(
        case.design.key, question.name, says, case.sizes, assumed, question.rule
    )


def pose(part: Slice, subject: Subject, ranking: Ranking) -> Posed:
    """The rule of the slice; of one that something comes in the end, the ranking."""
    (rule,) = part.system.properties
    if rule.property.mode is Mode.LEADS_TO:
        subject = replace(
            subject,
            ranking=lifted(ranking, part).info,
            stages=tuple(told(ranking, part.system, rule)),
        )
        rule = as_invariant(part.system, rule, ranking)
    subject = replace(subject, apart=_apart(part.whole, part.system))
    return Posed(replace(part.system, properties=(rule,)), subject)


def _apart(whole: GroundSystem, part: GroundSystem) -> tuple[str, ...]:
    """The actions that the part leaves out, and those without a step at all."""
    there = {step.action for step in part.steps}
    actions = whole.instance.system.actions
    return tuple(action.name for action in actions if action not in there)
