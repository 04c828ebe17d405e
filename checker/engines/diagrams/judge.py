"""Judging by diagrams: every property from one set, and runs for what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tdxcheck.checker.engines.diagrams import liveness
from tdxcheck.checker.engines.diagrams.cones import Cone, clusters
from tdxcheck.checker.engines.diagrams.deciding import Target, deciding
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Unsuited
from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    Stop,
)
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.diagrams.saving import Json, restored, saved
from tdxcheck.checker.engines.enduring import with_leads_to
from tdxcheck.checker.engines.starting import check_start
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


@dataclass(frozen=True, eq=False)
class Survey:
    """What the diagrams say of a system."""

    verdicts: tuple[Verdict, ...]
    """One for each property of the system, in their order."""
    states: int = 0
    transitions: int = 0
    depth: int | None = None
    """Steps to the farthest state, if levels were built to the end."""
    limit: Limit | None = None
    nodes: int = 0
    """Of the diagram of all reachable states."""
    fired: dict[Action, int] = field(default_factory=dict, repr=False)
    """How often each action is taken, each state counted once."""
    reached: Json = field(default=None, repr=False)
    """The states that were found until a limit was met, for a survey to come."""


def survey(
    system: GroundSystem,
    limits: Limits = NO_LIMITS,
    progress: Callable[[str], None] = lambda _: None,
    *,
    pure: bool = False,
    reached: Json = None,
) -> Survey:
    """Visit every reachable state, and judge every property of the system.

    `reached` are states that an earlier survey of the system has found.
    """
    check_start(system)
    surveyor = _Surveyor(system, limits, progress, pure, reached)
    try:
        found = surveyor.survey()
    except Unsuited:
        return _nothing(system, Limit.NUMBERS)
    except Stop:
        return surveyor.so_far(Limit.MEMORY)
    except MemoryError:
        return _nothing(system, Limit.MEMORY)
    except KeyboardInterrupt:
        return surveyor.so_far(Limit.INTERRUPT)
    del surveyor
    verdicts = with_leads_to(
        system,
        found.verdicts,
        lambda part: liveness.judge(part, limits, pure=pure),
    )
    return replace(found, verdicts=verdicts)


def _nothing(system: GroundSystem, limit: Limit) -> Survey:
    return Survey((Unknown(limit),) * len(system.properties), limit=limit)


class _Surveyor:
    def __init__(
        self,
        system: GroundSystem,
        limits: Limits,
        progress: Callable[[str], None],
        pure: bool,
        reached: Json,
    ) -> None:
        self.system = system
        self.limits = limits
        self.progress = progress
        self.pure = pure
        self.reached = reached
        self.visited: Diagram | None = None
        """As many of the reachable states as were found, while that is not all."""
        self.wanted: dict[int, list[Target]] = {}
        """By property: what decides it and is there, while no run to it is known."""
        self.runs: dict[int, Run] = {}
        """By property: the shortest run that refutes or reaches it."""
        self.found: Diagram | None = None
        """The states that are known to be reachable, in the end all of them."""
        self.depths: dict[int, int] = {}
        """By property: the steps of runs among which there is none to it."""
        self.depth: int | None = None
        """Steps to the farthest state, if levels were built to the end."""

    def survey(self) -> Survey:
        self.encoding = Encoding(self.system, pure=self.pure)
        self.moves = self.encoding.moves()
        self.look = Lookout(self.limits)
        if self.limits.depth is None:
            start = self.encoding.initial()
            if self.reached is not None:
                start |= restored(self.encoding, self.reached)
            self._note_visited(start)
            self.progress("every state")
            self.found = closure(
                self.encoding, self.moves, start, self.look, self._note_visited
            )
        elif not self._bounded(self.limits.depth):
            return self.so_far(Limit.DEPTH)
        self.encoding.manager.settled()
        self._find_runs()
        return self._complete()

    def _note_visited(self, states: Diagram) -> None:
        self.visited = states

    def _bounded(self, depth: int) -> bool:
        """Look at the runs of so many steps; whether there are no longer ones."""
        whole = frozenset(range(len(self.system.slots)))
        cone = Cone(self.encoding, self.moves, whole, self.look)
        self.found = self.encoding.manager.true
        self._want()
        self.found = cone.levels.found
        self._note(cone, range(len(self.system.properties)))
        while cone.levels.depth < depth:
            self.progress(f"depth {cone.levels.depth + 1}")
            if not cone.levels.deepen():
                self.depth = cone.levels.depth
                return True
            self.found = cone.levels.found
            self._note(cone, range(len(self.system.properties)))
        return False

    def _find_runs(self) -> None:
        """The shortest run to everything that is there to be found."""
        self._want()
        for slots, numbers in clusters(self.system, self.wanted):
            cone = Cone(self.encoding, self.moves, slots, self.look)
            self._note(cone, numbers)
            looked_for: list[int] = []
            while rest := [number for number in numbers if number in self.wanted]:
                if rest != looked_for:
                    looked_for = rest
                    cone.levels.narrow(self._configurations(slots, rest))
                self.progress(f"runs of {cone.levels.depth + 1} steps")
                found = cone.levels.deepen()
                assert found, "what is reachable lies on some level"
                self._note(cone, numbers)

    def _configurations(self, slots: frozenset[int], numbers: Iterable[int]) -> Diagram:
        """Those in which something that is wanted of the properties is to be found.

        What no step writes stays as it is, so a run to it begins among them.
        """
        there = self.encoding.manager.false
        for number in numbers:
            for target in self.wanted[number]:
                there |= self.found & target.states
        constant = slots - {n for move in self.moves for n in move.step.updates}
        others = (
            bit
            for number, bits in self.encoding.bits.items()
            if number not in constant
            for bit in bits
        )
        return self.encoding.manager.exists(others, there)

    def _want(self) -> None:
        """Want a run to whatever decides a property among the states found."""
        false = self.encoding.manager.false
        self.wanted = {}
        for number, rule in enumerate(self.system.properties):
            targets = [
                target
                for target in deciding(self.encoding, self.moves, rule)
                if self.found & target.states != false
            ]
            if targets and number not in self.runs:
                self.wanted[number] = targets

    def _note(self, cone: Cone, numbers: Iterable[int]) -> None:
        """Look for what is wanted on the last level."""
        level, depth = cone.levels.found, cone.levels.depth
        for number in numbers:
            self.depths[number] = depth
            met = [
                target
                for target in self.wanted.get(number, ())
                if self._allowed(depth + (target.step is not None))
                and self.encoding.manager.meet(level, target.states)
            ]
            if met:
                self.runs[number] = cone.run_to(met, depth)
                del self.wanted[number]

    def _allowed(self, steps: int) -> bool:
        return self.limits.depth is None or steps <= self.limits.depth

    def _complete(self) -> Survey:
        encoding, reachable = self.encoding, self.found
        taken_from = [reachable & move.guard for move in self.moves]
        states, *times = encoding.count(reachable, *taken_from)
        fired = dict.fromkeys(self.system.instance.system.actions, 0)
        for move, count in zip(self.moves, times, strict=True):
            fired[move.step.action] += count
        return Survey(
            tuple(
                self._verdict(number, rule, reachable, states)
                for number, rule in enumerate(self.system.properties)
            ),
            states,
            sum(fired.values()),
            self.depth,
            None,
            encoding.manager.size(reachable),
            fired,
        )

    def _verdict(
        self, number: int, rule: GroundProperty, reachable: Diagram, states: int
    ) -> Verdict:
        mode = rule.property.mode
        if mode is Mode.LEADS_TO:
            return Unknown(Limit.UNSUPPORTED)
        if number in self.runs:
            return self._decided(number, mode)
        if mode is Mode.REACHABLE:
            return Unreachable(f"{states:,} states")
        if mode is not Mode.DEADLOCK_FREE and not self._happens(rule, reachable):
            return Vacuous(f"{states:,} states")
        return Exhausted(states)

    def _decided(self, number: int, mode: Mode) -> Verdict:
        run = self.runs[number]
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)

    def _happens(self, rule: GroundProperty, reachable: Diagram) -> bool:
        """What the property speaks of."""
        of, false = self.encoding, self.encoding.manager.false
        if rule.property.mode is Mode.INVARIANT:
            return bool(reachable & of.truth(rule.premises[0]) != false)
        return any(
            reachable & m.guard & of.truth(rule.premises[m.step.number]) != false
            for m in self.moves
        )

    def so_far(self, limit: Limit) -> Survey:
        """What is known when a limit is met: levels are complete, the rest is not."""
        if self.found is None:
            return self._visited_so_far(limit)
        depth = max(self.depths.values(), default=0)
        (states,) = self.encoding.count(self.found)
        return Survey(
            tuple(
                self._open(number, rule, self.depths.get(number, 0), limit)
                for number, rule in enumerate(self.system.properties)
            ),
            states,
            0,
            depth,
            limit,
            reached=None if self.visited is None else saved(self.encoding, self.found),
        )

    def _visited_so_far(self, limit: Limit) -> Survey:
        """What is known when not every state was found: how many were."""
        if self.visited is None:
            return _nothing(self.system, limit)
        (states,) = self.encoding.count(self.visited)
        reached = saved(self.encoding, self.visited)
        return replace(_nothing(self.system, limit), states=states, reached=reached)

    def _open(
        self, number: int, rule: GroundProperty, depth: int, limit: Limit
    ) -> Verdict:
        mode = rule.property.mode
        if number in self.runs:
            return self._decided(number, mode)
        if mode in (Mode.REACHABLE, Mode.LEADS_TO):
            return Unknown(limit)
        return Bounded(depth, limit)
