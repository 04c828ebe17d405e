"""Generalising: the part in judging of proofs for any number of things."""

from __future__ import annotations

import time

from tdxcheck.checker.engines.parametric import restating
from tdxcheck.checker.engines.parametric.family import Family, Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import MODES, Prover
from tdxcheck.checker.engines.parametric.recorded import with_clauses
from tdxcheck.checker.engines.parametric.restating import Restated
from tdxcheck.checker.engines.parametric.results import Broken, Open, Result
from tdxcheck.checker.engines.parametric.results import Proof as Shown
from tdxcheck.checker.engines.parametric.trying import held_in_small, restated
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Answer, Budget, Findings, Notice, Report
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.verdict import (
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Unknown,
    Vacuous,
    Verdict,
)

ASKED = (*MODES, *restating.MODES)
"""The kinds of rules that something can be shown of."""
UNLIMITED = 86_400.0
"""Seconds for all questions, where there is no limit of time."""
STATING = 30.0
"""Seconds to find what a rule of what comes in the end, say, could follow from."""
ROUNDS = (30.0, 300.0)
"""Seconds for one question, so that a hard one does not stop the others.

What is still open after the others is asked again: it may need what they have taught.
"""


def generalized(case: Case, budget: Budget, report: Report) -> Findings:
    """What can be shown of every question for any number of things."""
    started = time.monotonic()
    seconds = UNLIMITED if budget.seconds is None else budget.seconds
    asked = [
        number
        for number in budget.known.open(case)
        if case.questions[number].rule.mode in ASKED
    ]
    found: dict[int, Verdict] = {
        number: Unknown(Limit.UNSUPPORTED)
        for number, question in enumerate(case.questions)
        if question.rule.mode not in ASKED
    }
    note = ""
    stopped = Limit.TIME
    try:
        family = family_of(case.instance, case.unbounded, case.common)
        note = f"any number of {family.told}"
        if family.opened:
            note += f", with any {', '.join(v.name for v in family.opened)}"
        found |= _judged(family, case, asked, Clock(seconds), report)
    except Unsupported as error:
        note = str(error)
        stopped = Limit.UNSUPPORTED
    except KeyboardInterrupt:
        stopped = Limit.INTERRUPT
    verdicts = [found.get(n, Unknown(stopped)) for n in range(len(case.questions))]
    return Findings(
        case.label,
        Engine.PARAMETRIC,
        tuple(Answer(verdict, None) for verdict in verdicts),
        time.monotonic() - started,
        note=note,
    )


def _judged(
    family: Family, case: Case, asked: list[int], clock: Clock, report: Report
) -> dict[int, Verdict]:
    rules = family.system.properties
    found: dict[int, Verdict] = {}
    by: dict[int, Restated] = {}
    without: dict[int, Open] = {}
    for number in asked:
        if rules[number].mode in restating.MODES:
            part = clock if len(asked) == 1 else clock.part(STATING)
            try:
                said = restated(family, rules[number], case.instance.scope, part)
            except GaveUp as error:
                said = Open("", f"{error.limit.value} was met", error.limit)
            if isinstance(said, Broken):
                found[number] = _verdict(said, rules[number], None)
            elif isinstance(said, Open):
                without[number] = said
            else:
                by[number] = said
    prover = Prover(family, {n: one.stated(rules[n], family) for n, one in by.items()})
    prover.prepare(clock)
    left = [n for n in asked if n not in found and n not in without]
    for most in ROUNDS:
        for place, number in enumerate(left):
            if clock.left <= 0:
                return found
            name = case.questions[number].name
            text = f"{name}, {len(left) - place} to go"
            report(Notice(case.label, Engine.PARAMETRIC, text))
            part = clock if len(asked) == 1 else clock.part(most)
            result = prover.prove(number, part)
            found[number] = _verdict(result, rules[number], by.get(number))
        left = [n for n in left if isinstance(found[n], HeldInSmall | Unknown)]
        left = [n for n in left if not _is_of_family(found[n])]
    for number in left:
        verdict = found[number]
        if number in by and isinstance(verdict, HeldInSmall):
            # What it would follow from was visited, and not the rule itself.
            without[number] = Open("", verdict.reason)
    for number, why in without.items():
        part = clock if len(asked) == 1 else clock.part(ROUNDS[0])
        itself = held_in_small(family, rules[number], why.reason, part)
        if isinstance(itself, Broken) or itself.upto or number not in found:
            found[number] = _verdict(itself, rules[number], None)
    return found


def _is_of_family(verdict: Verdict) -> bool:
    return isinstance(verdict, Unknown) and verdict.limit is Limit.FAMILY


def _verdict(result: Result, rule: Property, by: Restated | None) -> Verdict:
    match result:
        case Shown(vacuous=True) if by is not None:
            return Vacuous(f"any number of {result.family}")
        case Shown(vacuous=True):
            method = f"any number of {result.family}"
            text = with_clauses(result.text, result.clauses)
            return Vacuous(method, result.family, result.invariant, text)
        case Shown():
            solvers = " and ".join(result.checked_by)
            method = (
                f"an inductive invariant of {len(result.invariant)} parts "
                f"({result.obligations} obligations, by {solvers})"
            )
            text = with_clauses(result.text, result.clauses)
            excepted, because = "", tuple[str, ...]()
            if by is not None:
                text, because = f"{by.text(rule)}{text}", tuple(by.told())
                excepted = by.excepted
            parts = result.invariant
            return ProvedForEvery(result.family, method, parts, text, excepted, because)
        case Broken(machine):
            return Unknown(Limit.FAMILY, machine)
    if result.upto:
        return HeldInSmall(result.upto, result.reason)
    if result.limit is not None:
        return Unknown(result.limit)
    return Unknown(Limit.SMALL, result.reason)
