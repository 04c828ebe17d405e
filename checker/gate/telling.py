"""What the gate says: for people, and as JSON for programs.

The JSON document has `version`, `base`, `head`, `machine`, `exit` (the exit code),
`compared` (designs that differ), `unchanged` (how many do not), `not_compared` (those
that differ and for which no time was left), `findings` (each with `kind`, `subject`,
`message`, `file`, `line`, `weight`, `designs` and `witnesses` of `title` and `lines`)
and `variants` (each with `variant`, `rule`, `bug`, `expected`, `found`, `how`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tdxcheck.checker.findings import Finding, Report, Variant, Weight, Witness
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.report.page import Page, Style

VERSION = 1
MOST_DESIGNS = 6
MOST_STEPS = 24
"""Lines of a witness that are told."""

HEADINGS = {
    Weight.FAILS: ("What fails the gate", Style.BAD),
    Weight.UNDECIDED: ("What could not be decided", Style.BAD),
    Weight.ACCEPTED: ("What the commits accept", Style.TITLE),
    Weight.NOTE: ("What is only told", Style.TITLE),
}


def as_json(report: Report, status: int) -> dict[str, Any]:
    return {
        "format": "tdxcheck-gate",
        "version": VERSION,
        "base": report.base,
        "head": report.head,
        "machine": report.machine,
        "exit": status,
        "compared": list(report.compared),
        "unchanged": report.unchanged,
        "not_compared": list(report.late),
        "findings": [
            {**asdict(finding), "weight": finding.weight.name.lower()}
            for finding in report.findings
        ],
        "variants": [asdict(variant) for variant in report.variants],
    }


def page(report: Report, width: int) -> Page:
    found = Page(width)
    found.add(f"{report.base} -> {report.head}", Style.TITLE)
    if report.machine:
        found.add(f"Machine: {report.machine}.")
        compared = ", ".join(report.compared) or "none"
        late = f"; {len(report.late)} were not compared" if report.late else ""
        found.add(f"Designs that differ: {compared}; {report.unchanged} do not{late}.")
    for weight, (heading, style) in HEADINGS.items():
        findings = report.of(weight)
        if findings:
            found.add()
            found.add(f"{heading}:", style)
            told: dict[Witness, str] = {}
            for finding in findings:
                _finding(found, finding, told)
    _variants(found, report.variants)
    found.add()
    _conclusion(found, report)
    return found


def _finding(page: Page, finding: Finding, told: dict[Witness, str]) -> None:
    """The finding; of a witness that another one has had, only which one that is."""
    # A file of the package itself is told by its place there.
    place = Location(finding.file, finding.line, finding.line)
    where = f" ({place})" if finding.file else ""
    designs = ""
    if finding.designs:
        names = ", ".join(finding.designs[:MOST_DESIGNS])
        left = len(finding.designs) - MOST_DESIGNS
        designs = f" [{names}{f' and {left} more' if left > 0 else ''}]"
    text = f"{finding.subject}: {finding.message}{where}{designs}"
    page.add(text, label=f"  {finding.kind}: ", at=4)
    for witness in finding.witnesses:
        if witness.lines and witness in told:
            text = f"{witness.title}, the same as for {told[witness]}"
            page.add(text, Style.QUIET, label="      ", at=6)
            continue
        told[witness] = finding.subject
        page.add(witness.title, Style.QUIET, label="      ", at=6)
        lines = witness.lines
        if len(lines) > MOST_STEPS:
            skipped = len(lines) - MOST_STEPS
            half = MOST_STEPS // 2
            lines = (*lines[:half], f"({skipped} more)", *lines[-half:])
        for line in lines:
            page.add(line, Style.QUIET, label="        ", at=10)


def _variants(page: Page, variants: tuple[Variant, ...]) -> None:
    if not variants:
        return
    looked = [v for v in variants if v.how != "unchanged"]
    page.add()
    page.add(
        f"Known bugs that must stay caught: {len(variants)}, of which "
        f"{len(variants) - len(looked)} are in nothing that changed.",
        Style.TITLE,
    )
    if looked:
        rows = [("expected", "found", "", "bug", "variant, and the rule it breaks")]
        rows += [
            (
                str(v.expected),
                "-" if v.found is None else str(v.found),
                _how(v),
                v.bug,
                f"{v.variant}: {v.rule}",
            )
            for v in sorted(looked, key=lambda v: (v.fails, v.variant, v.rule))
        ]
        page.table(rows, at=2)


def _how(variant: Variant) -> str:
    if variant.fails:
        return {"replays": "its trace replays"}.get(variant.how, "shortest run")
    return {
        "gone": "GONE",
        "stale": "ITS TRACE DOES NOT REPLAY",
        "holds": "NOT CAUGHT ANY MORE",
        "unknown": "not known",
    }.get(variant.how, "IN OTHER STEPS")


def _conclusion(page: Page, report: Report) -> None:
    fails, undecided = report.of(Weight.FAILS), report.of(Weight.UNDECIDED)
    if fails:
        count = len(fails)
        page.add(f"The gate fails: {count} finding{'s' * (count != 1)}.", Style.BAD)
    elif undecided:
        page.add("Undecided: not everything could be compared.", Style.BAD)
    elif report.findings:
        page.add("The gate passes: nothing of weight differs.", Style.GOOD)
    else:
        page.add("The gate passes: nothing differs in meaning.", Style.GOOD)
