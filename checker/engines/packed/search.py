"""Exploring by tables: a search to its end or to a limit, and what that says."""

from __future__ import annotations

from collections.abc import Callable

from tdxcheck.checker.engines.explicit import (
    UNLIMITED,
    Exploration,
    FolderError,
    Limits,
    Progress,
    as_far_as,
)
from tdxcheck.checker.engines.packed.breadth import Search
from tdxcheck.checker.engines.packed.choice import MANY
from tdxcheck.checker.engines.packed.keeping import NoRoom
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


class _Full(Exception):
    """As many states were found as there may be."""


def explore(
    system: GroundSystem,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
    *,
    compiled: bool = True,
    split_from: int | None = MANY,
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow.

    Raises Unsuited if a number has too many values for tables, and FolderError if
    the folder of the limits cannot be used.
    """
    search = Search(
        system,
        compiled=compiled,
        threads=limits.threads,
        split_from=split_from,
        memory=limits.memory,
        folder=limits.folder,
    )
    try:
        return explored(search, limits, progress)
    except OSError as error:
        place = error.filename or limits.folder or "the folder of the search"
        raise FolderError(f"{place}: {error.strerror}") from error
    finally:
        search.keeper.close()


def explored(
    search: Search, limits: Limits, progress: Callable[[Progress], None]
) -> Exploration:
    """What the search finds until it ends, or a limit is met."""
    limit: Limit | None = None

    def between() -> None:
        if limits.states is not None and len(search) >= limits.states:
            raise _Full

    try:
        search.start(between)
        going = True
        while going:
            width = len(search.levels[-1])
            progress(Progress(search.depth, len(search), width))
            going = search.deepen(between)
    except _Full:
        limit = Limit.STATES
    except KeyboardInterrupt:
        limit = Limit.INTERRUPT
    except (MemoryError, NoRoom):
        limit = Limit.MEMORY
    if limit is not None:
        search.stop()
    fired = dict.fromkeys(search.system.instance.system.actions, 0)
    for step, times in zip(search.system.steps, search.taken, strict=True):
        fired[step.action] += int(times)
    states = len(search)
    return Exploration(
        search.system,
        states,
        sum(fired.values()),
        max(search.depth, 0),
        limit,
        fired,
        _verdicts(search, limit, states),
        search.choice.reason,
    )


def _verdicts(search: Search, limit: Limit | None, states: int) -> tuple[Verdict, ...]:
    runs = search.runs()
    return tuple(
        _verdict(search, number, rule, limit, states, runs.get(2 * number))
        for number, rule in enumerate(search.system.properties)
    )


def _verdict(
    search: Search,
    number: int,
    rule: GroundProperty,
    limit: Limit | None,
    states: int,
    run: Run | None,
) -> Verdict:
    mode = rule.property.mode
    if mode is Mode.LEADS_TO:
        return Unknown(limit or Limit.UNSUPPORTED)
    if run is not None:
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)
    if limit is not None:
        return as_far_as(search.looked, mode, limit)
    if mode is Mode.REACHABLE:
        return Unreachable(f"{states:,} states")
    if mode is not Mode.DEADLOCK_FREE and 2 * number + 1 not in search.found:
        return Vacuous(f"{states:,} states")
    return Exhausted(states)
