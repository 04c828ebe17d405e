"""A project of one's own: made, found, judged by every command, tested by pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tdxcheck.checker import project
from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.main import TDX, Context, main
from tdxcheck.checker.cli.new import ENDING, NAME, TEMPLATE
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO
from tests.hostlogs import texts
from tests.test_cli import COVERED

ROOT = Path(__file__).parents[1]
OF_DEMO = "from tests.demo import DEMO as CATALOGUE\n"
NEWS = """
from tests.test_cli import with_expectation
CATALOGUE = with_expectation(None)
"""
SETTINGS = """
[tool.tdxcheck]
catalogue = "mine.py"

[tool.pytest.ini_options]
tdxcheck = true
"""


def make(folder: Path, code: str = OF_DEMO, settings: str = SETTINGS) -> Path:
    (folder / "mine.py").write_text(code)
    (folder / "pyproject.toml").write_text(settings)
    return folder


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a catalogue's file brings along is gone after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def loaded(file: Path, name: str = project.NAME) -> Catalogue:
    return project.load(project.Project(file.resolve(), name))


# Which catalogue the commands work on.


def test_the_catalogue_of_the_folder_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert main(["list", "designs"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "open",
        "closed",
    ]
    assert main(["list", "designs", "--catalogue", "tdxcheck"]) == 0
    assert "v6.8" in capsys.readouterr().out


def test_a_repository_ends_the_search(tmp_path: Path) -> None:
    make(tmp_path)
    inner = tmp_path / "other"
    (inner / ".git").mkdir(parents=True)
    assert project.project_of(inner) is None
    (inner / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert project.project_of(inner) is None
    found = project.project_of(tmp_path)
    assert found is not None and found.file == (tmp_path / "mine.py").resolve()


def test_logs_are_about_kernels_whatever_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = texts()["host-1tib-4cmr-68intel"]
    monkeypatch.chdir(make(tmp_path))
    Path("dmesg.txt").write_text(text)
    assert main(["audit", "dmesg.txt"]) == 0
    assert "v6.8" in capsys.readouterr().out


def test_a_catalogue_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.py").write_text(OF_DEMO + "OTHER = CATALOGUE\n")
    monkeypatch.chdir(tmp_path)
    for name in ("some.py", "some.py:OTHER", str(tmp_path / "some.py")):
        assert main(["list", "designs", "--catalogue", name]) == 0
        assert "closed" in capsys.readouterr().out
    # It comes before the catalogue that a caller gives, as a test does.
    context = Context(TDX.load, lambda: ENGINES)
    assert main(["list", "designs", "--catalogue", "some.py"], context) == 0
    assert "closed" in capsys.readouterr().out


def test_its_traces_are_kept_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make(tmp_path))
    asked = ("--rule", COVERED, "--engine", "diagrams")
    assert main(["verify", *asked, "--record"]) == 0
    assert (tmp_path / "counterexamples" / f"open-{COVERED}.txt").is_file()
    capsys.readouterr()
    assert main(["list", "counterexamples"]) == 0
    assert capsys.readouterr().out.split() == [f"open-{COVERED}"]
    assert main(["show", f"open-{COVERED}"]) == 0
    assert "VIOLATED here" in capsys.readouterr().out
    assert main(["replay", f"open-{COVERED}"]) == 0
    assert DEMO.folder is None


def test_what_lies_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text(OF_DEMO)
    (tmp_path / "mine.py").write_text("from beside_it import CATALOGUE\n")
    assert loaded(tmp_path / "mine.py").design("open") is DEMO.design("open")


def test_a_file_that_a_test_has_imported_is_not_run_again(tmp_path: Path) -> None:
    make(tmp_path)
    first = loaded(tmp_path / "mine.py")
    module = sys.modules["mine"]
    assert loaded(tmp_path / "mine.py").designs is first.designs
    assert sys.modules["mine"] is module


def test_a_file_may_be_called_as_something_that_is_known(tmp_path: Path) -> None:
    json = sys.modules["json"]
    (tmp_path / "json.py").write_text(OF_DEMO)
    assert loaded(tmp_path / "json.py").designs == DEMO.designs
    assert sys.modules["json"] is json


WRONG = {
    "no Python": ("1 +\n", "mine.py:1: SyntaxError: invalid syntax"),
    "an import": ("import nothing_at_all\n", "mine.py:1: ModuleNotFoundError: No mod"),
    "an error": ("\nx = 1 / 0\n", "mine.py:2: ZeroDivisionError: division by zero"),
    "an exit": ("raise SystemExit(3)\n", "mine.py:1: SystemExit: 3"),
    "no catalogue": ("x = 1\n", "CATALOGUE is missing"),
    "another thing": ("CATALOGUE = 1\n", "CATALOGUE is no Catalogue"),
    "a slip": (
        "from tdxcheck.checker.language import action\n"
        "@action()\ndef go(host: int) -> None:\n    'Go.'\n",
        "the specification is broken: ",
    ),
}


@pytest.mark.parametrize(("code", "said"), WRONG.values(), ids=WRONG)
def test_a_broken_catalogue_is_one_clear_line(
    code: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(make(tmp_path, code))
    assert main(["verify"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[tool.tdxcheck]\ncatalogue = 1\n", "must be the name of a file"),
        ("[tool.tdxcheck]\ncatalogue = 'gone.py'\n", "there is no file"),
        ("[tool.tdxcheck\n", "pyproject.toml: "),
    ],
)
def test_broken_settings_are_one_clear_line(
    settings: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(make(tmp_path, settings=settings))
    assert main(["list"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


# tdxcheck new.


def test_what_is_made_has_its_name_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "kexec-early"]) == 0
    out = capsys.readouterr().out
    made = tmp_path / "kexec-early"
    files = {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()}
    assert files == {
        ".github/workflows/tdxcheck.yml", ".gitignore", "README.md", "design.py",
        "pyproject.toml", "test_design.py",
    }  # fmt: skip
    assert all(file in out for file in files)
    assert not any(NAME in (made / file).read_text() for file in files)
    monkeypatch.chdir(made)
    assert main(["explain", "kexec-early"]) == 0
    assert "kexec-early is v6.8, except:" in capsys.readouterr().out.replace(
        "As v6.8", "kexec-early is v6.8"
    )


def test_what_is_made_is_as_tidy_as_what_made_it(tmp_path: Path) -> None:
    for source in TEMPLATE.iterdir():
        if source.name.endswith(f".py{ENDING}"):
            path = tmp_path / source.name.removesuffix(ENDING)
            path.write_text(source.read_text())
    rules = ROOT / "pyproject.toml"
    for command in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(rules), "."],
            cwd=tmp_path, check=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("full", "full is there already"),
        ("file", "file is there already"),
        ("no/such/x", "there is no folder no/such"),
        ("9lives", "'9lives' cannot be the name of a design"),
        ("two words", "'two words' cannot be the name of a design"),
        ("v6.8", "v6.8 is the design that the new one is a difference from"),
        ("..", "is there already"),
        ("/proc/x", "cannot make /proc/x"),
    ],
)
def test_where_no_project_can_be_is_one_clear_line(
    name: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "inner" / "full").mkdir(parents=True)
    (tmp_path / "inner" / "full" / "design.py").touch()
    (tmp_path / "inner" / "file").touch()
    monkeypatch.chdir(tmp_path / "inner")
    assert main(["new", name]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1 and told.out == ""
    assert sorted(os.listdir()) == ["file", "full"]


def test_an_empty_folder_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert main(["new", "."]) == 0
    assert (tmp_path / "mine" / "design.py").is_file()
    assert os.listdir(tmp_path) == ["mine"]


# The plugin of pytest.


def pytest_in(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """pytest with the plugin, as an installed tdxcheck brings it along."""
    command = [sys.executable, "-m", "pytest", "-p", "tdxcheck.checker.plugin"]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={
            **os.environ, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "", "COLUMNS": "100", **environment,
        },
    )  # fmt: skip


def test_each_rule_is_a_test(tmp_path: Path) -> None:
    done = pytest_in(make(tmp_path), "--collect-only", "-q")
    names = [line for line in done.stdout.splitlines() if "::" in line]
    assert f"mine.py::open::{COVERED}" in names
    assert "mine.py::open::D1-without-no-hotplug" in names
    assert f"mine.py::closed::{COVERED}" in names
    assert len(names) == 2 * 6 + 3


def test_what_is_expected_passes(tmp_path: Path) -> None:
    done = pytest_in(make(tmp_path), "-rA", "--junit-xml=found.xml")
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout
    assert "known refutation, refuted in 5 steps: nobody looks at hot" in done.stdout
    found = ElementTree.parse(tmp_path / "found.xml").getroot()
    names = [case.get("name") for case in found.iter("testcase")]
    assert names.count(COVERED) == 2 and names.count("starts") == 2


def test_a_failure_is_an_incident_report(tmp_path: Path) -> None:
    done = pytest_in(make(tmp_path, NEWS), "-q")
    assert done.returncode == 1
    assert "1 failed, 14 passed" in done.stdout
    report = done.stdout.partition("FAILURES")[2]
    assert f"open breaks {COVERED}" in report
    assert "VIOLATED here: for block 1: usable(block 1) holds, but" in report
    assert "Traceback" not in report and "assess(" not in report


OUT_OF_TIME = """
import time
from tdxcheck.checker.judging import work
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.verdict import Limit

