"""Coverage, told: how much happens, what never does, and why that is known.

As JSON, in version 1:

{
  "format": "tdxcheck-coverage", "version": 1, "exit": 0 | 1,
  "design": key, "machine": text, "states": number,
  "things": [
    {"kind": "action" | "guard literal" | "refusal" | "refused SEAMCALL" | "left side"
       | "rule",
     "name": name, "of": action or rule, "text": text, "answer": text,
     "location": "file:line",
     "outcome": "reached" | "settled" | "dead",
     "known": why it is dead, or null}, ...]
}

Members may be added within a version; none is removed or given another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tdxcheck.checker.judging.coverage import Coverage, Kind, Outcome, Thing
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.interpreter import View
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.phrase import phrase

Known = Mapping[str, str]
"""Why a thing is dead, by its name, where that is known."""

WORDS = {
    Kind.ACTION: "are taken",
    Kind.LITERAL: "decide something: they are false where all others are true",
    Kind.REFUSAL: "are given",
    Kind.ANSWER: "are given",
    Kind.PREMISE: "are met",
    Kind.RULE: "say something: what they speak of could be otherwise",
}
DEMANDED = (Kind.ACTION, Kind.REFUSAL, Kind.PREMISE, Kind.RULE)
"""What should happen, or be known not to; of the others it is only told."""


def news(found: Coverage, known: Known) -> list[Thing]:
    """What is dead although nobody knows why."""
    return [
        thing
        for thing in found.things
        if thing.kind in DEMANDED
        and thing.outcome is Outcome.DEAD
        and thing.name not in known
    ]


def revived(found: Coverage, known: Known) -> list[str]:
    """What is known to be dead, and is not."""
    dead = {t.name for t in found.things if t.outcome is not Outcome.REACHED}
    there = {thing.name for thing in found.things}
    return [name for name in known if name in there and name not in dead]


def told(page: Page, case: Case, found: Coverage, known: Known, every: bool) -> None:
    """How much of each kind happens, and what does not."""
    page.add(f"{case.label}, on {case.machine}: {found.states:,} reachable states")
    page.add()
    rows = []
    for kind in Kind:
        things = found.of_kind(kind)
        reached = _number(things, Outcome.REACHED)
        dead, settled = _number(things, Outcome.DEAD), _number(things, Outcome.SETTLED)
        rows.append(
            (
                f"{kind.value}s",
                f"{reached} of {len(things)}",
                f"{WORDS[kind]}; {dead} never, {settled} settled",
            )
        )
    page.table(rows, at=2)
    page.add()
    page.add(
        "Settled: what it reads has but one value in this design on this machine.",
        Style.QUIET,
        label="  ",
        at=2,
    )
    _dead(page, found, known, every)
    _settled(page, found, every)


def _number(things: list[Thing], outcome: Outcome) -> int:
    return sum(thing.outcome is outcome for thing in things)


def _dead(page: Page, found: Coverage, known: Known, every: bool) -> None:
    kinds = tuple(Kind) if every else DEMANDED
    for kind in kinds:
        dead = [t for t in found.of_kind(kind) if t.outcome is Outcome.DEAD]
        if not dead:
            continue
        page.add()
        where = f"in none of the {found.states:,} states"
        if kind is Kind.RULE:
            where = (
                "on this machine no design could break them, or nothing is ever owed"
            )
        page.add(f"{kind.value.capitalize()}s: {where}")
        for thing in dead:
            _one(page, thing, known.get(thing.name))


def _one(page: Page, thing: Thing, known: str | None) -> None:
    words = text(thing)
    shown = f"{thing.name}: {words}" if words else thing.name
    if thing.answer:
        shown += f" -> {thing.answer}"
    unexpected = known is None and thing.kind in DEMANDED
    style = Style.BAD if unexpected else Style.PLAIN
    page.add(f"{shown} ({thing.location})", style, label="  ", at=4)
    if known is not None:
        page.add(f"known: {known}", Style.QUIET, at=4)
    elif unexpected:
        page.add("NEWS: nobody has said why", Style.BAD, at=4)


def _settled(page: Page, found: Coverage, every: bool) -> None:
    if not every:
        return
    for kind in Kind:
        settled = [t for t in found.of_kind(kind) if t.outcome is Outcome.SETTLED]
        if settled:
            page.add()
            names = ", ".join(thing.name for thing in settled)
            page.add(f"{kind.value.capitalize()}s that are settled: {names}")


def text(thing: Thing) -> str:
    """The literal, the condition or the left side in words."""
    return "" if thing.term is None else phrase(thing.term, View({}, {}))


def conclusion(page: Page, found: Coverage, known: Known) -> None:
    """What is news, in one line."""
    page.add()
    unknown, alive = news(found, known), revived(found, known)
    for name in alive:
        page.add(f"{name} is known to be dead, but happens.", Style.BAD)
    if unknown:
        names = ", ".join(thing.name for thing in unknown)
        page.add(f"Never, and nobody has said why: {names}.", Style.BAD)
    if not unknown and not alive:
        page.add("Whatever should happen does, or is known not to.", Style.GOOD)


def as_json(case: Case, found: Coverage, known: Known, status: int) -> Any:
    return {
        "format": "tdxcheck-coverage",
        "version": 1,
        "exit": status,
        "design": case.design.key,
        "machine": case.machine,
        "states": found.states,
        "things": [
            {
                "kind": thing.kind.value,
                "name": thing.name,
                "of": thing.of.name,
                "text": text(thing),
                "answer": thing.answer,
                "location": str(thing.location),
                "outcome": thing.outcome.name.lower(),
                "known": known.get(thing.name)
                if thing.outcome is not Outcome.REACHED
                else None,
            }
            for thing in found.things
        ],
    }
