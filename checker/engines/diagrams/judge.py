"""Judging by diagrams: every property from one set, and runs for what fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tdxcheck.checker.engines.diagrams.deciding import Target, deciding, shortest
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Unsuited
from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    Stop,
)
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Levels, closure
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


def survey(
    system: GroundSystem,
    limits: Limits = NO_LIMITS,
    progress: Callable[[str], None] = lambda _: None,
    *,
    pure: bool = False,
) -> Survey:
    """Visit every reachable state, and judge every property of the system."""
    check_start(system)
    surveyor = _Surveyor(system, limits, progress, pure)
    try:
        return surveyor.survey()
    except Unsuited:
        return _nothing(system, Limit.NUMBERS)
    except Stop:
        return surveyor.so_far(Limit.MEMORY)
    except MemoryError:
        return _nothing(system, Limit.MEMORY)
    except KeyboardInterrupt:
        return surveyor.so_far(Limit.INTERRUPT)


def _nothing(system: GroundSystem, limit: Limit) -> Survey:
    return Survey((Unknown(limit),) * len(system.properties), limit=limit)


class _Surveyor:
    def __init__(
        self,
        system: GroundSystem,
        limits: Limits,
        progress: Callable[[str], None],
        pure: bool,
    ) -> None:
        self.system = system
        self.limits = limits
        self.progress = progress
        self.pure = pure
        self.levels: Levels | None = None
        self.runs: dict[int, Run] = {}
        """By property: the shortest run that refutes or reaches it."""

    def survey(self) -> Survey:
        self.encoding = Encoding(self.system, pure=self.pure)
        self.moves = self.encoding.moves()
        start = self.encoding.initial()
        look = Lookout(self.limits)
        self.levels = Levels(self.encoding, self.moves, start, look)
        if self.limits.depth is None:
            self.progress("every state")
            reachable = closure(self.encoding, self.moves, start, look)
        else:
            if not self._bounded(self.limits.depth):
                return self.so_far(Limit.DEPTH)
            reachable = self.levels.found
        self._find_runs(reachable)
        return self._complete(reachable)

    def _bounded(self, depth: int) -> bool:
        """Look at the runs of so many steps; whether there are no longer ones."""
        assert self.levels is not None
        wanted = self._wanted(self.encoding.manager.true)
        self._note(wanted)
        while self.levels.depth < depth:
            self.progress(f"depth {self.levels.depth + 1}")
            if not self.levels.deepen():
                return True
            self._note(wanted)
        return False

    def _find_runs(self, reachable: Diagram) -> None:
        """The shortest run to everything that is there to be found."""
        assert self.levels is not None
        wanted = self._wanted(reachable)
        self._note(wanted)
        while wanted:
            self.progress(f"runs of {self.levels.depth + 1} steps")
            found = self.levels.deepen()
            assert found, "what is reachable lies on some level"
            self._note(wanted)

    def _wanted(self, within: Diagram) -> dict[int, list[Target]]:
        """By property: what decides it there, where anything does."""
        false = self.encoding.manager.false
        wanted = {}
        for number, rule in enumerate(self.system.properties):
            targets = [
                target
                for target in deciding(self.encoding, self.moves, rule)
                if within & target.states != false
            ]
            if targets and number not in self.runs:
                wanted[number] = targets
        return wanted

    def _note(self, wanted: dict[int, list[Target]]) -> None:
        """Look for what is wanted on the last level."""
        assert self.levels is not None
        false = self.encoding.manager.false
        level = self.levels.found
        for number, targets in list(wanted.items()):
            for target in targets:
                steps = self.levels.depth + (target.step is not None)
                if self.limits.depth is not None and steps > self.limits.depth:
                    continue
                if level & target.states != false:
                    run = shortest(self.levels, self.levels.depth, target)
                    self.runs[number] = run
                    del wanted[number]
                    break

    def _complete(self, reachable: Diagram) -> Survey:
        assert self.levels is not None
        encoding = self.encoding
        states = encoding.count(reachable)
        fired = dict.fromkeys(self.system.instance.system.actions, 0)
        for move in self.moves:
            fired[move.step.action] += encoding.count(reachable & move.guard)
        return Survey(
            tuple(
                self._verdict(number, rule, reachable, states)
                for number, rule in enumerate(self.system.properties)
            ),
            states,
            sum(fired.values()),
            self.levels.depth if self.levels.found == reachable else None,
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
        levels = self.levels
        if levels is None:
            return _nothing(self.system, limit)
        return Survey(
            tuple(
                self._open(number, rule, levels.depth, limit)
                for number, rule in enumerate(self.system.properties)
            ),
            self.encoding.count(levels.found),
            0,
            levels.depth,
            limit,
        )

    def _open(
        self, number: int, rule: GroundProperty, depth: int, limit: Limit
    ) -> Verdict:
        mode = rule.property.mode
        if mode is Mode.LEADS_TO:
            return Unknown(Limit.UNSUPPORTED)
        if number in self.runs:
            return self._decided(number, mode)
        return Unknown(limit) if mode is Mode.REACHABLE else Bounded(depth, limit)
