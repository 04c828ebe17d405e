"""Why an action is not possible: its false literals, and what would change that."""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.judging.hindrance import Fixed, Hindrance, Remedy
from tdxcheck.checker.language.instance import (
    describe,
    show_answer,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.report.clause import facts_of
from tdxcheck.checker.report.narrative import show_changes
from tdxcheck.checker.report.page import Page, Style

MOST_OTHERS = 3


def possible(page: Page, found: Hindrance) -> None:
    page.add(f"It is possible: {found.sentence.rstrip('.')}", Style.GOOD)


def refused(page: Page, interpreter: Interpreter, found: Hindrance) -> None:
    """The false literals, with what a caller is told of the first."""
    page.add(f"Not possible: {found.sentence.rstrip('.')}", Style.BAD)
    page.add(str(found.action.location), Style.QUIET, label="  ", at=2)
    page.add()
    first = found.parts[0][0]
    if first.refusal is None:
        page.add("It cannot be attempted:", label="  ", at=2)
    else:
        outcome = interpreter.attempt(found.view.state, found.action, found.arguments)
        assert outcome.answer is not None, "a refusal without an answer"
        log = f', and the log says "{first.refusal.log}"' if first.refusal.log else ""
        page.add(
            f"It is refused with {show_answer(outcome.answer)}{log}:", label="  ", at=2
        )
    for guard, part in found.parts:
        page.add(
            f"{literal(interpreter, part, found)} ({guard.location})",
            label="    ",
            at=6,
        )


def literal(interpreter: Interpreter, part: Term[bool], found: Hindrance) -> str:
    """A false literal in words, with the values that make it false."""
    facts = facts_of(interpreter, part, found.view)
    told = dict.fromkeys(
        f"{fact.text} ({' and '.join(fact.because)})" if fact.because else fact.text
        for fact in facts
    )
    return " and ".join(told) or "it never is on this machine"


def others(page: Page, interpreter: Interpreter, found: Sequence[Hindrance]) -> None:
    """The same with other arguments, where other literals are false."""
    told: dict[str, str] = {}
    for one in found:
        parts = "; ".join(literal(interpreter, part, one) for _, part in one.parts)
        told.setdefault(parts, one.sentence.rstrip("."))
    different = list(told.items())[1:]
    if not different:
        return
    page.add()
    for parts, sentence in different[:MOST_OTHERS]:
        page.add(f"{sentence}: {parts}", Style.QUIET, label="  ", at=4)
    if len(different) > MOST_OTHERS:
        more = f"and {len(different) - MOST_OTHERS} more"
        page.add(more, Style.QUIET, label="  ", at=4)


def helped(page: Page, interpreter: Interpreter, found: Remedy, states: str) -> None:
    """The smallest change, and the shortest way."""
    page.add()
    if found.changes:
        there = "" if found.reachable else " (a state that is never reached)"
        text = f"Smallest change: {show_changes(found.changes)}{there}"
        page.add(text, label="  ", at=2)
    for fixed in found.fixed:
        _fixed(page, interpreter, fixed)
    if found.way is not None:
        count = len(found.way)
        page.add(
            f"Shortest way there: {count} step{'s' * (count != 1)}", label="  ", at=2
        )
        for number, (action, arguments) in enumerate(found.way, 1):
            sentence = describe(action, arguments).rstrip(".")
            page.add(sentence, label=f"    {number}  ", at=4 + len(str(count)) + 2)
        return
    page.add(
        f"No way there: in none of the {found.later:,} states that can come after this "
        "one is it possible",
        Style.BAD,
        label="  ",
        at=2,
    )
    if found.anywhere:
        page.add("It is possible in other reachable states.", label="  ", at=2)
    else:
        page.add(
            f"Nor is it in any of the {found.states:,} reachable states of {states}.",
            label="  ",
            at=2,
        )


def _fixed(page: Page, interpreter: Interpreter, fixed: Fixed) -> None:
    """A variable that never changes, and what stands in the way of what would."""
    variable, _ = fixed.entry
    value = show_value(fixed.value, variable.sort)
    kind = "is configuration" if variable.frozen else "is never changed by any step"
    page.add(f"{show_entry(fixed.entry)} = {value} {kind}", label="  ", at=2)
    for setter in fixed.setters:
        guard, part = setter.parts[0]
        told = literal(interpreter, part, setter)
        page.add(
            f"{setter.action.name} would change it, but {told} ({guard.location})",
            label="    ",
            at=6,
        )


def everything(
    page: Page, interpreter: Interpreter, found: Sequence[Hindrance]
) -> None:
    """What stands in the way of every action, with the arguments that are nearest."""
    rows = []
    for one in found:
        if one.parts:
            guard, part = one.parts[0]
            more = len(one.parts) - 1
            also = f", and {more} more" if more else ""
            told = f"{literal(interpreter, part, one)}{also}{_answered(guard)}"
        else:
            told = "is possible"
        rows.append((one.action.name, told))
    page.entries(rows, at=2)


def _answered(guard: Guard) -> str:
    return " (refused)" if guard.refusal else ""
