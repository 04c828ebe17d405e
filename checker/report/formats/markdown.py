"""Markdown: a summary such as a job of GitHub or GitLab shows it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from tdxcheck.checker.report.finding import Finding, Result, Results
from tdxcheck.checker.report.formats.places import best_place

MOST = 900_000
"""Bytes of incident reports: GitHub takes a summary of up to 1 MiB."""

HEADINGS = {
    Result.FAILED: "Not as expected",
    Result.UNDECIDED: "Undecided, which is not a pass",
}


def markdown(results: Results, root: Path) -> str:
    lines = [f"## tdxcheck {results.command}: {_verdict(results)}", ""]
    lines += [f"{results.summary}; {results.seconds:.1f} s.", ""]
    if results.verdicts:
        counted = (f"{count} {kind}" for kind, count in results.verdicts.items())
        lines += [f"By verdict: {', '.join(counted)}.", ""]
    room = MOST
    for result, heading in HEADINGS.items():
        if found := results.having(result):
            lines += [f"### {heading}", ""]
            for finding in found:
                told = list(_in_full(finding, root, reports=room > 0))
                room -= len("\n".join(told).encode())
                lines += told
    lines += _folded("Known, and found again", [f for f in results.findings if f.known])
    idle = [f for f in results.having(Result.PASSED) if f.idle]
    lines += _folded("No design could break on this machine", idle)
    lines += _folded("Not checked", results.having(Result.SKIPPED))
    return "\n".join(lines)


def _verdict(results: Results) -> str:
    if results.having(Result.FAILED):
        return "not as expected"
    if results.interrupted:
        return "interrupted"
    return "undecided" if results.having(Result.UNDECIDED) else "as expected"


def _in_full(finding: Finding, root: Path, *, reports: bool) -> Iterator[str]:
    place = best_place(finding, root)
    at = f" (`{place.path}:{place.first}`)" if place else ""
    yield f"**{_plain(finding.subject)}: `{finding.name}`** {_plain(finding.meaning)}"
    yield ""
    yield f"{_plain(finding.message)}{at}"
    yield ""
    if finding.report and not reports:
        yield "The report is left out here, for want of room."
        yield ""
    elif finding.report:
        yield "<details open><summary>What happens</summary>"
        yield ""
        yield "```"
        yield finding.report.rstrip().replace("```", "'''")
        yield "```"
        yield ""
        yield "</details>"
        yield ""


def _folded(heading: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    rows = [
        f"| {_cell(f.subject)} | `{f.name}` | {_cell(f.message)} |" for f in findings
    ]
    return [
        f"<details><summary>{heading}: {len(findings)}</summary>",
        "",
        "| judged | asked | found |",
        "|---|---|---|",
        *rows,
        "",
        "</details>",
        "",
    ]


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """The text as it is, and not as Markdown or HTML would read it."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{c}" if c in "*_`[]" else c for c in escaped)
