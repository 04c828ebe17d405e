"""What each safeguard of a design is good for, told from what breaks without it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.checker.judging.judgement import Judgement
from tdxcheck.checker.judging.removal import Removal
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.page import Page, Style
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
    return f"{judgement.question.name}{mark} {len(judgement.verdict.run.steps)}"


def conclusion(page: Page, found: Sequence[Removal], seconds: float) -> None:
    """How many safeguards stand for something, in one line."""
    needed = sum(bool(r.broken or r.sooner) for r in found)
    known = sum(not (r.broken or r.sooner) and is_as_expected(r) for r in found)
    news = len(found) - needed - known
    counts = [f"{needed} needed"]
    if known:
        counts.append(f"{known} known to be redundant")
    if news:
        counts.append(f"{news} that no rule needs")
    number = f"{len(found)} safeguard{'s' * (len(found) != 1)}"
    page.add(f"{number}: {', '.join(counts)}; {seconds:.1f} s", Style.TITLE)


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
