"""tdxcheck layout: exit codes, text, JSON and drawings, and errors in one line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from tdxcheck.checker.cli.main import main
from tests.memory_maps import DATA, LOGS, REAL, RECORDED, ROOT
from tests.test_memory_maps import fake

MAPS = DATA / "memmaps"
GOOD = MAPS / "cmr-1tib-4domains.json"
BAD = MAPS / "emr-foxcreekpass-reserved-exhausted.json"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    main(["layout", *arguments, "--format", "json"])
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("path", "kernel", "status"),
    [
        (GOOD, "v6.8", 0),
        (GOOD, "v3", 0),
        (BAD, "v6.8", 1),
        (BAD, "v7.2", 1),
        (BAD, "cmr-holes", 0),
        (MAPS / "optane-type7-kmem-nodev.json", "v6.8", 3),
        (DATA / "hostlogs" / "ct135-emr-exhausted.log", "v6.8", 1),
        (DATA / "hostlogs" / "ct135-emr-fixed.log", "v6.8", 0),
    ],
)
def test_the_exit_code_says_what_comes_of_it(
    path: Path, kernel: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["layout", str(path), "--kernel", kernel]) == status
    out = capsys.readouterr().out
    word = {0: ": works: ", 1: ": FAILS: ", 3: ": undecided: "}[status]
    assert word in out.splitlines()[1]


@pytest.mark.parametrize("path", [*REAL, *LOGS, *RECORDED], ids=lambda path: path.name)
def test_the_text_fits_the_terminal_and_has_what_the_json_has(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["layout", str(path)])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    data = as_json(capsys, str(path))
    assert {True: 0, False: 1, None: 3}[data["works"]] == status
    words = " ".join(text.split())
    assert data["reason"] in words
    for share in data["memory"]:
        assert share["what"] in words
    for change in data["changes"]:
        assert change["effect"] in words
    if data["pamt_kb"]:
        assert f"{data['pamt_kb']:,} KB" in words
        assert f"TDMR {len(data['tdmrs']) - 1} " in text


def test_the_numbers_of_the_json_are_those_of_the_host(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = as_json(capsys, str(GOOD))
    assert data["pamt_kb"] == data["pamt_kb_printed"] == 4202516
    assert data["status"] == {"name": "TDX_SUCCESS", "code": "0x0000000000000000"}
    assert data["tdmrs_left"] == 59
    assert sum(tdmr["pamt"][1] for tdmr in data["tdmrs"]) == 4202516 * 1024
    assert data["legal"]["exists"] is True
    assert len(data["legal"]["layout"]) == data["legal"]["fewest_tdmrs"] == 1
    assert [each["kernel"] for each in data["kernels"]][:2] == ["v3", "v5"]
    assert all(each["works"] for each in data["kernels"])


def test_another_kernel_is_known_by_its_designs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = {
        name: as_json(capsys, str(BAD), "--kernel", name)["kernel"]
        for name in ("document-only", "v6", "v13", "v7.2", "dpamt", "cmr-holes")
    }
    assert list(told.values()) == ["v3", "v5", "v8", "v6.8", "dpamt", "cmr-holes"]
    assert main(["layout", str(BAD), "--kernel", "v7.22"]) == 2
    assert "there is no kernel 'v7.22'" in capsys.readouterr().err


def test_the_drawing_is_to_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "map.svg"
    assert main(["layout", str(GOOD), "--svg", str(place)]) == 0
    root = ElementTree.parse(place).getroot()
    name = "{http://www.w3.org/2000/svg}"
    told = {
        each.findtext(f"{name}title", ""): float(each.get("width", "0"))
        for each in root.iter(f"{name}rect")
    }
    # Of the first TDMR, 2 GiB, is 1 MiB a hole, and 0x77700000 memory.
    memory = told["for TDs to use: [0x100000, 0x77800000)"]
    hole = told["reserved in the TDMR: a hole: [0x77800000, 0x80000000)"]
    assert memory / hole == pytest.approx(0x77700000 / 0x8800000, rel=0.01)
    assert main(["layout", str(GOOD), "--svg", str(tmp_path / "no" / "map.svg")]) == 2
    assert "map.svg: No such file or directory" in capsys.readouterr().err


def test_a_hostile_name_is_not_echoed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "a\x1b[31m<b>.json"
    data = json.loads(GOOD.read_text())
    data["notes"] = "\x1b]0;owned\x07 and\nmore"
    place.write_text(json.dumps(data))
    drawing = tmp_path / "map.svg"
    assert main(["layout", str(place), "--svg", str(drawing)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out
    ElementTree.parse(drawing)
    place.write_text("garbage")
    assert main(["layout", str(place)]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("/no/such/map",), "/no/such/map: No such file or directory"),
        (("/",), "/: Is a directory"),
        ((str(GOOD), "--root", "/"), "--root is for 'tdxcheck layout live'"),
        (("live", "--root", "/no/such"), "tells of memory"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["layout", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(GOOD.read_bytes())))
    monkeypatch.setattr(sys, "stdin", given)
    assert main(["layout", "-"]) == 0
    assert capsys.readouterr().out.startswith("standard input: 1,023.58 GiB")


def test_a_live_machine_with_added_memory_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(tmp_path)
    assert main(["layout", "live", "--root", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "TDX_PAMT_OUTSIDE_CMRS (TDMR 3" in out
    assert "mends  without what a driver has added, [0x200000000, 0x240000000)" in out
    # It does not list what was added, so a TD may get memory that is in no TDMR.
    assert main(["layout", "live", "--root", str(tmp_path), "--kernel", "v3"]) == 1
    assert "a TD that gets it fails" in " ".join(capsys.readouterr().out.split())
    assert "memory outside every CMR" in " ".join(out.split())


def test_nothing_heavy_is_loaded_for_help() -> None:
    code = (
        "import sys\n"
        "from tdxcheck.checker.cli.main import main\n"
        "main(['layout', '--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('z3', 'rich', 'networkx')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_kernel_is_the_one_that_the_log_is_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "dmesg.log"
    log.write_text(
        "Linux version 5.19.0\n"
        "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
        "tdx: BIOS enabled: private KeyID range [32, 64)\n"
        "tdx: module initialized.\n"
    )
    assert as_json(capsys, str(log))["kernel"] == "v5"
    assert as_json(capsys, str(log), "--kernel", "v7")["kernel"] == "v7"
    main(["layout", str(log)])
    assert "The log is of a kernel like v5" in capsys.readouterr().out
    # A map that is no log tells no kernel.
    assert as_json(capsys, str(GOOD))["kernel"] == "v6.8"


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize(
    "name",
    [
        "tests/data/memmaps/cmr-3tib-4domains.json",
        "tests/data/memmaps/qssc-s4r-srat-hotplug.json",
        "counterexamples/memory-maps/sixty-five-tdmrs.json",
    ],
)
def test_everything_fits_into_the_terminal(
    name: str,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    main(["layout", str(ROOT / name)])
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "|" in told
    assert max(map(len, told.splitlines())) <= width
