"""What the gate says, as the findings that every format for programs is made of."""

from __future__ import annotations

from pathlib import Path

from tdxcheck.checker import findings
from tdxcheck.checker.findings import Report, Weight
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.report.finding import Finding, Result, Results

RESULTS = {
    Weight.FAILS: Result.FAILED,
    Weight.UNDECIDED: Result.UNDECIDED,
    Weight.ACCEPTED: Result.PASSED,
    Weight.NOTE: Result.PASSED,
}


def results_of(report: Report, root: Path, status: int, seconds: float) -> Results:
    counts = [f"{len(report.of(w))} {w.value}" for w in Weight if report.of(w)]
    told = ", ".join(counts) or "nothing changes"
    return Results(
        "gate",
        f"{report.base} -> {report.head}: {told}",
        status,
        tuple(_finding(finding, root) for finding in report.findings),
        seconds,
    )


def _finding(finding: findings.Finding, root: Path) -> Finding:
    where = None
    if finding.file:
        line = max(1, finding.line)
        where = Location(str(root / finding.file), line, line)
    witnesses = [
        "\n".join((f"{witness.title}:", *(f"  {line}" for line in witness.lines)))
        for witness in finding.witnesses
    ]
    designs = f" [{', '.join(finding.designs)}]" if finding.designs else ""
    return Finding(
        subject=finding.subject,
        name=finding.kind,
        result=RESULTS[finding.weight],
        message=f"{finding.message}{designs}",
        location=where,
        known=finding.message if finding.weight is Weight.ACCEPTED else "",
        report="\n".join(f"{text}\n" for text in witnesses),
    )
