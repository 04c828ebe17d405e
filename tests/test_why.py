"""Why: what is said is compared with every run of small systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Rule
from tdxcheck.checker.cli.recorded import default_folder, load
from tdxcheck.checker.engines.diagrams import liveness
from tdxcheck.checker.engines.diagrams.avoiding import Avoiding
from tdxcheck.checker.engines.diagrams.supporting import Supporting
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.judging.others import others
from tdxcheck.checker.judging.question import Question, case_of, cases_of
from tdxcheck.checker.judging.turning import is_outside, turning
from tdxcheck.checker.language import (
    Term,
    TransitionSystem,
    forall,
    implies,
    invariant,
    leads_to,
)
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.literals import clauses, conjuncts, left_sides
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.why import steps, what_matters
from tdxcheck.checker.trace import evidence_of, owed_from, replay
from tdxcheck.checker.verdict import Refuted
from tdxcheck.models.catalogue import CATALOGUE
from tests import demo
from tests.demo import DEMO, Cpu, Host, Module
from tests.step_by_step import (
    RULES,
    SCOPE,
    Lamp,
    memory_stays,
    never_ready,
    run,
    small,
    states_of,
    steps_from,
)


def breaks(system: GroundSystem, state: Values, step: GroundStep | None) -> bool:
    """The state, or the step that is taken from it, breaks the one property."""
    conditions = system.properties[0].conditions
    if len(conditions) == 1 and step is None:
        return not evaluate(conditions[0], state)
    return step is not None and not evaluate(conditions[step.number], state)


CPU_1, BLOCK_1 = Element(Cpu, 1), Element(demo.Block, 1)


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
    asked = ("verify", "open", "--rule", rule.name, "--engine", "diagrams")
    assert run(*asked, catalogue=catalogue) == 1
    assert "refuted in N+M  never comes" in capsys.readouterr().out


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
