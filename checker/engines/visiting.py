"""Visiting every reachable state: tiny systems in plain Python, others by tables.

Tables cost more to make than a tiny system to visit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tdxcheck.checker.engines import explicit, liveness
from tdxcheck.checker.engines.enduring import with_leads_to
from tdxcheck.checker.engines.explicit import (
    UNLIMITED,
    Exploration,
    Limits,
    Progress,
    Visit,
)
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.verdict import Limit

TINY = 20_000
"""States that plain Python visits before tables are made."""


def explore(
    system: GroundSystem,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
    large: Visit | None = None,
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow.

    `large` visits systems that are not tiny, in place of a search by tables here. What
    comes in the end is then looked for in graphs of its own. Raises FolderError if the
    folder of the limits cannot be used.
    """
    found = _visited(system, limits, progress, large)
    if found.limit in (Limit.INTERRUPT, Limit.MEMORY):
        return found
    verdicts = with_leads_to(
        system, found.verdicts, lambda part: liveness.judge(part, limits)
    )
    return replace(found, verdicts=verdicts)


def _visited(
    system: GroundSystem,
    limits: Limits,
    progress: Callable[[Progress], None],
    large: Visit | None,
) -> Exploration:
    if limits.folder is None:
        if limits.states is not None and limits.states <= TINY:
            return explicit.explore(system, limits, progress)
        found = explicit.explore_tiny(system, limits, progress, TINY)
        if found is not None:
            return found
    from tdxcheck.checker.engines.packed import search
    from tdxcheck.checker.engines.packed.inputs import Unsuited

    try:
        return (large or search.explore)(system, limits, progress)
    except Unsuited:
        return explicit.explore(system, limits, progress)
