"""Relaxing: which guards, and which switches of the configuration, keep a property.

A guard that is dropped holds everywhere, and a switch that is not kept is off. What is
kept is enough if no run of the relaxed system breaks the property, and minimal if
nothing of it can be given up, the rest being kept. There may be other minimal sets. An
effect that would leave its range is not possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.deciding import Target, deciding, shortest
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Levels, Look
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.verdict import Run

GuardOf = tuple[Action, int]
"""A guard of an action, by its place."""
Item = GuardOf | int
"""A guard, or the number of a switch: an open Boolean slot that no step changes."""


@dataclass(frozen=True)
class Kept:
    """A minimal set that keeps a property."""

    items: tuple[Item, ...]
    tried: int
    """How many relaxed systems were searched for it."""


class NotKept(Exception):
    """The property is broken although everything is kept."""


class Relaxing:
    """The search for what keeps the one property of a system."""

    def __init__(
        self,
        system: GroundSystem,
        droppable: Callable[[GuardOf], bool],
        switches: Iterable[int],
        rank: Callable[[Item], int],
        look: Look = lambda: None,
    ) -> None:
        self.system = system
        self.rule = system.properties[0]
        self.droppable = droppable
        self.switches = tuple(switches)
        self.rank = rank
        self.look = look
        self.encoding = Encoding(system)
        self.tried = 0

    def minimal(self) -> Kept:
        """Keep what a breaking run goes against, until there is none; then give up."""
        kept: list[Item] = []
        while (run := self._breaking(kept)) is not None:
            against = self._against(run, kept)
            if not against:
                raise NotKept
            kept += against
        smaller = True
        while smaller:  # What could not be given up may be when something else is.
            smaller = False
            for item in sorted(kept, key=self.rank, reverse=True):
                rest = [other for other in kept if other != item]
                if self._breaking(rest) is None:
                    kept, smaller = rest, True
        return Kept(tuple(sorted(kept, key=self.rank)), self.tried)

    def _steps(self, kept: list[Item]) -> list[GroundStep]:
        return [
            replace(
                step,
                guards=tuple(
                    node
                    for place, node in enumerate(step.guards)
                    if not self.droppable((step.action, place))
                    or (step.action, place) in kept
                ),
            )
            for step in self.system.steps
        ]

    def _start(self, kept: list[Item]) -> Diagram:
        start = self.encoding.initial()
        for number in self.switches:
            slot = self.system.slots[number]
            start &= self.encoding.holds(slot, int(number in kept))
        return start

    def _breaking(self, kept: list[Item]) -> Run | None:
        """A shortest run that breaks the property, with so much kept."""
        self.tried += 1
        moves = self.encoding.moves(self._steps(kept))
        targets = deciding(self.encoding, moves, self.rule)
        start = self._start(kept)
        if not self._is_broken(start, moves, targets):
            return None
        levels = Levels(self.encoding, moves, start, self.look)
        false = self.encoding.manager.false
        while True:
            for target in targets:
                if levels.found & target.states != false:
                    return shortest(levels, levels.depth, target)
            found = levels.deepen()
            assert found, "what is reachable lies on some level"

    def _is_broken(
        self, start: Diagram, moves: list[Move], targets: list[Target]
    ) -> bool:
        bad = self.encoding.manager.false
        for target in targets:
            bad |= target.states
        found = start
        while True:
            before = found
            for move in moves:
                self.look()
                found |= self.encoding.after(found, move)
                if found & bad != self.encoding.manager.false:
                    return True
            if found == before:
                broken: bool = found & bad != self.encoding.manager.false
                return broken

    def _against(self, run: Run, kept: list[Item]) -> list[Item]:
        """What would keep this run from breaking the property: the best, if one would."""
        found: list[Item] = []
        for number in self.switches:
            if number not in kept and run.states[0][number] == 0:
                if not self._breaks_with(run, number, kept):
                    found.append(number)
        for number, state in zip(reversed(run.steps), reversed(run.states[:-1])):
            step = self.system.steps[number]
            for place, node in enumerate(step.guards):
                guard = (step.action, place)
                if self.droppable(guard) and not evaluate(node, state):
                    found.append(guard)
        if found:
            return [min(found, key=self.rank)]
        return [n for n in self.switches if n not in kept and run.states[0][n] == 0]

    def _breaks_with(self, run: Run, switch: int, kept: list[Item]) -> bool:
        """The run's steps break the property with the switch at 1 as well."""
        state: Values = tuple(
            1 if number == switch else value
            for number, value in enumerate(run.states[0])
        )
        steps = {step.number: step for step in self._steps(kept)}
        conditions = self.rule.conditions
        for number in run.steps:
            step = steps[number]
            if not all(evaluate(guard, state) for guard in step.guards):
                return False
            if self.rule.property.mode is Mode.STEP_RULE:
                if number == run.steps[-1] and step is steps[run.steps[-1]]:
                    if not evaluate(conditions[number], state):
                        return True
            state = taken(step, state)
        if self.rule.property.mode is Mode.STEP_RULE:
            return False
        return not evaluate(conditions[0], state)
