"""What a proof rests on: a minimal set of guards without which a rule is broken.

Every guard that the design, the machine or the module makes can be dropped, unless the
rule itself asks how it would react, and every safeguard can be taken out. What says
nothing but how the machine is configured is always kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.relaxing import GuardOf, Item, Relaxing
from tdxcheck.checker.ground.grounder import grounding
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.turning import is_outside
from tdxcheck.checker.language.reading import events_in, variables_in
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.verdict import Limit


@dataclass(frozen=True, eq=False)
class Rests:
    """A minimal set of safeguards and guards that keep a rule."""

    safeguards: tuple[Safeguard, ...]
    guards: tuple[tuple[Action, Guard], ...]
    """The design's own before those of what comes from outside."""
    others: int
    """How many further safeguards and guards there are, none of which is needed."""
    tried: int
    """How many systems were searched for it."""


def resting(case: Case) -> Rests:
    """What keeps the one rule of a case, which holds."""
    system = case.instance.system
    safeguards = system.safeguards
    opened = replace(
        system, settings={**system.settings, **dict.fromkeys(safeguards)}
    )
    whole = grounding(opened, case.instance.scope).system
    part = slice_for(whole, [0]).system
    asked = events_in(system.properties[0].condition)
    droppable = {
        (action, place)
        for action in system.actions
        if action.event not in asked
        for place, guard in enumerate(action.guards)
        if _can_be_dropped(guard)
    }
    switches = {
        slot.number: slot.entry[0]
        for slot in part.slots
        if slot.entry[0] in safeguards
    }

    def rank(item: Item) -> int:
        if isinstance(item, int):
            return 0
        return 2 if is_outside(item[0]) else 1

    found = Relaxing(part, droppable.__contains__, switches, rank).minimal()
    kept: list[GuardOf] = [item for item in found.items if not isinstance(item, int)]
    named = [switches[item] for item in found.items if isinstance(item, int)]
    return Rests(
        tuple(s for s in named if isinstance(s, Safeguard)),
        tuple((action, action.guards[place]) for action, place in kept),
        len(droppable) + len(safeguards) - len(found.items),
        found.tried,
    )


def _can_be_dropped(guard: Guard) -> bool:
    """It is no safeguard's, which is taken out instead, nor configuration alone."""
    read = list(variables_in(guard.condition))
    return not any(isinstance(variable, Safeguard) for variable in read) and not all(
        variable.frozen for variable in read
    )
