"""Families: which configurations of a system break a property, exactly and all at once.

Configuration that is left open is part of the states, so one search visits the
systems of all configurations; what is reachable is then projected on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.language.system import Mode

Table = int
"""A set of configurations: bit c is set if configuration c is in it.

Bit n of the number c is the value of switch n.
"""


def breaking(
    system: GroundSystem, switches: Sequence[int], *, pure: bool = False
) -> list[Table | None]:
    """By property, the configurations of the Boolean slots that break it.

    A state that is never reached breaks what must be reachable. None is the answer
    for a leads-to property. Configurations without an initial state break nothing.
    """
    check_start(system)
    encoding = Encoding(system, pure=pure)
    moves = encoding.moves()
    start = encoding.initial()
    reachable = closure(encoding, moves, start, lambda: None)
    bits = [encoding.bits[number][0] for number in switches]
    others = [b for slot in encoding.bits.values() for b in slot if b not in bits]

    def configurations(states: Diagram) -> Table:
        return _table(encoding, encoding.manager.exists(others, states), bits)

    there = configurations(start)
    found: list[Table | None] = []
    for rule in system.properties:
        match rule.property.mode:
            case Mode.LEADS_TO:
                found.append(None)
            case Mode.REACHABLE:
                goal = encoding.truth(rule.conditions[0])
                found.append(there & ~configurations(reachable & goal))
            case _:
                found.append(configurations(_bad(encoding, moves, rule, reachable)))
    return found


def _bad(
    encoding: Encoding, moves: Sequence[Move], rule: GroundProperty, reachable: Diagram
) -> Diagram:
    """The reachable states that break the property, or from which a step does."""
    if rule.property.mode is Mode.STEP_RULE:
        bad = encoding.manager.false
        for move in moves:
            kept = encoding.truth(rule.conditions[move.step.number])
            bad |= reachable & move.guard & ~kept
        return bad
    bad = reachable & ~encoding.truth(rule.conditions[0])
    if rule.property.mode is Mode.DEADLOCK_FREE:
        for move in moves:
            bad &= ~move.guard
    return bad


def _table(encoding: Encoding, diagram: Diagram, bits: Sequence[str]) -> Table:
    """A diagram over the bits alone as the set of its configurations."""
    manager = encoding.manager
    if diagram == manager.false:
        return 0
    if not bits:
        return 1
    *rest, last = bits
    low, high = (
        _table(encoding, manager.restricted(diagram, {last: value}), rest)
        for value in (False, True)
    )
    return low | high << (1 << len(rest))
