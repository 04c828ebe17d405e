"""Families: which configurations of a system break a property, exactly and all at once.

Configuration that is left open is part of the states, so one search visits the
systems of all configurations; what is reachable is then projected on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.engines.diagrams import liveness
from tdxcheck.checker.engines.diagrams.deciding import deciding
from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode

Table = int
"""A set of configurations: bit c is set if configuration c is in it.

Bit n of the number c is the value of switch n.
"""


def breaking(
    system: GroundSystem, switches: Sequence[int], *, pure: bool = False
) -> list[Table]:
    """By property, the configurations of the Boolean slots that break it.

    A state that is never reached breaks what must be reachable. Configurations without
    an initial state break nothing.
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
    found: list[Table] = []
    for rule in system.properties:
        if rule.property.mode is Mode.LEADS_TO:
            broken = liveness.breaking(encoding, moves, reachable, rule)
            found.append(configurations(broken))
            continue
        decided = encoding.manager.false
        for target in deciding(encoding, moves, rule):
            decided |= reachable & target.states
        happens = configurations(decided)
        is_wanted = rule.property.mode is Mode.REACHABLE
        found.append(there & ~happens if is_wanted else happens)
    return found


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
