"""The command line: exit codes, output, and one line for every mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tdxcheck.checker.catalogue import Catalogue, Expectation, Outcome
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    ENGINES,
    Answer,
    Budget,
    Engines,
    Findings,
    Report,
    judge_explicitly,
)
from tdxcheck.checker.verdict import Proved
from tests.demo import DEMO, usable_memory_is_covered

ROOT = Path(__file__).parents[1]
COVERED = "usable_memory_is_covered"


def run(
    *arguments: str, catalogue: Catalogue = DEMO, engines: Engines = ENGINES
) -> int:
    return main(arguments, Context(lambda: catalogue, lambda: engines))


def quick(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    return run("verify", *arguments, "--engine", "explicit", catalogue=catalogue)


def with_expectation(outcome: Outcome | None) -> Catalogue:
    """The demo, with something else expected of the open design's broken rule."""
    design, *others = DEMO.designs
    expected = {k: e for k, e in design.expected.items() if k != COVERED}
    if outcome is not None:
        expected[COVERED] = Expectation(outcome)
    return replace(DEMO, designs=(replace(design, expected=expected), *others))


def test_what_is_expected_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 0
    out = capsys.readouterr().out
    assert "refuted in 5" in out
    assert "exhausted, proved" in out
    assert "Claim D1" in out
    assert "usable_memory_is_covered: open 5 (not recorded)" in out
    assert "nobody looks at hot-added memory" in out
    assert max(map(len, out.splitlines())) <= 100


def test_an_unexpected_refutation_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert quick("open", catalogue=with_expectation(None)) == 1
    out = capsys.readouterr().out
    assert "REFUTED IN 5" in out
    assert "VIOLATED here: for block" in out


def test_an_expected_refutation_that_is_gone_is_news(
    capsys: pytest.CaptureFixture[str],
) -> None:
    design = DEMO.design("closed")
    wrong = replace(design, expected={**design.expected, COVERED: Expectation()})
    catalogue = replace(DEMO, designs=(wrong,), claims=())
    assert quick(catalogue=catalogue) == 1
    assert "known to be refuted" in " ".join(capsys.readouterr().out.split())


def test_an_unexpected_emptiness_is_news() -> None:
    design = replace(DEMO.design("closed"), expected={})
    assert quick(catalogue=replace(DEMO, designs=(design,), claims=())) == 1


def test_expectations_are_not_demanded_of_a_smaller_machine_or_under_assumptions() -> (
    None
):
    assert quick("open", "--assume", "no-hotplug") == 0
    assert quick("open", "--blocks", "2") == 0


@pytest.mark.parametrize(
    "limits", [("--max-states", "20"), ("--depth", "2"), ("--max-memory", "1K")]
)
def test_a_limit_leaves_the_verdict_open(limits: tuple[str, str]) -> None:
    assert quick("closed", "--rule", COVERED, *limits) == 3


def test_a_search_is_kept_and_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = str(tmp_path / "work")
    kept = ("closed", "--rule", COVERED, "--resume", work)
    assert quick(*kept, "--max-states", "20") == 3
    assert f"The search is kept in {work}" in capsys.readouterr().out
    assert quick(*kept) == 0
    assert "exhausted" in capsys.readouterr().out
    assert quick("closed", "--rule", COVERED, "--resume", work) == 0


