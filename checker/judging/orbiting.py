"""Orbiting: the part in judging of the search over orbits."""

from __future__ import annotations

import time
from collections.abc import Callable

from tdxcheck.checker.engines.explicit import Limits, Progress
from tdxcheck.checker.engines.orbits import judge
from tdxcheck.checker.engines.orbits.search import NoSymmetry
from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.symmetry import Symmetry, symmetry_of
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.exploring import DeepEnough, because
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    Answer,
    Budget,
    Findings,
    Notice,
    Report,
    Statistics,
    answer,
    fired_by_name,
)
from tdxcheck.checker.verdict import Limit, Unknown


def orbited(
    case: Case, budget: Budget, report: Report, expired: Callable[[], bool]
) -> Findings:
    """What visiting a state of each orbit says of every question."""
    started = time.monotonic()
    whole = ground(case.instance.system, case.instance.scope)
    check_start(whole)
    part = slice_for(whole, range(len(whole.properties)))
    symmetry = symmetry_of(part.system)
    deep_enough = False

    def progress(at: Progress) -> None:
        nonlocal deep_enough
        if budget.depth is not None and at.depth > budget.depth:
            deep_enough = True
            raise DeepEnough
        text = f"{at.states:,} states, depth {at.depth}"
        report(Notice(case.label, Engine.ORBITS, text))

    def nothing(limit: Limit) -> Findings:
        return Findings(
            case.label,
            Engine.ORBITS,
            (Answer(Unknown(limit), None),) * len(case.questions),
            time.monotonic() - started,
            note=told(symmetry),
        )

    limits = Limits(budget.states, budget.memory)
    try:
        found = judge.explore(part.system, symmetry, limits, progress)
    except NoSymmetry:
        return nothing(Limit.SYMMETRY)
    except Unsuited:
        return nothing(Limit.NUMBERS)
    limit = found.limit
    if limit is Limit.INTERRUPT and deep_enough:
        limit = Limit.DEPTH
    elif limit is Limit.INTERRUPT and expired():
        limit = Limit.TIME
    return Findings(
        case.label,
        Engine.ORBITS,
        tuple(
            answer(whole, part.lift_verdict(because(verdict, limit)))
            for verdict in found.verdicts
        ),
        time.monotonic() - started,
        Statistics(
            found.states,
            found.transitions,
            found.depth,
            limit,
            fired_by_name(part, found.fired),
        ),
        note=f"{found.orbits:,} orbits: {told(symmetry)}",
    )


def told(symmetry: Symmetry) -> str:
    """Which elements are interchangeable, and what tells the others apart."""
    alike = [f"{c} are interchangeable" for c in (*symmetry.classes, *symmetry.parts)]
    if len(symmetry.others) and not symmetry.parts:
        alike.append("some are, each with what belongs to it")
    return "; ".join(
        [
            *(alike or ["no elements are interchangeable"]),
            *map(str, symmetry.apart),
            *symmetry.asymmetric.values(),
        ]
    )
