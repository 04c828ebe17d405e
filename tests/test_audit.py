"""tdxcheck audit and replay --events: through the command line, on files."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli import main
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging.question import case_of
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.logs.applying import applied
from tdxcheck.models.logs.events import EVENTS, KINDS, stream_of
from tdxcheck.models.logs.observed import CALLEES, MARKS, alternatives
from tdxcheck.models.logs.timeline import FORMS
from tests.hostlogs import audit_text, expected, texts

NAMES = sorted(expected())
WELL = "host-1tib-4cmr-68intel"
IMPOSSIBLE = {"doc-upstream-hibernation": 3}
"""A document's two ways to fail, shown as if they were one boot."""

STREAM = """\
{"format": "tdxcheck-events", "design": "v6.8", "module": "1.5", "cpus": {"1": 1}}
{"t": 1.0, "event": "kvm_load"}
{"t": 1.1, "event": "seamcall", "cpu": 0, "leaf": 33, "status": "0x0"}
{"t": 1.2, "event": "seamcall", "cpu": 0, "leaf": "TDH.SYS.LP.INIT", "status": 0}
{"t": 1.3, "event": "seamcall", "cpu": 1, "leaf": 35, "status": 0}
{"t": 1.4, "event": "seamcall", "cpu": 0, "leaf": 34, "status": 0}
{"t": 1.5, "event": "seamcall", "cpu": 0, "leaf": 45, "status": 0}
{"t": 1.6, "event": "seamcall", "cpu": 0, "leaf": 31, "status": 0}
{"t": 1.7, "event": "seamcall", "cpu": 1, "leaf": 31, "status": 0}
{"t": 1.8, "event": "seamcall", "cpu": 0, "leaf": 36, "status": 0}
{"t": 1.9, "event": "seamcall", "cpu": 0, "leaf": 36, "status": 0}
{"t": 2.0, "event": "initialized"}
{"t": 3.0, "event": "td_create", "cpu": 0}
{"t": 3.1, "event": "seamcall", "cpu": 0, "leaf": 8, "status": 0}
{"t": 3.2, "event": "seamcall", "cpu": 1, "leaf": 8, "status": 0}
{"t": 3.3, "event": "seamcall", "cpu": 1, "leaf": 0, "status": 0}
{"t": 4.0, "event": "cpu_offline", "cpu": 1, "told": -16}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / f"{name}.log").write_text(texts()[name], encoding="utf-8")
    return tmp_path


def documents(
    capsys: pytest.CaptureFixture[str], *logs: str
) -> tuple[int, list[dict[str, Any]]]:
    status = main(["audit", "--format", "json", *logs])
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "tdxcheck-audit"
    return status, document["logs"]


def test_a_folder_of_logs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each real log is a run of the design that it matches, but for one."""
    status, logs = documents(capsys, str(folder))
    assert status == 1
    by_name = {Path(log["log"]).stem: log for log in logs}
    assert sorted(by_name) == NAMES
    for name, log in by_name.items():
        wanted = expected()[name]["expect"].get("status")
        assert wanted in (None, log["status"]), name
        trace = log["trace"]
        if name in IMPOSSIBLE:
            assert trace["result"] == "impossible"
            assert trace["line"] == IMPOSSIBLE[name]
            assert "Hibernation" in trace["text"]
            assert trace["nearest"] in trace["possible"]
        elif trace is not None:
            assert trace["result"] == "possible", name
    gap = by_name["ct153-td-teardown"]["trace"]
    assert gap is None or gap["gaps"] == ["module initialized"]


