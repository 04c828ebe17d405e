"""Annotations of GitHub: workflow commands, each of which marks a line of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tdxcheck.checker.report.finding import Finding, Result, Results
from tdxcheck.checker.report.formats.places import best_place


def annotated(results: Results, root: Path) -> str:
    """An error for each finding that is news or undecided, a notice of what is idle."""
    return "".join(f"{line}\n" for line in _lines(results, root))


def _lines(results: Results, root: Path) -> Iterator[str]:
    for result in (Result.FAILED, Result.UNDECIDED):
        for finding in results.having(result):
            yield _line("error", finding, root)
    for finding in results.having(Result.PASSED):
        if finding.idle:
            yield _line("notice", finding, root)


def _line(command: str, finding: Finding, root: Path) -> str:
    return f"::{command} {_place(finding, root)}::{_data(_text(finding))}"


def _place(finding: Finding, root: Path) -> str:
    place = best_place(finding, root)
    told = {"title": f"{finding.subject}: {finding.name}"}
    if place is not None and place.inside:
        told |= {
            "file": place.path,
            "line": str(place.first),
            "endLine": str(place.last),
        }
    return ",".join(f"{key}={_property(value)}" for key, value in told.items())


def _text(finding: Finding) -> str:
    report = f"\n\n{finding.report.rstrip()}" if finding.report else ""
    meaning = f"\n{finding.meaning}" if finding.meaning else ""
    return f"{finding.message}{meaning}{report}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
