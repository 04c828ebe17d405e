"""The comparison: everything that two sides differ in, and what it means."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tdxcheck.checker.findings import Finding, Report, Variant, Weight
from tdxcheck.checker.gate import citations, designs, guards, rules
from tdxcheck.checker.gate.context import AFTER, BEFORE, Context, OutOfTime
from tdxcheck.checker.gate.keeping import Searches
from tdxcheck.checker.gate.records import Catching
from tdxcheck.checker.gate.sides import Side, both
from tdxcheck.checker.gate.trees import Acceptance
from tdxcheck.checker.verdict import Verdict

Json = Any


def compare(
    before: Side,
    after: Side,
    seconds: float | None,
    accepted: Sequence[Acceptance],
    searches: Searches,
) -> Report:
    """Compare two sides that are loaded."""
    deadline = None if seconds is None else time.monotonic() + seconds
    old, new = both(before, after, "outline")
    context = Context(before, after, old, new, deadline, searches)
    different = rules.compare(context)
    verdicts, steps, compared, late = _designs(context, different)
    open_ = any(f.weight is Weight.UNDECIDED for f in context.findings)
    guards.compare(context, steps, all_known=not open_)
    citations.compare(context)
    _expectations(context)
    gone = old["rules"].keys() - new["rules"].keys()
    catching = Catching(context, set(compared), {*different, *gone}, verdicts)
    variants: list[Variant] = catching.variants()
    catching.records(variants)
    return Report(
        before.name,
        after.name,
        new["machine"],
        tuple(_accepted(finding, accepted) for finding in context.findings),
        tuple(variants),
        tuple(compared),
        len(old["designs"].keys() & new["designs"].keys()) - len(compared) - len(late),
        tuple(late),
    )


def _accepted(finding: Finding, accepted: Sequence[Acceptance]) -> Finding:
    if finding.weight is Weight.FAILS:
        for one in accepted:
            if one.covers(finding.kind, finding.subject):
                why = f": {one.why}" if one.why else ""
                message = f"{finding.message} (accepted{why})"
                return replace(finding, weight=Weight.ACCEPTED, message=message)
    return finding


def _designs(
    context: Context, different: list[str]
) -> tuple[dict[str, Mapping[str, Verdict]], set[str], list[str], list[str]]:
    """Compare the designs that differ, and ask the others of the rules that do.

    The verdicts, the actions that differ where they are taken, the designs that were
    compared, and those that differ and were not.
    """
    old, new = (outline["designs"] for outline in context.outlines)
    for design in old.keys() - new.keys():
        context.add("design-removed", design, f"is gone: {old[design]['summary']}")
    for design in new.keys() - old.keys():
        message = f"is new: {new[design]['summary']}"
        context.add("design-added", design, message, weight=Weight.NOTE)
    language = context.old["language"] != context.new["language"]
    shared = [design for design in new if design in old]
    changed = [
        design
        for design in shared
        if language or designs.changed(old[design], new[design], context.outlines)
    ]
    names = tuple(_asked(outline) for outline in context.outlines)
    asked = (names[BEFORE], names[AFTER])
    verdicts: dict[str, Mapping[str, Verdict]] = {}
    steps: set[str] = set()
    compared = []
    late = []
    for design in shared:
        try:
            context.check_time()
        except OutOfTime:
            late.append(design)
            continue
        if design in changed:
            designs.starts(context, design)
            judged = designs.compare(context, design, asked)
            verdicts[design] = judged.verdicts
            steps |= judged.steps
            if judged.verdicts or judged.steps:
                compared.append(design)
            _asked_again(context, design, different, same=False)
        elif different:
            verdicts[design] = _asked_again(context, design, different, same=True)
    _late(context, late, changed, different)
    if not late:
        rules.tell_unreached(context, different)
    return verdicts, steps, compared, [design for design in late if design in changed]


def _late(
    context: Context, late: list[str], changed: list[str], different: list[str]
) -> None:
    left = [d for d in late if d in changed or different]
    if left:
        context.add(
            "time",
            "designs",
            f"no time was left to compare {', '.join(left)}; {_more(context)}",
            weight=Weight.UNDECIDED,
            designs=left,
        )


def _more(context: Context) -> str:
    if context.searches.store is None:
        return "give more with --time"
    return "the same command goes on with them, or give more with --time"


def _asked(outline: Json) -> list[str]:
    """The rules that every design is judged by."""
    return [name for name, rule in outline["rules"].items() if not rule["claim"]]


def _asked_again(
    context: Context, design: str, different: list[str], *, same: bool
) -> Mapping[str, Verdict]:
    """The verdicts of a design by the rules that differ."""
    names = [n for n in different if not context.new["rules"][n]["claim"]]
    if not names:
        return {}
    found = rules.asked_again(context, design, names, same=same)
    for name, before in found.before.items():
        after = found.after[name]
        designs.verdict(context, found.pair, design, name, before, after)
    return found.after


def _expectations(context: Context) -> None:
    """Verdicts that are expected now and were not."""
    old, new = (outline["designs"] for outline in context.outlines)
    holds = {"outcome": "holds", "bug": "", "note": ""}
    for design in new:
        if design not in old:
            continue
        was, now = old[design]["expected"], new[design]["expected"]
        for rule in dict.fromkeys((*was, *now)):
            one, other = (found.get(rule, holds) for found in (was, now))
            shared = rule in context.old["rules"] and rule in context.new["rules"]
            if one["outcome"] != other["outcome"] and shared:
                subject = f"{rule} of {design}"
                message = (
                    f"is expected to be {other['outcome']}, and was {one['outcome']}"
                )
                if not context.has("expectation-changed", subject, design):
                    context.add(
                        "expectation-changed", subject, message, designs=[design]
                    )
