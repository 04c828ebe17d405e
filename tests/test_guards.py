"""Guards taken out, designs compared, machines combined, on a small catalogue."""

from __future__ import annotations

import json
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
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.lasting import lasting
from tdxcheck.checker.engines.diagrams.members import Member, Worse, worse
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.comparing import opened
from tdxcheck.checker.judging.families import Family, covered, family, primes
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.removal import Removal, removals
from tdxcheck.checker.judging.work import ENGINES, Budget
from tdxcheck.checker.language import (
    Int,
    Safeguard,
    Severity,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    fairness,
    implies,
    invariant,
    ite,
    leads_to,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.report.removals import in_one_line, is_as_expected
from tdxcheck.checker.trace import evidence_of
from tdxcheck.checker.verdict import Limit, Refuted, Unknown, Verdict
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
    assert "They are the same system, and no verdict can change." in out


# Safeguards that a design does without.

HEATED_ONCE = SAFE.variant(
    "heated once",
    "A kettle that nobody can pour out.",
    removed=(pour,),
    unneeded={Kettle.has_a_handle: "nobody lifts it."},
)


def heated_once() -> Catalogue:
    mine = catalogue()
    designs = (*mine.designs, Design("heated-once", HEATED_ONCE, {"stays_dry": CALM}))
    return replace(mine, designs=designs)


def test_what_a_design_does_without_is_not_told_as_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("diff", "safe", "heated-once", of=heated_once()) == 0
    out = capsys.readouterr().out
    assert "not needed, has_a_handle: It can be held. Because nobody lifts it." in out
    assert "without has_a_handle" not in out
    assert run("diff", "safe", "heated-once", "--format", "json", of=heated_once()) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert [row["unneeded"] for row in settings] == ["nobody lifts it."]
    assert run("guards", "heated-once", of=heated_once()) in (0, 1)
    out = capsys.readouterr().out
    assert "Not needed:\n    has_a_handle: It can be held.\n      because nobody" in out
    assert run("guards", "heated-once", "--format", "json", of=heated_once()) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert "has_a_handle" not in [row["safeguard"] for row in told["safeguards"]]
    assert told["unneeded"] == [
        {
            "design": "heated-once",
            "safeguard": "has_a_handle",
            "because": "nobody lifts it.",
        }
    ]
    assert run("explain", "heated-once", of=heated_once()) == 0
    assert "because nobody lifts it." in capsys.readouterr().out


def test_only_what_no_action_asks_for_is_not_needed() -> None:
    """Now and in every system that is stated upon it."""
    with pytest.raises(SpecificationError, match="its action pour asks for it"):
        SAFE.variant("x", "X.", unneeded={Kettle.has_a_handle: "never mind."})
    with pytest.raises(SpecificationError, match="its action pour asks for it"):
        HEATED_ONCE.variant("x", "X.", added=(pour,))
    with pytest.raises(SpecificationError, match="is not a safeguard"):
        HEATED_ONCE.variant("x", "X.", unneeded={Kettle.spout: "it has none."})
    assert Kettle.has_a_handle not in HEATED_ONCE.safeguards


def test_a_safeguard_that_is_needed_again_is_one_again() -> None:
    settings = {Kettle.has_a_handle: True}
    again = HEATED_ONCE.variant("x", "X.", added=(pour,), settings=settings)
    assert not again.unneeded
    assert Kettle.has_a_handle in again.safeguards


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


# One search for a design and all that it becomes without a safeguard.


def one_by_one(mine: Catalogue, design: Design) -> dict[str, dict[str, Any]]:
    """By safeguard and rule, the worse verdicts, each variant judged by itself."""
    names = [rule.id for rule in mine.rules]
    variants = {s.name: mine.without(design, s) for s in design.system.safeguards}
    cases = cases_of(mine, [design, *variants.values()], {}, names=names)
    first = {Engine.DIAGRAMS: ENGINES[Engine.DIAGRAMS]}
    verdicts = {
        (judgement.case.design.key, judgement.question.name): judgement.verdict
        for judgement in assess(cases, first, Budget(), 1).judgements
    }
    found: dict[str, dict[str, Any]] = {}
    for safeguard, variant in variants.items():
        found[safeguard] = {
            name: after
            for name in names
            if is_worse(
                verdicts[design.key, name], after := verdicts[variant.key, name]
            )
        }
    return found


def is_worse(before: Verdict, after: Verdict) -> bool:
    """Broken now, and was not; or by a shorter run."""
    if outcome_of(after) is not Outcome.REFUTED:
        return False
    if outcome_of(before) is not Outcome.REFUTED:
        return True
    return (
        isinstance(before, Refuted)
        and isinstance(after, Refuted)
        and len(after.run.steps) < len(before.run.steps)
    )


def told(removal: Removal) -> dict[str, tuple[type[Verdict], int]]:
    """The worse rules of a removal, each with its verdict and the length of its run."""
    assert not removal.undecided
    return {
        j.question.name: kind(j.verdict) for j in (*removal.broken, *removal.sooner)
    }


def kind(verdict: Any) -> tuple[type[Verdict], int]:
    return type(verdict), len(verdict.run.steps) if isinstance(verdict, Refuted) else 0


def test_one_search_tells_what_each_variant_would() -> None:
    mine = catalogue()
    design = mine.design("safe")
    asked = [(design, design.system.safeguards)]
    found, interrupted, _ = removals(mine, asked, {}, Budget(), 1)
    assert not interrupted
    expected = one_by_one(mine, design)
    assert any(expected.values())
    for removal in found:
        worse_ones = expected[removal.safeguard.name]
        assert told(removal) == {name: kind(v) for name, v in worse_ones.items()}
        for judgement in removal.broken:
            verdict = worse_ones[judgement.question.name]
            assert judgement.trace is not None
            assert len(judgement.trace.steps) == len(verdict.run.steps)


def test_designs_that_are_one_system_are_judged_once() -> None:
    mine = catalogue()
    twin = Design("twin", replace(SAFE, name="twin"), {"stays_dry": CALM}, REDUNDANT)
    both = replace(mine, designs=(*mine.designs, twin))
    seen: set[str] = set()
    asked = [(d, d.system.safeguards) for d in (both.design("safe"), twin)]
    found, _, _ = removals(
        both, asked, {}, Budget(), 1, lambda notice: seen.add(notice.case)
    )
    assert seen == {"safe"}
    assert [told(r) for r in found[:3]] == [told(r) for r in found[3:]]
    assert [j.case.design.key for r in found[3:] for j in r.broken] == [
        "twin-without-stops_when_hot",
        "twin-without-stops_when_empty",
    ]


def test_a_limit_leaves_open_what_it_hides() -> None:
    mine = catalogue()
    design = mine.design("safe")
    asked = [(design, design.system.safeguards)]
    found, _, _ = removals(mine, asked, {}, Budget(depth=1), 1)
    for removal in found:
        assert not removal.broken and not removal.sooner
        assert [j.question.name for j in removal.undecided] == [
            "never_boils_dry",
            "stays_dry",
        ]
    every = [r for r in found if not is_as_expected(r)]
    assert in_one_line(found).endswith(f"{len(every)} undecided")
    assert "no rule needs" not in in_one_line(found)


def members_of(
    system: TransitionSystem, scope: Scope
) -> tuple[GroundSystem, list[Member], list[GroundSystem]]:
    """The system with its switches open, what each choice sets, and each by itself."""
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
    slots = {slot.entry[0]: slot.number for slot in whole.slots}
    alone: list[GroundSystem] = []
    members: list[Member] = []
    for values in product((True, False), repeat=len(switches)):
        chosen: dict[Any, Any] = dict(zip(switches, values, strict=True))
        settings = {**system.settings, **chosen}
        member = ground(replace(system, settings=settings), scope)
        if next(member.initial_states(), None) is not None:
            alone.append(member)
            members.append({slots[s]: int(v) for s, v in chosen.items()})
    return whole, members, alone


@examples(40)
@given(systems(most_states=500), st.booleans())
def test_members_owe_for_ever_what_each_does_alone(drawn: Drawn, pure: bool) -> None:
    """On random systems: diagrams of them all against the graph of each."""
    whole, members, alone = members_of(drawn.living(), drawn.scope)
    if not members:
        return
    found = {(w.member, w.property): w for w in lasting(whole, members, pure=pure)}
    judged = [judge_by_graph(member) for member in alone]
    for number, (member, verdicts) in enumerate(zip(alone, judged, strict=True)):
        for place, after in enumerate(verdicts):
            one = found.pop((number, place), None)
            if isinstance(judged[0][place], Refuted) or not isinstance(after, Refuted):
                assert one is None
                continue
            assert one is not None and isinstance(one.verdict, Refuted)
            assert not one.sooner
            assert evidence_of(whole, one.verdict.run) == evidence_of(member, after.run)
    assert not found


@examples(40)
@given(systems(most_states=500), st.booleans())
def test_members_are_compared_as_if_each_were_alone(drawn: Drawn, pure: bool) -> None:
    """On random systems: each value of the open switches against the first ones."""
    whole, members, alone = members_of(drawn.system(), drawn.scope)
    if not members:
        return
    surveys = [(member, survey(member).verdicts) for member in alone]
    found = {(w.member, w.property): w for w in worse(whole, members, pure=pure)}
    (_, first), *_ = surveys
    for number, (member, verdicts) in enumerate(surveys):
        for place, after in enumerate(verdicts):
            one = found.pop((number, place), None)
            if not is_worse(first[place], after):
                assert one is None
                continue
            assert one is not None
            assert one.sooner == (outcome_of(first[place]) is Outcome.REFUTED)
            assert type(one.verdict) is type(after)
            if isinstance(one.verdict, Refuted):
                assert isinstance(after, Refuted)
                assert evidence_of(whole, one.verdict.run) == evidence_of(
                    member, after.run
                )
    assert not found


class Pot(State):
    """A pot of water that somebody has to pour out."""

    hot = Var(bool, False)
    scale = Var(Int(0, 2), 0)
    """How much of it there is."""
    whistles = Safeguard(sources=(MANUAL.at("chapter 6"),))
    """It can be heard."""


@action()
def boil(pot: Pot) -> None:
    """The water boils."""
    pot.require(pot.scale < 2)
    pot.hot = True
    pot.scale = ite(pot.whistles, pot.scale + 1, 2)


@action()
def empty(pot: Pot) -> None:
    """Somebody hears the pot, and pours the water out."""
    pot.require(pot.whistles & pot.hot)
    pot.hot = False


@fairness(empty)
def who_hears_it_comes(pot: Pot) -> Term[bool]:
    """Who hears the pot comes at last."""
    return pot.hot


@leads_to(fair=(who_hears_it_comes,))
def water_is_poured(pot: Pot) -> tuple[Term[bool], Term[bool]]:
    """Hot water is poured out in the end."""
    return pot.hot, ~pot.hot


@invariant()
def there_is_little_scale(pot: Pot) -> Term[bool]:
    """There is little scale in the pot."""
    return pot.scale < 2


def test_a_guard_by_which_something_comes_in_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_ = TransitionSystem("open", "A pot.", Pot, (boil, empty))
    pot = open_.variant("pot", "A pot.", settings={Pot.whistles: True})
    of = Catalogue(
        designs=(Design("pot", pot, {"there_is_little_scale": DRY}),),
        rules=(Rule(there_is_little_scale, "pots"), Rule(water_is_poured, "pots")),
        machine=Machine({}, lambda sizes: Setup({}), (), None),
    )
    assert run("guards", "pot", "--guard", "whistles", of=of) == 0
    out = capsys.readouterr().out
    assert "without it breaks: water_is_poured 1+0" in out
    assert "breaks sooner: there_is_little_scale 1" in out
    assert "1 safeguard: 1 needed" in out


def test_an_interrupt_leaves_open_what_comes_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    open_ = TransitionSystem("open", "A pot.", Pot, (boil, empty))
    system = replace(
        open_, settings={Pot.whistles: None}, properties=(water_is_poured,)
    )
    whole = ground(system, {})
    (slot,) = (s.number for s in whole.slots if s.entry[0] is Pot.whistles)
    monkeypatch.setattr("tdxcheck.checker.engines.diagrams.lasting.Ends", interrupted)
    (left,) = lasting(whole, [{slot: 1}, {slot: 0}])
    assert left == Worse(1, 0, Unknown(Limit.INTERRUPT), sooner=False)


class Cup(State):
    """A cup that two measures keep from running over."""

    level = Var(Int(0, 2), 0)
    has_a_mark = Safeguard(sources=(MANUAL.at("chapter 4"),))
    """It is not filled above its mark."""
    has_a_valve = Safeguard(sources=(MANUAL.at("chapter 5"),))
    """It takes no more when it is full."""


@action()
def fill(cup: Cup) -> None:
    """Somebody fills the cup."""
    for measure in (cup.has_a_mark, cup.has_a_valve):
        cup.require(implies(measure, cup.level < 2))
    cup.level = cup.level + 1


def test_bounds_hold_in_the_configurations_that_there_are() -> None:
    """Without both measures the cup runs over; one at most is taken out."""
    settings: dict[Any, Any] = {Cup.has_a_mark: True, Cup.has_a_valve: True}
    system = TransitionSystem("cup", "A cup.", Cup, (fill,), settings=settings)
    both = (Cup.has_a_mark, Cup.has_a_valve)
    assert len(ground(opened(system, both), {}).slots) == 3
    with pytest.raises(SpecificationError, match="level can leave"):
        ground(replace(system, settings=dict.fromkeys(both)), {})
