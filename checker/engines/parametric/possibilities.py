"""Possibilities: of which actions one is always possible in a small machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.results import Broken
from tdxcheck.checker.engines.parametric.shapes import Sizes, in_words, single
from tdxcheck.checker.engines.parametric.stopping import Going
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Action, Property


def going_on(
    family: Family, rule: Property, sizes: Sizes, machine: Sizes, clock: Clock
) -> Going | Broken:
    """Actions of which one is always possible on a machine of these sizes.

    Where there is a state without a next step on one with a single CPU, say, but not
    on one with two, nothing is said of the first, unless it is asked about.
    """
    by = _always_possible(family, rule, sizes, clock)
    if by is None:
        return Broken(in_words(sizes))
    least = single(family)
    with suppress(SpecificationError):  # There may be no such machine.
        if _always_possible(family, rule, least, clock) is None:
            for sort in family.unbounded:
                going = Going(tuple(by), (sort,))
                more = {**least, sort: least[sort] + 1}
                if going.covers(machine) and not going.covers(least):
                    if _is_mended(family, rule, more, clock):
                        return going
            return Broken(in_words(least))
    return Going(tuple(by))


def _is_mended(family: Family, rule: Property, sizes: Sizes, clock: Clock) -> bool:
    with suppress(SpecificationError):
        return _always_possible(family, rule, sizes, clock) is not None
    return False


def _always_possible(
    family: Family, rule: Property, sizes: Sizes, clock: Clock
) -> Sequence[Action] | None:
    """As few actions as are enough there; None if something may end."""
    scope = family.instance(dict(sizes)).scope
    system = ground(replace(family.system, properties=(rule,)), scope)
    diagrams = Encoding(system)
    moves = diagrams.moves()
    reachable = closure(diagrams, moves, diagrams.initial(), clock.look)
    false = diagrams.manager.false
    left = reachable & ~diagrams.truth(system.properties[0].conditions[0])
    where: dict[Action, Diagram] = {}
    for move in moves:
        action = move.step.action
        where[action] = where.get(action, false) | (move.guard & left)
    found: list[Action] = []
    while left != false:
        clock.look()
        counts = diagrams.count(*(left & here for here in where.values()))
        most = max(counts, default=0)
        if not most:
            return None
        action = list(where)[counts.index(most)]
        found.append(action)
        left &= ~where[action]
    return _needed(found, where, false)


def _needed(
    actions: Sequence[Action], where: Mapping[Action, Diagram], false: Diagram
) -> list[Action]:
    """Without those that came first and whose states the others have as well."""
    kept = list(actions)
    for action in actions:
        left = where[action]
        for other in kept:
            if other is not action:
                left &= ~where[other]
        if left == false:
            kept.remove(action)
    return kept
