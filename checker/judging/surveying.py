"""Surveying: the engine of decision diagrams' part in judging."""

from __future__ import annotations

import time
from collections.abc import Callable

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.exploring import because
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Notice,
    Report,
    Statistics,
    answer,
    fired_by_name,
)
from tdxcheck.checker.verdict import Limit


def surveyed(
    case: Case, budget: Budget, report: Report, expired: Callable[[], bool]
) -> Findings:
    """What the sets of reachable states say of every question."""
    started = time.monotonic()
    whole = ground(case.instance.system, case.instance.scope)
    check_start(whole)
    part = slice_for(whole, range(len(whole.properties)))
    found = survey(
        part.system,
        Limits(budget.depth, budget.memory),
        lambda text: report(Notice(case.label, Engine.DIAGRAMS, text)),
    )
    limit = Limit.TIME if found.limit and expired() else found.limit
    # What comes in the end is asked last: that may be stopped when all is visited.
    ended = Limit.TIME if expired() else limit
    fired = fired_by_name(part, found.fired)
    return Findings(
        case.label,
        Engine.DIAGRAMS,
        tuple(
            answer(whole, part.lift_verdict(because(verdict, ended)))
            for verdict in found.verdicts
        ),
        time.monotonic() - started,
        Statistics(found.states, found.transitions, found.depth, limit, fired)
        if found.states
        else None,
    )
