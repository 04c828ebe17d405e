"""The script that traces a host: what it prints is a stream of events, field by field.

The sample was recorded: bpftrace 0.17 ran the script's probes on the functions of
`functions.c`, which have the names and arguments of the kernel's.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tdxcheck.checker.observation import Refused, Step
from tdxcheck.models.logs.events import EVENTS, stream_of
from tdxcheck.models.logs.observed import CALLEES
from tdxcheck.spec.host import Told
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.status import Status

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "tdx-events.bt"
TRACED = Path(__file__).parent / "data" / "traced"
LINES = (TRACED / "events.jsonl").read_text(encoding="utf-8").splitlines()


def formats() -> list[re.Pattern[str]]:
    """What the script's printf() calls print."""
    found = re.findall(r'printf\("(.*)\\n"', SCRIPT.read_text(encoding="utf-8"))
    patterns = []
    for text in found:
        text = re.escape(text.replace('\\"', '"'))
        for code, kind in (("%llu", r"\d+"), ("%llx", "[0-9a-f]+"), ("%d", r"-?\d+"),
                           ("%s", r"[a-z_]+")):  # fmt: skip
            text = text.replace(re.escape(code), kind)
        patterns.append(re.compile(text))
    return patterns


def test_the_sample_has_every_line_that_the_script_prints() -> None:
    assert len(formats()) == 4
    for pattern in formats():
        assert any(pattern.fullmatch(line) for line in LINES), pattern.pattern
    for line in LINES:
        assert any(pattern.fullmatch(line) for pattern in formats()), line


def test_every_field_arrives() -> None:
    """In the order of the calls of `functions.c`."""
    stream = stream_of(LINES, "sample")
    assert not stream.skipped
    sights = [seen.observed.sights[0] for seen in stream.seen]
    assert stream.packages == {1: 0}
    assert list(stream.blocks) == [2, 7]
    first = {Cpu: 0}
    dram, other = {Block: 1}, {Block: 2}
    steps = [sight for sight in sights if isinstance(sight, Step)]
    events = [(step.event, step.arguments) for step in steps if step.event]
    assert events == [
        (EVENTS["cpu_online"], first),
        (EVENTS["memory_online"], dram),
        (EVENTS["memory_offline"], dram),
    ]
    calls = [
        (s.callees, s.answers or s.refused, s.arguments) for s in steps if s.callees
    ]
    succeeded = frozenset({Status.TDX_SUCCESS})
    assert calls == [
        (CALLEES[33], succeeded, first),
        (CALLEES[35], succeeded, first),
        (CALLEES[34], frozenset({Status.TDX_SYS_NOT_READY}), first),
        (CALLEES[36], succeeded, first),
        (CALLEES[44], frozenset({Status.TDX_RND_NO_ENTROPY}), first),
    ]
    refused = [sight for sight in sights if isinstance(sight, Refused)]
    assert [(each.event, each.arguments, each.told) for each in refused] == [
        (EVENTS["cpu_offline"], first, Told("-EBUSY")),
        (EVENTS["memory_online"], other, Told("-EPERM")),
    ]
    assert [json.loads(line).get("told") for line in LINES if "told" in line] == [
        0, 0, -errno.EBUSY, -errno.EPERM, 0,
    ]  # fmt: skip


@pytest.mark.skipif(
    shutil.which("bpftrace") is None or os.geteuid() != 0,
    reason="no bpftrace, or not root",
)
def test_bpftrace_takes_the_script() -> None:
    """Older versions have only -d for a dry run."""
    runs = [
        subprocess.run(
            ["bpftrace", option, str(SCRIPT)],
            capture_output=True, text=True, check=False,
        )
        for option in ("--dry-run", "-d")
    ]  # fmt: skip
    assert any(run.returncode == 0 for run in runs), [run.stderr for run in runs]
