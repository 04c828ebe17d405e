"""Covers: sets of states told by what few variables are, where others do not matter."""

from __future__ import annotations

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram

Cube = tuple[tuple[int, tuple[int, ...]], ...]
"""Slots by their numbers, each with the values that it has one of."""

MOST = 500
"""Cubes of a cover; what needs more is no explanation."""


class TooManyCubes(Exception):
    """The set cannot be told shortly."""


def cover(encoding: Encoding, wanted: Diagram, forbidden: Diagram) -> tuple[Cube, ...]:
    """Cubes that have all wanted states among them, and no forbidden one."""
    found: list[Cube] = []
    while wanted != encoding.manager.false:
        if len(found) == MOST:
            raise TooManyCubes
        cube = _widened(encoding, encoding.first(wanted), forbidden)
        found.append(cube)
        wanted &= ~_states(encoding, cube)
    return tuple(found)


def _states(encoding: Encoding, cube: Cube) -> Diagram:
    found = encoding.manager.true
    for number, values in cube:
        found &= _one_of(encoding, number, values)
    return found


def _one_of(encoding: Encoding, number: int, values: tuple[int, ...]) -> Diagram:
    found = encoding.manager.false
    for value in values:
        found |= encoding.holds(encoding.system.slots[number], value)
    return found


def _widened(encoding: Encoding, state: tuple[int, ...], forbidden: Diagram) -> Cube:
    """A largest cube around the state without a forbidden one."""
    manager = encoding.manager
    slots = encoding.system.slots
    # What is still to be looked at holds as in the state.
    rest = [manager.true]
    for slot in reversed(slots):
        rest.append(rest[-1] & encoding.holds(slot, state[slot.number]))
    rest.reverse()
    kept = manager.true
    cube = []
    for slot in slots:
        number, value = slot.number, state[slot.number]
        others = kept & rest[number + 1]
        if not manager.meet(others, forbidden):
            continue
        values = {value}
        for more in range(slot.term.low, slot.term.high + 1):
            there = others & encoding.holds(slot, more)
            if more != value and not manager.meet(there, forbidden):
                values.add(more)
        cube.append((number, tuple(sorted(values))))
        kept &= _one_of(encoding, *cube[-1])
    return tuple(cube)
