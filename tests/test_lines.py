"""Guards and effects taken out one by one, against each system without one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, cast

import pytest
from hypothesis import given

from tdxcheck.checker.catalogue import Catalogue, Design, Machine, Outcome, Rule, Setup
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.lines import Need, Needed, needed
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import ENGINES, Budget
from tdxcheck.checker.language import (
    Event,
    Int,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    fairness,
    implies,
    invariant,
    leads_to,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.instance import Instance, Scope
from tdxcheck.checker.language.lines import Family, Line, lines_of, without_one_of
from tdxcheck.checker.language.literals import conjuncts
from tdxcheck.checker.verdict import Refuted, Unreachable, Verdict
from tdxcheck.models.catalogue import CATALOGUE
from tests.demo import DEMO
from tests.random_systems import Drawn, examples, systems

FILL = Event("fill", "Somebody fills the tank.", ())


class Told(Enum):
    BUSY = "busy"


class Tank(State):
    """A tank that can be locked."""

    level = Var(Int(0, 2), 0)
    locked = Var(bool, False)
    seen = Var(bool, False)
    noted = Var(bool, False)


@action(event=FILL)
def fill(tank: Tank) -> None:
    """Somebody fills the tank a little."""
    tank.require(~tank.locked, otherwise=Told.BUSY)
    tank.require(tank.level < 2)
    tank.level = tank.level + 1


@action()
def rush(tank: Tank) -> None:
    """Water rushes in, where that was noted."""
    tank.require(tank.noted & ~tank.locked)
    tank.level = 2


@action()
def lock(tank: Tank) -> None:
    """The tank is locked, while it is empty."""
    tank.require(tank.level == 0)
    tank.require(tank.level < 2)
    tank.locked = True


@action()
def unlock(tank: Tank) -> None:
    """The tank is unlocked."""
    tank.require(tank.locked)
    tank.locked = False


@action()
def look(tank: Tank) -> None:
    """Somebody looks at the lock."""
    tank.require(tank.locked)
    tank.seen = True


@action()
def note(tank: Tank) -> None:
    """Somebody notes what was seen."""
    tank.require(tank.seen)
    tank.noted = True


@invariant()
def a_locked_tank_is_empty(tank: Tank) -> Term[bool]:
    """A locked tank is empty."""
    return implies(tank.locked, tank.level == 0)


@invariant()
def a_locked_tank_refuses(tank: Tank) -> Term[bool]:
    """A locked tank refuses to be filled."""
    return implies(tank.locked, tank.refuses(FILL))


@invariant()
def no_tank_is_full(tank: Tank) -> Term[bool]:
    """No tank is full: this one can be."""
    return tank.level < 2


@reachable()
def a_tank_can_be_half_full(tank: Tank) -> Term[bool]:
    """A tank can be half full."""
    return tank.level == 1


@step_rule()
def a_rush_fills_the_tank(before: Tank, step: Step, after: Tank) -> Term[bool]:
    """Once water rushes in the tank is full."""
    return implies(step.is_(rush), after.level == 2)


@fairness(unlock)
def locks_are_opened(tank: Tank) -> Term[bool]:
    """Somebody opens every lock."""
    return all_of(True)


@leads_to(fair=(locks_are_opened,))
def a_lock_is_opened(tank: Tank) -> tuple[Term[bool], Term[bool]]:
    """A lock is opened in the end."""
    return tank.locked, ~tank.locked


RULES = (
    a_locked_tank_is_empty,
    a_locked_tank_refuses,
    no_tank_is_full,
    a_tank_can_be_half_full,
    a_rush_fills_the_tank,
    a_lock_is_opened,
)
TANK = TransitionSystem(
    "tank", "A tank.", Tank, (fill, rush, lock, unlock, look, note), RULES
)
FOUND = {
    "fill/1": (Need.BREAKS, "a_locked_tank_refuses", 1),
    "fill/2": (Need.REFUSED, None, None),
    "fill/effect/1": (Need.BREAKS, "a_tank_can_be_half_full", None),
    "rush/1.1": (Need.SOONER, "no_tank_is_full", 1),
    "rush/1.2": (Need.BREAKS, "a_locked_tank_is_empty", 4),
    "rush/effect/1": (Need.BREAKS, "a_rush_fills_the_tank", 5),
    "lock/1": (Need.BREAKS, "a_locked_tank_is_empty", 2),
    "lock/2": (Need.NOTHING, None, None),
    "lock/effect/1": (Need.UNNOTICED, None, None),
    "unlock/1": (Need.UNNOTICED, None, None),
    "unlock/effect/1": (Need.BREAKS, "a_lock_is_opened", 2),
    "look/1": (Need.UNNOTICED, None, None),
    "look/effect/1": (Need.UNNOTICED, None, None),
    "note/1": (Need.UNNOTICED, None, None),
    "note/effect/1": (Need.UNNOTICED, None, None),
}
"""What is broken first without each line, and in how many steps, derived by hand."""


def case_of(system: TransitionSystem, scope: Scope) -> Case:
    questions = tuple(Question(rule, None) for rule in system.properties)
    nobody = cast(Any, None)
    instance = Instance(system, scope)
    return Case(nobody, system.name, (), {}, "", instance, questions)


def judged(system: TransitionSystem, scope: Scope) -> list[Needed]:
    lines = list(lines_of(system))
    found, interrupted = needed(case_of(system, scope), lines, Budget(), 1)
    assert not interrupted
    assert [one.line for one in found] == lines
    return found


@pytest.fixture(scope="module")
def of_the_tank() -> Mapping[str, Needed]:
    return {one.line.name: one for one in judged(TANK, {})}


def test_each_line_is_needed_as_far_as_it_is(of_the_tank: Mapping[str, Needed]) -> None:
    told = {
        name: (
            one.need,
            one.rule and one.rule.name,
            len(one.trace.steps) if one.trace else None,
        )
        for name, one in of_the_tank.items()
    }
    assert told == FOUND


def test_what_else_is_broken_is_named(of_the_tank: Mapping[str, Needed]) -> None:
    others = [rule.name for rule in of_the_tank["fill/1"].others]
    assert others == ["a_locked_tank_is_empty"]
    assert of_the_tank["rush/1.1"].others == ()


def test_what_is_impossible_has_no_trace(of_the_tank: Mapping[str, Needed]) -> None:
    assert isinstance(of_the_tank["fill/effect/1"].verdict, Unreachable)


def test_new_states_are_told_from_fewer(of_the_tank: Mapping[str, Needed]) -> None:
    """What nobody saw was never noted; but what is seen now can be seen later, too."""
    assert of_the_tank["note/1"].beyond
    assert not of_the_tank["look/1"].beyond
    assert not of_the_tank["note/effect/1"].beyond


def test_a_run_is_one_of_the_system_without_the_line(
    of_the_tank: Mapping[str, Needed],
) -> None:
    trace = of_the_tank["lock/1"].trace
    assert trace is not None
    assert [step.action.name for step in trace.steps] == ["fill", "lock"]


# Against the systems themselves.


def taken_out(system: TransitionSystem, line: Line) -> TransitionSystem:
    """The system with a line deleted, and no properties."""
    place, part = line.place
    action = line.action
    if part is None:
        updates = action.updates[:place] + action.updates[place + 1 :]
        rest = replace(action, updates=updates)
    else:
        guard = action.guards[place]
        parts = conjuncts(guard.condition)
        less = replace(guard, condition=all_of(*parts[:part], *parts[part + 1 :]))
        guards = (*action.guards[:place], less, *action.guards[place + 1 :])
        rest = replace(action, guards=guards)
    actions = tuple(rest if a is action else a for a in system.actions)
    return replace(system, actions=actions, properties=())


def size(system: TransitionSystem, scope: Scope) -> tuple[int, int]:
    found = explore(ground(replace(system, properties=()), scope))
    return found.states, found.transitions


def starts(system: TransitionSystem, scope: Scope) -> bool:
    return next(ground(system, scope).initial_states(), None) is not None


@examples(15)
@given(systems(most_states=300))
def test_a_member_is_the_system_without_its_line(drawn: Drawn) -> None:
    """On random systems: the switch in the family against the line deleted."""
    system = drawn.system()
    if not starts(system, drawn.scope):
        return
    for line in lines_of(system):
        family = without_one_of(system, [line])
        try:
            expected = size(taken_out(system, line), drawn.scope)
        except SpecificationError:
            with pytest.raises(SpecificationError):
                size(family.member(1), drawn.scope)
            continue
        assert size(family.member(1), drawn.scope) == expected
        assert size(family.member(0), drawn.scope) == size(system, drawn.scope)


@examples(15)
@given(systems(most_states=300))
def test_each_line_is_judged_as_if_it_were_deleted(drawn: Drawn) -> None:
    """On random systems: all lines at once against each system without one."""
    for system in (drawn.system(), drawn.living()):
        if starts(system, drawn.scope):
            check_each_line(system, drawn.scope)


def check_each_line(system: TransitionSystem, scope: Scope) -> None:
    before = verdicts(system, scope)
    for one in judged(system, scope):
        family = without_one_of(system, [one.line])
        if one.need is Need.REFUSED:
            with pytest.raises(SpecificationError):
                ground(family.member(1), scope)
            continue
        after = verdicts(family.member(1), scope)
        anew = [n for n, v in enumerate(after) if broken(v) and not broken(before[n])]
        sooner = [n for n, v in enumerate(after) if comes_sooner(v, before[n])]
        if one.need is Need.BREAKS:
            check_breach(one, anew, after, family)
        elif one.need is Need.SOONER:
            assert not anew
            assert one.rule is not None
            assert [r.name for r in system.properties].index(one.rule.name) in sooner
        else:
            assert not anew
            assert not sooner
        if one.need is Need.NOTHING:
            assert size(family.member(1), scope) == size(system, scope)


def check_breach(
    one: Needed, anew: Sequence[int], after: Sequence[Verdict], family: Family
) -> None:
    """It is the first of those that are broken anew, and the others are named."""
    assert one.rule is not None
    names = [rule.name for rule in family.system.properties]
    number = names.index(one.rule.name)
    assert number in anew
    assert {names.index(rule.name) for rule in one.others} == set(anew) - {number} or (
        one.rule.goal is not None
    )
    lengths = [len(v.run.steps) for n in anew if isinstance(v := after[n], Refuted)]
    if isinstance(one.verdict, Refuted) and one.rule.goal is None:
        assert len(one.verdict.run.steps) == min(lengths)
    elif one.rule.goal is None:
        assert not lengths


def verdicts(system: TransitionSystem, scope: Scope) -> Sequence[Verdict]:
    whole = ground(system, scope)
    if any(rule.goal is not None for rule in system.properties):
        return judge_by_graph(whole)
    return explore(whole).verdicts


def broken(verdict: Verdict) -> bool:
    return outcome_of(verdict) is Outcome.REFUTED


def comes_sooner(after: Verdict, before: Verdict) -> bool:
    if not isinstance(after, Refuted) or not isinstance(before, Refuted):
        return False
    if after.run.loop is not None:
        return False
    return len(after.run.steps) < len(before.run.steps)


# On the command line.


def catalogue() -> Catalogue:
    """A tank, and one that is stated upon it with notes of its own."""

    @action()
    def write(tank: Tank) -> None:
        """Somebody writes down what was seen."""
        tank.require(tank.seen)
        tank.noted = True

    machine = Machine({"cpus": 1}, lambda sizes: Setup({}), (), a_tank_can_be_half_full)
    upon = TANK.variant("written", "A tank in writing.", replaced={note: write})
    return Catalogue(
        designs=(Design("tank", TANK, {}), Design("written", upon, {})),
        rules=tuple(Rule(rule, "tanks") for rule in RULES),
        machine=machine,
    )


def run(*arguments: str, of: Catalogue | None = None) -> int:
    given = of or catalogue()
    return main(["lines", *arguments], Context(lambda: given, lambda: ENGINES))


def test_the_lines_of_own_actions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("written") == 0
    out = capsys.readouterr().out
    assert "2 lines of 1 action\n" in out
    assert "write/1: seen" in out
    assert "without it new states are reached" in out
    assert "2 lines: 2 unnoticed; " in out
    assert "fill/1" not in out


def test_every_line_is_told_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("written", "--all") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "15 lines of 6 actions" in out
    assert "a_locked_tank_refuses breaks in 1; so do a_locked_tank_is_empty" in out
    assert "fill/2: level < 2" in out
    assert "its guards must keep the effect within its bound" in out
    assert "a_tank_can_be_half_full becomes impossible" in out
    assert "a_lock_is_opened breaks in 1+1" in out
    assert "15 lines: 8 needed, 6 unnoticed, 1 that change nothing; " in out


def test_a_line_comes_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tank", "--line", "lock/1") == 0
    out = capsys.readouterr().out
    assert "tank without lock/1: a_locked_tank_is_empty" in out
    assert "The tank is locked, while it is empty; locked: no -> yes" in out


def test_an_action_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tank", "--action", "look", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [line["name"] for line in told["lines"]] == ["look/1", "look/effect/1"]
    assert [line["kind"] for line in told["lines"]] == ["guard", "effect"]
    assert told["lines"][1]["text"] == "seen := yes"


def test_what_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tank", "--line", "lock/7") == 2
    assert "has no line 'lock/7'; did you mean 'lock/" in capsys.readouterr().err
    assert run("tank", "--action", "fil") == 2
    assert "has no action 'fil'; did you mean 'fill'" in capsys.readouterr().err


def test_a_design_without_own_actions_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = catalogue()
    same = TANK.variant("same", "The same tank.")
    given = replace(given, designs=(Design("same", same, {}),))
    assert run("same", of=given) == 2
    assert "has no action of its own" in capsys.readouterr().err


def test_a_limit_leaves_lines_undecided(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tank", "--max-memory", "1M") == 3
    assert "not decided" in capsys.readouterr().out


def test_lines_of_the_demo_are_told() -> None:
    assert run("open", "--all", of=DEMO) == 0


ONE_OF_EACH = ("--cpus", "1", "--packages", "1", "--blocks", "1")
OWN = (
    ("v7.1", "boot_declines/2", "tdx_is_not_declined_needlessly"),
    ("v7.1", "boot_declines/effect/1", "initialization_ends"),
    ("dpamt", "kvm_unload_without_pages/1", "taken_pages_are_never_without_kvm"),
    ("dpamt", "td_return_page/4", "td_pages_are_let_go_by_the_module"),
)


@pytest.mark.parametrize(("design", "line", "rule"), OWN)
def test_a_line_of_a_design_is_needed(
    design: str, line: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (design, *ONE_OF_EACH, "--line", line, "--format", "json")
    assert run(*asked, of=CATALOGUE) == 0
    (told,) = json.loads(capsys.readouterr().out)["lines"]
    assert (told["name"], told["rule"]) == (line, rule)
