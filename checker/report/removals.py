"""What each safeguard of a design is good for, told from what breaks without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.checker.judging.judgement import Judgement, Standing
from tdxcheck.checker.judging.removal import Removal
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.as_json import trace_as_json, verdict_as_json
from tdxcheck.checker.report.explanation import unneeded
from tdxcheck.checker.report.finding import RESULTS, Finding
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.words import length
from tdxcheck.checker.verdict import Refuted


def told(page: Page, found: Sequence[Removal], recorded: Iterable[str]) -> None:
    """One paragraph a safeguard, by design."""
    there = set(recorded)
    for design in dict.fromkeys(removal.design for removal in found):
        page.add(design.key, Style.TITLE)
        for removal in found:
            if removal.design is design:
                _removal(page, removal, there)
        page.add()
        unneeded(page, design.system)


def _removal(page: Page, removal: Removal, recorded: set[str]) -> None:
    safeguard = removal.safeguard
    bugs = f" ({', '.join(safeguard.bugs)})" if safeguard.bugs else ""
    page.add(f"{safeguard.name}{bugs}: {safeguard.doc}", label="  ", at=4)
    if removal.broken:
        _list(page, "without it breaks: ", removal.broken, recorded)
    if removal.sooner:
        _list(page, "breaks sooner: ", removal.sooner, recorded)
    if telling := removal.telling:
        assert telling.trace is not None
        if telling.trace.steps:
            page.add(
                telling.trace.steps[-1].sentence,
                Style.QUIET,
                label=f"      {telling.question.name} ends with: ",
                at=8,
            )
    _needless(page, removal)


def _needless(page: Page, removal: Removal) -> None:
    known = removal.design.redundant.get(removal.safeguard.name)
    if removal.undecided:
        names = ", ".join(j.question.name for j in removal.undecided)
        page.add(
            f"not decided within the limits: {names}",
            Style.BAD,
            label="      ",
            at=8,
        )
    elif not removal.broken and not removal.sooner:
        if known is not None:
            text = f"nothing breaks without it, as is known: {known.told}"
            page.add(text, label="      ", at=8)
            for source in known.sources:
                page.add(str(source), Style.QUIET, label="      ", at=8)
        else:
            page.add(
                "NOTHING BREAKS WITHOUT IT: it is redundant on this machine, or a "
                "rule is missing",
                Style.BAD,
                label="      ",
                at=8,
            )
    elif known is not None and removal.broken:
        page.add(
            f"IT WAS TAKEN FOR REDUNDANT ({known.told}), and is not",
            Style.BAD,
            label="      ",
            at=8,
        )


def _list(
    page: Page, heading: str, judgements: Sequence[Judgement], recorded: set[str]
) -> None:
    names = ", ".join(_name(judgement, recorded) for judgement in judgements)
    page.add(names, label=f"      {heading}", at=8)


def _name(judgement: Judgement, recorded: set[str]) -> str:
    if not isinstance(judgement.verdict, Refuted):
        return f"{judgement.question.name} (impossible)"
    mark = "*" if judgement.label in recorded else ""
    return f"{judgement.question.name}{mark} {length(judgement.verdict.run)}"


def conclusion(page: Page, found: Sequence[Removal], seconds: float) -> None:
    """How many safeguards stand for something, and how long that took to find out."""
    page.add(f"{in_one_line(found)}; {seconds:.1f} s", Style.TITLE)


def in_one_line(found: Sequence[Removal]) -> str:
    """How many safeguards stand for something."""
    needed = sum(bool(r.broken or r.sooner) for r in found)
    known = sum(not (r.broken or r.sooner) and is_as_expected(r) for r in found)
    open_ = sum(
        bool(r.undecided) and not (r.broken or r.sooner) and not is_as_expected(r)
        for r in found
    )
    news = len(found) - needed - known - open_
    counts = [f"{needed} needed"]
    if known:
        counts.append(f"{known} known to be redundant")
    if news:
        counts.append(f"{news} that no rule needs")
    if open_:
        counts.append(f"{open_} undecided")
    number = f"{len(found)} safeguard{'s' * (len(found) != 1)}"
    return f"{number}: {', '.join(counts)}"


def is_as_expected(removal: Removal) -> bool:
    """Something breaks without the safeguard, or it is known that nothing does."""
    known: Expectation | None = removal.design.redundant.get(removal.safeguard.name)
    return not removal.broken if known else bool(removal.broken or removal.sooner)


def traces(page: Page, found: Iterable[Removal]) -> None:
    """The telling trace of each, in full."""
    for removal in found:
        if removal.telling is not None:
            page.add()
            summary.told(page, removal.telling)


def unneeded_as_json(found: Iterable[Removal]) -> list[Any]:
    """What the designs do without, as `schemas/guards.schema.json` describes it."""
    designs = dict.fromkeys(removal.design for removal in found)
    return [
        {"design": design.key, "safeguard": safeguard.name, "because": reason}
        for design in designs
        for safeguard, reason in design.system.unneeded.items()
    ]


def standing_of(removal: Removal, demanded: bool) -> Standing:
    """How it compares with what is known; on a small machine, nothing is demanded."""
    if removal.undecided:
        return Standing.UNDECIDED
    if demanded and not is_as_expected(removal):
        return Standing.UNEXPECTED
    return Standing.EXPECTED


def finding_of(removal: Removal, demanded: bool) -> Finding:
    """A safeguard as a finding: it fails if it does nothing, and that is not known."""
    page = Page(100)
    _removal(page, removal, set())
    return Finding(
        subject=removal.design.key,
        name=removal.safeguard.name,
        result=RESULTS[standing_of(removal, demanded)],
        message=_message(removal),
        location=removal.safeguard.location,
        meaning=removal.safeguard.doc,
        report=str(page),
        sources=tuple(map(str, removal.safeguard.sources)),
    )


def _message(removal: Removal) -> str:
    known = removal.design.redundant.get(removal.safeguard.name)
    if removal.undecided:
        names = ", ".join(j.question.name for j in removal.undecided)
        return f"undecided: not decided within the limits: {names}"
    if known is not None and removal.broken:
        return f"it was taken for redundant ({known.told}), and is not"
    told = [
        f"{heading} {', '.join(_name(j, set()) for j in judgements)}"
        for heading, judgements in (
            ("without it breaks", removal.broken),
            ("breaks sooner:", removal.sooner),
        )
        if judgements
    ]
    if told:
        return "; ".join(told)
    if known is not None:
        return f"nothing breaks without it, as is known: {known.told}"
    return (
        "nothing breaks without it: it is redundant on this machine, or a rule is "
        "missing"
    )


def as_json(removal: Removal, demanded: bool) -> Any:
    """A safeguard, as `schemas/guards.schema.json` describes it."""
    known = removal.design.redundant.get(removal.safeguard.name)
    return {
        "design": removal.design.key,
        "safeguard": removal.safeguard.name,
        "statement": removal.safeguard.doc,
        "bugs": list(removal.safeguard.bugs),
        "location": str(removal.safeguard.location),
        "standing": standing_of(removal, demanded).value,
        "broken": [_broken_as_json(j) for j in removal.broken],
        "sooner": [_broken_as_json(j) for j in removal.sooner],
        "undecided": [j.question.name for j in removal.undecided],
        "redundant": known.told if known else None,
    }


def _broken_as_json(judgement: Judgement) -> Any:
    return {
        "rule": judgement.question.name,
        "verdict": verdict_as_json(judgement.verdict),
        "trace": judgement.trace and trace_as_json(judgement.trace),
    }
