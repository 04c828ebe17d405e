"""Why and why not: what is said is compared with every run of small systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, Rule
from tdxcheck.checker.cli.coverage import known_dead
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.cli.recorded import default_folder, load
from tdxcheck.checker.engines.diagrams import liveness
from tdxcheck.checker.engines.diagrams.avoiding import Avoiding
from tdxcheck.checker.engines.diagrams.enabling import Enabling
from tdxcheck.checker.engines.diagrams.supporting import Supporting
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import Terms, evaluate
from tdxcheck.checker.judging.coverage import Coverage, Kind, Outcome, Thing, coverage
from tdxcheck.checker.judging.others import others
from tdxcheck.checker.judging.question import Question, case_of, cases_of
from tdxcheck.checker.judging.turning import is_outside, turning
from tdxcheck.checker.judging.witness import witness
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import (
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    forall,
    implies,
    invariant,
    leads_to,
    step_rule,
)
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.literals import clauses, conjuncts, left_sides
from tdxcheck.checker.language.system import Action, Property, Step
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.report.coverage import news, revived
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.why import steps, what_matters
from tdxcheck.checker.trace import evidence_of, owed_from, replay
from tdxcheck.checker.verdict import Refuted
from tdxcheck.models.catalogue import CATALOGUE
from tests import demo
from tests.demo import DEMO, Cpu, Host, Module

SCOPE = {demo.Cpu: 2, demo.Block: 2}


def run(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    return main(arguments, Context(lambda: catalogue, lambda: ENGINES))


def small(name: str, *rules: Property) -> TransitionSystem:
    """A design of the demo with blocks that may be there or not."""
    return replace(DEMO.design(name).system, properties=rules)


# Every state and step, one by one, to compare with.


@cache
def states_of(system: GroundSystem) -> frozenset[Values]:
    found = set(system.initial_states())
    pending = list(found)
    while pending:
        for _, after in steps_from(system, pending.pop()):
            if after not in found:
                found.add(after)
                pending.append(after)
    return frozenset(found)


def steps_from(
    system: GroundSystem, state: Values
) -> Iterator[tuple[GroundStep, Values]]:
    for step in system.steps:
        if all(evaluate(guard, state) for guard in step.guards):
            yield step, taken(step, state)


def breaks(system: GroundSystem, state: Values, step: GroundStep | None) -> bool:
    """The state, or the step that is taken from it, breaks the one property."""
    conditions = system.properties[0].conditions
    if len(conditions) == 1 and step is None:
        return not evaluate(conditions[0], state)
    return step is not None and not evaluate(conditions[step.number], state)


@step_rule()
def memory_stays(before: Host, step: Step, after: Host) -> Term[bool]:
    """While the module is ready, no memory comes."""
    ready = before.module == Module.READY
    same = forall(demo.Block, lambda b: before.memory[b] == after.memory[b])
    return implies(ready, same)


@invariant()
def never_ready(host: Host) -> Term[bool]:
    """The module is not ready."""
    return host.module != Module.READY


CPU_1, BLOCK_1 = Element(Cpu, 1), Element(demo.Block, 1)
RULES = (demo.usable_memory_is_covered, memory_stays, never_ready)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_can_be_kept_where_some_run_keeps_it(rule: Property) -> None:
    system = ground(small("open", rule), SCOPE)
    of_steps = rule is memory_stays
    kept = {s for s in states_of(system) if of_steps or not breaks(system, s, None)}
    while True:
        left = {
            state
            for state in kept
            if not list(steps_from(system, state))
            or any(
                after in kept and not (of_steps and breaks(system, state, step))
                for step, after in steps_from(system, state)
            )
        }
        if left == kept:
            break
        kept = left
    avoiding = Avoiding(system, 0)
    found = {s for s in states_of(system) if avoiding.has(avoiding.kept, s)}
    assert found == kept
    assert bool(kept) is (rule is not never_ready), "the module cannot but be ready"
    assert kept < states_of(system) or of_steps


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_lost_where_others_alone_can_break_it(rule: Property) -> None:
    system = ground(small("open", rule), SCOPE)
    of_steps = rule is memory_stays
    outside = {s.number for s in system.steps if is_outside(s.action)}

    def by_others(state: Values) -> Iterator[tuple[GroundStep, Values]]:
        return (t for t in steps_from(system, state) if t[0].number in outside)

    lost = {
        state
        for state in states_of(system)
        if (of_steps and any(breaks(system, state, s) for s, _ in by_others(state)))
        or (not of_steps and breaks(system, state, None))
    }
    while more := {
        state
        for state in states_of(system) - lost
        if any(after in lost for _, after in by_others(state))
    }:
        lost |= more
    avoiding = Avoiding(system, 0)
    sets = avoiding.lost(lambda step: step.number in outside)
    found = {s for s in states_of(system) if avoiding.has(sets[-1], s)}
    assert found == lost
    for state in lost:
        at = state
        for step in avoiding.breaking(state, sets, lambda s: s.number in outside):
            assert step.number in outside
            broken = of_steps and breaks(system, at, step)
            at = dict((s.number, a) for s, a in steps_from(system, at))[step.number]
        assert broken if of_steps else breaks(system, at, None)


def test_the_turning_points_of_a_trace() -> None:
    (case,) = cases_of(DEMO, [DEMO.design("open")], {}, names=[RULES[0].name])
    found = explore(ground(case.instance.system, case.instance.scope))
    verdict = found.verdicts[0]
    assert isinstance(verdict, Refuted)
    system = ground(case.instance.system, case.instance.scope)
    evidence = evidence_of(system, verdict.run)
    trace = replay(case.instance, RULES[0], evidence)
    assert [step.action.name for step in trace.steps][-2:] == ["enable", "hot_add"]
    points = turning(trace)
    assert points.last == 4
    assert {turn.action.name for turn in points.turns} == {"idle"}
    assert points.own == 3, "after enable() anybody may bring the block online"
    assert points.alone and all("online" in sentence for sentence in points.alone)
    assert points.mended is None, "the block cannot be brought online a second time"


@leads_to(fair=())
def gets_ready(host: Host) -> tuple[Term[bool], Term[bool]]:
    """A module that is started becomes ready."""
    return host.module == Module.STARTED, host.module == Module.READY


@leads_to(fair=(demo.hot_add,))
def gets_ready_with_little(host: Host) -> tuple[Term[bool], Term[bool]]:
    """A module that is started becomes ready before block 1 comes."""
    early = host.memory[BLOCK_1] == demo.Memory.ABSENT
    return host.module == Module.STARTED, (host.module == Module.READY) & early


@leads_to(fair=())
def goes_back(host: Host) -> tuple[Term[bool], Term[bool]]:
    """A module that is started can be loaded again."""
    return host.module == Module.STARTED, host.module == Module.LOADED


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (gets_ready, "Never too late: it can still come"),
        (gets_ready_with_little, "Last avoidable before step"),
        (goes_back, "Out of reach as soon as it is owed, after step 1"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_never_comes_could_last_come_where_a_run_leads_to_it(
    rule: Property, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = replace(DEMO, rules=(*DEMO.rules, Rule(rule, "demo")))
    (case,) = cases_of(catalogue, [DEMO.design("open")], {}, names=[rule.name])
    system = ground(case.instance.system, case.instance.scope)
    (verdict,) = liveness.judge(system)
    assert isinstance(verdict, Refuted)
    trace = replay(case.instance, rule, evidence_of(system, verdict.run))
    points = turning(trace)
    owed = owed_from(trace)
    assert owed is not None
    distances = {
        number: distance_to_goal(system, state)
        for number, state in enumerate(verdict.run.states)
        if number >= owed
    }
    reached = [number for number, steps in distances.items() if steps is not None]
    assert points.last == max(reached, default=None)
    if points.last is not None:
        assert len(points.coming) == distances[points.last]
    assert run("why", "open", rule.name, catalogue=catalogue) == 0
    assert text in capsys.readouterr().out


def distance_to_goal(system: GroundSystem, state: Values) -> int | None:
    """The fewest steps from the state to the goal of the one property."""
    goal = system.properties[0].goal
    assert goal is not None
    seen, level, steps = {state}, {state}, 0
    while level:
        if any(evaluate(goal, each) for each in level):
            return steps
        level = {after for each in level for _, after in steps_from(system, each)}
        level -= seen
        seen |= level
        steps += 1
    return None


# The text.


def test_why_tells_the_clause_its_setters_and_the_other_design(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("why", "open", "usable_memory_is_covered") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "VIOLATED here: for block 1: usable(block 1) holds" in out
    assert "by step 5, hot_add (block 1)" in out
    assert "module = READY by step 4, enable" in out
    assert "Last avoidable before step 5" in out
    assert "The design's own steps decide it up to step 4" in out
    assert "a guard (closed): step 5 is refused with EPERM" in out


def recorded() -> list[str]:
    names = sorted(p.name for p in default_folder().glob(f"*{record.SUFFIX}"))
    return names[::9]


@pytest.mark.parametrize("name", recorded())
def test_ten_steps_fit_25_lines_and_no_line_is_too_long(name: str) -> None:
    case, trace = load(record.read(default_folder() / name), CATALOGUE)
    for width in (100, 60):
        page = Page(width)
        steps(page, "A title", trace, "a machine")
        lines = str(page).splitlines()
        assert max(map(len, lines)) <= width
        if width == 100:
            told = [line for line in lines[3:] if line.strip()]
            assert len(told) <= 5 + 2 * len(trace.steps)
        numbers = {line.split()[0] for line in lines if line.startswith("  ")}
        assert str(len(trace.steps)) in numbers or not trace.steps
        assert case is not None


def test_no_lanes_where_there_is_no_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert run("why", "open", "usable_memory_is_covered") == 0
    out = capsys.readouterr().out
    assert "* acts" not in out
    assert "administrator: Bring block 1 online" in out


# Different counterexamples.


def test_a_clause_that_is_never_the_first_to_be_broken_has_no_run() -> None:
    host = Host()
    nobody = forall(Cpu, lambda c: ~host.initialized[c])
    both = (host.module != Module.READY) & nobody
    rule = replace(never_ready, name="two_clauses", condition=both)
    case = case_of(DEMO, DEMO.design("open"), (), {}, [Question(rule, None)])
    found = others(case, 30.0, what_matters)
    assert found.complete
    assert [(o.clause, o.breaks, len(o.trace.steps)) for o in found.found] == [
        (1, "initialize", 2)
    ]


@invariant()
def no_new_memory(host: Host) -> Term[bool]:
    """A module that is started is ready, and no memory comes to one that is loaded."""
    started = implies(host.module == Module.STARTED, ~host.initialized[CPU_1])
    added = implies(
        host.module == Module.LOADED, host.memory[BLOCK_1] == demo.Memory.ABSENT
    )
    return started & added


def test_the_next_counterexample_breaks_another_clause(
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = case_of(DEMO, DEMO.design("open"), (), {}, [Question(no_new_memory, None)])
    found = others(case, 30.0, what_matters)
    assert [(o.clause, o.breaks, len(o.trace.steps)) for o in found.found] == [
        (1, "hot_add", 1),
        (0, "initialize", 2),
    ]
    rule = RULES[0].name
    assert run("why", "open", rule, "--next") == 0
    assert "1 different counterexample" in capsys.readouterr().out


def test_each_different_counterexample_breaks_nothing_before_its_end() -> None:
    (case,) = cases_of(DEMO, [DEMO.design("open")], {}, names=[RULES[0].name])
    found = others(case, 30.0, what_matters)
    signatures = {(o.clause, o.sets | {o.breaks}) for o in found.found}
    assert len(signatures) == len(found.found) >= 1
    interpreter = Interpreter(case.instance)
    for other in found.found:
        states = [other.trace.initial, *(s.after for s in other.trace.steps)]
        held = [interpreter.holds(RULES[0].condition, state) for state in states]
        assert held == [True] * (len(states) - 1) + [False]


# What a proof rests on.


@pytest.mark.parametrize("rule", RULES[:2], ids=lambda rule: rule.name)
def test_the_guards_of_a_proof_are_enough_and_each_is_needed(rule: Property) -> None:
    system = small("closed", rule)
    whole = ground(system, SCOPE)
    supporting = Supporting(whole)
    kept = supporting.guards(lambda place: 0)

    def broken(less: TransitionSystem) -> bool:
        return isinstance(explore(ground(less, SCOPE)).verdicts[0], Refuted)

    def with_guards(chosen: set[tuple[str, int]]) -> TransitionSystem:
        actions = tuple(
            replace(
                a,
                guards=tuple(
                    g for n, g in enumerate(a.guards) if (a.name, n) in chosen
                ),
            )
            for a in system.actions
        )
        return replace(system, actions=actions)

    every = {(a.name, n) for a in system.actions for n in range(len(a.guards))}
    enough = {(a.name, n) for a, n in kept}
    assert enough < every
    assert not broken(with_guards(enough))
    for place in kept:
        name = (place[0].name, place[1])
        alone = supporting.needs(place, 60.0)
        assert alone is broken(with_guards(every - {name}))
    assert any(supporting.needs(place, 60.0) for place in kept)


def test_why_of_a_rule_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("why", "closed", "usable_memory_is_covered") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "closed keeps usable_memory_is_covered" in out
    assert "hot_add_unless_ready: module != READY" in out


# Why not.


def test_the_smallest_change_and_the_shortest_way() -> None:
    system = ground(small("closed", never_ready), SCOPE)
    for state in sorted(states_of(system)):
        enabling = Enabling(system, state)
        for step in system.steps:
            condition = enabling.encoding.all(step.guards)
            near = enabling.nearest(Terms().and_(step.guards))
            assert near is not None
            assert all(evaluate(guard, near.values) for guard in step.guards)
            changed = sum(a != b for a, b in zip(near.values, state, strict=True))
            allowed = [
                s
                for s in states_of(system)
                if all(evaluate(guard, s) for guard in step.guards)
            ]
            assert changed <= min(
                sum(a != b for a, b in zip(s, state, strict=True)) for s in allowed
            )
            way = enabling.shortest(condition)
            assert (None if way is None else len(way.steps)) == distance(
                system, state, set(allowed)
            )


def distance(system: GroundSystem, state: Values, goal: set[Values]) -> int | None:
    level, seen, steps = {state}, {state}, 0
    while level:
        if level & goal:
            return steps
        level = {a for s in level for _, a in steps_from(system, s)} - seen
        seen |= level
        steps += 1
    return None


def test_why_not_tells_the_literal_the_answer_and_the_proof(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ready = ("--at", "module=READY")
    assert run("why-not", "closed", "hot_add_unless_ready", "1", *ready) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "It is refused with EPERM" in out
    assert "module is READY" in out
    assert "No way there: in none of the" in out
    assert "It is possible in other reachable states" in out
    assert run("why-not", "open", "enable") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Shortest way there: 3 steps" in out
    assert run("why-not", "open", *ready) == 0
    out = capsys.readouterr().out
    assert "start       module is READY, not LOADED" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (("nowhere", "start"), "there is no design 'nowhere'"),
        (("open", "stat"), "open has no action 'stat'; did you mean 'start'?"),
        (("open", "start", "1"), "start takes 0 arguments (none), and '1' is one more"),
        (("open", "initialize", "x=1"), "initialize has no argument 'x'"),
        (("open", "initialize", "9"), "cpu cannot be '9'"),
        (("open", "enable", "--at", "modul=READY"), "there is no variable 'modul'"),
        (("open", "enable", "--at", "module=ON"), "module cannot be 'ON'"),
        (
            ("open", "enable", "--at", "module=LOADED", "--at", "initialized[0]=yes"),
            "open is never in a state with",
        ),
        (("open", "enable", "--at", "x", "--at", "y"), "--at takes one TRACE"),
        (("open", "enable", "--at", "x", "--at", "y=1"), "not both"),
        (("open", "enable", "--at", "no-such:3"), "there is no recorded trace"),
    ),
)
def test_a_wrong_question_is_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("why-not", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_why_refuses_what_it_cannot_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("why", "open", "usable_memory_is_covered", "more") == 2
    assert run("why", "open", "nothing_such") == 2
    assert run("why", "no-such-trace") == 2
    assert run("why", "no-such-trace", "--next") == 2
    assert run("coverage", "open", "--trace", "nonsense") == 2
    assert capsys.readouterr().err.count("\n") == 5


# Coverage.


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


class Lamp(State):
    on = Var(bool, False)
    broken = Var(bool, False)
    wired = Map(Cpu, bool, True)


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


# The parts of conditions.


@pytest.mark.parametrize("rule", [r.property for r in CATALOGUE.rules], ids=str)
def test_clauses_say_what_the_condition_says(rule: Property) -> None:
    """On the states of recorded traces, of which some break rules."""
    for name in ("v3-tdx_in_use_has_a_module", "v3-td_memory_lies_in_tdmrs"):
        path = Path(default_folder() / f"{name}{record.SUFFIX}")
        _, trace = load(record.read(path), CATALOGUE)
        interpreter = trace.interpreter
        before = trace.initial
        for step in trace.steps:
            whole = interpreter.holds(rule.condition, before, step.taken, step.after)
            parts = [
                interpreter.holds(part, before, step.taken, step.after)
                for part in clauses(rule.condition)
            ]
            assert all(parts) is whole
            before = step.after


def test_conjuncts_and_left_sides() -> None:
    lamp = Lamp()
    a, b, c = lamp.on, lamp.broken, lamp.wired[demo.Cpu("cpu")]
    assert conjuncts((a & b) & c) == [a, b, c] or len(conjuncts((a & b) & c)) == 3
    assert len(left_sides(implies(a, implies(b, c)))) == 2
    assert len(left_sides(a & b)) == 0
