"""The JSON of every command is what its published schema says, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.main import TDX, Context, main
from tdxcheck.checker.cli.schema import ENDING, FOLDER
from tdxcheck.checker.judging.work import ENGINES
from tests.demo import DEMO
from tests.hostlogs import texts
from tests.kettle import catalogue
from tests.test_cli import COVERED, with_expectation

DATA = Path(__file__).parent / "data"
MAPS = sorted((DATA / "memmaps").glob("*.json"))
NAMES = sorted(p.name.removesuffix(ENDING) for p in FOLDER.iterdir())


def schema(name: str) -> Any:
    return json.loads((FOLDER / f"{name}{ENDING}").read_text(encoding="utf-8"))


def closed(part: Any) -> Any:
    """The schema, that takes no member that it does not tell of."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: closed(value) for key, value in part.items()}
    if "properties" in part and "required" in part:
        made["additionalProperties"] = False
    return made


def check(name: str, document: Any) -> None:
    jsonschema.validate(document, schema(name))
    jsonschema.validate(document, closed(schema(name)))


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, catalogue: Catalogue | None = None) -> Any:
        given = Context(lambda: catalogue, lambda: ENGINES) if catalogue else TDX
        status = main([*arguments, "--format", "json"], given)
        document = json.loads(capsys.readouterr().out)
        assert document.get("exit", status) == status
        return document

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_is_printed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out) == schema(name)


def test_every_command_with_json_has_a_schema(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["schema", "--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in NAMES)
    with_json = []
    main(["--help"])
    commands = [
        line.split()[0]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("    ") and line[4:5].isalpha()
    ]
    for command in commands:
        main([command, "--help"])
        if "--format" in capsys.readouterr().out:
            with_json.append(command)
    assert sorted(with_json) == NAMES


@pytest.mark.parametrize("judged", [DEMO, with_expectation(None)])
def test_verify(judged: Catalogue, printed: Any) -> None:
    document = printed("verify", catalogue=judged)
    check("verify", document)
    kinds = {verdict["verdict"]["kind"] for verdict in document["verdicts"]}
    assert {"exhausted", "refuted", "reached", "vacuous"} <= kinds
    assert any(verdict["trace"] for verdict in document["verdicts"])


def test_verify_with_limits_and_orbits(printed: Any) -> None:
    limits = ("--engine", "explicit", "--depth", "2")
    document = printed("verify", "closed", "--rule", COVERED, *limits, catalogue=DEMO)
    check("verify", document)
    assert document["result"] == "undecided"
    engines = ("--engine", "orbits", "--engine", "symbolic")
    check("verify", printed("verify", "open", *engines, catalogue=DEMO))


@pytest.mark.parametrize("redundant", [True, False])
def test_guards(redundant: bool, printed: Any) -> None:
    kettles = catalogue() if redundant else catalogue(redundant={})
    document = printed("guards", catalogue=kettles)
    check("guards", document)
    by_name = {each["safeguard"]: each for each in document["safeguards"]}
    assert by_name["stops_when_hot"]["broken"]
    handle = by_name["has_a_handle"]
    assert handle["standing"] == ("as expected" if redundant else "unexpected")
    assert (handle["redundant"] is not None) is redundant


def test_diff(printed: Any) -> None:
    document = printed("diff", "open", "closed", catalogue=DEMO)
    check("diff", document)
    assert document["replaced"] == [{"one": "hot_add", "other": "hot_add_unless_ready"}]
    changed = [v["rule"] for v in document["verdicts"] if v["changes"]]
    assert changed == [COVERED]
    same = printed("diff", "open", "open", catalogue=DEMO)
    check("diff", same)
    assert same["same"] and not same["verdicts"]


def test_matrix(printed: Any) -> None:
    document = printed("matrix", "--jobs", "1", catalogue=catalogue())
    check("matrix", document)
    by_name = {each["design"]: each for each in document["designs"]}
    broken = [r["rule"] for r in by_name["plain"]["rules"] if r["broken_on"]]
    assert broken == ["never_boils_dry"]


def test_audit(printed: Any, tmp_path: Path) -> None:
    names = sorted(texts())[::5]
    for name in names:
        (tmp_path / f"{name}.log").write_text(texts()[name], encoding="utf-8")
    document = printed("audit", str(tmp_path))
    check("audit", document)
    assert len(document["logs"]) == len(names) > 3


def test_audit_of_what_no_run_shows(printed: Any, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("virt/tdx: module not loaded\nvirt/tdx: module initialized\n")
    document = printed("audit", str(path))
    check("audit", document)
    assert document["logs"][0]["trace"]["result"] == "impossible"


def test_replay(printed: Any, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    loaded = '{"event": "kvm_load"}\n'
    call = '{"event": "seamcall", "cpu": 0, "leaf": 33, "status": 0}\n'
    path.write_text(loaded + call)
    document = printed("replay", "--events", str(path))
    check("replay", document)
    assert document["result"] == "possible"
    assert [s["line"] for s in document["steps"] if s["line"]] == [1, 2]
    path.write_text(loaded + '{"event": "initialized"}\n' + call)
    document = printed("replay", "--events", str(path))
    check("replay", document)
    assert (document["result"], document["line"]) == ("impossible", 2)
    assert document["after"]["line"] == 1


def test_replay_of_traces_prints_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--format", "json"]) == 2
    assert "--format is for --events" in capsys.readouterr().err


def test_status(printed: Any) -> None:
    check("status", printed("status", "0", "0xc000050500000000", "0x8000020000000201"))


@pytest.mark.parametrize("path", MAPS[::4], ids=lambda path: path.stem)
def test_layout(path: Path, printed: Any) -> None:
    check("layout", printed("layout", str(path)))


def test_lines(printed: Any) -> None:
    told = printed("lines", "closed", "--all", catalogue=DEMO)
    check("lines", told)
    assert {line["need"] for line in told["lines"]} >= {"breaks", "changes nothing"}


def test_coverage(printed: Any) -> None:
    check("coverage", printed("coverage", "closed", catalogue=DEMO))
