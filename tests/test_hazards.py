"""docs/hazards.md has every number of the sources' lists, and says of none too much."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tdxcheck.checker.catalogue import Claim, Design, Outcome, Rule, UsageError
from tdxcheck.checker.language import Safeguard
from tdxcheck.models.catalogue import CATALOGUE

TEXT = (Path(__file__).parent.parent / "docs" / "hazards.md").read_text()
GAPS = {7, 12, 18, 26, 39}
"""Numbers that the sources' list of bugs does not have."""
BUGS = [f"B{n}" for n in range(1, 41) if n not in GAPS]
ROWS = (
    ("flush_self_on_kexec", "B1"),
    ("flush_after_last_seamcall", "B14, B37"),
    ("wbinvd_before_key_config", "B27"),
    ("reject_at_online_not_add", "B6"),
    ("notifier_registered", "A2"),
    ("mem lock over init", "A2"),
    ("retry_no_entropy", "B11"),
    ("last_cpu_of_package", "B28"),
    ("hkid_count_exact", "B17"),
    ("bringup_error_propagated", "B16"),
    ("stop_update_on_failure", "B19"),
    ("avoid_compat_sensitive", "B21"),
    ("kexec_ban_pw_mce or sys_disable_ok", "B25"),
    ("boot_scan_excluded", "B3"),
    ("no_bug_on_env_event", "B4"),
)
OUTSIDE = {"B10"}
"""What is judged by another command than `tdxcheck verify`."""
NO_DESIGN = "tdxcheck layout B10-sixteen-fragments", "building_fails", "v8"


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> list[Design | Rule | Claim | Safeguard]:
    names = [n for n in re.findall(r"`([^`]+)`", cell) if n not in NO_DESIGN]
    return [CATALOGUE.entry(name) for name in names]  # type: ignore[misc]


BUG_ROWS = {row[0]: row for row in table("Bugs")}


def test_every_bug_has_its_row() -> None:
    assert list(BUG_ROWS) == BUGS
    known = {claim.expected.bug for claim in CATALOGUE.claims} | set(CATALOGUE.bugs)
    assert {bug for bug in known if bug.startswith("B")} == set(BUGS) - OUTSIDE


def test_every_row_of_the_guards_is_there_with_its_bug() -> None:
    rows = table("Guards of the sources' table")
    assert [(row[0], row[1]) for row in rows] == list(ROWS)


def test_every_obligation_has_a_place() -> None:
    rows = table("What firmware leaves to the host")
    assert [row[0] for row in rows] == [str(n) for n in range(1, 15)]
    for row in rows:
        assert named(row[2]), row


@pytest.mark.parametrize("bug", BUGS)
def test_what_is_said_of_a_bug_is_so(bug: str) -> None:
    """A guard bears its number; a rule, of a design, or a claim is refuted under it."""
    judged = BUG_ROWS[bug][2]
    guards = judged.partition("guard: ")[2]
    for entry in named(guards):
        if isinstance(entry, Safeguard):
            owners = [d for d in CATALOGUE.designs if entry in d.system.safeguards]
            assert bug in entry.bugs, entry.name
            assert owners, entry.name
    if judged.startswith("run"):
        entries = named(judged)
        claims = [e.expected for e in entries if isinstance(e, Claim)]
        rules = [e.id for e in entries if isinstance(e, Rule)]
        designs = [e for e in entries if isinstance(e, Design)]
        known = [d.expected[r] for d in designs for r in rules if r in d.expected]
        refuted = [e for e in [*claims, *known] if e.outcome is Outcome.REFUTED]
        assert any(e.bug == bug for e in refuted)
    elif bug not in OUTSIDE:
        assert "guard: " in judged


@pytest.mark.parametrize(
    "row", table("Guards of the sources' table"), ids=lambda r: r[0]
)
def test_what_a_guards_row_names_is_there(row: list[str]) -> None:
    taken, broken = named(row[2]), named(row[3])
    assert all(isinstance(entry, Rule) for entry in broken)
    assert broken
    guards = [entry for entry in taken if isinstance(entry, Safeguard)]
    for guard in guards:
        assert any(
            guard in entry.system.safeguards
            for entry in (*taken, *CATALOGUE.designs)
            if isinstance(entry, Design)
        )


def test_a_name_that_nothing_bears_is_found() -> None:
    with pytest.raises(UsageError):
        named("`flushes_the_kitchen`")
