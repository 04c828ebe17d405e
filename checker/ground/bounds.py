"""Bounds: no effect may leave the range of its variable where its guards hold.

What the initial conditions say of the configuration holds for ever, and is taken
into account too.
"""

from __future__ import annotations

from collections.abc import Iterator

from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import And, Ite, Node, Slot, Terms, evaluate, support
from tdxcheck.checker.language.instance import show_value
from tdxcheck.checker.language.location import SpecificationError

ENUMERATED = 1 << 16
"""How many valuations are tried before a solver is asked instead."""
CASES = 1 << 8
"""Of an effect: what is shared by its branches is a case of each of them."""


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
    try:
        for place, (chosen, one) in enumerate(_cases(value)):
            if place == CASES:
                raise _TooManyError
            if one.low < slot.low or one.high > slot.high:
                found = _search(system, [*chosen, *guards], slot, one)
                if found is not None:
                    return found
    except _TooManyError:
        # The solver is slow to import, and hardly ever needed here.
        from tdxcheck.checker.engines.symbolic.bounds import escape

        return escape(system, guards, slot, value)
    return None


def _cases(value: Node, *chosen: Node) -> Iterator[tuple[tuple[Node, ...], Node]]:
    """What an effect comes to, each with the conditions under which it does."""
    if isinstance(value, Ite):
        make = Terms()
        yield from _cases(value.then, *chosen, value.condition)
        yield from _cases(value.otherwise, *chosen, make.not_(value.condition))
    else:
        yield chosen, value


class _TooManyError(Exception):
    """More valuations than are worth trying."""


def _search(
    system: GroundSystem, conditions: list[Node], slot: Slot, value: Node
) -> dict[int, int] | None:
    """The first such valuation, the slots that the effect itself reads tried first.

    A slot is given a value only where what could be judged so far holds.
    """
    parts = [
        part
        for condition in conditions
        for part in (condition.operands if isinstance(condition, And) else [condition])
    ]
    order = sorted(support(value))
    known = len(order)
    judged: dict[int, list[Node]] = {}
    for part in sorted(parts, key=lambda part: len(support(part))):
        order += sorted(support(part).difference(order))
        judged.setdefault(len(order), []).append(part)
    values: dict[int, int] = {}
    tried = 0

    def extend(depth: int) -> bool:
        nonlocal tried
        tried += 1
        if tried > ENUMERATED:
            raise _TooManyError
        if depth == known and slot.low <= evaluate(value, values) <= slot.high:
            return False
        if not all(evaluate(part, values) for part in judged.get(depth, ())):
            return False
        if depth == len(order):
            return True
        term = system.slots[order[depth]].term
        for each in range(term.low, term.high + 1):
            values[order[depth]] = each
            if extend(depth + 1):
                return True
        return False

    return values if extend(0) else None
