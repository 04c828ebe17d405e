"""Rules that no design could break: told apart in every format, and news."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import jsonschema
import pytest

from tdxcheck.checker.catalogue import Catalogue, Expectation, Outcome, Rule
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.cli.schema import ENDING, FOLDER
from tdxcheck.checker.judging.combine import Disagreement
from tdxcheck.checker.judging.saying import agreed, empty
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import Int, State, TransitionSystem, Var
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import invariant
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.verdict import Exhausted, Refuted, Run, Unreachable
from tests.demo import DEMO, Host, Module

COVERED = "usable_memory_is_covered"
SMALL = ("--blocks", "2")
"""A machine on which no expectation is demanded: there an idle rule is no news."""


@invariant()
def it_is_ready_or_not(host: Host) -> Term[bool]:
    """It is a host, or none."""
    return (host.module == Module.READY) | (host.module != Module.READY)


IDLE = it_is_ready_or_not.name
WITH = replace(DEMO, rules=(*DEMO.rules, Rule(it_is_ready_or_not, "memory")))


def expecting(outcome: Outcome) -> Catalogue:
    """The demo, where that is known of the idle rule."""
    known = Expectation(outcome, "for the tests")
    designs = [replace(d, expected={**d.expected, IDLE: known}) for d in WITH.designs]
    return replace(WITH, designs=tuple(designs))


def verify(*options: str, catalogue: Catalogue = WITH, engine: str = "diagrams") -> int:
    asked = ["verify", "closed", "--engine", engine, "--no-cache", *options]
    return main(asked, Context(lambda: catalogue, lambda: ENGINES))


def told(
    capsys: pytest.CaptureFixture[str], style: str, *options: str, status: int
) -> str:
    """What is printed in this format."""
    assert verify("--format", style, *options) == status
    return capsys.readouterr().out


def test_the_table_has_a_word_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "text", status=1)
    assert f"{IDLE}" in text and " IDLE" in text
    assert f"no design could break on this machine: {IDLE}\n" in text
    assert "A rule that no design could break says nothing" in text
    small = told(capsys, "text", *SMALL, status=0)
    assert " IDLE" not in small and " idle " in small
    assert verify(catalogue=DEMO) == 0
    assert "idle" not in capsys.readouterr().out


@pytest.mark.parametrize("engine", ["explicit", "symbolic", "parametric"])
def test_whatever_engine_was_asked(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify("--rule", IDLE, engine=engine) == 1
    assert " IDLE" in capsys.readouterr().out


def test_what_is_known_to_be_idle_is_no_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(catalogue=expecting(Outcome.VACUOUS)) == 0
    assert " idle " in capsys.readouterr().out
    assert verify(catalogue=expecting(Outcome.REFUTED)) == 1


def test_json_says_so_of_every_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(told(capsys, "json", status=1))
    schema = FOLDER / f"verify{ENDING}"
    jsonschema.validate(said, json.loads(schema.read_text(encoding="utf-8")))
    found = {one["question"]: one for one in said["verdicts"]}
    assert [name for name, one in found.items() if one["idle"]] == [IDLE]
    assert found[IDLE]["standing"] == "unexpected"


def test_junit_fails_it(capsys: pytest.CaptureFixture[str]) -> None:
    failed = _case(told(capsys, "junit", status=1))
    assert failed.tag == "failure"
    assert failed.get("message", "").startswith("idle: A rule that no design could")
    passed = _case(told(capsys, "junit", *SMALL, status=0))
    assert passed.tag == "system-out"
    assert "no design could break it on this machine" in (passed.text or "")


def _case(text: str) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(text).findall(f".//testcase[@name='{IDLE}']/*")
    return found


def test_sarif_has_it_as_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = []
    for options, status in (((), 1), (SMALL, 0)):
        (run,) = json.loads(told(capsys, "sarif", *options, status=status))["runs"]
        assert run["properties"]["verdicts"]["idle"] == 1
        kinds += [r["kind"] for r in run["results"] if r["ruleId"] == IDLE]
        assert COVERED not in [r["ruleId"] for r in run["results"]], "it only holds"
    assert kinds == ["fail", "informational"]


def test_markdown_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    news = told(capsys, "markdown", status=1)
    assert f"`{IDLE}`" in news.partition("### Not as expected")[2]
    heading = "<details><summary>No design could break on this machine: 1<"
    assert heading not in news
    small = told(capsys, "markdown", *SMALL, status=0)
    assert f"`{IDLE}`" in small.partition(heading)[2]


def test_github_is_told_at_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    for options, status, command in (((), 1, "error"), (SMALL, 0, "notice")):
        text = told(capsys, "github", *options, status=status)
        (line,) = [x for x in text.splitlines() if x.startswith("::")]
        assert line.startswith(f"::{command} title=closed")
        assert IDLE in line and "test_idle.py" in line


@pytest.mark.parametrize("verdict", [Refuted(Run(((),), ()), True), Unreachable("")])
def test_who_breaks_what_none_could_break_disagrees(
    verdict: Refuted | Unreachable,
) -> None:
    agreed("it", verdict, idle=False)
    agreed("it", Exhausted(1), idle=True)
    with pytest.raises(Disagreement, match="what no design could break"):
        agreed("it", verdict, idle=True)


class Clock(State):
    """Two hands, each at one of too many places for a diagram of both."""

    long = Var(Int(0, 200), 0)
    short = Var(Int(0, 200), 0)


@invariant()
def one_hand_is_no_earlier(clock: Clock) -> Term[bool]:
    """One is at the place of the other, or before it, or behind it."""
    return (clock.long <= clock.short) | (clock.short <= clock.long)


@invariant()
def the_hand_is_somewhere(clock: Clock) -> Term[bool]:
    """It is at a place that there is."""
    return clock.long <= 200


def test_too_many_values_leave_it_open() -> None:
    """No error, and nothing said: of the other rule it is said as ever."""
    rules = (one_hand_is_no_earlier, the_hand_is_somewhere)
    system = TransitionSystem("clock", "A clock.", Clock, (), rules)
    assert empty(Instance(system, {}), rules) == {the_hand_is_somewhere}
