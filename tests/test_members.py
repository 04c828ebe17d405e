"""One search for a design and all that it becomes without a safeguard."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.catalogue import Catalogue, Design, Machine, Outcome, Rule, Setup
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.lasting import lasting
from tdxcheck.checker.engines.diagrams.members import Member, Worse, worse
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.comparing import opened
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.removal import removals
from tdxcheck.checker.judging.work import ENGINES, Budget
from tdxcheck.checker.language import (
    Int,
    Safeguard,
    SpecificationError,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    fairness,
    implies,
    invariant,
    ite,
    leads_to,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.report.removals import in_one_line, is_as_expected
from tdxcheck.checker.trace import evidence_of
from tdxcheck.checker.verdict import Limit, Refuted, Unknown, Verdict
from tests.demo import MANUAL
from tests.kettle import CALM, DRY, REDUNDANT, SAFE, catalogue, kind, run, told
from tests.random_systems import Drawn, examples, systems


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
