"""Differences: what one system does otherwise than the one that it is stated upon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from tdxcheck.checker.language.system import Action, Setting, TransitionSystem
from tdxcheck.checker.language.variables import Variable


@dataclass(frozen=True, eq=False)
class Difference:
    settings: tuple[tuple[Variable, Setting, Setting], ...]
    """A configuration variable, its value in the base, and here."""
    replaced: tuple[tuple[Action, Action], ...]
    added: tuple[Action, ...]
    removed: tuple[Action, ...]


def difference(base: TransitionSystem, system: TransitionSystem) -> Difference:
    settings = tuple(
        (variable, *values)
        for variable in dict.fromkeys((*base.settings, *system.settings))
        if len({*(values := [_value(s, variable) for s in (base, system)])}) > 1
    )
    old = [action for action in base.actions if action not in system.actions]
    new = [action for action in system.actions if action not in base.actions]
    replaced = tuple(_replaced(base.actions, system.actions))
    return Difference(
        settings,
        replaced,
        tuple(a for a in new if a not in [after for _, after in replaced]),
        tuple(a for a in old if a not in [before for before, _ in replaced]),
    )


def _value(system: TransitionSystem, variable: Variable) -> Setting:
    return system.settings.get(variable, variable.initial)


def _replaced(
    before: tuple[Action, ...], after: tuple[Action, ...]
) -> Iterator[tuple[Action, Action]]:
    """Actions that stand in for others: in the same place, or for the same event."""
    matcher = SequenceMatcher(a=before, b=after, autojunk=False)
    for kind, *(i, j, k, m) in matcher.get_opcodes():
        if kind != "replace":
            continue
        if j - i == m - k:
            yield from zip(before[i:j], after[k:m], strict=True)
            continue
        for old in before[i:j]:
            same = (a for a in after[k:m] if a.event and a.event is old.event)
            if (new := next(same, None)) is not None:
                yield old, new
