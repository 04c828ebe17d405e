"""Enabling: how far a state is from one in which a step is possible.

Two distances: by steps, which leads there or is impossible, and by the number of
slots that would have to hold something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.deciding import Target
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Levels, closure
from tdxcheck.checker.engines.diagrams.runs import canonical_run
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import Node, support
from tdxcheck.checker.verdict import Run


@dataclass(frozen=True)
class Nearest:
    """The values of fewest slots that would make a term true."""

    values: Values
    reachable: bool
    """Such a state is reachable."""


class Enabling:
    """Questions about one state of a system and conditions that are false there."""

    def __init__(
        self, system: GroundSystem, state: Values, *, pure: bool = False
    ) -> None:
        self.system = system
        self.state = state
        self.encoding = Encoding(system, pure=pure)
        self.moves: Sequence[Move] = self.encoding.moves()
        self._later: Diagram | None = None
        self._reachable: Diagram | None = None

    @property
    def later(self) -> Diagram:
        """The state, and every one that can come after it."""
        if self._later is None:
            here = self.encoding.state(self.state)
            self._later = closure(self.encoding, self.moves, here, lambda: None)
        return self._later

    @property
    def reachable(self) -> Diagram:
        """Every reachable state."""
        if self._reachable is None:
            start = self.encoding.initial()
            self._reachable = closure(self.encoding, self.moves, start, lambda: None)
        return self._reachable

    def shortest(self, wanted: Diagram) -> Run | None:
        """The shortest run from the state to one of these; None if there is none."""
        false = self.encoding.manager.false
        if self.later & wanted == false:
            return None
        here = self.encoding.state(self.state)
        levels = Levels(self.encoding, self.moves, here, lambda: None)
        while levels.found & wanted == false:
            found = levels.deepen()
            assert found, "what is reachable lies on some level"
        return canonical_run(
            self.encoding, levels.joints, levels.levels, [Target(wanted)]
        )

    def count(self, states: Diagram) -> int:
        """How many states they are."""
        (number,) = self.encoding.count(states)
        return number

    def nearest(self, condition: Node) -> Nearest | None:
        """The fewest slots with other values that make the term true; None if none do.

        Of those that change as few, one that is reachable comes first.
        """
        of, false = self.encoding, self.encoding.manager.false
        wanted = of.truth(condition)
        if wanted == false:
            return None
        near = of.state(self.state)
        read, possible = sorted(support(condition)), self._possible()
        while near & wanted == false:
            wider = near
            for number in read:
                wider |= of.manager.exists(of.bits[number], near)
            near = wider & possible
        found = near & wanted
        there = found & self.reachable
        return Nearest(of.first(there if there != false else found), there != false)

    def _possible(self) -> Diagram:
        """The codes that stand for a value, where a slot has bits to spare."""
        of = self.encoding
        found = of.manager.true
        for slot in self.system.slots:
            values = of.manager.false
            for value in range(slot.term.low, slot.term.high + 1):
                values |= of.holds(slot, value)
            found &= values
        return found
