"""Initial states, packed, without interpreting a condition for each candidate.

Slots that may start with any value are filled in one after the other. A condition
of the initial states is tested as soon as the slots it reads are filled, as Python
compiled over the packed state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tdxcheck.checker.engines.packing import Packing, condition_text
from tdxcheck.checker.ground.system import GroundSystem, no_initial_state
from tdxcheck.checker.ground.terms import And, Node, support


def check_start(system: GroundSystem) -> None:
    """Refuse a system that can start in no way: everything would hold of it."""
    if next(starting_states(system, Packing(system)), None) is None:
        raise no_initial_state(system)


def starting_states(system: GroundSystem, packing: Packing) -> Iterator[int]:
    """Every initial state, each slot's values in their order."""
    free = [slot for slot in system.slots if slot.start is None]
    numbers = {slot.number for slot in free}
    conditions: dict[int, list[Node]] = {}
    for condition in system.initial:
        parts = condition.operands if isinstance(condition, And) else (condition,)
        for part in parts:
            last = max(support(part) & numbers, default=-1)
            conditions.setdefault(last, []).append(part)
    base = packing.pack(
        tuple(
            slot.term.low if slot.start is None else slot.start for slot in system.slots
        )
    )
    test = condition_text(packing, conditions.get(-1, ()))
    lines = ["def starts():", f" g = (s for s in ({base},) if {test})"]
    for slot in free:
        field = packing.fields[slot.number]
        values = range(slot.term.high - slot.term.low + 1)
        shifted = ", ".join(str(value << field.offset) for value in values)
        test = condition_text(packing, conditions.get(slot.number, ()))
        lines.append(
            f" g = (s for p in g for v in ({shifted},) for s in (p | v,) if {test})"
        )
    lines.append(" return g")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    starts: Callable[[], Iterator[int]] = names["starts"]
    return starts()
