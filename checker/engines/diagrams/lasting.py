"""Lasting: what some members of a family owe for ever, and its first member does not.

The members are one system with different values of open configuration, which no step
changes: one search finds from which states a fair run owes a goal for ever, of all of
them, and those of a member are its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    limited,
)
from tdxcheck.checker.engines.diagrams.liveness import Ends
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.members import Member, Worse
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.verdict import Unknown, Verdict


def lasting(
    system: GroundSystem,
    members: Sequence[Member],
    limits: Limits = NO_LIMITS,
    *,
    pure: bool = False,
) -> list[Worse]:
    """What members owe for ever, of the properties of a system, all of them leads-to.

    Nothing is said of a property where the first member breaks it, too.
    """
    others = _others(members)
    if not others:
        return []
    found: list[Worse] = []
    with limited() as met:
        ends = Ends(system, Lookout(limits), pure=pure)
        for number in range(len(system.properties)):
            for member, verdict in _broken(ends, number, members, others).items():
                found.append(Worse(member, number, verdict, sooner=False))
    if met.limit is None:
        return found
    known = {(one.member, one.property) for one in found}
    return found + [
        one
        for one in not_known(system, members, Unknown(met.limit))
        if (one.member, one.property) not in known
    ]


def not_known(
    system: GroundSystem, members: Sequence[Member], why: Unknown
) -> list[Worse]:
    """That it is not known what any member owes for ever."""
    return [
        Worse(member, number, why, sooner=False)
        for member in _others(members)
        for number in range(len(system.properties))
    ]


def _others(members: Sequence[Member]) -> list[int]:
    """The members that are not like the first."""
    return [n for n, member in enumerate(members) if member != members[0]]


def _broken(
    ends: Ends, number: int, members: Sequence[Member], others: Sequence[int]
) -> dict[int, Verdict]:
    """By member, the canonical lasso; none where the first member has one."""
    rule = ends.encoding.system.properties[number]
    left = ends.lasting(rule)

    def of(member: Member, states: Diagram) -> Diagram:
        for slot, value in member.items():
            states &= ends.encoding.holds(ends.encoding.system.slots[slot], value)
        return states

    if not ends.sets.is_empty(of(members[0], left)):
        return {}
    found: dict[int, Verdict] = {}
    for member in others:
        mine = of(members[member], left)
        if not ends.sets.is_empty(mine):
            start = of(members[member], ends.start)
            found[member] = ends.lasso(rule, mine, start)
    return found
