"""Guards taken out, designs compared, machines combined, on a small catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.catalogue import (
    Catalogue,
    Design,
    Expectation,
    Feature,
    Machine,
    Outcome,
    Rule,
    Setup,
)
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.engines.diagrams.families import breaking
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.families import Family, covered, family, primes
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import (
    Safeguard,
    Severity,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    implies,
    invariant,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.system import Mode
from tests.demo import MANUAL
from tests.random_systems import Drawn, examples, systems


class Kettle(State):
    """A kettle that may boil dry."""

    filled = Var(bool, True)
    hot = Var(bool, False)
    dry = Var(bool, False)

    plugged = Var(bool, frozen=True)
    """There is power."""
    spout = Var(bool, frozen=True)
    """It can be poured out."""
    stops_when_hot = Safeguard(bugs=("B1",), sources=(MANUAL.at("chapter 1"),))
    """It turns itself off when it boils."""
    stops_when_empty = Safeguard(sources=(MANUAL.at("chapter 2"),))
    """It does not heat what is not there."""
    has_a_handle = Safeguard(sources=(MANUAL.at("chapter 3"),))
    """It can be held."""


@action()
def heat(kettle: Kettle) -> None:
    """The kettle heats the water."""
    kettle.require(kettle.plugged)
    kettle.require(~kettle.hot | ~kettle.stops_when_hot)
    kettle.require(kettle.filled | ~kettle.stops_when_empty)
    kettle.dry = kettle.dry | kettle.hot | ~kettle.filled
    kettle.hot = True


@action()
def pour(kettle: Kettle) -> None:
    """Somebody pours the water out."""
    kettle.require(kettle.spout & (kettle.has_a_handle | kettle.filled))
    kettle.require(kettle.filled)
    kettle.filled = False
    kettle.hot = False


@invariant(severity=Severity.SERVICE, sources=(MANUAL.at("chapter 3"),))
def never_boils_dry(kettle: Kettle) -> Term[bool]:
    """The kettle never boils dry."""
    return ~kettle.dry


@step_rule(severity=Severity.SERVICE)
def stays_dry(before: Kettle, step: Step, after: Kettle) -> Term[bool]:
    """What has boiled dry stays so."""
    return implies(before.dry, after.dry)


@reachable()
def water_gets_hot(kettle: Kettle) -> Term[bool]:
    """Water can be heated."""
    return kettle.hot


PLAIN = TransitionSystem("plain", "A kettle.", Kettle, (heat, pour))
SAFE = PLAIN.variant(
    "safe",
    "A kettle with a thermostat.",
    settings={
        Kettle.stops_when_hot: True,
        Kettle.stops_when_empty: True,
        Kettle.has_a_handle: True,
    },
)
CALM = Expectation(Outcome.VACUOUS, "nothing ever boils dry")
DRY = Expectation(note="it boils dry")
REDUNDANT = {"has_a_handle": Expectation(note="only for comfort")}
RULES = tuple(
    Rule(rule, "kettles") for rule in (never_boils_dry, stays_dry, water_gets_hot)
)
FEATURES = (
    Feature("power", "There is power.", Kettle.plugged),
    Feature("spout", "It has a spout.", Kettle.spout),
)


def catalogue(redundant: Mapping[str, Expectation] = REDUNDANT) -> Catalogue:
    machine = Machine({"cpus": 1}, lambda sizes: Setup({}), FEATURES, water_gets_hot)
    return Catalogue(
        designs=(
            Design("plain", PLAIN, {"never_boils_dry": DRY}),
            Design("safe", SAFE, {"stays_dry": CALM}, redundant),
        ),
        rules=RULES,
        machine=machine,
    )


def run(*arguments: str, of: Catalogue | None = None) -> int:
    return main(arguments, Context(lambda: of or catalogue(), lambda: ENGINES))


# Guards.


def test_each_guard_is_told_with_what_breaks_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe") == 0
    out = capsys.readouterr().out
    assert "stops_when_hot (B1): It turns itself off when it boils." in out
    assert out.count("without it breaks: never_boils_dry 2") == 2
    assert "nothing breaks without it, as is known: only for comfort" in out
    assert "3 safeguards: 2 needed, 1 known to be redundant" in out


def test_a_guard_that_no_rule_needs_is_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe", of=catalogue({})) == 1
    assert "NOTHING BREAKS WITHOUT IT" in capsys.readouterr().out


def test_a_guard_that_was_taken_for_redundant_is_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = {**REDUNDANT, "stops_when_hot": Expectation(note="it never boils")}
    assert run("guards", "safe", of=catalogue(wrong)) == 1
    assert "TAKEN FOR REDUNDANT (it never boils)" in capsys.readouterr().out


def test_one_guard_is_told_with_its_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("guards", "safe", "--guard", "stops_when_empty") == 0
    out = capsys.readouterr().out
    assert "safe-without-stops_when_empty breaks never_boils_dry" in out
    assert "shortest counterexample: 2 steps" in out


def test_traces_are_kept_under_their_bugs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("guards", "safe", "--record", "--folder", str(tmp_path)) == 0
    names = sorted(path.name for path in tmp_path.glob("*.json"))
    assert names == [
        "B1-safe-without-stops_when_hot-never_boils_dry.itf.json",
        "safe-without-stops_when_empty-never_boils_dry.itf.json",
    ]
    assert run("replay", "B1", "--folder", str(tmp_path)) == 0
    assert run("show", "B1", "--folder", str(tmp_path)) == 0
    assert "VIOLATED" in capsys.readouterr().out


def test_a_design_without_a_guard_is_a_design(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify", "safe-without-stops_when_hot") == 1
    assert "REFUTED IN 2" in capsys.readouterr().out
    mine = catalogue()
    name = "safe-without-stops_when_hot"
    assert mine.design(name) is mine.design(name)
    with pytest.raises(SpecificationError, match="has no safeguard"):
        mine.design(name).system.without(Kettle.stops_when_hot)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("guards", "saef"), "there is no design 'saef'; did you mean 'safe'?"),
        (("guards", "--guard", "stops"), "there is no safeguard 'stops'"),
        (("guards", "plain", "--guard", "has_a_handle"), "none of these designs has"),
        (("verify", "safe-without-stop_when_hot"), "did you mean 'stops_when_hot'?"),
        (("diff", "safe", "sane"), "there is no design 'sane'"),
        (("matrix", "--cpus", "2000000"), ""),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(*arguments)
    err = capsys.readouterr().err
    if message:
        assert status == 2
        assert message in err
        assert err.count("\n") == 1


def test_a_machine_without_features_has_no_matrix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = catalogue()
    plain = replace(mine, machine=replace(mine.machine, features=()))
    assert run("matrix", of=plain) == 2
    assert "has no features" in capsys.readouterr().err


# Differences.


def test_two_designs_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "plain", "safe") == 0
    out = capsys.readouterr().out
    assert "with stops_when_hot: It turns itself off when it boils." in out
    assert "never_boils_dry: refuted in 2 -> exhausted" in out
    assert "stays_dry: exhausted -> vacuous" in out
    assert run("diff", "safe", "plain") == 0
    assert "without has_a_handle" in capsys.readouterr().out


def test_a_design_is_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "safe", "safe") == 0
    out = capsys.readouterr().out
    assert "They are the same system." in out
    assert "No verdict changes." in out


# Families.


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
    system = drawn.system()
    switches = [
        variable
        for variable in system.state.variables()
        if variable.frozen
        and variable.value_sort is bool
        and not variable.index_sorts
        and variable.initial is None
        and variable not in system.settings
    ]
    whole = ground(system, drawn.scope)
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
        member = ground(replace(system, settings=settings), drawn.scope)
        there = next(member.initial_states(), None) is not None
        verdicts = explore(member).verdicts if there else ()
        for place, rule in enumerate(system.properties):
            table = found[place]
            if rule.mode is Mode.LEADS_TO:
                assert table is None
                continue
            assert table is not None
            refuted = there and outcome_of(verdicts[place]) is Outcome.REFUTED
            assert bool(table >> number & 1) == refuted
