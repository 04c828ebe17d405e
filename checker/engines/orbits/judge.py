"""Judging by orbits: every property from one state of each orbit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tdxcheck.checker.engines.explicit import (
    UNLIMITED,
    Limits,
    Progress,
    as_far_as,
    exceeded,
)
from tdxcheck.checker.engines.orbits.runs import Runs
from tdxcheck.checker.engines.orbits.search import Search
from tdxcheck.checker.ground.symmetry import Symmetry, symmetry_of
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


@dataclass(frozen=True, eq=False)
class Orbits:
    """What a search over orbits has seen, and what that says of each property."""

    symmetry: Symmetry
    orbits: int
    states: int
    """That the orbits have, all together."""
    transitions: int
    depth: int
    """Steps to the farthest state seen."""
    limit: Limit | None
    """Why the search ended early; None if every orbit was visited."""
    fired: dict[Action, int] = field(repr=False)
    verdicts: tuple[Verdict, ...]
    """One for each property of the system, in their order."""


class _Full(Exception):
    """A limit was met."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit


def explore(
    system: GroundSystem,
    symmetry: Symmetry | None = None,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    compiled: bool = True,
) -> Orbits:
    """Visit a state of every orbit, or of as many as the limits allow.

    Raises NoSymmetry if there is none to use, Unsuited if a number has too many
    values for tables.
    """
    found = symmetry_of(system) if symmetry is None else symmetry
    search = Search(system, found, compiled=compiled)
    limit: Limit | None = None

    def between() -> None:
        met = exceeded(limits, len(search.store))
        if met is not None:
            raise _Full(met)

    try:
        search.start(between)
        going = True
        while going:
            width = search.levels[-1] - search.levels[-2]
            progress(Progress(search.depth, search.states, width))
            going = search.deepen(between)
    except _Full as full:
        limit = full.limit
    except KeyboardInterrupt:
        limit = Limit.INTERRUPT
    except MemoryError:
        limit = Limit.MEMORY
    fired = dict.fromkeys(system.instance.system.actions, 0)
    for step, times in zip(system.steps, search.taken, strict=True):
        fired[step.action] += times
    return Orbits(
        found,
        len(search.store),
        search.states,
        sum(fired.values()),
        max(search.depth, 0),
        limit,
        fired,
        tuple(
            _verdict(search, number, rule, limit)
            for number, rule in enumerate(system.properties)
        ),
    )


def _verdict(
    search: Search, number: int, rule: GroundProperty, limit: Limit | None
) -> Verdict:
    mode = rule.property.mode
    if mode is Mode.LEADS_TO:
        return Unknown(Limit.UNSUPPORTED)
    if number in search.symmetry.asymmetric:
        return Unknown(Limit.SYMMETRY)
    if 2 * number in search.found:
        run = Runs(search).run_to(2 * number)
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)
    if limit is not None:
        return as_far_as(search.looked, mode, limit)
    if mode is Mode.REACHABLE:
        return Unreachable(f"{search.states:,} states")
    if mode is not Mode.DEADLOCK_FREE and 2 * number + 1 not in search.found:
        return Vacuous(f"{search.states:,} states")
    return Exhausted(search.states)
