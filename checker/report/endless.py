"""Runs for ever: what is repeated, and why nothing that is fair ends it."""

from __future__ import annotations

from itertools import groupby

from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.report.clause import why_false
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.trace import Trace, owed_from
from tdxcheck.checker.turns import Hindrance, Served

MOST_REASONS = 3
"""Reasons told of what is possible by many steps; the rest are only counted."""


def heading(page: Page, trace: Trace) -> None:
    """Where the run begins to repeat itself, or comes to rest."""
    loop = trace.loop
    assert loop is not None
    text = "from here on this repeats for ever:"
    if not loop.steps:
        text = "from here on nothing happens any more."
    page.add(text, Style.TITLE, label="  ", at=2)


def when(trace: Trace) -> str:
    """Since when the goal is owed."""
    owed = owed_from(trace)
    return f"after step {owed}" if owed else "from the start"


def fairness(page: Page, trace: Trace) -> None:
    """Of each turn that the rule relies on: where it is taken, or why it is not due."""
    if not trace.rule.fair:
        page.add("The rule relies on no fairness.", Style.QUIET, label="  ", at=2)
        return
    page.add(
        "What the rule relies on is not put off, and does not help:", label="  ", at=2
    )
    for line in trace.rule.fair:
        mine = [found for found in trace.served if found.turn.line is line]
        told = f"{line.name} ({line.strength} fairness)"
        page.add(told if mine else f"{told}: of no step here", label="    ", at=4)
        rows = [(reason(trace, found), found.turn.name) for found in mine]
        for why, same in groupby(sorted(rows, key=lambda row: row[0]), lambda r: r[0]):
            names = ", ".join(name for _, name in same)
            shown = f"{why}" if names == line.name else f"{names}: {why}"
            page.add(shown, Style.QUIET, label="      ", at=8)


def reason(trace: Trace, found: Served) -> str:
    """Where a turn is taken, or where and why it is not due."""
    if found.taken is not None:
        return f"taken in step {found.taken}"
    assert found.idle is not None and trace.loop is not None
    place = f"after step {found.idle}" if found.idle else "at the start"
    if found.turn.line.strong and trace.loop.steps:
        place = "anywhere on the loop"
    why = reasons(trace, found)
    shown = "; ".join(why[:MOST_REASONS])
    more = len(why) - MOST_REASONS
    return f"not possible {place}: {shown}" + (f"; and {more} more" * (more > 0))


def reasons(trace: Trace, found: Served) -> list[str]:
    """What stands in the way of its steps, each once."""
    assert found.idle is not None and trace.loop is not None
    state = trace.loop.states[found.idle - trace.loop.begin]
    told = [
        _hindrance(trace, found, each, View(state, {})) for each in found.hindrances
    ]
    return list(dict.fromkeys(told)) or ["there is no such step"]


def _hindrance(trace: Trace, found: Served, each: Hindrance, view: View) -> str:
    if each.action is None or each.guard is None:
        condition = found.turn.line.condition
    else:
        condition = each.guard.condition
        arguments = zip(each.action.parameters, each.arguments, strict=True)
        view = View(view.state, dict(arguments))
    return why_false(trace.interpreter, condition, view).text
