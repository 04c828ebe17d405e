"""Exploring: the explicit engine's part in judging."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from tdxcheck.checker.engines.explicit import Limits, Progress, Search, Visit
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.engines.visiting import explore
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.left import Left, left_of
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Notice,
    Report,
    Statistics,
    fired_by_name,
)
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Limit,
    Reached,
    Refuted,
    Run,
    Unknown,
    Verdict,
)

NEAR = 60_000
"""States visited in the hope that every question has its answer among them."""


class DeepEnough(KeyboardInterrupt):
    """Raised when the depth asked for has been searched; the engine ends as it
    does for Ctrl-C."""


def explored(
    case: Case,
    budget: Budget,
    report: Report,
    expired: Callable[[], bool],
    large: Visit | None = None,
) -> Findings:
    """What visiting the reachable states says of every question.

    `large` visits those of a system that has many.
    """
    started = time.monotonic()
    whole = ground(case.instance.system, case.instance.scope)
    check_start(whole)
    left = left_of(case, whole, budget.known)
    verdicts: tuple[Verdict, ...] | None = None
    statistics = None
    if all(question.dropped for question in case.questions):
        verdicts = _near(left.part.system)
    if verdicts is None:
        verdicts, statistics = _all(case, left, budget, report, expired, large)
    return Findings(
        case.label,
        Engine.EXPLICIT,
        left.answers(verdicts, statistics),
        time.monotonic() - started,
        statistics,
    )


def _near(system: GroundSystem) -> tuple[Verdict, ...] | None:
    """The verdicts, if each property is decided by a state that is soon met.

    A claim without one of its assumptions mostly fails early, and then there is
    no need to visit the rest.
    """
    search = Search(system)
    frontier = search.start()
    wanted = range(len(system.properties))
    while not all(2 * number in search.witness for number in wanted):
        if not frontier or len(search.parents) > NEAR:
            return None
        reached: list[int] = []
        search.expand(frontier, reached)
        frontier = reached
    runs = search.runs()
    return tuple(
        _shown(rule.property.mode, runs[number])
        for number, rule in enumerate(system.properties)
    )


def _shown(mode: Mode, run: Run) -> Verdict:
    return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)


def _all(
    case: Case,
    left: Left,
    budget: Budget,
    report: Report,
    expired: Callable[[], bool],
    large: Visit | None,
) -> tuple[tuple[Verdict, ...], Statistics]:
    deep_enough = False

    def progress(at: Progress) -> None:
        nonlocal deep_enough
        if budget.depth is not None and at.depth > budget.depth:
            deep_enough = True
            raise DeepEnough
        text = f"{at.states:,} states, depth {at.depth}"
        report(Notice(case.label, Engine.EXPLICIT, text))

    limits = Limits(budget.states, budget.memory, budget.threads, _folder(case, budget))
    exploration = explore(left.part.system, limits, progress, large)
    limit = exploration.limit
    if limit is Limit.INTERRUPT and deep_enough:
        limit = Limit.DEPTH
    elif limit is Limit.INTERRUPT and expired():
        limit = Limit.TIME
    # What comes in the end is asked last: that may be stopped when all is visited.
    ended = Limit.TIME if limit is None and expired() else limit
    return (
        tuple(because(v, ended, budget.depth) for v in exploration.verdicts),
        left.counted
        or Statistics(
            exploration.states,
            exploration.transitions,
            exploration.depth,
            limit,
            fired_by_name(left.whole, exploration.fired),
            exploration.kept,
            left.of,
        ),
    )


def _folder(case: Case, budget: Budget) -> Path | None:
    """Where the search of the case is kept."""
    if budget.folder is None:
        return None
    return budget.folder / re.sub(r"[^A-Za-z0-9.]+", "-", case.label)


def because(verdict: Verdict, limit: Limit | None, asked: int | None = None) -> Verdict:
    """The verdict with the true reason for which the search ended.

    That one level more than asked for was looked at is not told.
    """
    match verdict:
        case Bounded(depth, Limit.INTERRUPT) if limit is not None:
            return Bounded(depth if asked is None else min(depth, asked), limit)
        case Unknown(Limit.INTERRUPT) if limit is not None:
            return Unknown(limit)
    return verdict
