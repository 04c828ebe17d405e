"""Goals: single states that are to be reached, as ground properties."""

from __future__ import annotations

from collections.abc import Iterable

from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.ground.terms import TRUE, Terms
from tdxcheck.checker.language.system import Mode


def to(system: GroundSystem, goals: Iterable[Values]) -> tuple[GroundProperty, ...]:
    """That each of the states can be reached."""
    rule = next(
        one.property for one in system.properties if one.property.mode is Mode.REACHABLE
    )
    make = Terms()
    found = []
    for values in goals:
        parts = []
        for slot, value in zip(system.slots, values, strict=True):
            if slot.term.boolean:
                parts.append(slot.term if value else make.not_(slot.term))
            else:
                parts.append(make.eq(slot.term, make.number(value)))
        found.append(GroundProperty(rule, (make.and_(parts),), (TRUE,)))
    return tuple(found)
