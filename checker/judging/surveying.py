"""Surveying: the engine of decision diagrams' part in judging."""

from __future__ import annotations

import time
from collections.abc import Callable

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.exploring import because
from tdxcheck.checker.judging.left import left_of
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Notice,
    Report,
    Statistics,
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
    left = left_of(case, whole, budget.known)
    found = survey(
        left.part.system,
        Limits(budget.depth, budget.memory),
        lambda text: report(Notice(case.label, Engine.DIAGRAMS, text)),
        reached=left.reached,
    )
    limit = Limit.TIME if found.limit and expired() else found.limit
    # What comes in the end is asked last: that may be stopped when all is visited.
    ended = Limit.TIME if expired() else limit
    counted = left.counted
    if counted is None and found.states:
        fired = fired_by_name(left.whole, found.fired)
        counted = Statistics(
            found.states, found.transitions, found.depth, limit, fired, of=left.of
        )
    return Findings(
        case.label,
        Engine.DIAGRAMS,
        left.answers((because(v, ended) for v in found.verdicts), counted),
        time.monotonic() - started,
        counted,
        reached=found.reached and {"of": left.of, "states": found.reached},
    )
