"""Generalising: the part in judging of proofs for any number of things."""

from __future__ import annotations

import time

from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import Broken, Prover, Result
from tdxcheck.checker.engines.parametric.prover import Proof as Shown
from tdxcheck.checker.engines.parametric.recorded import with_clauses
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Answer, Budget, Findings, Notice, Report
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Unknown,
    Vacuous,
    Verdict,
)

UNLIMITED = 86_400.0
"""Seconds for each question, where there is no limit of time."""
FEW = 30.0
"""Seconds for one question at first, so that a hard one does not stop the others."""


def generalized(case: Case, budget: Budget, report: Report) -> Findings:
    """What can be shown of every question for any number of things."""
    started = time.monotonic()
    seconds = UNLIMITED if budget.seconds is None else budget.seconds
    clock = Clock(seconds)
    found: list[Verdict] = []
    note = ""
    stopped = Limit.TIME
    try:
        family = family_of(case.instance, case.unbounded, case.common)
        note = f"any number of {family.told}"
        if family.opened:
            note += f", with any {', '.join(v.name for v in family.opened)}"
        prover = Prover(family)
        for number, question in enumerate(case.questions):
            if question.rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
                found.append(Unknown(Limit.UNSUPPORTED))
                continue
            text = f"{question.name}, {len(case.questions) - number} to go"
            report(Notice(case.label, Engine.PARAMETRIC, text))
            part = clock if len(case.questions) == 1 else clock.part(FEW)
            found.append(_verdict(prover.prove(number, part)))
    except Unsupported as error:
        note = str(error)
        stopped = Limit.UNSUPPORTED
    except KeyboardInterrupt:
        stopped = Limit.INTERRUPT
    found += [Unknown(stopped)] * (len(case.questions) - len(found))
    return Findings(
        case.label,
        Engine.PARAMETRIC,
        tuple(Answer(verdict, None) for verdict in found),
        time.monotonic() - started,
        note=note,
    )


def _verdict(result: Result) -> Verdict:
    match result:
        case Shown(vacuous=True):
            return Vacuous(f"any number of {result.family}")
        case Shown():
            solvers = " and ".join(result.checked_by)
            method = (
                f"an inductive invariant of {len(result.invariant)} parts "
                f"({result.obligations} obligations, by {solvers})"
            )
            text = with_clauses(result.text, result.clauses)
            return ProvedForEvery(result.family, method, result.invariant, text)
        case Broken():
            return Unknown(Limit.FAMILY)
    if result.upto:
        return HeldInSmall(result.upto, result.reason)
    return Unknown(Limit.TIME)
