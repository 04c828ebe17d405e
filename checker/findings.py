"""Findings: what a change does, as plain data for people, programs and formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class Weight(Enum):
    """What a finding does to the gate."""

    FAILS = "fails the gate"
    NOTE = "is only told"
    ACCEPTED = "is accepted by a commit"
    UNDECIDED = "could not be decided"


@dataclass(frozen=True)
class Witness:
    """A state or a run that shows what a finding says."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that a change does."""

    kind: str
    """What is done, as one word with dashes: "rule-weakened", "guard-dropped"."""
    subject: str
    """To what: the name of a rule, of an action, of a design."""
    message: str
    file: str = ""
    """Where it is now, or where it was; relative to the repository."""
    line: int = 0
    witnesses: tuple[Witness, ...] = ()
    weight: Weight = Weight.FAILS
    designs: tuple[str, ...] = ()
    """The designs in which it is so; none if it is so of the rule itself."""


@dataclass(frozen=True)
class Variant:
    """A known bug: a design, or one without a safeguard, that must break a rule."""

    variant: str
    rule: str
    bug: str
    expected: int
    """The steps of the recorded trace at the base."""
    found: int | None
    """The steps of a run that breaks the rule now; None if none does, or is known."""
    how: str
    """"unchanged", "replays", "shortest", "searched", "holds", "unknown"."""

    @property
    def fails(self) -> bool:
        """It is still caught, as it was."""
        return self.found == self.expected


@dataclass(frozen=True)
class Report:
    """What the gate says of a change."""

    base: str
    head: str
    machine: str
    findings: tuple[Finding, ...]
    variants: tuple[Variant, ...] = ()
    compared: tuple[str, ...] = ()
    """The designs that were compared step by step."""
    unchanged: int = 0
    """The designs in which nothing differs."""
    late: tuple[str, ...] = ()
    """The designs that differ and that there was no time to compare."""

    def of(self, weight: Weight) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.weight is weight)


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that say the same of several designs, as one."""
    found: dict[tuple[str, str, str, str, int, Weight], Finding] = {}
    for finding in findings:
        key = (
            finding.kind,
            finding.subject,
            finding.message,
            finding.file,
            finding.line,
            finding.weight,
        )
        if key in found:
            designs = dict.fromkeys((*found[key].designs, *finding.designs))
            found[key] = replace(found[key], designs=tuple(designs))
        else:
            found[key] = finding
    return list(found.values())
