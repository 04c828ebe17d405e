"""Comparison: what two designs do differently, and which verdicts change by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import groupby
from typing import Any

from tdxcheck.checker.catalogue import Design
from tdxcheck.checker.judging.judgement import Judgement, Standing, outcome_of
from tdxcheck.checker.language.instance import show_answer, show_value
from tdxcheck.checker.language.simplify import simplified
from tdxcheck.checker.language.system import Event, Mode, TransitionSystem
from tdxcheck.checker.language.terms import Const
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.report.as_json import verdict_as_json
from tdxcheck.checker.report.difference import difference
from tdxcheck.checker.report.explanation import NOWHERE, changes, settled
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.phrase import phrase
from tdxcheck.checker.report.words import kind
from tdxcheck.checker.trace import Trace
from tdxcheck.checker.verdict import Refuted

Pairs = Sequence[tuple[Judgement, Judgement]]
"""The answers of one design and of the other to the same questions."""


def differ(one: Design, other: Design) -> bool:
    """They are not one system."""
    found = difference(one.system, other.system)
    return bool(found.settings or found.replaced or found.added or found.removed)


def designs(page: Page, one: Design, other: Design) -> bool:
    """What the other does otherwise, if anything: safeguards, settings, steps."""
    page.add(f"{one.key}: {one.system.summary}", at=2)
    page.add(f"{other.key}: {other.system.summary}", at=2)
    page.add()
    found = difference(one.system, other.system)
    if not differ(one, other):
        page.add("They are the same system, and no verdict can change.")
        return False
    page.add(f"{other.key} is {one.key}, except:")
    changes(page, found, one.system, other.system)
    _refusals(page, one, other)
    return True


def _refusals(page: Page, one: Design, other: Design) -> None:
    actions = (*one.system.actions, *other.system.actions)
    events = dict.fromkeys(action.event for action in actions if action.event)
    rows: list[tuple[Event, list[str], list[str]]] = []
    for event in events:
        before, after = (list(refusals(d.system, event)) for d in (one, other))
        if before != after:
            rows.append((event, before, after))
    if not rows:
        page.add("They refuse the same.")
        return
    page.add("What is refused:")
    for event, before, after in rows:
        page.add(f"{event.name}: {event.summary}", label="  ", at=4)
        for design, told in ((one, before), (other, after)):
            text = "; ".join(told) if told else "not refused"
            page.add(text, Style.QUIET, label=f"    {design.key}: ", at=6)


def refusals(system: TransitionSystem, event: Event) -> Iterator[str]:
    """Why the event is refused, and what is told, in the order of the checks."""
    for action in system.actions:
        if action.event is not event:
            continue
        for guard in action.guards:
            condition = simplified(guard.condition, settled(system))
            if guard.refusal is None or (
                isinstance(condition, Const) and condition.value is True
            ):
                continue
            answer = guard.refusal.answer
            told = show_answer(answer) if isinstance(answer, Enum) else "a status"
            if isinstance(condition, Const):
                yield f"always {told}"
            else:
                yield f"{told} unless {phrase(condition, NOWHERE)}"


def steps(page: Page, pairs: Pairs) -> None:
    """The shortest ways to what must be possible, where they are not the same."""
    for one, other in pairs:
        if one.question.rule.mode is not Mode.REACHABLE or _is_open(one, other):
            continue
        ways = [_way(j.trace) if j.trace else "impossible" for j in (one, other)]
        if ways[0] != ways[1]:
            page.add()
            page.add(f"The shortest way to {one.question.name}:")
            for judgement, way in zip((one, other), ways, strict=True):
                page.add(way, label=f"  {judgement.case.design.key}: ", at=6)


def _way(trace: Trace) -> str:
    runs = [
        (name, len(list(group)))
        for name, group in groupby(step.action.name for step in trace.steps)
    ]
    return ", ".join(name if n == 1 else f"{name} ({n} times)" for name, n in runs)


def verdicts(page: Page, pairs: Pairs) -> None:
    """The rules on which the two designs are not judged alike."""
    undecided = [pair for pair in pairs if _is_open(*pair)]
    judged = [
        (one, other)
        for one, other in pairs
        if one.question.rule.mode is not Mode.REACHABLE and not _is_open(one, other)
    ]
    changed = [
        (one, other)
        for one, other in judged
        if outcome_of(one.verdict) is not outcome_of(other.verdict)
    ]
    page.add()
    if changed:
        page.add("Verdicts that change:", Style.TITLE)
    elif not undecided:
        page.add("No verdict changes.", Style.TITLE)
    for one, other in changed:
        text = f"{kind(one.verdict)} -> {kind(other.verdict)}"
        page.add(text, label=f"  {one.question.name}: ", at=6)
        for judgement in (one, other):
            expected = judgement.question.expected
            if expected is not None and expected.note:
                label = f"      {judgement.case.design.key}: "
                page.add(expected.told, Style.QUIET, label=label, at=8)
    longer = [
        f"{one.question.name} ({_steps(one)} -> {_steps(other)})"
        for one, other in judged
        if (one, other) not in changed and _steps(one) != _steps(other)
    ]
    if longer:
        page.add()
        page.add(f"Broken by both, in other numbers of steps: {', '.join(longer)}")
    if undecided:
        _undecided(page, undecided)


def _is_open(one: Judgement, other: Judgement) -> bool:
    """One of them is undecided, so that nothing can be said of the two."""
    return Standing.UNDECIDED in (one.standing, other.standing)


def _undecided(page: Page, pairs: Pairs) -> None:
    names = ", ".join(one.question.name for one, _ in pairs)
    page.add()
    page.add(f"Not decided within the limits, of one or both: {names}", Style.BAD)


def _steps(judgement: Judgement) -> int | None:
    verdict = judgement.verdict
    return len(verdict.run.steps) if isinstance(verdict, Refuted) else None


def as_json(one: Design, other: Design, pairs: Pairs) -> Any:
    """What differs, as `schemas/diff.schema.json` describes it."""
    found = difference(one.system, other.system)
    return {
        "one": one.key,
        "other": other.key,
        "settings": [
            {
                "variable": variable.name,
                "one": _setting(a),
                "other": _setting(b),
                "unneeded": _unneeded(variable, one, other),
            }
            for variable, a, b in found.settings
        ],
        "replaced": [{"one": a.name, "other": b.name} for a, b in found.replaced],
        "added": [action.name for action in found.added],
        "removed": [action.name for action in found.removed],
        "verdicts": [
            {
                "rule": a.question.name,
                "one": verdict_as_json(a.verdict),
                "other": verdict_as_json(b.verdict),
                "changes": None
                if _is_open(a, b)
                else outcome_of(a.verdict) is not outcome_of(b.verdict),
            }
            for a, b in pairs
        ],
    }


def _unneeded(variable: Variable, *designs: Design) -> str | None:
    """Why the one of the two that lacks a safeguard does not need it."""
    reasons = (design.system.unneeded.get(variable) for design in designs)
    return next(filter(None, reasons), None)


def _setting(value: Any) -> str | None:
    """A setting in a word; None where it is left open."""
    if value is None:
        return None
    if callable(value):
        return "differs by element"
    return show_value(value, type(value))
