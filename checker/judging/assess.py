"""Assessing: engines are run and compared with each other, their traces replayed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tdxcheck.checker.judging.combine import Engine, InternalError, combine
from tdxcheck.checker.judging.judgement import (
    Assessment,
    Judgement,
    outcome_of,
    standing,
)
from tdxcheck.checker.judging.processes import Task, Work, run
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.sharing import Group, together
from tdxcheck.checker.judging.work import Answer, Budget, Findings, Judge, Report
from tdxcheck.checker.trace import Evidence, ReplayError, Trace, replay
from tdxcheck.checker.verdict import Reached, Refuted

LEAST = 5.0
"""Seconds without which no engine need be started."""


def assess(
    cases: Sequence[Case],
    engines: Mapping[Engine, Judge],
    budget: Budget,
    jobs: int,
    *,
    demanded: bool = True,
    report: Report = lambda _: None,
) -> Assessment:
    """Judge every question of every case.

    `demanded` says that known refutations must be found again.
    """
    started = time.monotonic()
    groups = together(cases)
    rules = [group for group in groups if not group.only_claims]
    claims = [group for group in groups if group.only_claims]
    primary, *others = engines.items()
    # Proofs take all the time there is, so what is surely done in time comes first.
    tasks = _tasks(rules + claims, [primary]) + _tasks(rules, others)
    work = run(tasks, budget, jobs, report)
    findings = _findings(tasks, work, groups)
    # The other engine looks at a claim only where the first has no answer: a
    # claim is many systems, and its refutations are replayed in any case.
    left = [group for group in claims if _is_open(group, findings)]
    rest = _rest(budget, started)
    worth_it = rest.seconds is None or rest.seconds > LEAST
    if left and others and worth_it and not work.interrupted:
        tasks = _tasks(left, others)
        work = run(tasks, rest, jobs, report)
        findings += _findings(tasks, work, groups)
    judgements = [
        judgement
        for case in cases
        for judgement in _of_case(
            case, [f for f in findings if f.case == case.label], demanded
        )
    ]
    return Assessment(
        tuple(cases),
        tuple(judgements),
        tuple(findings),
        work.interrupted,
        time.monotonic() - started,
    )


def _tasks(
    groups: Sequence[Group], engines: Iterable[tuple[Engine, Judge]]
) -> list[Task]:
    return [
        Task(group.case, engine, judge, _weight(group, engine))
        for engine, judge in engines
        for group in groups
    ]


def _weight(group: Group, engine: Engine) -> int:
    """Its part of the time, if all is still to be done."""
    if group.only_claims:
        return 16
    return 200 if engine is Engine.EXPLICIT else 40


def _findings(
    tasks: Sequence[Task], work: Work, groups: Sequence[Group]
) -> list[Findings]:
    by_case = {group.case: group for group in groups}
    return [
        part
        for task, found in zip(tasks, work.findings, strict=True)
        for part in by_case[task.case].parts(found)
    ]


def _is_open(group: Group, findings: Sequence[Findings]) -> bool:
    labels = {member.label for member in group.members}
    return any(
        outcome_of(answer.verdict) is None
        for found in findings
        if found.case in labels
        for answer in found.answers
    )


def _rest(budget: Budget, started: float) -> Budget:
    if budget.seconds is None:
        return budget
    left = budget.seconds - (time.monotonic() - started)
    return replace(budget, seconds=left)


def _of_case(
    case: Case, findings: Sequence[Findings], demanded: bool
) -> list[Judgement]:
    return [
        _judgement(
            case, question, {f.engine: f.answers[number] for f in findings}, demanded
        )
        for number, question in enumerate(case.questions)
    ]


def _judgement(
    case: Case, question: Question, answers: Mapping[Engine, Answer], demanded: bool
) -> Judgement:
    subject = f"{question.name} of {case.label}"
    traces: dict[Engine, Trace] = {}
    for engine, answer in answers.items():
        if isinstance(answer.verdict, Refuted | Reached):
            traces[engine] = _confirm(case, question, engine, answer.evidence)
    by_engine = {engine: answer.verdict for engine, answer in answers.items()}
    verdict = combine(subject, by_engine)
    trace = next((t for e, t in traces.items() if by_engine[e] is verdict), None)
    return Judgement(
        case,
        question,
        verdict,
        by_engine,
        trace,
        standing(verdict, question.expected, demanded),
    )


def _confirm(
    case: Case, question: Question, engine: Engine, evidence: Evidence | None
) -> Trace:
    """Nothing is shown that the reference interpreter has not replayed."""
    assert evidence is not None, "a refutation comes with its evidence"
    try:
        return replay(case.instance, question.rule, evidence)
    except ReplayError as error:
        raise InternalError(
            f"the {engine.value} engine's trace for {question.name} of "
            f"{case.label} does not replay: {error}"
        ) from error
