"""What a rule that holds rests on, told."""

from __future__ import annotations

from collections.abc import Iterable

from tdxcheck.checker.judging.resting import Rests, Support
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.phrase import phrase

NOWHERE = View({}, {})


def told(page: Page, found: Rests) -> None:
    """What nothing stands in for, then the rest of the proof."""
    alone = [support for support in found.guards if support.alone]
    others = [support for support in found.guards if not support.alone]
    page.add()
    if found.safeguards is None:
        page.add("Its safeguards: not found out in time.", label="  ", at=2)
        page.add()
    elif found.safeguards:
        page.add("Safeguards without one of which it is broken:", label="  ", at=2)
        rows = [
            (safeguard.name, f"broken in {steps} steps without it")
            for safeguard, steps in found.safeguards
        ]
        page.table(rows, at=4)
        page.add()
    if found.asked:
        page.add("Refusals that the rule itself asks for:", label="  ", at=2)
        for action, guard in found.asked:
            text = f"{action.name}: {phrase(guard.condition, NOWHERE)}"
            page.add(f"{text} ({guard.location})", label="    ", at=6)
        page.add()
    if alone:
        page.add("Guards that nothing else stands in for:", label="  ", at=2)
        for support in alone:
            _guard(page, support)
        page.add()
    _rest(page, found, others)


def _guard(page: Page, support: Support) -> None:
    guard = support.guard
    text = f"{support.action.name}: {phrase(guard.condition, NOWHERE)}"
    page.add(f"{text} ({guard.location})", label="    ", at=6)


def _rest(page: Page, found: Rests, others: list[Support]) -> None:
    count = len(found.guards)
    page.add(
        f"The proof is an invariant of {_listed(found.variables)}. Every step keeps it "
        f"by {count} of the {found.every} guards, none of which can be given up there.",
        label="  ",
        at=2,
    )
    if not others:
        return
    by_action: dict[str, int] = {}
    for support in others:
        name = support.action.name
        by_action[name] = by_action.get(name, 0) + 1
    told = ", ".join(
        f"{name} x{number}" if number > 1 else name
        for name, number in by_action.items()
    )
    page.add(
        f"Those that others could stand in for: {told}", Style.QUIET, label="  ", at=4
    )
    undecided = sum(support.alone is None for support in others)
    if undecided:
        page.add(
            f"Of {undecided} of them it was not found out in time.",
            Style.QUIET,
            label="  ",
            at=4,
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
