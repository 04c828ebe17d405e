"""Guards: what actions require and do, as it is written, and no longer or newly."""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.findings import Weight
from tdxcheck.checker.gate.context import Context, named

Json = Any


def compare(context: Context, reached: set[str], *, all_known: bool) -> None:
    """Tell every guard and effect that is lost or gained, and every answer changed.

    It fails the gate where steps that can be reached differ, which are the actions
    given, and is only told elsewhere, if all of them are known.
    """
    old, new = (dict(named(outline)) for outline in context.outlines)
    for name, was in old.items():
        now = new.get(context.renamed.get(name, name))
        if now is None:
            message = f"is gone: {was['summary']}"
            context.add("action-removed", name, message, at=was)
        elif name in context.renamed:
            message = f"is now called {context.renamed[name]}, and means the same"
            context.add("action-renamed", name, message, at=now, weight=Weight.NOTE)
        elif was["meaning"] != now["meaning"]:
            at_rest = all_known and name not in reached
            weight = Weight.NOTE if at_rest else Weight.FAILS
            _action(context, name, was, now, weight)
        elif was["summary"] != now["summary"]:
            message = "does the same as before, in other words"
            context.add("action-reworded", name, message, at=now, weight=Weight.NOTE)
    renamed = set(context.renamed.values())
    for name, now in new.items():
        if name not in old and name not in renamed:
            message = f"is new: {now['summary']}"
            context.add("action-added", name, message, at=now, weight=Weight.NOTE)


def _action(context: Context, name: str, was: Json, now: Json, weight: Weight) -> None:
    lost, gained = _unmatched(was["guards"], now["guards"])
    told = False
    for guard in lost:
        same = [g for g in gained if g["condition"] == guard["condition"]]
        if same:
            gained.remove(same[0])
            message = (
                f"{guard['text']}: answers {same[0]['answer'] or 'nothing'}, and "
                f"answered {guard['answer'] or 'nothing'}"
            )
            context.add("refusal-changed", name, message, at=same[0])
        else:
            answer = f", or {guard['answer']}" if guard["answer"] else ""
            message = f"no longer requires: {guard['text']}{answer}"
            context.add("guard-dropped", name, message, at=guard, weight=weight)
        told = True
    for guard in gained:
        answer = f", or {guard['answer']}" if guard["answer"] else ""
        message = f"now requires: {guard['text']}{answer}"
        context.add("guard-added", name, message, at=guard, weight=weight)
        told = True
    lost, gained = _unmatched(was["effects"], now["effects"])
    for effect in lost:
        if all(effect["variable"] != other["variable"] for other in gained):
            message = f"no longer assigns {effect['variable']}"
            context.add("effect-dropped", name, message, at=now, weight=weight)
            told = True
    for effect in gained:
        message = f"now makes {effect['variable']}: {effect['text']}"
        context.add("effect-changed", name, message, at=now, weight=weight)
        told = True
    if not told:
        context.add(
            "action-changed",
            name,
            "requires and does the same; the order of its guards, its kinds, its event "
            "or its answer differ",
            at=now,
            weight=weight,
        )


def _unmatched(old: list[Json], new: list[Json]) -> tuple[list[Json], list[Json]]:
    """The parts that have no equal on the other side."""
    lost, rest = [], list(new)
    for part in old:
        same = [other for other in rest if other["meaning"] == part["meaning"]]
        if same:
            rest.remove(same[0])
        else:
            lost.append(part)
    return lost, rest
