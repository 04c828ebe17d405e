"""Solving: the symbolic engines' part in judging.

Runs are looked for first, to some depth and for all questions together, since
that is cheap and decides most; proofs get the rest of the time.
"""

from __future__ import annotations

import time

from tdxcheck.checker.engines.symbolic import Budget as SolverBudget
from tdxcheck.checker.engines.symbolic import Judge
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Budget, Findings, Notice, Report, answer
from tdxcheck.checker.verdict import Limit, Unknown, Verdict

DEPTH = 20
"""Steps of the runs that are looked at before anything is proved."""
HUNTING = 0.6
"""The part of the time that may go into looking for runs."""
UNLIMITED = 86_400.0
"""Seconds for each question, where there is no limit of time."""


def solved(case: Case, budget: Budget, report: Report) -> Findings:
    """What a solver says of every question."""
    started = time.monotonic()
    seconds = UNLIMITED if budget.seconds is None else budget.seconds
    end = started + seconds
    system = ground(case.instance.system, case.instance.scope)
    verdicts: list[Verdict] = []
    stopped = Limit.INTERRUPT
    try:
        judge = Judge(system)
        deepest = judge.budget.depth if budget.depth is None else budget.depth
        _hunt(judge, case, min(DEPTH, deepest), seconds * HUNTING, report)
        for number, question in enumerate(case.questions):
            pending = len(case.questions) - number
            text = f"{question.name} ({number + 1} of {len(case.questions)})"
            report(Notice(case.label, Engine.SYMBOLIC, text))
            # What one question does not need is left to the others.
            share = max(end - time.monotonic(), 0.1) / min(4, pending)
            judge.budget = SolverBudget(deepest, share)
            verdicts.append(judge.verdict(number))
    except KeyboardInterrupt:
        pass
    except MemoryError:
        stopped = Limit.MEMORY
    verdicts += [Unknown(stopped)] * (len(case.questions) - len(verdicts))
    return Findings(
        case.label,
        Engine.SYMBOLIC,
        tuple(answer(system, verdict) for verdict in verdicts),
        time.monotonic() - started,
    )


def _hunt(judge: Judge, case: Case, depth: int, seconds: float, report: Report) -> None:
    """Look for runs that decide any of the questions."""
    hunt = judge.hunt
    try:
        hunt.limit(Clock(seconds))
        hunt.start()
        while hunt.depth < depth and not hunt.exhausted:
            if len(hunt.found) == len(hunt.targets):
                return
            text = f"runs of {hunt.depth + 1} steps"
            report(Notice(case.label, Engine.SYMBOLIC, text))
            hunt.go_on()
    except GaveUp:
        return  # What was not found may still be proved impossible.
