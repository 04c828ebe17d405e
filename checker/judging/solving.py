"""Solving: the symbolic engines' part in judging.

Runs are looked for first, to some depth and for all questions together, since
that is cheap and decides most; proofs get the rest of the time. They are of the
whole system: what is learnt for one question serves the others.
"""

from __future__ import annotations

import time

from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.engines.symbolic import Budget as SolverBudget
from tdxcheck.checker.engines.symbolic import Judge
from tdxcheck.checker.engines.symbolic.solving import Clock, EngineError, GaveUp
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Notice,
    Report,
    answer,
    is_open,
)
from tdxcheck.checker.verdict import Limit, Unknown, Verdict

DEPTH = 16
"""Steps of the runs that are looked at before anything is proved."""
HUNTING = 0.3
"""The part of the time that may go into looking for runs."""
UNLIMITED = 86_400.0
"""Seconds for each question, where there is no limit of time."""


def solved(case: Case, budget: Budget, report: Report) -> Findings:
    """What a solver says of every question."""
    started = time.monotonic()
    seconds = UNLIMITED if budget.seconds is None else budget.seconds
    end = started + seconds
    system = ground(case.instance.system, case.instance.scope)
    check_start(system)
    known = budget.known.answers
    found: dict[int, Verdict] = {}
    stopped = Limit.INTERRUPT

    def so_far(limit: Limit) -> Findings:
        open_ = Unknown(limit)
        answers = tuple(
            known.get(number) or answer(system, found.get(number, open_))
            for number in range(len(case.questions))
        )
        spent = time.monotonic() - started
        return Findings(case.label, Engine.SYMBOLIC, answers, spent)

    try:
        judge = Judge(system)
        deepest = judge.budget.depth if budget.depth is None else budget.depth
        _hunt(judge, case, min(DEPTH, deepest), seconds * HUNTING, report)
        order = [n for n in _easy_first(judge, len(case.questions)) if n not in known]
        if len(judge.hunt.found) < len(judge.targets):
            report(Notice(case.label, Engine.SYMBOLIC, "lemmas", so_far(Limit.TIME)))
            judge.budget = SolverBudget(deepest, max(end - time.monotonic(), 0.1))
            judge.prepare()
        # Each question gets a little time, then those still open what is left.
        for again in (False, True):
            pending = [n for n in order if n not in found or is_open(found[n])]
            for place, number in enumerate(pending):
                left = max(end - time.monotonic(), 0.1)
                share = left / min(2, len(pending) - place) if again else left / 8
                text = f"{case.questions[number].name}, {len(pending) - place} to go"
                report(Notice(case.label, Engine.SYMBOLIC, text, so_far(Limit.TIME)))
                judge.budget = SolverBudget(deepest, share)
                try:
                    found[number] = judge.verdict(number)
                except EngineError:
                    # z3 has been seen to give a model of nothing after it had run
                    # out of time. Asked afresh it may not: an error there is ours.
                    judge = Judge(system, judge.budget)
                    found[number] = judge.verdict(number)
    except KeyboardInterrupt:
        pass
    except MemoryError:
        stopped = Limit.MEMORY
    return so_far(stopped)


def _easy_first(judge: Judge, questions: int) -> list[int]:
    """The questions, those that a run has decided before the others."""
    hit = judge.hunt.found
    return sorted(range(questions), key=lambda n: judge.place.get(n) not in hit)


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
    except (GaveUp, EngineError):
        return  # What was not found may still be proved impossible.
