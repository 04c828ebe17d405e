"""tdxcheck audit: what a log says of a TDX host, why, and what it cannot tell."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tdxcheck.checker.catalogue import Catalogue, Outcome, UsageError
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.observation import Observed
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.models.layouts.kernel import more_tdmrs
from tdxcheck.models.logs.applying import Applied, applied, features
from tdxcheck.models.logs.audit import (
    BAD,
    SHOWN,
    BootAudit,
    LogAudit,
    LogError,
    audit_of,
    boot_json,
    call_json,
    not_told,
)
from tdxcheck.models.logs.timeline import Event
from tdxcheck.models.logs.verdict import Status

MOST_FILES = 1000
"""Files of a folder that are read."""
MOST_OTHERS = 6
"""Designs of the same wording that are tried."""
STYLES = {
    Status.INITIALISED: Style.GOOD,
    Status.FAILED: Style.BAD,
    Status.MACHINE_CHECK: Style.BAD,
    Status.CRASHED: Style.BAD,
}


def audit(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    found = []
    for path in paths_of(arguments.logs):
        try:
            log = audit_of(path)
        except LogError as error:
            raise UsageError(str(error)) from None
        trace = validated(catalogue, log.last)
        rules = rules_of(catalogue, log.last, arguments.judge)
        found.append((log, trace, rules))
    if arguments.format == "json":
        logs = [log_json(*each) for each in found]
        document = {"format": "tdxcheck-audit", "version": 1, "logs": logs}
        print(json.dumps(document, indent=1))
    else:
        out = console()
        page = Page(out.width)
        for number, each in enumerate(found):
            if number:
                page.add()
            tell(page, *each)
        show(out, page)
    return max((status_of(log, trace) for log, trace, _ in found), key=_rank)


def paths_of(texts: list[str]) -> list[Path | None]:
    """The logs that are meant; None is standard input."""
    found: list[Path | None] = []
    for text in texts:
        path = Path(text)
        if text == "-":
            found.append(None)
        elif path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file())
            if not inside:
                raise UsageError(f"there is no file in {one_line(text)}")
            if len(inside) > MOST_FILES:
                raise UsageError(f"more than {MOST_FILES} files in {one_line(text)}")
            found += inside
        else:
            found.append(path)
    if found.count(None) > 1:
        raise UsageError("standard input can be read only once")
    return found


def _rank(status: int) -> int:
    return (OK, UNDECIDED, REFUTED).index(status)


def status_of(log: LogAudit, trace: dict[str, Any] | None) -> int:
    """The exit code that the log deserves."""
    status = log.last.verdict.status
    if status in BAD or (trace is not None and trace["result"] == "impossible"):
        return REFUTED
    return OK if status is Status.INITIALISED else UNDECIDED


def validated(catalogue: Catalogue, boot: BootAudit) -> dict[str, Any] | None:
    """Whether the lines are a run of the design; None if there is nothing to follow.

    Where only the wording says which design it is, one that can behave so is taken.
    """
    from tdxcheck.models.logs.validation import followed as marks

    match, seen = boot.match, marks(boot.boot)
    if match is None or not seen:
        return None
    told = _validated(catalogue, match.design, seen)
    if told["result"] != "impossible" or boot.facts.release is not None:
        return told
    for other in match.others[:MOST_OTHERS]:
        again = _validated(catalogue, other, seen)
        if again["result"] == "possible":
            match.others = [match.design, *(d for d in match.others if d != other)]
            match.design = other
            match.because.append("the first that can behave so")
            return again
    return told


def _validated(
    catalogue: Catalogue, design: str, seen: list[tuple[Event, Observed]]
) -> dict[str, Any]:
    from tdxcheck.checker.cli.following import followed
    from tdxcheck.checker.engines.following import Followed, Parted
    from tdxcheck.models.logs.observed import CONDITIONS, LOUD, alternatives
    from tdxcheck.models.logs.validation import settings_for

    observations = [observed for _, observed in seen]
    others = alternatives(design)
    sizes, settings = settings_for(observations)
    system, result = followed(
        catalogue, design, sizes, settings, CONDITIONS, observations,
        [*LOUD, *(observed for _, observed in others)],
    )  # fmt: skip
    told: dict[str, Any] = {"design": design, "lines": len(seen)}
    match result:
        case Followed(run, marked, gaps):
            told["result"] = "possible"
            told["steps"] = [
                {
                    "step": str(system.steps[number]),
                    "line": None if mark is None else seen[mark][0].number,
                }
                for number, mark in zip(run.steps, marked, strict=True)
            ]
            told["gaps"] = list(gaps)
        case Parted(at, instead):
            event = seen[at][0]
            told["result"] = "impossible"
            told["line"], told["text"] = event.number, event.text
            told["after"] = seen[at - 1][0].text if at else None
            possible = [others[n - len(LOUD)] for n in instead if n >= len(LOUD)]
            texts = [example for example, _ in possible]
            told["nearest"] = nearest(event.text, texts)
            told["possible"] = texts
        case _:
            told["result"] = "undecided"
    return told


def nearest(text: str, examples: list[str]) -> str | None:
    """The line that could have been there, and is most like the one that is."""
    return max(
        examples,
        key=lambda e: difflib.SequenceMatcher(None, text, e, False).ratio(),
        default=None,
    )


def rules_of(catalogue: Catalogue, boot: BootAudit, judge: bool) -> list[Applied]:
    """The rules with their verdicts: the recorded ones, or what comes of judging."""
    if boot.match is None:
        return []
    rows = applied(catalogue, boot.match.design, boot.boot, boot.facts)
    if not judge:
        return rows
    from tdxcheck.checker.cli.following import judged

    settings = features(boot.boot, boot.facts)
    outcomes = judged(catalogue, boot.match.design, settings)
    return [
        replace(
            row,
            outcome=outcome,
            note=row.note if outcome is row.outcome else "judged on this machine",
            applies=row.applies and outcome is not Outcome.VACUOUS,
        )
        if (outcome := outcomes.get(row.rule)) is not None
        else row
        for row in rows
    ]


def log_json(
    log: LogAudit, trace: dict[str, Any] | None, rules: list[Applied]
) -> dict[str, Any]:
    return {
        "log": log.name,
        **boot_json(log.last),
        "trace": trace,
        "rules": [{**asdict(row), "outcome": row.outcome.value} for row in rules],
        "boots": [
            {"status": boot.verdict.status.value, "reason": boot.verdict.reason}
            for boot in log.boots
        ],
        "notes": log.notes,
        "exit": status_of(log, trace),
    }


def tell(
    page: Page, log: LogAudit, trace: dict[str, Any] | None, rules: list[Applied]
) -> None:
    boot = log.last
    verdict = boot.verdict
    style = STYLES.get(verdict.status, Style.TITLE)
    # Not wrapped: a path may be long, and the status is to be found after it.
    page.lines.append((f"{one_line(log.name)}: {verdict.status.value}", style))
    if verdict.initialisation is not verdict.status:
        page.add(f"TDX itself: {verdict.initialisation.value}.", label="  ", at=2)
    if verdict.reason:
        page.add(sentence(verdict.reason), label="  ", at=2)
    if verdict.inferred:
        page.add(sentence(verdict.inferred), label="  ", at=2)
    for text in machine(boot):
        page.add(text, label="  ", at=2)
    _list(page, "What to do", verdict.advice)
    _list(page, "It may be, the likeliest first", verdict.candidates)
    if verdict.initialisation is verdict.status:
        _refusals(page, boot)
    _timeline(page, boot)
    _calls(page, boot)
    _design(page, boot, trace)
    _rules(page, rules)
    _list(page, "This log cannot tell", not_told(boot))
    _list(page, "Notes", log.notes)
    if len(log.boots) > 1:
        page.add()
        page.add(f"{len(log.boots)} boots that differ", Style.TITLE)
        for number, other in enumerate(log.boots, start=1):
            shown = f"{other.verdict.status.value}: {other.verdict.reason}"
            page.add(shown, label=f"  {number:>3}  ", at=7)


def sentence(text: str) -> str:
    """The text as a sentence: `TDX` and other names keep their letters."""
    return f"{text[:1].upper()}{text[1:]}."


def machine(boot: BootAudit) -> Iterator[str]:
    """The machine, in a line or two."""
    facts = boot.facts
    parts = []
    if facts.kernel:
        parts.append(f"Linux {one_line(facts.kernel)}")
    if facts.module:
        build = f" build {facts.module_build}" if facts.module_build else ""
        parts.append(f"TDX module {one_line(facts.module + build)}")
    if facts.keyid:
        parts.append(f"KeyIDs [{facts.keyid[0]}, {facts.keyid[1]})")
    if facts.cmrs:
        parts.append(f"{len(facts.cmrs)} CMRs")
    if facts.pamt_kb is not None:
        parts.append(f"PAMT {facts.pamt_kb} KB{_compared(boot)}")
    if facts.pamt_pages is not None:
        parts.append(f"PAMT {facts.pamt_pages} pages")
    if parts:
        yield "; ".join(parts) + "."
    parts = [
        f"{count} {name}"
        for name, count in (
            ("usable", facts.usable_listed),
            ("persistent", len(facts.persistent)),
            ("soft-reserved", len(facts.soft_reserved)),
            ("of CXL", len(facts.map.cxl_windows)),
            ("for hotplug", len(facts.map.windows)),
        )
        if count
    ]
    if parts:
        yield f"Ranges of memory: {', '.join(parts)}."


def _compared(boot: BootAudit) -> str:
    expected, printed = boot.facts.pamt_of_cmrs, boot.facts.pamt_kb
    if expected is None or printed is None:
        return ""
    if expected == printed:
        return ", as the CMRs ask for"
    asked = f"where the CMRs ask for {expected}"
    if more := more_tdmrs(expected, printed):
        plural = "s" * (more != 1)
        return f", {asked}: {more} TDMR{plural} more, for a table of 4 KB each"
    return f", {asked}"


def _list(page: Page, title: str, texts: list[str]) -> None:
    if texts:
        page.add()
        page.add(title, Style.TITLE)
        for text in texts:
            page.add(one_line(text), label="  - ", at=4)


def _refusals(page: Page, boot: BootAudit) -> None:
    _list(page, "Refused", [event.says for event in boot.verdict.refusals[:SHOWN]])


def _timeline(page: Page, boot: BootAudit) -> None:
    events = boot.events
    if not events:
        return
    page.add()
    page.add("Timeline", Style.TITLE)
    shown = 0
    cmrs = [event for event in events if event.key in ("cmr", "cmr_checked")]
    for event in events:
        if event in cmrs[1:]:
            continue
        if shown == SHOWN:
            page.add(f"... and {len(events) - shown} more", label="  ", at=2)
            break
        shown += 1
        stamp = f"{event.stamp:.6f}" if event.stamp is not None else ""
        says = event.says
        if cmrs and event is cmrs[0] and len(cmrs) > 1:
            says = f"{len(cmrs)} ranges of convertible memory"
        times = f" ({event.count} times)" if event.count > 1 else ""
        label = f"  line {event.number:<6} {stamp:>14}  "
        page.add(says + times, label=label, at=len(label))


def _calls(page: Page, boot: BootAudit) -> None:
    calls = boot.facts.calls
    if not calls:
        return
    page.add()
    page.add("SEAMCALLs that did not succeed", Style.TITLE)
    for call in calls[:SHOWN]:
        told = call_json(call)
        where = f" on CPU {told['cpu']}" if told["cpu"] is not None else ""
        detail = f", {told['detail']}" if told["detail"] else ""
        title = f"{told['leaf_name']}{where}: {told['status']} {told['name']}{detail}"
        page.add(one_line(title), label="  ", at=2)
        kind = f"{told['class']}; retry: {told['retry']}; {told['advice']}"
        page.add(kind, Style.QUIET, label="    ", at=4)
    if len(calls) > SHOWN:
        page.add(f"... and {len(calls) - SHOWN} more", label="  ", at=2)


def _design(page: Page, boot: BootAudit, trace: dict[str, Any] | None) -> None:
    match = boot.match
    if match is None:
        return
    page.add()
    page.add(f"Design: {match.design} ({match.sure.value})", Style.TITLE)
    page.add(sentence("; ".join(map(one_line, match.because))), label="  ", at=2)
    if match.others:
        also = ", ".join(match.others[:8])
        page.add(f"The same lines are printed by {also}.", label="  ", at=2)
    for event in match.against[:SHOWN]:
        page.add(f"not by it: {event.text}", label=f"  line {event.number}: ", at=4)
    if trace is None:
        page.add("No line is an event of the model.", label="  ", at=2)
    elif trace["result"] == "possible":
        filled = sum(step["line"] is None for step in trace["steps"])
        page.add(
            f"The log is a run of it: {trace['lines']} of its lines are marks of "
            f"{len(trace['steps'])} steps, of which {filled} were filled in.",
            label="  ", at=2,
        )  # fmt: skip
        for step in trace["steps"][:SHOWN]:
            line = "filled in" if step["line"] is None else f"line {step['line']}"
            page.add(step["step"], label=f"    {line:<12}", at=16)
        for gap in dict.fromkeys(trace["gaps"]):
            page.add(f"Such a run prints '{gap}', which is missing.", label="  ", at=2)
    elif trace["result"] == "impossible":
        page.add("The log is not a run of it.", Style.BAD, label="  ", at=2)
        label = f"  First impossible, line {trace['line']}: "
        page.add(trace["text"], label=label, at=4)
        if trace["after"]:
            page.add(trace["after"], label="  It comes after: ", at=4)
        if trace["nearest"]:
            page.add(trace["nearest"], label="  Nearest that could be there: ", at=4)
    else:
        page.add("Whether the log is a run of it was not decided.", label="  ", at=2)


def _rules(page: Page, rules: list[Applied]) -> None:
    broken = [r for r in rules if r.applies and r.outcome is Outcome.REFUTED]
    kept = [r for r in rules if r.applies and r.outcome is Outcome.HOLDS]
    if not rules:
        return
    page.add()
    page.add(
        f"Rules: {len(broken)} that this design is known to break on machines like "
        f"it, {len(kept)} that it keeps, {len(rules) - len(broken) - len(kept)} that "
        "do not apply",
        Style.TITLE,
    )
    for row in broken:
        bug = f"{row.bug}: " if row.bug else ""
        page.add(row.rule, label="  ", at=2)
        page.add(f"{bug}{row.note}", Style.QUIET, label="    ", at=4)
