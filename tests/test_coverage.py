"""Coverage: what is said to happen, or never to, is what every state says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tdxcheck.checker.cli.coverage import known_dead
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.coverage import Coverage, Kind, Outcome, Thing, coverage
from tdxcheck.checker.judging.question import case_of
from tdxcheck.checker.judging.saying import empty
from tdxcheck.checker.judging.witness import witness
from tdxcheck.checker.language import (
    Event,
    Property,
    Step,
    Term,
    TransitionSystem,
    action,
    all_of,
    any_of,
    count,
    implies,
    invariant,
    ite,
    leads_to,
    step_rule,
)
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.report.coverage import news, revived
from tdxcheck.checker.verdict import Exhausted, Vacuous
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
        if thing.places:
            assert reached
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


Condition = Callable[[Lamp], Term[bool]]

IDLE: dict[str, Condition] = {
    "a constant": lambda lamp: all_of(True),
    "the one or the other": lambda lamp: lamp.on | ~lamp.on,
    "what is on the left": lambda lamp: implies(lamp.on, lamp.on | lamp.broken),
    "a contradiction": lambda lamp: implies(lamp.on & ~lamp.on, lamp.broken),
    "as many as there are": lambda lamp: (
        count(Cpu, lambda cpu: lamp.on) <= count(Cpu, lambda cpu: all_of(True))
    ),
}
"""What no design could break."""
SAYING: dict[str, Condition] = {
    "an implication": lambda lamp: implies(lamp.broken, ~lamp.on),
    "no implication": lambda lamp: ~lamp.broken,
}


def rule_of(condition: Condition) -> Property:
    def of_a_lamp(lamp: Lamp) -> Term[bool]:
        """What is said of a lamp."""
        return condition(lamp)

    return invariant()(of_a_lamp)


@pytest.mark.parametrize("words", IDLE)
def test_a_rule_that_no_design_could_break_is_dead(words: str) -> None:
    rule = rule_of(IDLE[words])
    found = coverage(Instance(LAMP, {Cpu: 2}), [rule])
    (whole,) = found.of_kind(Kind.RULE)
    assert whole.outcome is Outcome.DEAD
    assert whole in news(found, {})


@pytest.mark.parametrize("words", SAYING)
def test_a_rule_that_some_design_could_break_is_not(words: str) -> None:
    found = coverage(Instance(LAMP, {Cpu: 2}), [rule_of(SAYING[words])])
    (whole,) = found.of_kind(Kind.RULE)
    assert whole.outcome is not Outcome.DEAD


@leads_to(fair=(switch,))
def it_is_on_or_off(lamp: Lamp) -> tuple[Term[bool], Term[bool]]:
    """What is on is whole: it is so already."""
    return lamp.on, ~lamp.broken


@leads_to(fair=(switch,))
def it_is_switched_on(lamp: Lamp) -> tuple[Term[bool], Term[bool]]:
    """What is off is on in the end."""
    return ~lamp.on, lamp.on


def test_what_a_larger_machine_could_break_is_dead_on_a_small_one() -> None:
    rule = rule_of(lambda lamp: count(Cpu, lambda cpu: lamp.on) < 3)
    for cpus, outcome in ((2, Outcome.DEAD), (3, Outcome.REACHED)):
        found = coverage(Instance(LAMP, {Cpu: cpus}), [rule])
        (whole,) = found.of_kind(Kind.RULE)
        assert whole.outcome is outcome


def test_a_goal_that_is_never_owed_is_dead() -> None:
    rules = [it_is_on_or_off, it_is_switched_on]
    found = coverage(Instance(LAMP, {Cpu: 1}), rules)
    never, owed = found.of_kind(Kind.RULE)
    assert never.outcome is not Outcome.REACHED
    assert owed.outcome is Outcome.REACHED
    assert len(witness(found, owed).steps) == 0


@leads_to(fair=(switch,))
def what_is_on_is_on(lamp: Lamp) -> tuple[Term[bool], Term[bool]]:
    """What is on is on, or broken."""
    return lamp.on, lamp.on | lamp.broken


def test_a_goal_that_is_there_already_is_nothing_to_come() -> None:
    rules = (it_is_on_or_off, what_is_on_is_on, it_is_switched_on)
    assert empty(Instance(LAMP, {Cpu: 1}), rules) == {what_is_on_is_on}


NEVER = Event("never", "What no design here knows of.", ())
StepCondition = Callable[[Lamp, Step, Lamp], Term[bool]]

IDLE_STEPS: dict[str, StepCondition] = {
    "after it, the one or the other": lambda _, step, after: implies(
        step.is_(switch), after.on | ~after.on
    ),
    "it changes or it does not": lambda before, _, after: any_of(
        ~(before.on == after.on), implies(before.on, after.on)
    ),
    "as many as there are": lambda _, __, after: (
        count(Cpu, lambda cpu: after.on) <= count(Cpu, lambda cpu: all_of(True))
    ),
}
"""What no step could break, whatever it did."""
SAYING_STEPS: dict[str, StepCondition] = {
    "what this design does": lambda before, step, after: implies(
        step.is_(switch), ~(before.on == after.on)
    ),
    "what stays as it is": lambda before, _, after: before.broken == after.broken,
    "nothing, where nothing is meant": lambda before, step, after: implies(
        step.is_(NEVER), after.on | ~after.on
    ),
}


def step_rule_of(condition: StepCondition) -> Property:
    def of_steps(before: Lamp, step: Step, after: Lamp) -> Term[bool]:
        """What is said of what happens to a lamp."""
        return condition(before, step, after)

    return step_rule()(of_steps)


@pytest.mark.parametrize("words", IDLE_STEPS)
def test_a_rule_that_no_step_could_break_is_dead(words: str) -> None:
    rule = step_rule_of(IDLE_STEPS[words])
    assert empty(Instance(LAMP, {Cpu: 2}), [rule]) == {rule}
    found = coverage(Instance(LAMP, {Cpu: 2}), [rule])
    (whole,) = found.of_kind(Kind.RULE)
    assert whole.outcome is Outcome.DEAD


@pytest.mark.parametrize("words", SAYING_STEPS)
def test_a_rule_that_some_step_could_break_is_not(words: str) -> None:
    """What a rule is about may be in no step of a design: then it is vacuous there."""
    rule = step_rule_of(SAYING_STEPS[words])
    assert not empty(Instance(LAMP, {Cpu: 2}), [rule])
    assert not coverage(Instance(LAMP, {Cpu: 2}), [rule]).of_kind(Kind.RULE)


WAYS: dict[str, Condition] = {
    "or": lambda lamp: ~lamp.broken | lamp.on,
    "more": lambda lamp: any_of(~lamp.broken, ~lamp.on, lamp.broken),
    "then": lambda lamp: ite(lamp.broken, lamp.on, all_of(True)),
    "else": lambda lamp: ite(~lamp.broken, all_of(True), lamp.on),
}
"""Ways to write that what is broken is something; no lamp is ever broken."""


@pytest.mark.parametrize("way", WAYS)
def test_an_arrow_is_one_however_it_is_written(way: str) -> None:
    rule = rule_of(WAYS[way])
    found = coverage(Instance(LAMP, {Cpu: 1}), [rule])
    (side,) = found.of_kind(Kind.PREMISE)
    assert side.outcome is not Outcome.REACHED
    made = ground(replace(LAMP, properties=(rule,)), {Cpu: 1})
    assert isinstance(survey(made).verdicts[0], Vacuous)


def test_below_an_arrow_only_implies_is_one() -> None:
    inner = rule_of(lambda lamp: implies(~lamp.on, ~lamp.broken | lamp.on))
    made = ground(replace(LAMP, properties=(inner,)), {Cpu: 1})
    assert isinstance(survey(made).verdicts[0], Exhausted)


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
