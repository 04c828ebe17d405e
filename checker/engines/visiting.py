"""Visiting every reachable state: tiny systems in plain Python, others by tables.

Tables cost more to make than a tiny system to visit.
"""

from __future__ import annotations

from collections.abc import Callable

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.explicit import (
    UNLIMITED,
    Exploration,
    Limits,
    Progress,
)
from tdxcheck.checker.ground.system import GroundSystem

TINY = 20_000
"""States that plain Python visits before tables are made."""


def explore(
    system: GroundSystem,
    limits: Limits = UNLIMITED,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Exploration:
    """Visit every reachable state, or as many as the limits allow.

    Raises FolderError if the folder of the limits cannot be used.
    """
    if limits.folder is None:
        if limits.states is not None and limits.states <= TINY:
            return explicit.explore(system, limits, progress)
        found = explicit.explore_tiny(system, limits, progress, TINY)
        if found is not None:
            return found
    from tdxcheck.checker.engines.packed import search
    from tdxcheck.checker.engines.packed.inputs import Unsuited

    try:
        return search.explore(system, limits, progress)
    except Unsuited:
        return explicit.explore(system, limits, progress)
