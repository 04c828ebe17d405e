"""The command line among signals, full disks, strange terminals and broken files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from tdxcheck.checker.catalogue import Catalogue, Expectation, UsageError
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.cli.plain import MOST, one_line
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.work import ENGINES, judge_explicitly
from tdxcheck.checker.record import LARGEST, read
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.grid import Column, Row, grid
from tests.demo import DEMO

ROOT = Path(__file__).parents[1]
COVERED = "usable_memory_is_covered"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

TOOL = """
import sys
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO
sys.exit(main(sys.argv[1:], Context(lambda: DEMO, lambda: ENGINES)))
"""
SLOW = """
import os, sys, time
from pathlib import Path
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.judging.combine import Engine
from tests.demo import DEMO
def slow(case, budget, report):
    Path(sys.argv[1], str(os.getpid())).touch()
    while True:
        time.sleep(0.01)
sys.exit(main(sys.argv[2:], Context(lambda: DEMO, lambda: {Engine.EXPLICIT: slow})))
"""


def run(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    return main(arguments, Context(lambda: catalogue, lambda: ENGINES))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A line of the shell, in which $TOOL is the command line of the demo."""
    return subprocess.run(
        ["bash", "-c", line.replace("$TOOL", '"$PYTHON" -c "$CODE"')],
        env={**os.environ, **environment, "PYTHON": sys.executable, "CODE": TOOL},
        cwd=ROOT, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with the trace of the open design."""
    run("verify", "open", "--engine", "explicit", "--record", "--folder", str(tmp_path))
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--cpus", "1__0"),
        ("--cpus", "9" * 5000),
        ("--jobs", "-1"),
        ("--time", "1e300"),
        ("--time", "nan"),
        ("--max-memory/--memory", "0G"),
        ("--max-states", "\u0663"),
    ],
)
def test_a_number_that_is_none_is_one_short_line(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", f"{option.partition('/')[0]}={value}") == 2
    error = capsys.readouterr().err
    assert f"argument {option}: '" in error
    assert error.count("\n") == 1 and len(error) <= MOST + 10


def test_a_message_is_one_line_whatever_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify", "v\n3\x1b[31m") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "\x1b" not in error
    assert "'v\\n3\\x1b[31m'" in error
    assert len(one_line("x" * 10_000)) < MOST + 10


def test_a_claim_about_another_design_is_not_passed_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify", "closed", "--rule", "D1", "--rule", COVERED) == 2
    assert "D1 is a claim about open" in capsys.readouterr().err
    assert run("verify", "open", "--rule", "D1", "--assume", "no-hotplug") == 2
    assert "without --assume" in capsys.readouterr().err


def test_a_catalogue_without_a_rule_is_one_clear_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    designs = tuple(replace(design, expected={}) for design in DEMO.designs)
    empty = replace(DEMO, designs=designs, rules=(), claims=())
    assert run("verify", catalogue=empty) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_that_is_none_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list", "counterexamples", "--folder", str(tmp_path / "nowhere")) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert run("list", "counterexamples", "--folder", str(tmp_path)) == 0
    assert capsys.readouterr().out == "none\n"


def test_a_write_that_fails_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "graph.dot"
    with pytest.raises(OSError) as error:
        write_whole(path, "digraph {}")
    assert error.value.filename == str(path)


Json = Any


def _taken(document: Json) -> Json:
    return document["states"][1]["#meta"]["tdxcheck"]


SHAPES: list[tuple[Callable[[Json], object], str]] = [
    (lambda d: d.pop("#meta"), "#meta is missing"),
    (lambda d: d.update(states="abc"), "states is not a list"),
    (lambda d: d.update(states=[]), "states is empty"),
    (lambda d: d["states"].__setitem__(1, [5]), "states[1] is not an object"),
    (lambda d: _taken(d).pop("action"), "states[1].#meta.tdxcheck.action is missing"),
    (lambda d: _taken(d).update(arguments=3), "arguments is not an object"),
    (
        lambda d: d["#meta"]["tdxcheck"].update(machine={"cpus": float("inf")}),
        "#meta.tdxcheck.machine.cpus is not a whole number",
    ),
    (lambda d: d["#meta"]["tdxcheck"].update(version=2), "version 2, but"),
]


@pytest.mark.parametrize(("change", "said"), SHAPES, ids=[said for _, said in SHAPES])
def test_a_trace_of_the_wrong_shape_is_told_by_its_place(
    recorded: Path, change: Callable[[Json], object], said: str
) -> None:
    path = next(recorded.glob(f"open-{COVERED}*.json"))
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError) as error:
        read(path)
    assert said in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"9" * 5000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b" " * (LARGEST + 1), "more than 64 MB"),
    ],
    ids=["number", "depth", "encoding", "size"],
)
def test_garbage_is_no_trace(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "garbage.itf.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read(path)


def test_a_trace_is_found_by_each_of_its_names(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"open-{COVERED}"
    folder = ("--folder", str(recorded))
    told = set()
    for text in (name, COVERED, f"{name}.txt", f"{name}.itf.json"):
        assert run("show", text, *folder) == 0
        told.add(capsys.readouterr().out)
    assert run("show", str(recorded / f"{name}.txt")) == 0
    told.add(capsys.readouterr().out)
    assert len(told) == 1
    for nothing in ("", "."):
        assert run("show", nothing, *folder) == 2
        assert capsys.readouterr().err.count("\n") == 1


def with_bug() -> Catalogue:
    """The demo, whose broken rule is a bug with a number that both designs have."""
    known = Expectation(bug="X1", note="nobody looks")
    designs = tuple(
        replace(design, expected={**design.expected, COVERED: known})
        for design in DEMO.designs
    )
    return replace(DEMO, designs=designs)


def test_a_bug_is_told_by_one_of_its_traces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ("--folder", str(tmp_path))
    arguments = ("open", "--rule", COVERED, "--engine", "explicit", "--record")
    assert run("verify", *arguments, *folder, catalogue=with_bug()) == 0
    path = tmp_path / f"X1-open-{COVERED}.itf.json"
    document = json.loads(path.read_text())
    document["#meta"]["tdxcheck"]["rule"] = "D1-without-no-hotplug"
    document["#meta"]["tdxcheck"]["bug"] = "X1"
    (tmp_path / "X1-open-D1.itf.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert run("show", "X1", *folder, catalogue=with_bug()) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"open breaks {COVERED}")
    assert "Other traces of X1: X1-open-D1" in out
    assert run("explain", "X1", catalogue=with_bug()) == 2
    said = f"'tdxcheck show X1' tells a trace, and '{COVERED}' can be explained"
    assert said in capsys.readouterr().err
    assert run("show", "open", *folder, catalogue=with_bug()) == 2
    assert "'open' may be any of X1-open-D1, X1-open-" in capsys.readouterr().err


def test_what_a_design_has_from_another_is_shown_there(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ("--folder", str(recorded))
    assert run("show", f"closed-{COVERED}", *folder) == 2
    capsys.readouterr()
    assert run("show", f"closed-{COVERED}", *folder, catalogue=with_bug()) == 0
    assert capsys.readouterr().out.startswith(f"open breaks {COVERED}")


def test_the_same_design_twice_is_not_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("diff", "open", "open") == 0
    assert "no verdict can change" in capsys.readouterr().out


def test_what_is_undecided_is_not_said_to_be_unchanged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = Context(lambda: DEMO, lambda: {Engine.EXPLICIT: judge_explicitly})
    assert main(["diff", "open", "closed", "--max-states", "1"], context) == 3
    out = capsys.readouterr().out
    assert "No verdict changes" not in out
    assert "Not decided within the limits" in out and COVERED in out


@LINUX
def test_a_full_disk_is_one_clear_line_and_never_success() -> None:
    for command in ("--help", "list", "verify open"):
        found = shell(f"$TOOL {command} >/dev/full")
        assert found.returncode == 2
        assert found.stderr == b"tdxcheck: standard output: No space left on device\n"
    assert shell("$TOOL verify nothing 2>/dev/full").returncode == 2


@LINUX
def test_nobody_who_reads_either_stream_is_no_traceback() -> None:
    found = shell("$TOOL list 2>&1 | true; exit ${PIPESTATUS[0]}")
    assert found.returncode == 141
    assert found.stderr == b""


def test_a_trace_that_cannot_be_kept_costs_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("tdxcheck.checker.record.write_whole", full)
    keep = ("--engine", "explicit", "--record", "--folder", str(tmp_path))
    assert run("verify", "open", *keep) == 2
    told = capsys.readouterr()
    assert "refuted in 5" in told.out
    assert told.err.count("\n") == 1 and "No space left" in told.err


MANY = """
import sys
from dataclasses import replace
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO
more = [replace(d, key=f"{d.key}-{n}") for n in range(3) for d in DEMO.designs]
many = replace(DEMO, designs=(*DEMO.designs, *more))
sys.exit(main(sys.argv[1:], Context(lambda: many, lambda: ENGINES)))
"""


def test_a_terminal_without_unicode_tells_a_yes_from_a_no() -> None:
    found = subprocess.run(
        [sys.executable, "-c", MANY, "verify", "--engine", "explicit"],
        cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "60"},
    )  # fmt: skip
    out = found.stdout.decode("ascii")
    row = next(line for line in out.splitlines() if COVERED in line)
    assert "x5" in row and "?" not in row
    assert "  +    holds: " in out
    assert max(map(len, out.splitlines())) <= 60


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "dumb"},
        {"COLUMNS": "20"},
        {"COLUMNS": "-5"},
        {"COLUMNS": "many"},
        {"COLUMNS": "300"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "utf-16"},
        {"HOME": "/proc", "NO_COLOR": "1"},
        {"PYTHONOPTIMIZE": "1"},
        {"PYTHONWARNINGS": "error"},
    ],
    ids=str,
)
def test_a_strange_environment_is_no_error(environment: dict[str, str]) -> None:
    command = "$TOOL verify open --engine explicit | cat; exit ${PIPESTATUS[0]}"
    found = shell(command, **environment)
    assert found.returncode == 0
    assert found.stderr == b""


def test_an_alien_name_is_printed_as_far_as_it_can_be(tmp_path: Path) -> None:
    """A name that is not text at all, on a terminal that has only ASCII."""
    path = os.fsencode(tmp_path) + b"/\xff\xe9.dot"
    found = subprocess.run(
        [sys.executable, "-c", TOOL, "graph", "open", "-o", path],
        cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert b"\\udcff" in found.stdout and Path(os.fsdecode(path)).exists()


def _wait_for(folder: Path) -> int:
    """The process that is at work, as it has said itself."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for file in folder.iterdir():
            return int(file.name)
        time.sleep(0.02)
    raise AssertionError("no process has begun")


def _ends(pid: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@LINUX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("to", ["one", "all"])
def test_whoever_asks_it_to_end_is_obeyed(tmp_path: Path, name: str, to: str) -> None:
    """Asked alone or with all its processes, it ends with what is known."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path), "verify", "open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        start_new_session=True,
    )  # fmt: skip
    worker = _wait_for(tmp_path)
    if to == "one":
        os.kill(process.pid, signal.Signals[name])
    else:
        os.killpg(process.pid, signal.Signals[name])
    out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted." in out
    assert error == ""
    assert _ends(worker)


@LINUX
def test_asked_twice_it_ends_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path), "verify", "open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    worker = _wait_for(tmp_path)
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    _, error = process.communicate(timeout=20)
    assert process.returncode in (130, -signal.SIGTERM)
    assert "Traceback" not in error
    assert _ends(worker)


@LINUX
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path), "verify", "open"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    worker = _wait_for(tmp_path)
    process.kill()
    process.wait(timeout=20)
    assert _ends(worker)


@LINUX
def test_what_its_caller_ignores_it_ignores(tmp_path: Path) -> None:
    """As nohup has it: a terminal that is closed ends nothing."""
    process = subprocess.Popen(
        ["bash", "-c", 'trap "" HUP; exec "$0" -c "$1" "$2" verify open',
         sys.executable, SLOW, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    _wait_for(tmp_path)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130


ROWS = [Row("one", "rule_one"), Row("two", "rule_two")]


def _columns(*names: str) -> list[Column]:
    return [Column(name, {"one": Text("v"), "two": Text("x12")}) for name in names]


def test_names_that_fit_stand_beside_each_other() -> None:
    lines = [line.plain for line in grid("rule", ROWS, _columns("v3", "approach"), 80)]
    assert lines == [
        "rule      v3   approach",
        "───────────────────────",
        "rule_one  v    v",
        "rule_two  x12  x12",
    ]


def test_names_that_do_not_fit_come_down_in_steps() -> None:
    names = ("approach1", "approach2", "v3", "approach3")
    lines = [line.plain for line in grid("rule", ROWS, _columns(*names), 29)]
    assert lines == [
        "rule      approach1",
        "          │    approach2",
        "          │    │    v3",
        "────────────────────────",
        "rule_one  v    v    v",
        "rule_two  x12  x12  x12",
        "",
        "rule      approach3",
        "───────────────────",
        "rule_one  v",
        "rule_two  x12",
    ]
    assert max(map(len, lines)) <= 29


def test_what_many_designs_share_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = DEMO.design("open")
    more = tuple(
        replace(first, key=key, system=first.system.variant(key, "The same."))
        for key in ("one", "two", "three")
    )
    catalogue = replace(DEMO, designs=(first, *more), claims=())
    assert run("verify", "--engine", "explicit", catalogue=catalogue) == 0
    out = capsys.readouterr().out
    assert f"{COVERED}: open 5 (not recorded) and 3 more designs" in out
    assert run("verify", "one", "--engine", "explicit", catalogue=catalogue) == 0
    assert f"{COVERED}: one 5\n" in capsys.readouterr().out
    assert run("explain", COVERED, catalogue=catalogue) == 0
    assert "open, one, two, three: refuted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("a",), "a"),
        (("a", "b", "c", "d"), "any design"),
        (("a", "b", "c"), "any design but d"),
        (("a", "b"), "a, b"),
    ],
)
def test_designs_are_named_in_few_words(keys: tuple[str, ...], told: str) -> None:
    assert summary._all_but("abcd", keys) == told
