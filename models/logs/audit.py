"""An audit: everything that a log says of a TDX host, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tdxcheck.models.logs import facts as values
from tdxcheck.models.logs import statuses
from tdxcheck.models.logs.facts import Call, Facts, facts_of
from tdxcheck.models.logs.form import Role
from tdxcheck.models.logs.matching import Match, matched
from tdxcheck.models.logs.reading import LogError, Readable, lines, named, opened
from tdxcheck.models.logs.timeline import Boot, Event, timeline
from tdxcheck.models.logs.verdict import Status, Verdict, verdict_of
from tdxcheck.spec.decoding import decode

SHOWN: Final = 60
"""Events of a timeline that are told."""

BAD: Final = frozenset(
    {
        Status.FAILED,
        Status.KEXEC_REFUSED,
        Status.HOT_ADD_REFUSED,
        Status.HOT_ADD_FAILED,
        Status.ONLINE_FAILED,
        Status.CPU_REFUSED,
        Status.TD_REFUSED,
        Status.CRASHED,
        Status.OOPS,
        Status.MACHINE_CHECK,
    }
)
"""Headlines that say that something went wrong, or was refused."""


@dataclass
class BootAudit:
    """One boot, judged."""

    boot: Boot
    facts: Facts
    verdict: Verdict
    match: Match | None

    @property
    def events(self) -> list[Event]:
        """What its timeline tells: not the memory map."""
        roles = (Role.MACHINE, Role.NOTE)
        return [
            e
            for e in self.boot.events
            if e.form.role not in roles or e.key in ("s3_off", "kexec_off")
        ]


@dataclass
class LogAudit:
    """A log, judged boot by boot."""

    name: str
    boots: list[BootAudit]
    """At least one; the last is the one that is told in full."""
    notes: list[str] = field(default_factory=list)

    @property
    def last(self) -> BootAudit:
        """The last boot that says anything of TDX, or simply the last."""
        for audit in reversed(self.boots):
            if audit.verdict.status is not Status.NONE:
                return audit
        return self.boots[-1]


def audit_of(path: Path | None) -> LogAudit:
    """The log in a file, or on standard input if there is none.

    Errors: OSError, LogError.
    """
    with opened(path) as file:
        return audit_stream(file, named(path))


def audit_stream(file: Readable, name: str) -> LogAudit:
    """The same of an open file; errors: LogError."""
    log = timeline(lines(file, name))
    boots = [judged(boot) for boot in log.boots or [Boot()]]
    notes = list(log.notes)
    if any(audit.boot.reordered for audit in boots):
        notes.append("lines were not in the order of their stamps; these were followed")
    notes += [
        f"the memory map was not taken: {audit.facts.no_map}"
        for audit in boots
        if audit.facts.no_map
    ]
    dropped = sum(audit.boot.dropped for audit in boots)
    if dropped:
        notes.append(f"{dropped:,} more different lines of a boot were left out")
    return LogAudit(name, boots, notes)


def judged(boot: Boot) -> BootAudit:
    facts = facts_of(boot)
    return BootAudit(boot, facts, verdict_of(boot, facts), matched(boot, facts))


def not_told(audit: BootAudit) -> list[str]:
    """What this log cannot tell."""
    boot, facts, verdict = audit.boot, audit.facts, audit.verdict
    found = []
    if not facts.kernel:
        found.append("which kernel it was: no 'Linux version' line")
    if not boot.has("command_line"):
        found.append("what the kernel was asked for: no command line")
    if not facts.map.tells_usable:
        found.append(
            "whether all memory is covered by TDMRs: no memory map (BIOS-e820 lines)"
        )
    if not facts.cmrs:
        found.append(
            "which memory is convertible: no CMR lines (mainline prints none from v15 "
            "of the series on)"
        )
    if not facts.module:
        found.append("which TDX module it was: no version line")
    if facts.erratum is None:
        found.append(
            "whether the processor has the partial-write erratum: its model is missing"
        )
    if verdict.initialisation in (Status.SILENT, Status.NONE, Status.UNKNOWN):
        found.append("what became of TDX: no line says it")
    found.append("whether TDs ran, and what the module did that no line is about")
    return found


def call_json(call: Call) -> dict[str, Any]:
    leaf = call.leaf
    found = (
        statuses.call(leaf, call.word)
        if leaf is not None
        else {
            "leaf": None,
            "leaf_name": call.name.replace("_", "."),
            **statuses.as_json(decode(call.word)),
        }
    )
    return {**found, "cpu": call.cpu, "line": call.event.number}


def event_json(event: Event) -> dict[str, Any]:
    return {
        "line": event.number,
        "stamp": event.stamp,
        "event": event.key,
        "about": event.form.role.value,
        "says": event.says,
        "text": event.text,
        "count": event.count,
    }


def boot_json(audit: BootAudit) -> dict[str, Any]:
    """A boot for programs. Members may be added; none changes its meaning."""
    verdict, match = audit.verdict, audit.match
    events = audit.events
    return {
        "status": verdict.status.value,
        "initialisation": verdict.initialisation.value,
        "reason": verdict.reason or None,
        "inferred_from": verdict.inferred or None,
        "causes": [event_json(event) for event in verdict.causes[:SHOWN]],
        "candidates": verdict.candidates,
        "refusals": [event_json(event) for event in verdict.refusals[:SHOWN]],
        "advice": verdict.advice,
        "alike": audit.boot.alike,
        "facts": values.as_json(audit.facts, audit.boot),
        "calls": [call_json(call) for call in audit.facts.calls[:SHOWN]],
        "design": match
        and {
            "design": match.design,
            "sure": match.sure.value,
            "because": match.because,
            "others": match.others,
            "against": [event_json(event) for event in match.against[:SHOWN]],
        },
        "timeline": [event_json(event) for event in events[: 10 * SHOWN]],
        "not_told": not_told(audit),
    }


__all__ = ["BAD", "SHOWN", "LogAudit", "LogError", "audit_of", "boot_json", "not_told"]
