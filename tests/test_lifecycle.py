"""The host in miniature: it has as many states as it is known to have."""

from __future__ import annotations

import pytest

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.packed.search import explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language.system import Property, TransitionSystem
from tdxcheck.checker.verdict import Exhausted, Refuted
from tdxcheck.models.classic import lifecycle

SIZES = [
    (2, 1, 5_774, 17),
    (2, 2, 47_870, 19),
    (3, 2, 397_232, 21),
    (3, 3, 3_442_088, 23),
    (4, 4, 231_768_590, 27),
]
"""CPUs, blocks, states, and levels: one more than the depth."""
SMALL = SIZES[:3]
"""What is small enough to be visited state by state in the tests."""


@pytest.mark.parametrize(("cpus", "blocks", "states", "levels"), SIZES)
def test_as_many_states_as_published(
    cpus: int, blocks: int, states: int, levels: int
) -> None:
    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(cpus, blocks))
    found = survey(system)
    assert found.states == states
    assert found.verdicts == (Exhausted(states),) * 4
    if (cpus, blocks, states, levels) in SMALL:
        visited = explore(system)
        assert (visited.states, visited.depth) == (states, levels - 1)
        assert visited.transitions == found.transitions


@pytest.mark.parametrize(
    ("system", "broken", "steps"),
    [
        (lifecycle.MEM_ONLINE, lifecycle.online_memory_is_covered, 6),
        (lifecycle.LPINIT_KERN, lifecycle.no_call_after_a_failure, 4),
    ],
)
def test_a_guard_less_breaks_one_rule(
    system: TransitionSystem, broken: Property, steps: int
) -> None:
    found = explore(ground(system, lifecycle.scope(2, 2)))
    for rule, verdict in zip(system.properties, found.verdicts, strict=True):
        assert isinstance(verdict, Refuted) is (rule is broken)
        if isinstance(verdict, Refuted):
            assert len(verdict.run.steps) == steps
