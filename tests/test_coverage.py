"""Coverage: what is said to happen, or never to, is what every state says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.cli.coverage import known_dead
from tdxcheck.checker.judging.coverage import Coverage, Kind, Outcome, Thing, coverage
from tdxcheck.checker.judging.question import case_of
from tdxcheck.checker.judging.witness import witness
from tdxcheck.checker.language import Term, TransitionSystem, action, implies, invariant
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.report.coverage import news, revived
from tdxcheck.models.catalogue import CATALOGUE
from tests import demo
from tests.demo import DEMO, Cpu
from tests.step_by_step import RULES, Lamp, run, states_of


def happens(found: Coverage, thing: Thing) -> bool:
    """The same, asked of every state by the interpreter."""
    system = found.grounding.system
    return any(
        happens_in(found, thing, system.assignment(values))
        for values in states_of(system)
    )


def happens_in(found: Coverage, thing: Thing, state: Assignment) -> bool:
    interpreter, of = Interpreter(found.instance), thing.of
    if not isinstance(of, Action):
        assert thing.term is not None
        return interpreter.holds(thing.term, state)
    for arguments in found.instance.choices(of):
        outcome = interpreter.attempt(state, of, arguments)
        if thing.kind is Kind.ACTION and outcome.after is not None:
            return True
        if outcome.guard is not None and outcome.guard.condition is thing.term:
            return True
    return False


@pytest.mark.parametrize("name", ("open", "closed"))
def test_coverage_is_what_every_state_says(name: str) -> None:
    case = case_of(DEMO, DEMO.design(name), (), {"blocks": 2}, ())
    rules = [r.property for r in DEMO.rules if r.property is not demo.starts]
    found = coverage(case.instance, rules)
    assert found.states == len(states_of(found.grounding.system))
    kinds = set()
    for thing in found.things:
        reached = thing.outcome is Outcome.REACHED
        if thing.kind in (Kind.ACTION, Kind.REFUSAL) or (
            thing.kind is Kind.PREMISE and thing.of is not demo.covered_stays_covered
        ):
            assert happens(found, thing) is reached, thing.name
            kinds.add((thing.kind, reached))
        if reached:
            trace = witness(found, thing)
            assert trace.instance is found.instance
    assert (Kind.PREMISE, False) in kinds and (Kind.ACTION, True) in kinds


@action()
def switch(lamp: Lamp) -> None:
    """Switch the lamp on."""
    lamp.require(~lamp.on)
    lamp.require(~lamp.broken)
    lamp.on = True


@action()
def switch_off(lamp: Lamp) -> None:
    """Switch the lamp off."""
    lamp.require(lamp.on & ~lamp.broken)
    lamp.on = False


@action()
def mend(lamp: Lamp) -> None:
    """Mend the lamp."""
    lamp.require(lamp.broken)
    lamp.require(lamp.on)
    lamp.require(~lamp.on)
    lamp.broken = False


@invariant()
def a_broken_lamp_is_off(lamp: Lamp) -> Term[bool]:
    """A lamp that is broken is off: true, and for the wrong reason."""
    return implies(lamp.broken, ~lamp.on)


@invariant()
def half_of_it_is_empty(lamp: Lamp) -> Term[bool]:
    """A lamp that is on is not broken, and a broken one is not on."""
    return implies(lamp.on, ~lamp.broken) & implies(lamp.broken, ~lamp.on)


LAMP = TransitionSystem("lamp", "A lamp.", Lamp, (switch, switch_off, mend))


def test_what_is_true_for_the_wrong_reason_is_found() -> None:
    found = coverage(Instance(LAMP, {Cpu: 1}), [a_broken_lamp_is_off])
    by_name = {thing.name: thing for thing in found.things}
    assert by_name["switch"].outcome is Outcome.REACHED
    assert by_name["mend"].outcome is not Outcome.REACHED
    assert by_name["switch/1"].outcome is Outcome.REACHED
    assert by_name["switch/2"].outcome is not Outcome.REACHED, "nothing breaks it"
    assert by_name["a_broken_lamp_is_off"].outcome is not Outcome.REACHED


def test_a_left_side_that_is_never_met_is_found_beside_one_that_is() -> None:
    found = coverage(Instance(LAMP, {Cpu: 1}), [half_of_it_is_empty])
    sides = [thing.outcome for thing in found.of_kind(Kind.PREMISE)]
    assert sides[0] is Outcome.REACHED
    assert sides[1] is not Outcome.REACHED


def test_a_dead_thing_is_news_unless_it_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("coverage", "open") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "left sides" in out
    assert "nothing_without_blocks" in out and "known: vacuous: for the tests" in out
    design = DEMO.design("open")
    unknown = replace(design, expected={RULES[0].name: demo.KNOWN})
    catalogue = replace(DEMO, designs=(unknown,), claims=())
    assert run("coverage", "open", catalogue=catalogue) == 1
    assert "nobody has said why: nothing_without_blocks" in capsys.readouterr().out
    wrong = replace(design, dead={"start": demo.KNOWN})
    catalogue = replace(DEMO, designs=(wrong,), claims=())
    assert run("coverage", "open", catalogue=catalogue) == 1
    assert "start is known to be dead, but happens" in capsys.readouterr().out


@pytest.mark.parametrize("key", ("v3", "v8", "v6.8", "v7.1"))
def test_what_is_dead_in_a_design_is_known(key: str) -> None:
    design = CATALOGUE.design(key)
    case = case_of(CATALOGUE, design, (), {}, ())
    found = coverage(case.instance, [rule.property for rule in CATALOGUE.rules])
    known = known_dead(design, found)
    assert [thing.name for thing in news(found, known)] == []
    assert revived(found, known) == []
    assert set(design.dead) <= {thing.name for thing in found.things}
