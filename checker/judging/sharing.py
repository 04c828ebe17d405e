"""Sharing: cases about one system, or about one family of systems, judged together.

A design that only differs from another in its manual has the same transitions,
and a claim without assumptions is about the same system as the rules. A claim
with assumptions is about a family: one system whose switches are left open, of
which each question is about the members that are as its case sets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import Findings
from tdxcheck.checker.language.system import (
    Initial,
    Mode,
    Property,
    TransitionSystem,
)
from tdxcheck.checker.language.terms import (
    Const,
    Equal,
    Read,
    Term,
    all_of,
    any_of,
    implies,
)
from tdxcheck.checker.language.variables import Var, Variable


@dataclass(frozen=True, eq=False)
class Group:
    """Cases that are judged as one case with all of their questions."""

    case: Case
    members: tuple[Case, ...]
    places: tuple[tuple[int, ...], ...]
    """Of each member, where its questions are among those of the case."""

    @property
    def only_claims(self) -> bool:
        return all(question.claim is not None for question in self.case.questions)

    def askers(self, number: int) -> Iterator[tuple[Case, int]]:
        """The members that ask a question of the case, and its number among theirs."""
        for member, places in zip(self.members, self.places, strict=True):
            if number in places:
                yield member, places.index(number)

    def parts(self, findings: Findings) -> Iterator[Findings]:
        """The findings about the group as findings about each of its members."""
        if len(findings.answers) != len(self.case.questions):
            raise InternalError(
                f"the {findings.engine.value} engine gave {len(findings.answers)} "
                f"answers to {len(self.case.questions)} questions about "
                f"{self.case.label}"
            )
        for member, places in zip(self.members, self.places, strict=True):
            yield replace(
                findings,
                case=member.label,
                answers=tuple(findings.answers[place] for place in places),
                same_as=self.case.label if member is not self.members[0] else "",
                recalled=frozenset(
                    n for n, place in enumerate(places) if place in findings.recalled
                ),
            )


def together(cases: Sequence[Case]) -> list[Group]:
    """The cases, those about one system in one group."""
    groups: list[list[Case]] = []
    for case in cases:
        _join(groups, case, _same_system)
    return [_of_one_system(group) for group in groups]


def in_families(groups: Iterable[Group]) -> list[Group]:
    """The groups, those about one claim and a family of systems in one.

    It is for an engine that does not visit each of many systems for itself.
    """
    families: list[list[Case]] = []
    found = []
    for group in groups:
        if len(group.members) == 1 and group.only_claims:
            _join(families, *group.members, _same_family)
        else:
            found.append(group)
    return found + [
        _of_family(family) if len(family) > 1 else _of_one_system(family)
        for family in families
    ]


def _join(
    groups: list[list[Case]], case: Case, alike: Callable[[Case, Case], bool]
) -> None:
    """Add the case to the first group that it is like."""
    for group in groups:
        if alike(group[0], case):
            group.append(case)
            return
    groups.append([case])


def _same_system(one: Case, other: Case) -> bool:
    left, right = one.instance.system, other.instance.system
    return left.settings == right.settings and _same_but_for_settings(one, other)


def _same_but_for_settings(one: Case, other: Case) -> bool:
    left, right = one.instance.system, other.instance.system
    return (
        left.state is right.state
        and left.actions == right.actions
        and left.initial == right.initial
        and one.instance.scope == other.instance.scope
    )


def _same_family(one: Case, other: Case) -> bool:
    """Both ask about one claim, and differ in nothing but plain switches."""
    return (
        bool(_claims(one) & _claims(other))
        and _same_but_for_settings(one, other)
        and all(isinstance(switch, Var) for switch in _switches((one, other)))
    )


def _claims(case: Case) -> set[str]:
    return {question.claim.key for question in case.questions if question.claim}


def _of_one_system(cases: Sequence[Case]) -> Group:
    """One case, in which each rule is asked about once."""
    first = cases[0]
    asked = {q.rule: q for case in reversed(cases) for q in reversed(case.questions)}
    questions = tuple(reversed(asked.values()))
    place = {question.rule: number for number, question in enumerate(questions)}
    rules = tuple(question.rule for question in questions)
    return Group(
        _with_rules(first, first.instance.system, questions, rules),
        tuple(cases),
        tuple(tuple(place[q.rule] for q in case.questions) for case in cases),
    )


def _of_family(cases: Sequence[Case]) -> Group:
    """One case whose switches are open, with each question about its own members."""
    first = cases[0]
    switches = _switches(cases)
    members = [_member(case, switches) for case in cases]
    questions = tuple(question for case in cases for question in case.questions)
    rules = tuple(
        _only_of(member, question.rule)
        for case, member in zip(cases, members, strict=True)
        for question in case.questions
    )
    system = first.instance.system
    some = Initial(
        "a_member_of_the_family",
        "The switches are as in one of the members.",
        any_of(*members),
        rules[0].location,
    )
    opened = replace(
        system,
        settings={**system.settings, **dict.fromkeys(switches)},
        initial=(*system.initial, some),
    )
    claims = ", ".join(sorted(set.intersection(*map(_claims, cases))))
    merged = _with_rules(first, opened, questions, rules)
    numbers = iter(range(len(questions)))
    return Group(
        replace(merged, label=f"{first.label}, and {claims} without each of these"),
        tuple(cases),
        tuple(tuple(islice(numbers, len(case.questions))) for case in cases),
    )


def _switches(cases: Sequence[Case]) -> list[Variable]:
    """The variables that are set in different ways."""
    every = dict.fromkeys(v for case in cases for v in case.instance.system.settings)
    return [v for v in every if any(_set(c, v) != _set(cases[0], v) for c in cases)]


def _set(case: Case, variable: Variable) -> Any:
    return case.instance.system.settings.get(variable, variable.initial)


def _member(case: Case, switches: Sequence[Variable]) -> Term[bool]:
    """The switches are as the case sets them."""
    values = [(switch, _set(case, switch)) for switch in switches]
    return all_of(
        *(
            Equal(Read(switch, (), False), Const(value))
            for switch, value in values
            if value is not None
        )
    )


def _only_of(member: Term[bool], rule: Property) -> Property:
    """The rule, about those states alone."""
    if rule.mode in (Mode.REACHABLE, Mode.LEADS_TO):
        return replace(rule, condition=all_of(member, rule.condition))
    return replace(rule, condition=implies(member, rule.condition))


def _with_rules(
    case: Case,
    system: TransitionSystem,
    questions: tuple[Question, ...],
    rules: tuple[Property, ...],
) -> Case:
    system = replace(system, properties=rules)
    instance = replace(case.instance, system=system)
    return replace(case, questions=questions, instance=instance)
