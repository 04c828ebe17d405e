"""Assessing: engines are run and compared with each other, their traces replayed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tdxcheck.checker.judging.canonical import VISITING, canonical
from tdxcheck.checker.judging.combine import Disagreement, Engine, combine
from tdxcheck.checker.judging.confirming import Confirmed, Shown, confirm
from tdxcheck.checker.judging.judgement import (
    Assessment,
    Judgement,
    Standing,
    standing,
)
from tdxcheck.checker.judging.kept import NOTHING_KEPT, Kept, Recalled, merged
from tdxcheck.checker.judging.processes import Runner, Task, run
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.saying import Saying, agreed
from tdxcheck.checker.judging.sharing import Group, in_families, together
from tdxcheck.checker.judging.work import Answer, Budget, Findings, Judge, Report
from tdxcheck.checker.trace import Trace
from tdxcheck.checker.verdict import Vacuous

LEAST = 4.0
"""Seconds without which no engine need be started."""
OPINION = 12.0
"""Seconds for the other engines, where the first has answered everything."""
USUALLY = 52.0
"""Seconds in which all is to be told, opinions included, if the first allows."""
ENUMERABLE = 2_000_000
"""States of a system that is also visited state by state, for a second opinion."""


def assess(
    cases: Sequence[Case],
    engines: Mapping[Engine, Judge],
    budget: Budget,
    jobs: int,
    *,
    demanded: bool = True,
    shown: Shown = lambda case, question, verdict: True,
    report: Report = lambda _: None,
    kept: Kept = NOTHING_KEPT,
    again: bool = False,
    strongest: tuple[Engine, Judge] | None = None,
    runner: Runner = run,
) -> Assessment:
    """Judge every question of every case.

    The first engine judges everything. The others then judge the rules too, which
    is their opinion on the first; a claim is many systems, its refutations are
    replayed in any case, and so they look at it only where the first has no answer.

    `demanded` says that known refutations must be found again, `shown` which traces
    are wanted: only those are replayed, and given. `kept` is what earlier runs have
    found. Where it is all that the first engine has to say, no other gives an
    opinion that it has not given before, unless they are to be asked `again`.
    `strongest` is asked of the rules after all others, in all the time that is left;
    of claims, where there is nothing but claims to judge.
    `runner` runs the engines: in processes of this machine, or elsewhere.
    """
    started = time.monotonic()
    confirmed = Confirmed(kept, shown)
    means = _Means(jobs, report, kept, runner, confirmed)
    groups = together(cases)
    (first, judge), *others = engines.items()
    whole = in_families(groups) if first is Engine.DIAGRAMS else groups
    # The largest first, so that no process is left with one when others are done.
    whole.sort(key=_size, reverse=True)
    firsts = [(group, first, judge) for group in whole]
    known = [kept.recall(*job, budget) for job in firsts]
    answered = _found(firsts, known, budget, means)
    findings, interrupted = [*answered.begun, *answered.unbegun], answered.interrupted
    opinions = [
        (group, engine, other)
        for engine, other in others
        for group in groups
        if _is_worth_it(group, engine, findings)
    ]
    rest = _rest(budget, started)
    if not any(_is_open(group, findings) for group in groups):
        left = max(0.0, USUALLY - (time.monotonic() - started))
        rest = replace(rest, seconds=min(OPINION, left, rest.seconds or OPINION))
    before = {job: kept.recall(*job, budget) for job in opinions}
    due = [
        job
        for job in opinions
        if before[job].findings is None and (again or _is_new(job[0], findings))
    ]
    asked = [] if interrupted else _in_time(due, rest, jobs, findings)
    for job in opinions:
        if job not in asked and (said := before[job].said) is not None:
            findings += job[0].parts(said)
    if asked:
        known = [before[job] for job in asked]
        answered = _found(asked, known, rest, means)
        findings, interrupted = findings + answered.begun, answered.interrupted
    rest = _rest(budget, started)
    if strongest and not interrupted and (rest.seconds is None or rest.seconds > LEAST):
        rules = [group for group in groups if not group.only_claims]
        last = [(group, *strongest) for group in rules or groups]
        answered = _found(last, [kept.recall(*job, rest) for job in last], rest, means)
        findings, interrupted = findings + answered.begun, answered.interrupted
    saying = Saying()
    judgements = [
        judgement
        for case in cases
        for judgement in _of_case(
            case,
            [f for f in findings if f.case == case.label],
            demanded,
            confirmed,
            saying,
        )
    ]
    for case in cases:
        _compare_counts([f for f in findings if f.case == case.label])
    return Assessment(
        tuple(cases),
        tuple(judgements),
        tuple(findings),
        interrupted,
        time.monotonic() - started,
    )


Job = tuple[Group, Engine, Judge]


@dataclass(frozen=True)
class _Means:
    """What work is done with."""

    jobs: int
    report: Report
    kept: Kept
    runner: Runner
    confirmed: Confirmed


@dataclass(frozen=True)
class _Found:
    """What engines say of the members of groups."""

    begun: list[Findings]
    unbegun: list[Findings]
    """Of those that there was no time for."""
    interrupted: bool


def _found(
    work: Sequence[Job], recalled: Sequence[Recalled], budget: Budget, means: _Means
) -> _Found:
    """Have engines work on what is not known already."""
    kept = means.kept
    found = {n: r.findings for n, r in enumerate(recalled) if r.findings is not None}
    left = [number for number in range(len(work)) if number not in found]

    def end_of(place: int, findings: Findings) -> Findings:
        number = left[place]
        whole = merged(recalled[number].known, findings)
        found[number] = replace(whole, usual=kept.usual(*work[number][:2]))
        return whole

    def done(place: int, findings: Findings) -> None:
        job, whole = work[left[place]], end_of(place, findings)
        kept.keep(*job, budget, whole)
        means.confirmed.look(job[0], whole)

    tasks = [
        Task(group.case, engine, judge, _weight(group, engine), recalled[n].known)
        for n in left
        for group, engine, judge in (work[n],)
    ]
    end = means.runner(tasks, budget, means.jobs, means.report, done)
    begun = set(found)
    for place, each in enumerate(end.findings):
        if left[place] not in found:
            end_of(place, each)
    parts = [
        (number in begun, part)
        for number, (group, _, _) in enumerate(work)
        for part in group.parts(found[number])
    ]
    return _Found(
        [part for was_begun, part in parts if was_begun],
        [part for was_begun, part in parts if not was_begun],
        end.interrupted,
    )


def _is_new(group: Group, findings: Sequence[Findings]) -> bool:
    """Something that was found of the group is not from an earlier run, or is open."""
    labels = {member.label for member in group.members}
    return _is_open(group, findings) or any(
        len(found.recalled) < len(found.answers)
        for found in findings
        if found.case in labels
    )


def _in_time(
    asked: Sequence[Job], rest: Budget, jobs: int, findings: Sequence[Findings]
) -> list[Job]:
    """Those that each have time for more than their beginning, the quickest first."""

    def effort(job: Job) -> tuple[bool, bool, int]:
        group, engine, _ = job
        seen = _counted(group, findings)
        size = min(seen) if seen else len(group.case.instance.system.actions)
        return not _is_open(group, findings), engine is not Engine.EXPLICIT, size

    if rest.seconds is None or rest.seconds * jobs >= LEAST * len(asked):
        return list(asked)
    return sorted(asked, key=effort)[: max(0, int(rest.seconds * jobs / LEAST))]


def _counted(group: Group, findings: Sequence[Findings]) -> list[int]:
    """How many states engines have visited of the group."""
    return [
        found.statistics.states
        for found in findings
        if found.case == group.case.label and found.statistics
    ]


def _size(group: Group) -> tuple[bool, int]:
    """How long it may take: rules before claims, and many actions before few."""
    return not group.only_claims, len(group.case.instance.system.actions)


def _weight(group: Group, engine: Engine) -> int:
    """Its part of the time, if all is still to be done."""
    if group.only_claims:
        return 16
    return 200 if engine is Engine.EXPLICIT else 40


def _is_worth_it(group: Group, engine: Engine, found: Sequence[Findings]) -> bool:
    """Another engine is asked about the group, after the first."""
    if _is_open(group, found):
        return True
    if group.only_claims:
        return False
    small = min(_counted(group, found), default=0) <= ENUMERABLE
    return engine is not Engine.EXPLICIT or small


def _compare_counts(findings: Sequence[Findings]) -> None:
    """Engines that visited every state of one system have visited the same."""
    seen = [
        (found, found.statistics)
        for found in findings
        if found.statistics is not None and found.statistics.limit is None
    ]
    for one, other in pairwise(seen):
        counts = [(s.states, s.transitions) for _, s in (one, other)]
        if counts[0] != counts[1]:
            raise Disagreement(
                f"the engines disagree on {one[0].case}: "
                + "; ".join(
                    f"{found.engine.value}: {states:,} states, {steps:,} transitions"
                    for (found, _), (states, steps) in zip(
                        (one, other), counts, strict=True
                    )
                )
            )


def _is_open(group: Group, findings: Sequence[Findings]) -> bool:
    """A question is left that another engine may have the answer to."""
    labels = {member.label for member in group.members}
    return any(
        standing(answer.verdict, None, False) is Standing.UNDECIDED
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
    case: Case,
    findings: Sequence[Findings],
    demanded: bool,
    confirmed: Confirmed,
    saying: Saying,
) -> list[Judgement]:
    return [
        _judgement(
            case,
            question,
            {f.engine: f.answers[number] for f in findings},
            demanded,
            confirmed,
            all(number in f.recalled for f in findings),
            saying,
        )
        for number, question in enumerate(case.questions)
    ]


def _judgement(
    case: Case,
    question: Question,
    answers: Mapping[Engine, Answer],
    demanded: bool,
    confirmed: Confirmed,
    recalled: bool,
    saying: Saying,
) -> Judgement:
    subject = f"{question.name} of {case.label}"
    traces: dict[Engine, Trace] = {}
    for engine, answer in answers.items():
        if replayed := confirmed.trace(case, question, engine, answer):
            traces[engine] = replayed
    by_engine = {engine: answer.verdict for engine, answer in answers.items()}
    verdict = combine(subject, by_engine)
    # What is vacuous is so because of what the design does, whatever the rule says.
    idle = not isinstance(verdict, Vacuous)
    idle = idle and saying.is_idle(case.instance, question.rule)
    agreed(subject, verdict, idle=idle)
    chosen = next((e for e in traces if by_engine[e] is verdict), None)
    trace = None if chosen is None else traces[chosen]
    if chosen is not None and chosen not in VISITING:
        first = canonical(case, question, answers[chosen])
        verdict = first.verdict
        trace = confirm(case, question, Engine.DIAGRAMS, first.evidence)
    return Judgement(
        case,
        question,
        verdict,
        by_engine,
        trace,
        standing(verdict, question.expected, demanded, idle=idle),
        recalled,
        idle,
    )
