"""What is left: the part of a case that is still to be searched, if some is known.

Where what is to be counted was counted before, only the questions that are still
open are asked, in a slice of their own. Where it was not, the whole slice is visited,
and runs are looked for to what is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.ground.slicing import Slice, slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Answer, Known, Statistics, answer
from tdxcheck.checker.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Left:
    """A slice to be searched, and how what is found there answers a case."""

    whole: Slice
    """For every question, of which the statistics are."""
    part: Slice
    """To be searched."""
    numbers: tuple[int, ...]
    """The questions that the properties of the part are."""
    known: Known
    counted: Statistics | None
    """What there is to count, if that is known."""
    of: str
    """What there is to count."""

    @property
    def reached(self) -> Any:
        """How far a search of the part had come, if that is known."""
        before = self.known.reached
        if self.counted is None and before is not None and before["of"] == self.of:
            return before["states"]
        return None

    def answers(
        self, verdicts: Iterable[Verdict], counted: Statistics | None
    ) -> tuple[Answer, ...]:
        """To every question of the case, in their order."""
        found = dict(self.known.answers)
        for number, verdict in zip(self.numbers, verdicts, strict=True):
            lifted = self.part.lift_verdict(verdict)
            found[number] = answer(self.part.whole, lifted)
        if counted is not None and counted.limit is None:
            found = {n: each.counting(counted.states) for n, each in found.items()}
        return tuple(found[number] for number in range(len(found)))


def left_of(case: Case, system: GroundSystem, known: Known) -> Left:
    """What is left of the case, whose system is this."""
    whole = slice_for(system, range(len(system.properties)))
    of, numbers = _counted_in(whole), tuple(known.open(case))
    counted = known.counts.get(of)
    if counted is not None and numbers:
        part = slice_for(system, numbers)
    else:
        counted = None
        rules = tuple(whole.system.properties[number] for number in numbers)
        part = replace(whole, system=replace(whole.system, properties=rules))
    return Left(whole, part, numbers, known, counted, of)


def _counted_in(part: Slice) -> str:
    """A digest of the slots and steps of a slice of a system that is known."""
    names = [slot.name for slot in part.system.slots]
    return hashlib.sha256(repr((names, part.steps)).encode()).hexdigest()
