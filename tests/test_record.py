"""Records: written whole, readable by ITF viewers, and found out when stale."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker import files
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO

CONTEXT = Context(lambda: DEMO, lambda: ENGINES)
NAME = "open-usable_memory_is_covered"

Json = Any


def run(*arguments: str) -> int:
    return main(arguments, CONTEXT)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counterexamples")
    arguments = ("--record", "--folder", str(folder), "--engine", "explicit")
    assert run("verify", "open", *arguments) == 0
    return folder


def altered(folder: Path, to: Path, change: Callable[[Json], None]) -> str:
    document = json.loads((folder / f"{NAME}.itf.json").read_text())
    change(document)
    path = to / f"{NAME}.itf.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_every_refutation_is_recorded_and_nothing_else(recorded: Path) -> None:
    names = sorted(path.name for path in recorded.iterdir())
    assert names == [
        "open-D1-without-no-hotplug.itf.json",
        "open-D1-without-no-hotplug.txt",
        f"{NAME}.itf.json",
        f"{NAME}.txt",
    ]


def test_a_record_is_itf(recorded: Path) -> None:
    document = json.loads((recorded / f"{NAME}.itf.json").read_text())
    assert document["#meta"]["format"] == "ITF"
    assert document["#meta"]["tdxcheck"]["design"] == "open"
    assert document["#meta"]["tdxcheck"]["machine"] == {"cpus": 2, "blocks": 3}
    assert set(document["vars"]) <= set(document["states"][0])
    assert len(document["states"]) == 6
    for number, state in enumerate(document["states"]):
        assert state["#meta"]["index"] == number
        assert isinstance(state["memory"]["#map"], list)
    assert document["states"][-1]["#meta"]["tdxcheck"]["action"]
    assert document["states"][0]["module"] == "LOADED"


def test_a_record_replays(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("replay", NAME, "--folder", str(recorded)) == 0
    assert "ok: 5 steps" in capsys.readouterr().out


def test_the_record_of_a_claim_replays(recorded: Path) -> None:
    assert run("replay", "open-D1-without-no-hotplug", "--folder", str(recorded)) == 0


def test_a_record_is_shown_by_name_and_by_file(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", NAME, "--folder", str(recorded)) == 0
    by_name = capsys.readouterr().out
    assert run("show", str(recorded / f"{NAME}.itf.json")) == 0
    assert capsys.readouterr().out == by_name
    assert "VIOLATED here: for block" in by_name


def rename_step(document: Json) -> None:
    document["states"][2]["#meta"]["tdxcheck"]["action"] = "vanish"


def change_state(document: Json) -> None:
    document["states"][2]["module"] = "READY"


def change_argument(document: Json) -> None:
    last = document["states"][3]["#meta"]["tdxcheck"]
    last["arguments"] = {"cpu": "CPU 9"}


def rename_rule(document: Json) -> None:
    document["#meta"]["tdxcheck"]["rule"] = "no_such_rule"


def drop_variable(document: Json) -> None:
    del document["states"][0]["module"]


def add_variable(document: Json) -> None:
    document["states"][0]["moon"] = True


def cut(document: Json) -> None:
    del document["states"][-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename_step, "stale: step 2: open has no action vanish"),
        (change_state, "stale: step 2: "),
        (change_argument, "stale: step 3: "),
        (rename_rule, "stale: there is no rule 'no_such_rule'"),
        (drop_variable, "nothing is recorded of variable module"),
        (add_variable, "there is no variable moon any more"),
        (cut, "is true at the end"),
    ],
)
def test_a_record_that_was_tampered_with_is_stale(
    recorded: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Json], None],
    said: str,
) -> None:
    path = altered(recorded, tmp_path, change)
    assert run("replay", path) == 1
    assert said in capsys.readouterr().out
    assert run("show", path) == 2
    assert "is stale" in capsys.readouterr().err


def lengthen(document: Json) -> None:
    """Another block is added first, which the violation does not need."""
    states = document["states"]
    indices = {
        name: number for number, (name, _) in enumerate(states[0]["memory"]["#map"])
    }
    hot_add = next(s for s in states if _action(s) == "hot_add")
    block = hot_add["#meta"]["tdxcheck"]["arguments"]["block"]
    other = next(b for b in ("block 1", "block 2") if b != block)
    added = json.loads(json.dumps(states[0]))
    taken = {"action": "hot_add", "arguments": {"block": other}}
    added["#meta"]["tdxcheck"] = taken
    states.insert(1, added)
    enabled = False
    for state in states[1:]:
        state["memory"]["#map"][indices[other]][1] = "ONLINE"
        enabled = enabled or _action(state) == "enable"
        if enabled:
            state["covered"]["#map"][indices[other]][1] = True


def _action(state: Json) -> str:
    return str(state["#meta"].get("tdxcheck", {}).get("action"))


def test_a_record_that_could_be_shorter_is_found_out(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = altered(recorded, tmp_path, lengthen)
    assert run("replay", path) == 1
    said = "not shortest: 6 steps, but 5 are enough"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '{"#meta": {}}', '{"#meta": {"tdxcheck": 1}}', "\0"],
)
def test_a_malformed_file_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "broken.itf.json"
    path.write_text(text)
    for command in ("show", "replay"):
        assert run(command, str(path)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert str(path) in error


def test_a_record_is_forgotten_when_its_rule_holds(tmp_path: Path) -> None:
    stale = tmp_path / "closed-usable_memory_is_covered.itf.json"
    stale.write_text("old")
    arguments = ("--record", "--folder", str(tmp_path), "--engine", "explicit")
    assert run("verify", "closed", *arguments) == 0
    assert not stale.exists()


def test_a_failed_write_leaves_the_old_file(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: str, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    path = tmp_path / "old.txt"
    path.write_text("old")
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space") as failure:
        files.write_whole(path, "new")
    assert failure.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
