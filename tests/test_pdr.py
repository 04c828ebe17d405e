"""Property-directed reachability: the verdicts of the other engines, by invariants."""

from __future__ import annotations

import pytest
from hypothesis import given

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.symbolic.pdr import Budget, Proof, judge, judged, prove
from tdxcheck.checker.engines.symbolic.target import target_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.language import (
    Int,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    invariant,
)
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Proved,
    Reached,
    Refuted,
    Unknown,
    Verdict,
)
from tdxcheck.models.classic import lifecycle
from tests.random_systems import Drawn, examples, systems


def kind(verdict: Verdict) -> tuple[str, int | None]:
    """What the verdict says, whichever engine has found it."""
    if isinstance(verdict, Refuted | Reached):
        return type(verdict).__name__, len(verdict.run.steps)
    same = isinstance(verdict, Exhausted | Proved)
    return ("Holds" if same else type(verdict).__name__), None


@given(systems())
@examples(60)
def test_it_says_what_diagrams_say(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    expected = survey(system).verdicts
    assert [kind(v) for v in judge(system)] == [kind(v) for v in expected]


def host(n: int, system: TransitionSystem = lifecycle.LIFECYCLE) -> GroundSystem:
    return ground(system, lifecycle.scope(n, n))


@pytest.mark.parametrize("size", [16, 32])
def test_it_proves_what_spacer_does_not(size: int) -> None:
    found = judged(host(size), 0)
    assert isinstance(found, Proved)
    # Two for each block: while TDX is in use, and while it is being configured.
    assert len(found.invariant.splitlines()) == 2 * size
    named = (
        "kernel is INITIALIZED and block[block 7] is ONLINE and covered[block 7] is no"
    )
    assert f"never {named}" in found.invariant.splitlines()


def test_the_run_that_it_finds_is_a_shortest_one() -> None:
    system = host(8, lifecycle.MEM_ONLINE)
    found = judged(system, 0)
    assert isinstance(found, Refuted) and found.shortest
    assert len(found.run.steps) == 6


def test_a_run_of_many_steps_is_a_shortest_one_too() -> None:
    """With every CPU online at boot, the module is initialised on each of them."""
    online = lambda cpu: lifecycle.Presence.ONLINE  # noqa: E731
    absent = lambda block: lifecycle.Presence.ABSENT  # noqa: E731
    system = lifecycle.MEM_ONLINE.variant(
        "all-online",
        "Every CPU is online at boot, and no block is there.",
        settings={lifecycle.Host.cpu: online, lifecycle.Host.block: absent},
    )
    found = judged(host(8, system), 0)
    assert isinstance(found, Refuted)
    assert len(found.run.steps) == 14
    # Of two, what visiting every state says as well.
    small = host(2, system)
    assert kind(judged(small, 0)) == kind(survey(small).verdicts[0])


@pytest.mark.parametrize("number", range(4))
def test_no_clause_can_be_spared(number: int) -> None:
    """Each is needed: the others leave a step, or a broken rule, possible."""
    part = slice_for(host(3), (number,)).system
    found = prove(part, target_of(part, part.properties[0]))
    assert isinstance(found, Proof)
    states = [*part.initial_states()]
    for state in states[:50]:
        assert all(
            any(state[slot] not in values for slot, values in clause.slots)
            for clause in found.clauses
        )


class Counter(State):
    count = Var(Int(0, 300), 0)


@action()
def counts(state: Counter) -> None:
    """It counts."""
    state.require(state.count < 300)
    state.count = state.count + 1


@invariant()
def stays(state: Counter) -> Term[bool]:
    """It does not count to the end."""
    return state.count < 300


def test_numbers_of_too_many_values_are_left_to_others() -> None:
    system = ground(TransitionSystem("counter", "", Counter, (counts,), (stays,)), {})
    assert judged(system, 0) == Unknown(Limit.NUMBERS)


def test_a_limit_of_depth_leaves_what_was_searched() -> None:
    system = host(2, lifecycle.MEM_ONLINE)
    assert judged(system, 0, Budget(depth=3)) == Bounded(3, Limit.DEPTH)


def test_a_limit_of_time_leaves_no_answer() -> None:
    found = judged(host(16), 0, Budget(seconds=0.0))
    assert isinstance(found, Unknown | Bounded) and found.limit is Limit.TIME
