"""Proving: the part in judging of property-directed reachability."""

from __future__ import annotations

import time
from collections.abc import Callable

from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.engines.symbolic.pdr import Budget as RuleBudget
from tdxcheck.checker.engines.symbolic.pdr import judged_with_proof
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Budget,
    Clauses,
    Findings,
    Notice,
    Report,
    answer,
    is_open,
)
from tdxcheck.checker.verdict import Limit, Unknown, Verdict


def proved(
    case: Case, budget: Budget, report: Report, expired: Callable[[], bool]
) -> Findings:
    """A proof of each question's rule, or a shortest run that breaks it."""
    started = time.monotonic()
    end = None if budget.seconds is None else started + budget.seconds
    system = ground(case.instance.system, case.instance.scope)
    check_start(system)
    known = budget.known.answers
    found: dict[int, Verdict] = {}
    proofs: dict[int, Clauses] = {}
    stopped = Limit.INTERRUPT

    def so_far(limit: Limit) -> Findings:
        open_ = Unknown(limit)
        answers = tuple(
            known.get(number)
            or answer(system, found.get(number, open_), proofs.get(number))
            for number in range(len(case.questions))
        )
        spent = time.monotonic() - started
        return Findings(case.label, Engine.PDR, answers, spent)

    try:
        # Each question gets a little time, then those still open what is left.
        for again in (False, True):
            every = range(len(case.questions))
            left_open = [n for n in every if n not in found or is_open(found[n])]
            pending = [n for n in left_open if n not in known]
            for place, number in enumerate(pending):
                seconds = None
                if end is not None:
                    left = max(end - time.monotonic(), 0.1)
                    parts = min(2, len(pending) - place) if again else 8
                    seconds = left / parts
                to_go = f"{case.questions[number].name}, {len(pending) - place} to go"
                report(Notice(case.label, Engine.PDR, to_go, so_far(Limit.TIME)))
                limits = RuleBudget(budget.depth, seconds)
                said = judged_with_proof(system, number, limits)
                found[number] = said.verdict
                if said.clauses is not None:
                    proofs[number] = tuple(clause.slots for clause in said.clauses)
    except KeyboardInterrupt:
        stopped = Limit.TIME if expired() else Limit.INTERRUPT
    except MemoryError:
        stopped = Limit.MEMORY
    return so_far(stopped)
