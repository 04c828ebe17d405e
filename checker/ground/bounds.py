"""Bounds: no effect may leave the range of its variable where its guards hold.

What the initial conditions say of the configuration holds for ever, and is taken
into account too.
"""

from __future__ import annotations

from itertools import product

from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Node, evaluate, support
from tdxcheck.checker.language.instance import show_value
from tdxcheck.checker.language.location import SpecificationError

ENUMERATED = 1 << 16
"""How many valuations are tried before a solver is asked instead."""


def check_bounds(system: GroundSystem) -> None:
    """Refuse the first effect that its guards do not keep within its bound."""
    for step in system.steps:
        for number, value in step.updates.items():
            slot = system.slots[number].term
            if value.low < slot.low or value.high > slot.high:
                _check(system, step, number, value)


def _check(system: GroundSystem, step: GroundStep, number: int, value: Node) -> None:
    read = support(value)
    conditions = [list(step.guards), _of_configuration(system)]
    guards: list[Node] = []
    while (found := _escape(system, guards, number, value)) is not None:
        relevant: list[Node] = []
        while conditions and not relevant:
            rest = [c for c in conditions[0] if c not in guards and support(c) & read]
            relevant += rest
            if not rest:
                conditions.pop(0)
        if not relevant:
            break
        guards += relevant
        read |= support(*relevant)
    if found is None:
        return
    slot = system.slots[number]
    variable, _ = slot.entry
    location = next(
        update.location for update in step.action.updates if update.variable is variable
    )
    where = ", ".join(
        f"{system.slots[n].name} = {show_value(v, system.slots[n].entry[0].sort)}"
        for n, v in sorted(found.items())
    )
    raise SpecificationError(
        location,
        f"{slot.name} can leave {slot.term.low}..{slot.term.high} at '{step}' "
        f"where {where}: its guards must keep the effect within its bound",
    )


def _of_configuration(system: GroundSystem) -> list[Node]:
    """The conditions of the initial states that no step can end."""
    changed = {number for step in system.steps for number in step.updates}
    return [c for c in system.initial if not support(c) & changed]


def _escape(
    system: GroundSystem, guards: list[Node], number: int, value: Node
) -> dict[int, int] | None:
    """A valuation that satisfies the guards and takes the effect out of its bound."""
    slot = system.slots[number].term
    read = sorted(support(value, *guards))
    terms = [system.slots[n].term for n in read]
    ranges = [range(term.low, term.high + 1) for term in terms]
    size = 1
    for choices in ranges:
        size *= len(choices)
    if size > ENUMERATED:
        # The solver is slow to import, and hardly ever needed here.
        from tdxcheck.checker.engines.symbolic.bounds import escape

        return escape(system, guards, slot, value)
    for chosen in product(*ranges):
        values = dict(zip(read, chosen, strict=True))
        if all(evaluate(guard, values) for guard in guards) and not (
            slot.low <= evaluate(value, values) <= slot.high
        ):
            return values
    return None