@pytest.mark.parametrize("name", NAMES)
def test_pages_fit_and_are_printable(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["audit", str(folder / f"{name}.log")])
    told = capsys.readouterr()
    assert told.err == ""
    assert expected()[name]["expect"].get("status", "") in told.out
    for line in told.out.splitlines():
        assert line.isprintable()
        assert len(line) <= 100 or " " not in line.strip()[:80]
    assert status == {"initialised": 0, "failed": 1}.get(
        expected()[name]["expect"].get("status", ""), status
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("virt/tdx: module initialized\nvirt/tdx: module initialization failed (-5)",
         2),
        ("virt/tdx: module not loaded\nvirt/tdx: module initialized", 2),
        ("virt/tdx: 8 KB allocated for PAMT\n"
         "virt/tdx: initialization failed: TDMRs exhausted.", 2),
        ("virt/tdx: BIOS enabled: private KeyID range [1, 2)\n"
         "virt/tdx: initialization failed: too few private KeyIDs available.\n"
         "virt/tdx: module initialized", 3),
        ("virt/tdx: module initialized\n"
         "[BIOS bug]: Platform doesn't support ACPI CPU hotplug.  New CPU ignored.", 2),
    ],
)  # fmt: skip
def test_what_no_run_shows_is_found(
    text: str, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.write_text(f"Linux version 6.8.0 (a@b)\n{text}\n")
    status, (log,) = documents(capsys, str(path))
    assert status == 1
    assert log["trace"]["result"] == "impossible"
    assert log["trace"]["line"] == line + 1


@pytest.mark.parametrize(
    ("text", "design"),
    [
        # Memory that was added before TDX started lies in no CMR.
        ("virt/tdx: SEAMCALL (0x000000000000002d) failed: 0xc0000a0200000003\n"
         "virt/tdx: module initialization failed (-5)", "v6.8"),
        # Of the designs that print it, v5 never comes to it.
        ("tdx: [0x100000000, 0x880000000) is not fully convertible memory", "v3"),
        # A patch for debugging prints the version last.
        ("virt/tdx: 4071192 KB allocated for PAMT\n"
         "virt/tdx: module verson: 1.5.1.0\nvirt/tdx: module initialized", "v6.8"),
    ],
)  # fmt: skip
def test_the_design_is_one_that_can_behave_so(
    text: str, design: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.write_text(f"{text}\n")
    _, (log,) = documents(capsys, str(path))
    assert log["trace"]["result"] == "possible"
    assert log["design"]["design"] == log["trace"]["design"] == design


def test_every_seamcall_of_the_model_is_a_leaf_of_which_logs_tell() -> None:
    """But for the loader's, of which kernels say nothing until they fail."""
    made = set()
    for key in ("v3", "v5", "v6.8", "v7.2", "dpamt"):
        sizes = {"cpus": 1, "packages": 1, "blocks": 2}
        instance = case_of(CATALOGUE, CATALOGUE.design(key), (), sizes, ()).instance
        system = ground(instance.system, instance.scope)
        made |= {call.callee for step in system.steps for call in step.action.calls}
    known = frozenset().union(*CALLEES.values())
    assert known <= made
    assert all(name.startswith("seamldr_install") for name in made - known)


@pytest.mark.parametrize("design", [d.key for d in CATALOGUE.designs])
def test_rules_are_told_as_they_are_recorded(design: str) -> None:
    audit = audit_text(texts()[WELL])
    rows = applied(CATALOGUE, design, audit.boot, audit.facts)
    known = CATALOGUE.design(design).expected
    assert [row.rule for row in rows] == [rule.id for rule in CATALOGUE.rules]
    assert {r.rule: r.outcome for r in rows if r.rule in known} == {
        rule: known[rule].outcome for rule in known
    }


def test_rules_are_judged_on_the_machine_of_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module 1.5 is not an older one, and this processor has the erratum."""
    path = tmp_path / "log"
    path.write_text(
        "Linux version 6.8.0 (a@b)\n"
        "smpboot: CPU0: Intel(R) Xeon(R) (family: 0x6, model: 0xcf, stepping: 0x2)\n"
        "virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, "
        "minor_version 5, build_date 20240725, build_num 784\n"
        "virt/tdx: module initialized\n"
    )
    outcomes = []
    for more in ((), ("--judge",)):
        _, (log,) = documents(capsys, str(path), *more)
        assert log["facts"]["partial_write_erratum"] is True
        outcomes.append({row["rule"]: row["outcome"] for row in log["rules"]})
    recorded, judged = outcomes
    assert recorded["an_older_module_is_not_final"] == "refuted"
    assert judged["an_older_module_is_not_final"] != "refuted"
    assert judged["no_key_is_stranded"] == "refuted"
    assert set(judged) == set(recorded)


def test_marks_are_of_lines_that_exist() -> None:
    assert set(MARKS) <= set(FORMS.by_key)
    for design in ("v3", "v6.8", "v7.1"):
        for text, _ in alternatives(design):
            assert FORMS.lines(re.sub(r"\bN\b", "1", text)), text


def test_memory_that_a_machine_has_decides_which_rules_apply() -> None:
    pmem = (
        "BIOS-e820: [mem 0x0000000880000000-0x00000027ffffffff] persistent (type 7)\n"
    )
    ram = "BIOS-e820: [mem 0x0000000000100000-0x000000005d168fff] usable\n"
    both = audit_text(ram + pmem)
    plain = audit_text(ram)
    concern = "NVDIMM and CXL"
    for audit, applies in ((both, True), (plain, False)):
        rows = applied(CATALOGUE, "v3", audit.boot, audit.facts)
        assert {r.applies for r in rows if r.concern == concern} <= {applies, False}
        assert any(r.applies for r in rows if r.concern == concern) is applies


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (1050640, "PAMT 1050640 KB, as the CMRs ask for"),
        (1050644, "where the CMRs ask for 1050640: 1 TDMR more, for a table of 4 KB"),
        (1050641, "where the CMRs ask for 1050640."),
    ],
)
def test_the_size_of_pamts_is_compared_with_the_cmrs(
    printed: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The CMRs of a host whose kernel made one TDMR more than there are CMRs."""
    cmrs = [(0x100000, 0x77800000), (0x100000000, 0x1FFE000000),
            (0x4000000000, 0x6000000000), (0x8000000000, 0x8080000000)]  # fmt: skip
    path = tmp_path / "log"
    path.write_text(
        "".join(f"virt/tdx: CMR: [{a:#x}, {b:#x})\n" for a, b in cmrs)
        + f"virt/tdx: {printed} KBs allocated for PAMT\nvirt/tdx: module initialized\n"
    )
    assert main(["audit", str(path)]) == 0
    assert says in " ".join(capsys.readouterr().out.split())


# Files.


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = io.BytesIO(gzip.compress(texts()[WELL].encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(data)))
    assert main(["audit", "-"]) == 0
    assert "standard input: initialised" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["/nowhere/log"], ["-", "-"], ["empty"], ["cut.gz"], []],
    ids=["missing", "twice", "empty folder", "no archive", "nothing"],
)
def test_what_cannot_be_read_is_one_line(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00garbage")
    assert main(["audit", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_control_characters_are_never_echoed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log\x1b[31m"
    path.write_bytes(
        b"Linux version 6.8\x1b]0;owned\x07.0 (a)\n"
        b"DMI: \x1b[2J\xe2\x80\xae, BIOS\n"
        b"Command line: kvm_intel.tdx=\x1b[1m1 crashkernel=\x9b2J\n"
        b"virt/tdx: TDX module \x1b[5m1.5, build number 5, build date \x1b[31m\n"
        b"SEAMCALL \x1b[2JTDH failed: 0xc000030000000001\n"
        b"virt/tdx: module initialized\x1b[0m\x00\x08\x7f\n"
    )
    for arguments in ([str(path)], ["--format", "json", str(path)]):
        main(["audit", *arguments])
        told = capsys.readouterr()
        for text in (told.out, told.err):
            assert all(c.isprintable() or c == "\n" for c in text)


def test_help_and_status_answer_at_once() -> None:
    run = "from tdxcheck.checker.cli import main; main()"
    best = 9.0
    for _ in range(5):
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-c", run, "--help"],
            check=True, capture_output=True, env=os.environ,
        )  # fmt: skip
        best = min(best, time.monotonic() - started)
    assert best < 0.5


# Streams of events.


def follow_events(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str]:
    path = tmp_path / "events.jsonl"
    path.write_text(text, encoding="utf-8")
    status = main(["replay", "--events", str(path), *more])
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_stream_that_is_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = follow_events(STREAM, tmp_path, capsys)
    assert status == 0
    assert "a run of v6.8: 14 events" in out


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"told": -16', '"told": 0', 17),
        ('"told": -16', '"told": -22', 17),
        ('{"t": 1.3, "event": "seamcall", "cpu": 1, "leaf": 35, "status": 0}\n', "", 6),
        ('{"t": 1.7, "event": "seamcall", "cpu": 1, "leaf": 31, "status": 0}\n', "", 9),
        ('{"t": 1.5, "event": "seamcall", "cpu": 0, "leaf": 45, "status": 0}\n', "", 7),
        ('33, "status": "0x0"', '33, "status": "0xc000050000000000"', 3),
        ('{"t": 2.0, "event": "initialized"}\n', "", 12),
    ],
)  # fmt: skip
def test_a_stream_that_is_none_parts_where_it_does(
    old: str, new: str, line: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in STREAM
    status, out = follow_events(STREAM.replace(old, new), tmp_path, capsys)
    if "initialized" in old:
        # Nothing says that this is seen whenever it happens.
        assert status == 0
        return
    assert status == 1, out
    assert f"line {line} is the first that is illegal" in out


def test_another_design_takes_other_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = follow_events(STREAM, tmp_path, capsys, "--design", "v7.1")
    assert status == 1
    assert "no run of v7.1: line 3" in out or "no run of v7.1: line 2" in out


def test_what_may_be_lost_is_filled_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lossy = STREAM.replace('"module"', '"complete": false, "module"')
    less = "".join(x for x in lossy.splitlines(True) if '"leaf": 31' not in x)
    assert follow_events(less, tmp_path, capsys)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"event": "no such"}',
        '{"event": 3}',
        '{"event": "seamcall", "leaf": 33}',
        '{"event": "seamcall", "leaf": "TDH.NO", "status": 0}',
        '{"event": "cpu_online", "cpu": -1}',
        '{"event": "cpu_online", "cpu": 1, "told": "no"}',
        '{"event": "memory_online"}',
        '{"event": "memory_online", "block": 1, "kind": "rom"}',
        '{"format": "tdxcheck-events", "cpus": {"a": 1}}',
        '{"format": "tdxcheck-events", "design": 1}',
        '{"format": "tdxcheck-events", "module": "3"}',
        '{"format": "tdxcheck-events", "design": "v9.9"}\n{"event": "kvm_load"}',
        "".join(f'{{"event": "cpu_online", "cpu": {n}}}\n' for n in range(40)),
        '{"event": "\x1b[2J"}',
        "[" * 4000,
        "x" * 10_000,
    ],
)
def test_what_is_no_stream_is_one_line(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = follow_events(text, tmp_path, capsys)
    assert status == 2
    assert out.count("\n") == 1
    assert "\x1b" not in out


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.text(max_size=8),
    st.sampled_from((*EVENTS, *KINDS, "seamcall", "initialized", "0x0")),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
MEMBERS = ("event", "cpu", "block", "kind", "leaf", "status", "told", "package",
           "format", "cpus", "complete")  # fmt: skip


@given(
    st.lists(
        st.dictionaries(st.sampled_from(MEMBERS), VALUES).map(json.dumps)
        | st.text(max_size=20),
        max_size=5,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_lines_are_a_stream_or_an_error(lines: list[str]) -> None:
    try:
        stream = stream_of(lines, "a stream")
    except UsageError as error:
        assert "line" in str(error)
        return
    sizes, _ = stream.machine()
    assert all(number >= 1 for number in sizes.values())
