"""Differences: what one system does otherwise than the one that it is stated upon."""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.checker.language.state import Variable
from tdxcheck.checker.language.system import Action, Setting, TransitionSystem


@dataclass(frozen=True, eq=False)
class Difference:
    settings: tuple[tuple[Variable, Setting, Setting], ...]
    """A configuration variable, its value in the base, and here."""
    replaced: tuple[tuple[Action, Action], ...]
    added: tuple[Action, ...]
    removed: tuple[Action, ...]


def difference(base: TransitionSystem, system: TransitionSystem) -> Difference:
    settings = tuple(
        (variable, base.settings.get(variable, variable.initial), value)
        for variable, value in system.settings.items()
        if variable not in base.settings or base.settings[variable] != value
    )
    removed = [action for action in base.actions if action not in system.actions]
    added = [action for action in system.actions if action not in base.actions]
    replaced = []
    for old in list(removed):
        new = _successor(old, added)
        if new is not None:
            replaced.append((old, new))
            removed.remove(old)
            added.remove(new)
    return Difference(settings, tuple(replaced), tuple(added), tuple(removed))


def _successor(old: Action, added: list[Action]) -> Action | None:
    """The action that stands in for another: for the same event, or by its name."""
    for new in added:
        if (old.event is not None and new.event is old.event) or new.name == old.name:
            return new
    return None