def judge(case, budget, report):
    return work.nothing(case, Engine.DIAGRAMS, Limit.TIME, time.monotonic())

work.judge_by_diagrams = judge
"""


def test_what_no_engine_answers_is_skipped(tmp_path: Path) -> None:
    code = OUT_OF_TIME.replace("Limit.TIME", "Limit.UNSUPPORTED")
    done = pytest_in(make(tmp_path, code + OF_DEMO), "-q")
    assert done.returncode == 0
    assert "15 skipped" in done.stdout and "passed" not in done.stdout


def test_what_is_undecided_fails(tmp_path: Path) -> None:
    done = pytest_in(make(tmp_path, OUT_OF_TIME + OF_DEMO), "-q")
    assert done.returncode == 1
    assert "15 failed" in done.stdout and "passed" not in done.stdout
    assert "undecided: diagrams: nothing established: the limit of time" in done.stdout


@pytest.mark.parametrize("code", [OF_DEMO, NEWS])
def test_processes_find_the_same(code: str, tmp_path: Path) -> None:
    make(tmp_path, code)
    one = pytest_in(tmp_path, "-q", "-rA")
    two = pytest_in(tmp_path, "-q", "-rA", "-p", "xdist.plugin", "-n", "2")

    def outcomes(done: subprocess.CompletedProcess[str]) -> set[str]:
        return set(re.findall(r"^(?:PASSED|FAILED) [^\s]+", done.stdout, re.MULTILINE))

    assert outcomes(one) == outcomes(two) and len(outcomes(one)) == 15


def test_only_what_is_asked_for_is_judged(tmp_path: Path) -> None:
    """A rule that cannot be judged in this way does not matter, unless it is run."""
    make(tmp_path)
    done = pytest_in(tmp_path, "-q", f"mine.py::open::{COVERED}")
    assert done.returncode == 0 and "1 passed" in done.stdout


def test_nothing_is_judged_when_tests_are_collected(tmp_path: Path) -> None:
    forbidding = (
        "import tdxcheck.checker.judging.assess as judging\n"
        "judging.assess = None\n" + OF_DEMO
    )
    done = pytest_in(make(tmp_path, forbidding), "--collect-only", "-q")
    assert done.returncode == 0 and "15 tests collected" in done.stdout
    assert pytest_in(tmp_path, "-q").returncode == 1


def test_it_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    make(tmp_path, settings=SETTINGS.replace("true", "false"))
    assert pytest_in(tmp_path, "-q").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("code", "settings", "said"),
    [
        (OF_DEMO, "[tool.pytest.ini_options]\ntdxcheck = true\n", "names a catalogue"),
        (OF_DEMO, SETTINGS.replace('"mine.py"', "1"), "must be the name of a file"),
        ("1 / 0\n", SETTINGS, "mine.py:1: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    code: str, settings: str, said: str, tmp_path: Path
) -> None:
    done = pytest_in(make(tmp_path, code, settings), "-q")
    assert done.returncode not in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
