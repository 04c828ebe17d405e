"""Initial states, for formats whose programs make them one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from tdxcheck.checker.engines.packing import Packing
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.system import GroundSlot, GroundSystem, Values
from tdxcheck.checker.ground.terms import TRUE, And, Node, support


@dataclass(frozen=True, eq=False)
class Stage:
    """The choice of a slot's value, with the conditions that can be tested then."""

    slot: GroundSlot
    conditions: tuple[Node, ...]


def first_states(system: GroundSystem, limit: int) -> list[Values]:
    """The first of the initial states, as many as the limit says."""
    check_start(system)
    packing = Packing(system)
    states = islice(starting_states(system, packing), limit)
    return [packing.unpack(state) for state in states]


def stages(system: GroundSystem) -> list[Stage]:
    """The slots that may start with several values, in the order of their choice."""
    free = [slot for slot in system.slots if slot.start is None]
    numbers = {slot.number for slot in free}
    conditions: dict[int, list[Node]] = {}
    for part in conjuncts(system.initial):
        last = max(support(part) & numbers, default=None)
        if last is not None:
            conditions.setdefault(last, []).append(part)
    return [Stage(slot, tuple(conditions.get(slot.number, ()))) for slot in free]


def conjuncts(conditions: tuple[Node, ...]) -> list[Node]:
    found: list[Node] = []
    for condition in conditions:
        found += condition.operands if isinstance(condition, And) else (condition,)
    return [condition for condition in found if condition is not TRUE]


def unfinished(system: GroundSystem) -> int:
    """How many ways there are to have made the first choices, and not yet all."""
    chosen = stages(system)
    return sum(_ways(system, chosen[:number]) for number in range(len(chosen)))


def _ways(system: GroundSystem, made: list[Stage]) -> int:
    numbers = {stage.slot.number for stage in made}
    slots = tuple(
        slot
        if slot.start is not None or slot.number in numbers
        else replace(slot, start=slot.term.low)
        for slot in system.slots
    )
    conditions = tuple(part for stage in made for part in stage.conditions)
    smaller = replace(system, slots=slots, initial=conditions)
    return sum(1 for _ in starting_states(smaller, Packing(smaller)))