def test_a_folder_that_is_no_search_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "closed", "--resume", str(tmp_path)) == 2
    assert "--engine explicit" in capsys.readouterr().err
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "search.json").write_text("hello")
    assert quick("closed", "--rule", COVERED, "--resume", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert "search.json is damaged" in error
    assert error.count("\n") == 1


def test_engines_that_disagree_are_an_internal_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lying(case: Case, budget: Budget, report: Report) -> Findings:
        answers = (Answer(Proved("a lie"), None),) * len(case.questions)
        return Findings(case.label, Engine.SYMBOLIC, answers, 0.0)

    engines = {Engine.EXPLICIT: judge_explicitly, Engine.SYMBOLIC: lying}
    assert run("verify", "open", "--rule", COVERED, engines=engines) == 4
    error = capsys.readouterr().err
    assert "INTERNAL ERROR, trust nothing: the engines disagree" in error
    assert error.count("\n") == 1


def test_orbits_are_held_against_the_other_engines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ("--engine", "diagrams", "--engine", "orbits")
    assert run("verify", *asked, "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    for design in found["designs"]:
        engines = design["engines"]
        if "states" in engines.get("orbits", {}):
            assert "interchangeable" in engines["orbits"]["note"]
            for count in ("states", "transitions"):
                assert engines["orbits"][count] == engines["diagrams"][count]
    assert any("orbits" in d["engines"] for d in found["designs"])


def test_orbits_are_not_visited_unless_they_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert not any("orbits" in d["engines"] for d in found["designs"])


def test_json_has_its_documented_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert quick("--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "tdxcheck-verify" and found["version"] == 1
    assert found["result"] == "as expected" and found["exit"] == 0
    assert found["machine"]["sizes"] == {"cpus": 2, "blocks": 3}
    by_name = {(v["design"], v["question"]): v for v in found["verdicts"]}
    refuted = by_name["open", COVERED]
    assert refuted["verdict"] == {"kind": "refuted", "steps": 5, "shortest": True}
    assert refuted["standing"] == "as expected"
    assert refuted["expected"]["outcome"] == "refuted"
    assert len(refuted["trace"]["steps"]) == 5
    assert refuted["trace"]["violated"]["text"].startswith("for block ")
    step = refuted["trace"]["steps"][0]
    assert {"action", "arguments", "sentence", "changes", "location"} <= set(step)
    dropped = by_name["open", "D1-without-no-hotplug"]
    assert dropped["claim"] == "D1" and dropped["dropped"] == "no-hotplug"
    (first, *_) = found["designs"]
    assert first["engines"]["explicit"]["states"] > 0


MISTAKES = [
    (("verify", "opne"), "there is no design 'opne'; did you mean 'open'?"),
    (("verify", "--rule", "usable"), "there is no rule or claim 'usable'"),
    (("verify", "--assume", "no-hotplugs"), "did you mean 'no-hotplug'?"),
    (("verify", "--cpus", "0"), "--cpus: '0' is not a number from 1 up"),
    (("verify", "--cpus", "many"), "--cpus: 'many' is not a number"),
    (("verify", "--packages", "2"), "this machine has no packages"),
    (("verify", "--blocks", "1"), "--blocks 1: at least 2 are needed"),
    (("verify", "--max-memory", "lots"), "not a size such as 512M or 4G"),
    (("verify", "--time", "soon"), "not a number of seconds"),
    (("verify", "--engine", "steam"), "invalid choice: 'steam'"),
    (("verify", "closed", "--rule", "D1"), "D1 is a claim about open"),
    (("verify", "--record", "--cpus", "1"), "give a --folder"),
    (("explain", "usable_memory"), "did you mean 'usable_memory_is_covered'?"),
    (("show", "open-nothing"), "there is no recorded trace 'open-nothing'"),
    (("show", "/no/such/file.json"), "there is no file /no/such/file.json"),
    (("show", str(ROOT)), "cannot be read"),
    (("graph", "open", "-o", "graph.png"), "the name must end in .graphml"),
    (("graph", "open", "-o", "g.dot", "--max-states", "3"), "more than 3 reachable"),
    (("graph", "open", "-o", "/no/such/g.dot"), "there is no folder /no/such"),
    (("export", "open", "--to", "steam"), "invalid choice: 'steam'"),
    (("export", "open", "--to", "tla", "-o", "v6.8.tla"), "such as v6_8.tla"),
    (("export", "open", "--to", "tla", "-o", "/no/x.tla"), "there is no folder /no"),
    (("export", "open", "--to", "murphi", "--rule", "usable"), "no rule 'usable'"),
    (("conform", "/no/such/folder"), "/no/such/folder is not a folder"),
    (("dance",), "invalid choice: 'dance'"),
    (("verify", "--dance"), "unrecognized arguments: --dance"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_one_clear_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("tdxcheck") and error.count("\n") == 1


def test_an_unwritable_folder_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    assert quick("open", "--record", "--folder", str(file)) == 2
    error = capsys.readouterr().err
    assert str(file) in error and error.count("\n") == 1


def test_everything_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    for name in ("open", "closed", COVERED, "D1", "no-hotplug"):
        assert name in out
    assert run("list", "designs") == 0
    assert COVERED not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (COVERED, ("Every block that", "tests/demo.py:", "the guests", "The manual")),
        (
            "closed",
            ("As open, except:", "hot_add_unless_ready", "instead of hot_add", "EPERM"),
        ),
        ("open", ("Known to be broken:", "Claims about it: D1")),
        ("D1", ("Memory never grows.", "It rests on:", "no-erratum")),
        ("no-hotplug", ("hotplug = no", "Claims that rest on it: D1")),
    ],
)
def test_everything_can_be_explained(
    name: str, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", name) == 0
    out = capsys.readouterr().out
    for part in parts:
        assert part in out


def test_guards_that_stand_before_a_rule_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("explain", COVERED) == 0
    out = capsys.readouterr().out
    assert "Guards in closed that stand before it:" in out
    assert "hot_add_unless_ready: module != READY; else EPERM" in out


@pytest.mark.parametrize("suffix", ["graphml", "json", "dot"])
def test_the_graph_is_written_with_labelled_edges(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"graph.{suffix}"
    assert run("graph", "open", "-o", str(path)) == 0
    assert "Bring block 1 online" in path.read_text()
    assert "states" in capsys.readouterr().out


@pytest.mark.parametrize("width", [72, 80, 100])
def test_output_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert quick("open", catalogue=with_expectation(None)) == 1
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_pipes_get_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    quick("open", catalogue=with_expectation(None))
    assert "\x1b" not in capsys.readouterr().out


def test_the_statement_of_the_demo_is_that_of_its_docstring() -> None:
    assert usable_memory_is_covered.summary.startswith("Every block")


TOOL = [sys.executable, "-c"]
DEMO_TOOL = """
import sys
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO
sys.exit(main(sys.argv[1:], Context(lambda: DEMO, lambda: ENGINES)))
"""
SLOW_TOOL = """
import sys, time
from pathlib import Path
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.combine import Engine
from tests.demo import DEMO
def slow(case, budget, report):
    Path(sys.argv[1]).touch()
    while True:
        time.sleep(0.01)
sys.exit(main(sys.argv[2:], Context(lambda: DEMO, lambda: {Engine.EXPLICIT: slow})))
"""


def test_the_entry_point_answers_at_once() -> None:
    started = time.monotonic()
    code = "from tdxcheck.checker.cli import main; main(['--help'])"
    found = subprocess.run([*TOOL, code], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 2
    assert "exit codes:" in found.stdout
    heavy = "import sys, tdxcheck.checker.cli.arguments; print(*sys.modules)"
    found = subprocess.run([*TOOL, heavy], capture_output=True, text=True, check=True)
    assert not {"z3", "rich", "networkx"} & set(found.stdout.split())


def test_a_reader_that_goes_away_is_one_clear_line() -> None:
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        [*TOOL, DEMO_TOOL, "list"],
        stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    os.close(write)
    assert found.returncode == 141
    assert found.stderr == (
        "tdxcheck: nobody reads the output any more; it is not complete\n"
    )


def test_an_interrupt_ends_with_what_is_known(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    process = subprocess.Popen(
        [*TOOL, SLOW_TOOL, str(begun), "verify", "open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    end = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted." in out and "unknown" in out
    assert "Traceback" not in error


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_is_no_error(closed: str) -> None:
    """Python leaves None in the place of a stream that its caller has closed."""
    command = f'"$0" -c "$1" list designs {closed}'
    found = subprocess.run(["bash", "-c", command, TOOL[0], DEMO_TOOL], cwd=ROOT)
    assert found.returncode == 0


ENTRY = "import sys; from tdxcheck.checker.cli import main; sys.exit(main(['list']))"


def test_specifications_need_their_docstrings() -> None:
    found = subprocess.run(
        [TOOL[0], "-OO", "-c", ENTRY],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1 and "-OO" in found.stderr


def test_the_versions_are_those_of_what_verdicts_rest_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--version") == 0
    told = capsys.readouterr().out
    for name in ("tdxcheck", "Python", "z3-solver", "numpy"):
        assert re.search(rf"{name} \d+\.\d+", told), told
    assert re.search(r"dd \S+, with (CUDD|dd\.autoref)", told)
    for engine in ("packed", "orbits"):
        assert re.search(rf"{engine}: (compiled|not compiled: numpy instead)\n", told)


COMPLETED = """
source {script}
complete_it() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _shtab_tdxcheck; echo "${{COMPREPLY[@]}}"
}}
complete_it tdxcheck gua
complete_it tdxcheck verify clo
complete_it tdxcheck verify --rule usable
complete_it tdxcheck completion z
complete_it tdxcheck verify --form
"""


def test_bash_completes_commands_designs_and_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", "bash") == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    found = subprocess.run(
        ["bash", "-c", COMPLETED.format(script=script)],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    assert found.splitlines() == ["guards", "closed", COVERED, "zsh", "--format"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_know_the_designs(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert "closed" in script and COVERED in script
