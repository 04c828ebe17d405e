"""Machines combined: families of them, judged at once as each would be alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.engines.diagrams.families import breaking
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.families import Family, covered, family, primes
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.language import TransitionSystem
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.system import Mode
from tests.kettle import (
    PLAIN,
    RULES,
    SAFE,
    Kettle,
    catalogue,
    never_boils_dry,
    run,
    stays_dry,
)
from tests.random_systems import Drawn, examples, systems


def by_hand(system: TransitionSystem, rule: int, switches: list[Any]) -> int:
    """The configurations that break a rule, each explored by itself."""
    table = 0
    for number, values in enumerate(product((False, True), repeat=len(switches))):
        chosen = dict(zip(reversed(switches), values, strict=True))
        settings = {**system.settings, **chosen}
        one = ground(replace(system, settings=settings), {})
        outcome = outcome_of(explore(one).verdicts[rule])
        table |= (outcome is Outcome.REFUTED) << number
    return table


@pytest.mark.parametrize("system", [PLAIN, SAFE])
def test_every_machine_is_judged_at_once(system: TransitionSystem) -> None:
    judged = replace(system, properties=tuple(rule.property for rule in RULES))
    whole = ground(judged, {})
    switches: list[Any] = [Kettle.plugged, Kettle.spout]
    slots = [
        next(s.number for s in whole.slots if s.entry[0] is switch)
        for switch in switches
    ]
    for pure in (False, True):
        found = breaking(whole, slots, pure=pure)
        for number in range(len(RULES)):
            assert found[number] == by_hand(judged, number, switches)


def test_the_matrix_tells_the_smallest_combinations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("matrix", "--jobs", "1") == 0
    out = capsys.readouterr().out
    assert "water_gets_hot, impossible: without power" in out
    assert "never_boils_dry: any machine" in out
    assert "no machine of the family breaks a rule" in out


def test_processes_give_the_same_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for jobs in ("1", "2"):
        assert run("matrix", "--jobs", jobs) == 0
        outputs.append(capsys.readouterr().out.rpartition(";")[0])
    assert outputs[0] == outputs[1]


@given(st.integers(0, 4), st.data())
def test_primes_are_the_maximal_implicants(switches: int, data: st.DataObject) -> None:
    table = data.draw(st.integers(0, (1 << (1 << switches)) - 1))
    every = [
        tuple((n, bool(v)) for n, v in enumerate(values) if v is not None)
        for values in product((None, False, True), repeat=switches)
    ]
    implicants = [c for c in every if not covered(c, switches) & ~table]
    implicants = [c for c in implicants if table]
    maximal = {c for c in implicants if not any(set(o) < set(c) for o in implicants)}
    assert primes(table, switches) == maximal


def test_a_family_says_where_a_design_is_safe() -> None:
    mine = catalogue()
    found: Family = family(mine, mine.design("plain"), {})
    assert [cube.present for cube in found.cubes(never_boils_dry)] == [frozenset()]
    assert found.safe([never_boils_dry]) == []
    assert found.safe([stays_dry]) != []


@examples(25)
@given(systems(most_states=500))
def test_families_are_what_each_member_is(drawn: Drawn) -> None:
    """On random systems: the open Boolean switches against one value at a time."""
    for system in (drawn.system(), drawn.living()):
        check_each_member(system, drawn.scope)


def check_each_member(system: TransitionSystem, scope: Scope) -> None:
    switches = [
        variable
        for variable in system.state.variables()
        if variable.frozen
        and variable.value_sort is bool
        and not variable.index_sorts
        and variable.initial is None
        and variable not in system.settings
    ]
    whole = ground(system, scope)
    if next(whole.initial_states(), None) is None:
        return
    slots = [
        next(s.number for s in whole.slots if s.entry[0] is switch)
        for switch in switches
    ]
    found = breaking(whole, slots)
    for number, values in enumerate(product((False, True), repeat=len(switches))):
        settings: dict[Any, Any] = dict(system.settings)
        settings |= dict(zip(reversed(switches), values, strict=True))
        member = ground(replace(system, settings=settings), scope)
        there = next(member.initial_states(), None) is not None
        verdicts = explore(member).verdicts if there else ()
        for place, rule in enumerate(system.properties):
            if there and rule.mode is Mode.LEADS_TO:
                (verdict,) = judge_by_graph(
                    replace(member, properties=(member.properties[place],))
                )
            elif there:
                verdict = verdicts[place]
            refuted = there and outcome_of(verdict) is Outcome.REFUTED
            assert bool(found[place] >> number & 1) == refuted
