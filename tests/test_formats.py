"""What other programs read: valid by its schema, and never better than the verdict."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from tdxcheck.checker.catalogue import Catalogue, Outcome
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.report.finding import Finding, Result, Results
from tdxcheck.checker.report.formats.annotations import annotated
from tdxcheck.checker.report.formats.junit import junit
from tdxcheck.checker.report.formats.markdown import MOST, markdown
from tdxcheck.checker.report.formats.places import (
    Base,
    Place,
    best_place,
    place_of,
    repository,
)
from tdxcheck.checker.report.formats.sarif import sarif
from tdxcheck.spec.rules.coverage import td_memory_lies_in_tdmrs
from tests.demo import DEMO, OPEN, hot_add, usable_memory_is_covered
from tests.kettle import Kettle
from tests.kettle import catalogue as kettles
from tests.test_cli import COVERED, with_expectation

ROOT = Path(__file__).parents[1]
SCHEMAS = Path(__file__).parent / "data" / "formats"
JUNIT = xmlschema.XMLSchema(SCHEMAS / "junit.xsd")
SARIF = json.loads((SCHEMAS / "sarif.schema.json").read_text())
NEWS = with_expectation(None)


def verify(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    context = Context(lambda: catalogue, lambda: ENGINES)
    return main(["verify", *arguments, "--engine", "diagrams"], context)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The report of a refutation that is news, in every format of a file."""
    folder = tmp_path_factory.mktemp("outputs")
    files = {end: folder / f"report{end}" for end in (".xml", ".sarif", ".json", ".md")}
    files[".txt"] = folder / "report.txt"
    asked = [f"--output={path}" for path in files.values()]
    asked += ["--format", "junit", "--no-cache"]
    assert verify("open", "closed", *asked, catalogue=NEWS) == 1
    return {end: path.read_text(encoding="utf-8") for end, path in files.items()}


