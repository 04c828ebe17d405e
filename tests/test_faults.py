"""Seeded faults: cross-checks notice each, and nothing where there is none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tdxcheck
from tests.faults.seeding import ROOT, compiler, faults, stale

FAULTS = faults()
CHECKS = sorted({fault.check for fault in FAULTS})
DOCUMENT = ROOT / "docs" / "verdicts.md"


class Server:
    """The process that puts faults into children of its own."""

    def __init__(self) -> None:
        sources = Path(tdxcheck.__file__).parent.parent
        path = os.pathsep.join(map(str, (sources, ROOT)))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process that puts faults in has ended"
        return line.strip()

    def ask(self, asked: int | str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self._line())
        assert "error" not in found, found["error"]
        return found

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def test_every_fault_has_its_place() -> None:
    """Its text is in its file, once: where that has changed, the list must, too."""
    assert list(stale()) == []


def test_faults_are_different() -> None:
    assert max(Counter((f.file, f.cut, f.put) for f in FAULTS).values()) == 1
    assert max(Counter(map(str, FAULTS)).values()) == 1
    assert all(fault.cut != fault.put for fault in FAULTS)


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_fault_nothing_is_noticed(check: str, server: Server) -> None:
    assert server.ask(check)["noticed"] == ""


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=map(str, FAULTS))
def test_the_fault_is_noticed(number: int, server: Server) -> None:
    fault = FAULTS[number]
    if fault.is_compiled and not compiler():
        pytest.skip("there is no compiler")
    found = server.ask(number)
    assert found["noticed"], f"{fault.check} does not notice it: {fault}"
    assert found["ended"] == fault.ends, found["noticed"]


def test_the_document_counts_them() -> None:
    rows = re.findall(
        r"^\| `tests/faults/(\w+)\.toml` \|.*\| (\d+) \|$", DOCUMENT.read_text(), re.M
    )
    counted = Counter(fault.area for fault in FAULTS)
    assert {area: int(number) for area, number in rows} == counted
    assert counted.total() >= 100
