"""Lines taken out, told: what no rule notices, what some needs, what does nothing."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tdxcheck.checker.judging.lines import Need, Needed
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.language.lines import Line
from tdxcheck.checker.report.as_json import trace_as_json, verdict_as_json
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.phrase import phrase
from tdxcheck.checker.report.words import length
from tdxcheck.checker.verdict import Refuted

LONGEST = 160
"""Characters of a line on a page: the value of an effect can be a whole call."""

HEADINGS = {
    Need.UNDECIDED: "Not decided within the limits",
    Need.UNNOTICED: "Go unnoticed: without one of them something is otherwise, and "
    "every rule says what it said",
    Need.BREAKS: "Needed: without one of them a rule is broken",
    Need.SOONER: "Needed by a rule that is broken with them, too, but later",
    Need.REFUSED: "Needed by their actions: without one of them there is no "
    "specification",
    Need.NOTHING: "Change nothing: in no reachable state is anything otherwise",
}


def told(page: Page, case: Case, found: Sequence[Needed]) -> None:
    """Every line, by what becomes of the design without it."""
    actions = len({one.line.action for one in found})
    page.add(
        f"{case.label}, on {case.machine}: {_number(len(found), 'line')} of "
        f"{_number(actions, 'action')}"
    )
    for need, heading in HEADINGS.items():
        chosen = [one for one in found if one.need is need]
        if not chosen:
            continue
        page.add()
        page.add(f"{heading} ({len(chosen)})", Style.TITLE)
        if need is Need.NOTHING:
            page.add(", ".join(one.line.name for one in chosen), label="  ", at=2)
            continue
        for one in chosen:
            words = textwrap.shorten(text(one.line), LONGEST, placeholder=" ...")
            shown = f"{one.line.name}: {words} ({one.line.location})"
            page.add(shown, label="  ", at=4)
            if without := consequence(one):
                page.add(without, Style.QUIET, label="      ", at=6)


def text(line: Line) -> str:
    """The line in words."""
    value = phrase(line.term, View({}, {}))
    if line.assigned is None:
        return value
    return f"{phrase(line.assigned, View({}, {}))} := {value}"


def consequence(one: Needed) -> str:
    """What becomes of the design without the line."""
    if one.need is Need.UNNOTICED:
        return "without it new states are reached" if one.beyond else ""
    if one.rule is None:
        return one.why
    how = "becomes impossible"
    if isinstance(one.verdict, Refuted):
        how = f"breaks in {length(one.verdict.run)}"
    others = ", ".join(rule.name for rule in one.others)
    return f"{one.rule.name} {how}" + (f"; so do {others}" if others else "")


def conclusion(page: Page, found: Sequence[Needed], seconds: float) -> None:
    """How many lines there are of each kind, in one line."""
    counts = Counter(one.need for one in found)
    kinds = (
        (counts[Need.BREAKS] + counts[Need.SOONER] + counts[Need.REFUSED], "needed"),
        (counts[Need.UNNOTICED], "unnoticed"),
        (counts[Need.NOTHING], "that change nothing"),
        (counts[Need.UNDECIDED], "not decided"),
    )
    said = ", ".join(f"{number} {what}" for number, what in kinds if number)
    page.add()
    page.add(f"{_number(len(found), 'line')}: {said}; {seconds:.1f} s", Style.TITLE)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def as_json(case: Case, found: Sequence[Needed], seconds: float, status: int) -> Any:
    """As `schemas/lines.schema.json` describes it."""
    return {
        "format": "tdxcheck-lines",
        "version": 1,
        "exit": status,
        "design": case.design.key,
        "machine": case.machine,
        "seconds": round(seconds, 3),
        "lines": [_line_as_json(one) for one in found],
    }


def _line_as_json(one: Needed) -> Any:
    return {
        "name": one.line.name,
        "action": one.line.action.name,
        "kind": "effect" if one.line.is_effect else "guard",
        "text": text(one.line),
        "location": str(one.line.location),
        "need": one.need.value,
        "beyond": one.beyond,
        "rule": one.rule and one.rule.name,
        "verdict": one.verdict and verdict_as_json(one.verdict),
        "trace": one.trace and trace_as_json(one.trace),
        "others": [rule.name for rule in one.others],
        "why": one.why,
    }
