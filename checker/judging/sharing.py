"""Sharing: cases about one and the same system are judged together.

A design that only differs from another in its manual has the same transitions,
and a claim without assumptions is about the same system as the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Findings


@dataclass(frozen=True, eq=False)
class Group:
    """Cases about one system, as one case with all of their questions."""

    case: Case
    members: tuple[Case, ...]

    @property
    def only_claims(self) -> bool:
        return all(question.claim is not None for question in self.case.questions)

    def parts(self, findings: Findings) -> Iterator[Findings]:
        """The findings about the group as findings about each of its members."""
        if len(findings.answers) != len(self.case.questions):
            raise InternalError(
                f"the {findings.engine.value} engine gave {len(findings.answers)} "
                f"answers to {len(self.case.questions)} questions about "
                f"{self.case.label}"
            )
        answers = {
            question.rule: answer
            for question, answer in zip(
                self.case.questions, findings.answers, strict=True
            )
        }
        for member in self.members:
            yield replace(
                findings,
                case=member.label,
                answers=tuple(answers[question.rule] for question in member.questions),
                same_as=self.case.label if member is not self.members[0] else "",
            )


def together(cases: Sequence[Case]) -> list[Group]:
    """The cases, those about one system in one group."""
    groups: list[list[Case]] = []
    for case in cases:
        for group in groups:
            if _same_system(group[0], case):
                group.append(case)
                break
        else:
            groups.append([case])
    return [Group(_merged(group), tuple(group)) for group in groups]


def _same_system(one: Case, other: Case) -> bool:
    left, right = one.instance.system, other.instance.system
    return (
        left.state is right.state
        and left.actions == right.actions
        and left.initial == right.initial
        and left.settings == right.settings
        and one.instance.scope == other.instance.scope
    )


def _merged(cases: list[Case]) -> Case:
    """One case, in which each rule is asked about once."""
    first = cases[0]
    every = {q.rule: q for case in reversed(cases) for q in reversed(case.questions)}
    questions = tuple(reversed(every.values()))
    rules = tuple(question.rule for question in questions)
    system = replace(first.instance.system, properties=rules)
    instance = replace(first.instance, system=system)
    return replace(first, questions=questions, instance=instance)