def suites(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    JUNIT.validate(root)
    return root


def case(root: ElementTree.Element, suite: str, name: str) -> ElementTree.Element:
    (found,) = root.findall(f"testsuite[@name='{suite}']/testcase[@name='{name}']")
    return found


def outcome(element: ElementTree.Element) -> tuple[str, str]:
    (only,) = element
    return only.tag, only.get("message") or only.text or ""


# JUnit.


def test_a_question_is_a_test_case(outputs: Mapping[str, str]) -> None:
    root = suites(outputs[".xml"])
    tag, message = outcome(case(root, "open", COVERED))
    assert tag == "failure" and message.startswith("refuted in 5 steps: for block 1:")
    assert "VIOLATED here" in (case(root, "open", COVERED)[0].text or "")
    assert outcome(case(root, "open", "tdx_can_be_used"))[0] == "system-out"


def test_what_is_empty_says_so(outputs: Mapping[str, str]) -> None:
    tag, message = outcome(
        case(suites(outputs[".xml"]), "open", "nothing_without_blocks")
    )
    assert tag == "system-out" and message == "vacuous, as is known: for the tests"


def test_counts_are_those_of_the_cases(outputs: Mapping[str, str]) -> None:
    root = suites(outputs[".xml"])
    for element in [root, *root.findall("testsuite")]:
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for count, tag in (("failures", "failure"), ("errors", "error")):
            assert element.get(count) == str(len(list(element.iter(tag))))
    assert root.get("failures") == "1" and root.get("errors") == "0"


def test_a_known_refutation_passes_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify("open", "--format", "junit") == 0
    root = suites(capsys.readouterr().out)
    tag, said = outcome(case(root, "open", COVERED))
    assert tag == "system-out"
    assert said.startswith(
        "known refutation, refuted in 5 steps: nobody looks at hot-added memory"
    )
    assert "VIOLATED here" in said
    assert root.get("failures") == "0"


@pytest.mark.parametrize("limit", [("--max-states", "20"), ("--depth", "2")])
def test_undecided_is_never_a_pass(
    limit: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "log.sarif"
    asked = ("closed", "--rule", COVERED, "--engine", "explicit", *limit)
    context = Context(lambda: DEMO, lambda: ENGINES)
    written = ("--format", "junit", "--output", str(log))
    assert main(["verify", *asked, *written], context) == 3
    root = suites(capsys.readouterr().out)
    tag, message = outcome(case(root, "closed", COVERED))
    assert tag == "error" and message.startswith("undecided: explicit: ")
    assert root.get("errors") == "1"
    (run,) = checked(log.read_text())["runs"]
    (result,) = run["results"]
    assert result["kind"] == "open"
    assert run["invocations"][0]["executionSuccessful"] is False
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert told["associatedRule"] == {"id": COVERED}
    assert main(["verify", *asked, "--format", "github"], context) == 3
    assert "\n::error title=closed%3A usable_memory_is_covered," in (
        capsys.readouterr().out
    )
    assert main(["verify", *asked, "--format", "markdown"], context) == 3
    assert capsys.readouterr().out.startswith("## tdxcheck verify: undecided\n")


@pytest.mark.parametrize("outcome_", [Outcome.HOLDS, Outcome.VACUOUS])
def test_another_outcome_than_the_expected_one_fails(
    outcome_: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = with_expectation(outcome_)
    assert verify("open", "--format", "junit", catalogue=catalogue) == 1
    assert outcome(case(suites(capsys.readouterr().out), "open", COVERED))[0] == (
        "failure"
    )


# SARIF.


def checked(text: str) -> Any:
    """The log, valid by what is asked of its parts, and by all of it where that is."""
    log = json.loads(text)
    jsonschema.validate(log, SARIF)
    if whole := os.environ.get("SARIF_SCHEMA"):
        jsonschema.validate(log, json.loads(Path(whole).read_text()))
    return log


def test_a_finding_is_at_the_line_of_its_rule(outputs: Mapping[str, str]) -> None:
    (run,) = checked(outputs[".sarif"])["runs"]
    news = [r for r in run["results"] if "suppressions" not in r]
    (result,) = news
    assert result["level"] == "error" and result["kind"] == "fail"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == COVERED
    (place,) = result["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "tests/demo.py", "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": usable_memory_is_covered.location.first,
            "endLine": usable_memory_is_covered.location.last,
        },
    }


def test_a_trace_is_a_code_flow(outputs: Mapping[str, str]) -> None:
    (run,) = checked(outputs[".sarif"])["runs"]
    result = next(r for r in run["results"] if r["ruleId"] == COVERED)
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    *steps, end = thread["locations"]
    orders = [step["executionOrder"] for step in thread["locations"]]
    assert orders == [1, 2, 3, 4, 5, 6]
    last = steps[-1]
    assert last["importance"] == "essential"
    assert last["location"]["message"]["text"] == "administrator: Bring block 1 online"
    region = last["location"]["physicalLocation"]["region"]
    assert region["startLine"] == hot_add.location.first
    assert last["state"] == {"memory[block 1]": {"text": "ONLINE"}}
    assert "covered[block 1] is no" in end["location"]["message"]["text"]


def test_what_is_known_is_suppressed_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify("open", "--format", "sarif") == 0
    (run,) = checked(capsys.readouterr().out)["runs"]
    result = next(r for r in run["results"] if r["ruleId"] == COVERED)
    assert result["level"] == "note"
    (suppression,) = result["suppressions"]
    assert suppression["justification"] == "known: nobody looks at hot-added memory"
    assert all("suppressions" in r for r in run["results"])


def test_a_fingerprint_tells_findings_apart_and_stays(
    outputs: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = checked(outputs[".sarif"])["runs"]
    marks = [json.dumps(r["partialFingerprints"]) for r in run["results"]]
    assert len(set(marks)) == len(marks) > 1
    verify("open", "--format", "sarif", "--rule", COVERED)
    (again,) = checked(capsys.readouterr().out)["runs"]
    assert json.dumps(again["results"][0]["partialFingerprints"]) in marks


def test_what_comes_with_tdxcheck_is_shown_at_what_the_design_does(
    tmp_path: Path,
) -> None:
    """A rule elsewhere is not in the repository; where the design is stated, is."""
    outside = Location("/nowhere/rules.py", 3, 3)
    mine = tmp_path / "a folder" / "design.py"
    finding = Finding(
        "mine", "rule", Result.FAILED, "broken", outside,
        elsewhere=(Location(str(mine), 7, 9),),
    )  # fmt: skip
    place = best_place(finding, tmp_path.resolve())
    assert place == Place("a folder/design.py", 7, 9, Base.REPOSITORY)
    results = Results("verify", "one question", 1, (finding,), 0.1)
    (run,) = checked(sarif(results, tmp_path.resolve(), "1.0.0"))["runs"]
    (result,) = run["results"]
    where = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "a%20folder/design.py", "uriBaseId": "%SRCROOT%"}
    (related,) = result["relatedLocations"]
    where = related["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "file:///nowhere/rules.py"}
    away = replace(results, findings=(replace(finding, elsewhere=()),))
    assert "file=" not in annotated(away, tmp_path)


def test_a_file_of_tdxcheck_is_named_from_where_it_is_installed(tmp_path: Path) -> None:
    rule = td_memory_lies_in_tdmrs.location
    place = place_of(rule, tmp_path)
    assert (place.path, place.base) == ("spec/rules/coverage.py", Base.PACKAGE)
    assert place_of(rule, ROOT) == replace(place, base=Base.REPOSITORY)
    finding = Finding("v6.8", "rule", Result.FAILED, "broken", rule)
    results = Results("verify", "one question", 1, (finding,), 0.1)
    (run,) = checked(sarif(results, tmp_path, "1.0.0"))["runs"]
    where = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "spec/rules/coverage.py", "uriBaseId": "TDXCHECK"}
    assert set(run["originalUriBaseIds"]) == {"%SRCROOT%", "TDXCHECK"}


def test_a_finding_may_be_of_no_file() -> None:
    finding = Finding("v6.8", "guard", Result.FAILED, "dropped", None)
    results = Results("gate", "one finding", 1, (finding,), 0.1)
    (run,) = json.loads(sarif(results, ROOT, "1.0.0"))["runs"]
    assert run["results"][0]["locations"] == []
    assert annotated(results, ROOT) == "::error title=v6.8%3A guard::dropped\n"
    assert "dropped" in markdown(results, ROOT)
    suites(junit(results))


def test_the_root_is_that_of_the_repository(tmp_path: Path) -> None:
    inner = tmp_path / "kernel" / "designs"
    inner.mkdir(parents=True)
    assert repository(inner) == inner.resolve()
    (tmp_path / ".git").mkdir()
    assert repository(inner) == tmp_path.resolve()


def test_a_design_knows_where_it_is_stated() -> None:
    closed = DEMO.design("closed").system
    assert closed.location is not None and closed.location.file.endswith("demo.py")
    assert OPEN.location is None
    assert "CLOSED = OPEN.variant(" in closed.location.text


# Annotations and Markdown.


def strange(**given: Any) -> Results:
    finding = Finding(
        "a, b: c", "rule", Result.FAILED, "100% wrong\nreally | <b>",
        usable_memory_is_covered.location, report="```\n\x1b[31mred\n", **given,
    )  # fmt: skip
    return Results("verify", "1 question", 1, (finding,), 0.5)


def test_an_annotation_is_one_line() -> None:
    (line,) = annotated(strange(), ROOT).splitlines()
    head, data = re.fullmatch(r"::error ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]
    parts = dict(part.split("=", 1) for part in head.split(","))
    assert parts["title"] == "a%2C b%3A c%3A rule"
    assert parts["file"] == "tests/demo.py"
    assert int(parts["line"]) == usable_memory_is_covered.location.first
    assert data.startswith("100%25 wrong%0Areally")


def test_strange_characters_break_no_format() -> None:
    root = suites(junit(strange()))
    assert "?[31mred" in (root[0][0][0].text or "")
    text = markdown(strange(), ROOT)
    assert "really | &lt;b&gt;" in text
    assert text.count("```") == 2
    checked(sarif(strange(), ROOT, "1.0.0"))


def test_a_summary_has_room_for_every_finding() -> None:
    (one,) = strange().findings
    many = tuple(replace(one, report="x" * (MOST // 2)) for _ in range(4))
    text = markdown(replace(strange(), findings=many), ROOT)
    assert len(text.encode()) < 1 << 20 + 1
    assert text.count("left out here, for want of room") == 2


def test_a_job_of_github_gets_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "summary"
    file.write_text("of an earlier step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert verify("open", "--format", "github", catalogue=NEWS) == 1
    out = capsys.readouterr().out
    assert "REFUTED IN 5" in out and "VIOLATED here" in out
    assert "::error title=open%3A usable_memory_is_covered,file=tests/demo.py" in out
    text = file.read_text()
    assert text.startswith("of an earlier step\n## tdxcheck verify: not as expected\n")
    assert "(`tests/demo.py:" in text


# Files.


def test_a_file_has_what_is_printed(
    outputs: Mapping[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert verify("open", "closed", catalogue=NEWS) == 1
    timeless = re.compile(r"\d+\.\d+ s")
    printed = timeless.sub("", capsys.readouterr().out)
    assert timeless.sub("", outputs[".txt"]) == printed
    assert json.loads(outputs[".json"])["result"] == "unexpected"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("report.pdf", "must end in one of .txt (text), .json (json), .xml (junit)"),
        ("report", "must end in one of"),
        ("no/such/report.xml", "there is no folder no/such"),
        ("folder.md", "folder.md is a folder"),
    ],
)
def test_where_no_report_can_be_is_said_before_anything_is_judged(
    name: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.md").mkdir()
    assert verify("--output", name) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1
    assert told.out == ""


# Text.


def test_a_mail_has_72_columns_and_no_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert verify("open", "closed", "--mail", catalogue=NEWS) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert 60 < max(map(len, out.splitlines())) <= 72


@pytest.mark.parametrize("columns", [40, 72, 100])
def test_text_fits_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert verify("open", "closed", catalogue=NEWS) == 1
    # A name that is longer than the line is not broken.
    lines = [line for line in capsys.readouterr().out.splitlines() if " " in line]
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_those_who_want_it(
    environment: dict[str, str],
    coloured: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert verify("open", catalogue=NEWS) == 1
    told = capsys.readouterr()
    assert ("\x1b[" in told.out) is coloured
    assert told.err == "", "progress is for terminals"


# Safeguards.


@pytest.mark.parametrize("known", [True, False])
def test_a_safeguard_that_no_rule_needs_fails_unless_that_is_known(
    known: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    of = kettles() if known else kettles({})
    log = tmp_path / "log.sarif"
    context = Context(lambda: of, lambda: ENGINES)
    written = ("--format", "junit", "--output", str(log))
    assert main(["guards", "safe", *written], context) == (0 if known else 1)
    root = suites(capsys.readouterr().out)
    tag, message = outcome(case(root, "safe", "has_a_handle"))
    assert message.startswith("nothing breaks without it")
    assert tag == ("system-out" if known else "failure")
    tag, message = outcome(case(root, "safe", "stops_when_hot"))
    assert (tag, message.partition("\n")[0]) == (
        "system-out",
        "without it breaks never_boils_dry 2",
    )
    (run,) = checked(log.read_text())["runs"]
    assert [r["ruleId"] for r in run["results"]] == [] if known else ["has_a_handle"]
    if not known:
        region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] == Kettle.has_a_handle.location.first
