"""LPs inside the module at the same time: cut leaves, and the rules of the module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from functools import cache
from itertools import pairwise

import pytest

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language import (
    Action,
    Property,
    SpecificationError,
    TransitionSystem,
    between,
    over,
)
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter, Outcome
from tdxcheck.checker.verdict import Exhausted, Refuted, Vacuous
from tdxcheck.models.module.dispatch import sys_lp_shutdown_final
from tdxcheck.models.module.interleaving import (
    in_one_step,
    leave,
    module_loaded_outside,
    places,
    stretch,
)
from tdxcheck.models.module.overlapping import (
    LEAVES,
    ONE_IMAGE,
    OVERLAPPING,
    SCOPE,
    stretches,
)
from tdxcheck.models.module.versions import VERSIONS
from tdxcheck.spec.interleaving import Interleaved, Leaf, Place
from tdxcheck.spec.module import Module, Status
from tdxcheck.spec.module_rules import (
    a_tdmrs_lock_is_nobody_elses,
    a_tentative_shutdown_can_be_taken_back,
    an_exclusive_lock_is_nobody_elses,
    nothing_changes_after_shutdown,
    told_of_a_shutdown_it_is_final,
)
from tests.mutation import with_guards

EVERY = Interpreter(Instance(OVERLAPPING, SCOPE))


@pytest.mark.parametrize("system", [ONE_IMAGE, OVERLAPPING], ids=lambda s: s.name)
def test_the_rules_hold_save_that_what_is_told_may_be_taken_back(
    system: TransitionSystem,
) -> None:
    found = survey(ground(system, SCOPE))
    assert all(found.fired.get(action) for action in system.actions)
    for rule, verdict in zip(system.properties, found.verdicts, strict=True):
        if rule is told_of_a_shutdown_it_is_final:
            assert isinstance(verdict, Refuted)
        else:
            assert verdict == Exhausted(found.states), rule.name


def test_the_engines_count_the_same_states() -> None:
    system = ground(ONE_IMAGE, SCOPE)
    assert explore(system).states == survey(system).states == 10515


def test_a_shutdown_is_announced_to_one_lp_by_another_and_then_taken_back() -> None:
    """The shortest way to be told what was true for a moment only."""
    system = ground(ONE_IMAGE, SCOPE)
    found = survey(system)
    (verdict,) = (
        verdict
        for rule, verdict in zip(ONE_IMAGE.properties, found.verdicts, strict=True)
        if rule is told_of_a_shutdown_it_is_final
    )
    assert isinstance(verdict, Refuted)
    taken = [system.steps[number] for number in verdict.run.steps]
    *_, told = taken
    (cpu, *_) = told.arguments
    (shutdown,) = (s for s in taken if "to_shutdown_tentative" in s.action.name)
    assert shutdown.arguments[0] != cpu


def without_guard(leaf: Leaf, of: str) -> TransitionSystem:
    """The system whose leaf lacks the guard with these words in it."""
    action, *others = LEAVES[leaf]
    (lost,) = (
        number
        for number, guard in enumerate(action.guards)
        if of in guard.location.text
    )
    kept = (number for number in range(len(action.guards)) if number != lost)
    changed = {**LEAVES, leaf: (with_guards(action, kept), *others)}
    actions = tuple(stretches(changed))
    if leaf is Leaf.UPDATE:
        return replace(OVERLAPPING, actions=(*actions, module_loaded_outside))
    return replace(ONE_IMAGE, actions=actions)


@pytest.mark.parametrize(
    ("leaf", "guard", "rule"),
    [
        (Leaf.SHUTDOWN, "alone", nothing_changes_after_shutdown),
        (Leaf.SHUTDOWN, "can_lock", an_exclusive_lock_is_nobody_elses),
        (Leaf.INIT, "can_lock", an_exclusive_lock_is_nobody_elses),
        (Leaf.KEY_CONFIG, "can_lock", an_exclusive_lock_is_nobody_elses),
        (Leaf.UPDATE, "can_lock", an_exclusive_lock_is_nobody_elses),
        (Leaf.LP_INIT, "can_share_lock", an_exclusive_lock_is_nobody_elses),
        (Leaf.TDMR_INIT, "TDX_OPERAND_BUSY", a_tdmrs_lock_is_nobody_elses),
    ],
)
def test_without_its_guard_a_rule_is_broken(
    leaf: Leaf, guard: str, rule: Property
) -> None:
    system = without_guard(leaf, guard)
    found = survey(ground(system, SCOPE))
    told = dict(zip(system.properties, found.verdicts, strict=True))
    assert isinstance(told[rule], Refuted)


def test_module_1_0_is_shut_down_under_the_feet_of_others() -> None:
    """Its LP.SHUTDOWN shares the global lock, and looks for nobody inside."""
    later = (Leaf.SHUTDOWN, Leaf.UPDATE)
    leaves = {leaf: actions for leaf, actions in LEAVES.items() if leaf not in later}
    leaves[Leaf.LP_SHUTDOWN] = (sys_lp_shutdown_final,)
    settings = {**ONE_IMAGE.settings, **VERSIONS["1.0"].settings}
    system = replace(ONE_IMAGE, actions=tuple(stretches(leaves)), settings=settings)
    found = survey(ground(system, SCOPE))
    for rule, verdict in zip(system.properties, found.verdicts, strict=True):
        if rule is nothing_changes_after_shutdown:
            assert isinstance(verdict, Refuted)
        elif rule is a_tentative_shutdown_can_be_taken_back:
            assert isinstance(verdict, Vacuous)
        else:
            assert verdict == Exhausted(found.states), rule.name


@cache
def states() -> tuple[Assignment, ...]:
    """States in which nobody is inside, from the first to the last of an image."""
    order = ["INIT"] + ["LP_INIT"] * 2 + ["CONFIG"] + ["KEY_CONFIG"] * 2
    order += ["TDMR_INIT", "CREATE", "SHUTDOWN"]
    found = [next(EVERY.initial_states())]
    for number, name in enumerate(order):
        action = in_one_step(LEAVES[Leaf[name]][0])
        for cpu in {0, number % 2}:
            outcome = attempt(found[-1], action, cpu)
            if outcome.after and outcome.answer is action.success:
                found.append(outcome.after)
    assert {state[Module.sys_state, ()].value for state in found} == {0, 1, 2, 3, 4}
    return tuple(found)


def attempt(
    state: Assignment,
    action: Action,
    cpu: int,
    verdict: Enum | None = Status.TDX_SUCCESS,
) -> Outcome:
    usual = {"cpu": cpu, "verdict": verdict, "avoids_sensitive": False}
    arguments = []
    for parameter in action.parameters:
        values = EVERY.instance.values(parameter.sort)
        first = True if parameter.sort is bool else values[0]
        value = usual.get(parameter.name)
        arguments.append(first if value is None else value)
    return EVERY.attempt(state, action, tuple(arguments))


def ways(whole: Action) -> Iterator[tuple[Place, ...]]:
    """From outside to done by way of any of the places between, or of all."""
    first, *between_, last = places(whole)
    yield (first, last)
    yield from ((first, place, last) for place in between_)
    yield (first, *between_, last)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_leaf_in_parts_is_the_leaf(leaf: Leaf) -> None:
    """Wherever an LP stops, alone, the answer and the state are those of one step."""
    for whole in LEAVES[leaf]:
        once = in_one_step(whole)
        for state in states():
            expected = attempt(state, once, 0, whole.success)
            after = expected.after or state
            for way in ways(whole):
                assert pieces(leaf, whole, way, state) == (
                    expected.answer,
                    expected.detail,
                    after,
                )


def pieces(
    leaf: Leaf, whole: Action, way: tuple[Place, ...], state: Assignment
) -> tuple[object, str, Assignment]:
    """The answer and the state of a call that stops at these places."""
    outcome = None
    for start, stop in pairwise(way):
        part = stretch(leaf, whole, start, stop)
        outcome = attempt(state, part, 0, whole.success)
        assert outcome.after
        state = outcome.after
        if state[Interleaved.place, (0,)] in (Place.OUTSIDE, Place.DONE):
            break
    assert outcome
    if state[Interleaved.place, (0,)] is Place.DONE:
        left = EVERY.attempt(state, leave, (0,)).after
        assert left
        state = left
    state = {**state, (Interleaved.tdmr_of, (0,)): 0}
    return outcome.answer, outcome.detail, state


def test_a_place_that_a_leaf_does_not_have_is_refused() -> None:
    (action,) = LEAVES[Leaf.INFO]
    with pytest.raises(SpecificationError, match="no mark LOCKED"):
        between(action, Place.LOCKED, None)


def test_an_action_is_read_over_states_that_extend_its_own() -> None:
    (action,) = LEAVES[Leaf.CREATE]
    assert over(action, Interleaved).guards
    with pytest.raises(SpecificationError, match="not an action over Module"):
        over(action, Module)
