"""Traces: replayed by the interpreter, and told so that they are believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import Budget, judge_explicitly
from tdxcheck.checker.report.clause import why_false
from tdxcheck.checker.report.narrative import narrate
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.story import Folded, tell
from tdxcheck.checker.trace import Evidence, ReplayError, Trace, replay
from tests.demo import DEMO

RULE = "usable_memory_is_covered"


def question(rule: str, design: str = "open") -> tuple[Case, Evidence]:
    (case,) = cases_of(DEMO, [DEMO.design(design)], {}, names=[rule])
    (answer,) = judge_explicitly(case, Budget(), lambda _: None).answers
    assert answer.evidence is not None
    return case, answer.evidence


def trace_of(rule: str, design: str = "open") -> Trace:
    case, evidence = question(rule, design)
    return replay(case.instance, case.questions[0].rule, evidence)


def told(trace: Trace, width: int = 100) -> str:
    page = Page(width)
    narrate(page, "open breaks it", trace, "2 CPUs, 3 blocks", shortest=True)
    return str(page)


def test_a_trace_names_what_each_step_changes() -> None:
    trace = trace_of(RULE)
    names = [step.action.name for step in trace.steps]
    assert names[-1] in ("hot_add", "enable")
    assert len(trace.steps) == 5
    last = trace.steps[-1]
    assert last.changes and last.number == 5
    flipped = {(f.definition.name, f.value) for f in last.flips}
    assert flipped == {("usable", True)}


def test_the_violated_clause_names_the_element_and_the_facts() -> None:
    trace = trace_of(RULE)
    clause = why_false(trace.interpreter, trace.rule.condition, trace.last_view)
    (element,) = clause.elements
    assert element.startswith("block ")
    assert clause.text == (
        f"for {element}: usable({element}) holds, but covered[{element}] is no"
    )


def test_steps_that_only_prepare_are_told_in_one_line() -> None:
    story = tell(trace_of(RULE))
    (folded,) = [part for part in story.parts if isinstance(part, Folded)]
    names = {step.action.name for step in folded.steps}
    assert names <= {"start", "initialize", "enable"}
    assert len(folded.steps) >= 3


def test_a_trace_is_told_in_few_lines_of_the_width_asked_for() -> None:
    trace = trace_of(RULE)
    for width in (72, 80, 100):
        lines = told(trace, width).splitlines()
        assert max(map(len, lines)) <= width
        assert len(lines) <= 30


def test_the_text_has_rule_machine_steps_clause_and_sources() -> None:
    text = told(trace_of(RULE))
    for part in (
        "Every block that a TD may use is covered.",
        "the guests: a TD is killed or cannot start",
        "shortest counterexample: 5 steps, on 2 CPUs, 3 blocks",
        "all successful",
        "ABSENT -> ONLINE",
        "VIOLATED here: for block",
        "Why it matters: A TD that is given another one is killed.",
        "manual: chapter 2",
        "The manual, chapter 4",
        "tests/demo.py:",
    ):
        assert part in text, f"{part!r} is missing from:\n{text}"


def test_what_must_be_reachable_is_told_as_an_example() -> None:
    text = told(trace_of("tdx_can_be_used"))
    assert "shortest example: 4 steps" in text
    assert "Reached: tdx_can_be_used" in text


def refused(rule: str, evidence: Evidence) -> ReplayError:
    (case,) = cases_of(DEMO, [DEMO.design("open")], {}, names=[rule])
    with pytest.raises(ReplayError) as caught:
        replay(case.instance, case.questions[0].rule, evidence)
    return caught.value


def test_a_run_that_begins_elsewhere_is_refused() -> None:
    _, evidence = question(RULE)
    first = (2, *evidence.states[0][1:])
    error = refused(RULE, replace(evidence, states=(first, *evidence.states[1:])))
    assert error.step == 0
    assert "module is READY, but starts as LOADED" in str(error)


def test_a_step_that_is_not_possible_is_refused_with_its_guard() -> None:
    _, evidence = question(RULE)
    steps = (("enable", ()), *evidence.steps[1:])
    error = refused(RULE, replace(evidence, steps=steps))
    assert error.step == 1
    assert "host.require(host.module == Module.STARTED)" in str(error)
    assert "tests/demo.py:" in str(error)


def test_a_step_that_gives_another_state_is_refused() -> None:
    _, evidence = question(RULE)
    states = (evidence.states[0], evidence.states[0], *evidence.states[2:])
    error = refused(RULE, replace(evidence, states=states))
    assert error.step == 1
    assert "makes" in str(error)


@pytest.mark.parametrize("value", [-1, 99])
def test_a_number_that_stands_for_no_value_is_refused(value: int) -> None:
    """Nothing is read into it: not the last of an enumeration, and not a yes."""
    _, evidence = question(RULE)
    first = evidence.states[0]
    for place in range(len(first)):
        state = (*first[:place], value, *first[place + 1 :])
        error = refused(RULE, replace(evidence, states=(state, *evidence.states[1:])))
        assert f"has no value {value}" in str(error)


def test_a_run_that_breaks_nothing_is_refused() -> None:
    _, evidence = question(RULE)
    short = Evidence(evidence.states[:-1], evidence.steps[:-1])
    error = refused(RULE, short)
    assert "usable_memory_is_covered is true at the end" in str(error)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("vanish", (), "has no action vanish"),
        ("initialize", (), "takes 1 arguments, not 0"),
        ("initialize", (7,), "has no cpu number 7"),
    ],
)
def test_a_step_that_does_not_exist_is_refused(
    name: str, arguments: tuple[int, ...], reason: str
) -> None:
    _, evidence = question(RULE)
    steps = (*evidence.steps[:-1], (name, arguments))
    assert reason in str(refused(RULE, replace(evidence, steps=steps)))


def test_evidence_survives_a_replay() -> None:
    case, evidence = question(RULE)
    trace = replay(case.instance, case.questions[0].rule, evidence)
    assert trace.evidence() == evidence
