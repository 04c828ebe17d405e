"""Members: what the members of a family break that its first member does not.

The members are one system with different values of open configuration. One search
visits them all, and another, level by level, finds how soon each breaks what; only
what is broken sooner than by the first member gets a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.deciding import Target, deciding
from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    limited,
)
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Levels, closure
from tdxcheck.checker.engines.diagrams.runs import canonical_run
from tdxcheck.checker.ground.system import GroundSystem, no_initial_state
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Limit, Refuted, Unknown, Unreachable, Verdict

Member = Mapping[int, int]
"""The values of the slots of the configuration, by their numbers."""


@dataclass(frozen=True)
class Worse:
    """A member breaks a property that the first does not, or by a shorter run."""

    member: int
    property: int
    verdict: Verdict
    """A refutation with the shortest run, or that nothing is reached; or, where a
    limit was met, that it is not known whether it breaks the property so."""
    sooner: bool
    """The first breaks the property too."""


def worse(
    system: GroundSystem,
    members: Sequence[Member],
    limits: Limits = NO_LIMITS,
    progress: Callable[[str], None] = lambda _: None,
    *,
    pure: bool = False,
) -> list[Worse]:
    """Compare every member with the first, in every property that can be judged."""
    comparison = Comparison(system, members, limits, progress, pure)
    with limited() as met:
        met.limit = comparison.compare()
    return comparison.so_far(met.limit)


class Comparison:
    def __init__(
        self,
        system: GroundSystem,
        members: Sequence[Member],
        limits: Limits,
        progress: Callable[[str], None],
        pure: bool,
    ) -> None:
        self.system = system
        self.members = members
        self.limits = limits
        self.progress = progress
        self.pure = pure
        others = [n for n, member in enumerate(members) if member != members[0]]
        self.open = {
            number: {0, *others}
            for number, rule in enumerate(system.properties)
            if others and rule.property.mode is not Mode.LEADS_TO
        }
        """By property, the members of which it is not yet known how soon they break
        it, the first being one of them."""
        self.found: dict[tuple[int, int], Verdict] = {}
        """By member and property."""
        self.first: dict[int, bool] = {}
        """By property, whether the first member breaks it, where that is known."""

    def so_far(self, limit: Limit | None) -> list[Worse]:
        """What was found; where anything is missing for an answer, that it is not
        known for the limit."""
        found = dict(self.found)
        if limit is not None:
            for number, members in self.open.items():
                found |= {(member, number): Unknown(limit) for member in members - {0}}
            for member, number in self.found:
                if number not in self.first:
                    found[member, number] = Unknown(limit)
        return [
            Worse(member, number, verdict, self.first.get(number, False))
            for (member, number), verdict in sorted(found.items(), key=lambda f: f[0])
        ]

    def compare(self) -> Limit | None:
        """Find everything; the limit that was met, if one was."""
        self.encoding = Encoding(self.system, pure=self.pure)
        moves = self.encoding.moves()
        start = self._start()
        look = Lookout(self.limits)
        self.levels = Levels(self.encoding, moves, start, look)
        self.targets = {
            number: deciding(self.encoding, moves, self.system.properties[number])
            for number in self.open
        }
        depth = self.limits.depth
        if depth is None:
            self.progress("every state")
            found = closure(self.encoding, moves, start, look)
            self.encoding.manager.settled()
            self._keep_what_happens(found)
        elif self._is_complete_at(depth):
            self._keep_what_happens(self.levels.found)
        self._search()
        return Limit.DEPTH if self.open else None

    def _start(self) -> Diagram:
        """The initial states of all members, each of which has one."""
        false = self.encoding.manager.false
        self.cubes = [self._cube(member) for member in self.members]
        initial = self.encoding.initial()
        if any(initial & cube == false for cube in self.cubes):
            raise no_initial_state(self.system)
        return initial & self._any(range(len(self.members)))

    def _any(self, members: Iterable[int]) -> Diagram:
        """The states of some members."""
        states = self.encoding.manager.false
        for member in members:
            states |= self.cubes[member]
        return states

    def _cube(self, member: Member) -> Diagram:
        """The states of the member, of which there may be more than are reachable."""
        cube = self.encoding.manager.true
        for number, value in member.items():
            cube &= self.encoding.holds(self.system.slots[number], value)
        return cube

    def _is_complete_at(self, depth: int) -> bool:
        """Build the levels to this depth; whether there is nothing beyond."""
        while self.levels.depth < depth:
            self.progress(f"depth {self.levels.depth + 1}")
            if not self.levels.deepen():
                return True
        return False

    def _keep_what_happens(self, reachable: Diagram) -> None:
        """Leave open what is decided by a run; nothing else is, these being all."""
        false = self.encoding.manager.false
        for number in list(self.open):
            there = false
            for target in self.targets[number]:
                there |= reachable & target.states
            some = {m for m in self.open[number] if there & self.cubes[m] != false}
            if self.system.properties[number].property.mode is not Mode.REACHABLE:
                self.first[number] = 0 in some
                self._leave_open(number, some)
                continue
            for member in self.open[number] - some if 0 in some else ():
                (states,) = self.encoding.count(reachable & self.cubes[member])
                self.found[member, number] = Unreachable(f"{states:,} states")
            self.first[number] = 0 not in some
            del self.open[number]

    def _leave_open(self, number: int, members: set[int]) -> None:
        self.open[number] = members
        if members <= {0}:
            del self.open[number]

    def _search(self) -> None:
        """Look at one level after the other, as long as anything is open there."""
        depth, looked_at = 0, set(range(len(self.members)))
        while self.open:
            if depth > self.levels.depth:
                if self.limits.depth is not None:
                    return
                self.progress(f"runs of {depth} steps")
                if looked_at != (rest := set().union(*self.open.values())):
                    looked_at = rest
                    self.levels.narrow(self._any(rest))
                found = self.levels.deepen()
                assert found, "what is reachable lies on some level"
            for number in list(self.open):
                self._look_for(number, depth)
            depth += 1

    def _look_for(self, number: int, depth: int) -> None:
        """Which members decide the property on this level, and none before it."""
        hit = self._hit(number, depth)
        if self.system.properties[number].property.mode is not Mode.REACHABLE:
            if 0 in hit:
                self.first[number] = True
                del self.open[number]  # No member breaks it by a shorter run.
                return
            levels = self.levels.levels[: depth + 1]
            for member, targets in hit.items():
                run = canonical_run(self.encoding, self.levels.joints, levels, targets)
                self.found[member, number] = Refuted(run, shortest=True)
        self._leave_open(number, self.open[number] - hit.keys())

    def _hit(self, number: int, depth: int) -> dict[int, list[Target]]:
        """By member, the targets that it hits on this level, at any rate one."""
        false = self.encoding.manager.false
        level = self.levels.levels[depth]
        hit: dict[int, list[Target]] = {}
        for target in self.targets[number]:
            steps = depth + (target.step is not None)
            if self.limits.depth is not None and steps > self.limits.depth:
                continue
            there = level & target.states
            if there == false:
                continue
            for member in self.open[number]:
                cube = self.cubes[member]
                if there & cube != false:
                    own = Target(target.states & cube, target.step)
                    hit.setdefault(member, []).append(own)
        return hit
