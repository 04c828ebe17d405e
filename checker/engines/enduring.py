"""What comes in the end: every leads-to property by the part that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tdxcheck.checker.ground.slicing import Dependence, slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Limit, Unknown, Verdict

Judge = Callable[[GroundSystem], Sequence[Verdict]]
"""Gives a verdict on each property of a system, which are all leads-to."""

INTERRUPTED = Unknown(Limit.INTERRUPT)


def with_leads_to(
    system: GroundSystem, found: Sequence[Verdict], judge: Judge
) -> tuple[Verdict, ...]:
    """The verdicts, completed by those on leads-to properties.

    Those that depend on the same share a slice, whose states are found once. After
    an interrupt nothing more is judged.
    """
    complete = list(found)
    stopped = False
    for numbers in alike(system):
        if stopped:
            judged: Sequence[Verdict] = [INTERRUPTED] * len(numbers)
        else:
            part = slice_for(system, numbers)
            judged = [part.lift_verdict(v) for v in judge(part.system)]
            stopped = INTERRUPTED in judged
        for number, verdict in zip(numbers, judged, strict=True):
            complete[number] = verdict
    return tuple(complete)


def alike(system: GroundSystem) -> list[list[int]]:
    """The leads-to properties by number, those together that depend on the same."""
    numbers = [
        number
        for number, rule in enumerate(system.properties)
        if rule.property.mode is Mode.LEADS_TO
    ]
    if not numbers:
        return []
    dependence = Dependence(system)
    groups: dict[frozenset[int], list[int]] = {}
    for number in numbers:
        groups.setdefault(dependence.cone([number]), []).append(number)
    return list(groups.values())
