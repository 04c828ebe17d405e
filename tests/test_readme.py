"""The README quotes what the program says, and CI runs the command it gives."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(marker: str) -> str:
    """The fenced block that follows a comment beginning with the marker."""
    found = re.search(rf"<!-- {marker}.*? -->\n```\n(.*?)\n```", README, re.DOTALL)
    assert found, marker
    return found.group(1)


def test_the_excerpt_is_of_the_recorded_trace() -> None:
    recorded = ROOT / "counterexamples" / "B1-v3-no_private_line_survives_kexec.txt"
    assert block("excerpt") in recorded.read_text()


def test_there_are_two_commands_of_one_line_each() -> None:
    for marker in ("run", "tests"):
        assert "\n" not in block(marker)
        assert block(marker).startswith("python3 -m venv .venv && ")


def test_ci_runs_the_command_that_passes_the_tests() -> None:
    assert "<!-- tests -->" in (ROOT / ".ci" / "run").read_text()
