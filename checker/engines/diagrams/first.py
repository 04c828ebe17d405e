"""First: what each member of a family breaks first that its first member does not.

Every state of all members is visited in one search; then another, level by level, goes
as far as each member's first breach, and no further with that member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.limits import NO_LIMITS, Limits, limited
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.members import Comparison, Member
from tdxcheck.checker.engines.diagrams.runs import canonical_run
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Limit, Refuted, Verdict


@dataclass(frozen=True)
class Breach:
    """What a member breaks first."""

    property: int
    verdict: Verdict
    """A refutation with the shortest run, or that nothing is reached."""
    sooner: bool
    """The first member breaks the property too."""
    others: tuple[int, ...]
    """What it breaks besides, and the first member does not."""


@dataclass(frozen=True)
class Breaches:
    """What was found of the members but the first."""

    first: dict[int, Breach]
    """By member; none where it breaks nothing that the first does not, nor sooner."""
    beyond: frozenset[int]
    """The members that reach states which the first does not."""
    limit: Limit | None
    """The limit that was met before there was an answer for all."""


def first_breaches(
    system: GroundSystem,
    members: Sequence[Member],
    order: Sequence[int],
    limits: Limits = NO_LIMITS,
    progress: Callable[[str], None] = lambda _: None,
    *,
    pure: bool = False,
) -> Breaches:
    """Compare every member with the first; of properties that are broken by runs of
    one length, the one that comes first in this order is told."""
    search = _First(system, members, limits, progress, pure)
    search.open = {number: search.open[number] for number in order}
    with limited() as met:
        met.limit = search.compare()
    return search.breaches(met.limit)


class _First(Comparison):
    anew: dict[int, list[int]]
    """By member, what it breaks and the first does not."""
    beyond: frozenset[int] = frozenset()

    def breaches(self, limit: Limit | None) -> Breaches:
        first: dict[int, Breach] = {}
        # A refutation is told before that nothing is reached.
        for (member, number), verdict in sorted(
            self.found.items(), key=lambda one: not isinstance(one[1], Refuted)
        ):
            if member not in first:
                others = (n for n in self.anew[member] if n != number)
                sooner = number not in self.anew[member]
                first[member] = Breach(number, verdict, sooner, tuple(others))
        return Breaches(first, self.beyond, limit)

    def _keep_what_happens(self, reachable: Diagram) -> None:
        super()._keep_what_happens(reachable)
        self.beyond = self._beyond(reachable)
        self.anew = {member: [] for member in range(len(self.members))}
        for member, number in self.found:
            self.anew[member].append(number)
        for number, there in self.open.items():
            for member in there - {0} if not self.first[number] else ():
                self.anew[member].append(number)
        # Who breaks something new is not asked what else comes sooner.
        news = {member for member, numbers in self.anew.items() if numbers}
        for number in [n for n in self.open if self.first[n]]:
            self._leave_open(number, self.open[number] - news)

    def _beyond(self, reachable: Diagram) -> frozenset[int]:
        """The members that reach what the first does not, whatever their number."""
        manager = self.encoding.manager

        def states(member: int) -> Diagram:
            bits: dict[str, bool] = {}
            for number, value in self.members[member].items():
                slot = self.system.slots[number]
                code = value - slot.term.low
                for place, bit in enumerate(self.encoding.bits[number]):
                    bits[bit] = bool(code >> place & 1)
            return manager.restricted(reachable, bits)

        usual = ~states(0)
        others = range(1, len(self.members))
        return frozenset(m for m in others if states(m) & usual != manager.false)

    def _look_for(self, number: int, depth: int) -> None:
        if number not in self.open:  # Every member was hit on this level.
            return
        hit = self._hit(number, depth)
        if 0 in hit:
            del self.open[number]  # No member breaks it by a shorter run.
            return
        levels = self.levels.levels[: depth + 1]
        for member, targets in hit.items():
            run = canonical_run(self.encoding, self.levels.joints, levels, targets)
            self.found[member, number] = Refuted(run, shortest=True)
        for rule in list(self.open):
            self._leave_open(rule, self.open[rule] - hit.keys())


def by_length(system: GroundSystem, numbers: Sequence[int]) -> list[int]:
    """Properties in an order in which those of a level's own states come first.

    A step rule is broken one step later than a condition of the same level.
    """
    return sorted(
        numbers,
        key=lambda n: system.properties[n].property.mode is Mode.STEP_RULE,
    )
