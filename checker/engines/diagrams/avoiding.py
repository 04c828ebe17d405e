"""Avoiding: from which states a property can still be kept, and when it is out of hand.

A property can be kept in a state if some run from there never breaks it: one that
goes on for ever, or that ends where no step is possible. It is out of the hands of
some steps in a state if the others alone can break it from there, in some order and
with nothing that would have to come between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode


class Avoiding:
    """Where one property of a system can be kept, and where not any more."""

    def __init__(
        self, system: GroundSystem, number: int, *, pure: bool = False
    ) -> None:
        self.system = system
        self.rule = system.properties[number]
        self.encoding = Encoding(system, pure=pure)
        self.moves = self.encoding.moves()
        self._good = self._kept_there()
        self.kept = self._lasting()
        """The states from which the property can be kept."""

    def _kept_there(self) -> Diagram:
        """The states that do not themselves break the property."""
        of = self.encoding
        match self.rule.property.mode:
            case Mode.INVARIANT:
                return of.truth(self.rule.conditions[0])
            case Mode.DEADLOCK_FREE:
                return of.truth(self.rule.conditions[0]) | ~self._ended()
        return of.manager.true

    def _ended(self) -> Diagram:
        """The states in which no step is possible."""
        ended = self.encoding.manager.true
        for move in self.moves:
            ended &= ~move.guard
        return ended

    def _keeping(self, states: Diagram, move: Move) -> Diagram:
        """From where the step leads to these states without breaking the property."""
        found = self.encoding.before(states, move)
        if self.rule.property.mode is Mode.STEP_RULE:
            found &= self.encoding.truth(self.rule.conditions[move.step.number])
        return found

    def _lasting(self) -> Diagram:
        found, ended = self._good, self._ended()
        while True:
            can = ended
            for move in self.moves:
                can |= self._keeping(found, move)
            if found & can == found:
                return found
            found &= can

    def lost(self, others: Callable[[GroundStep], bool]) -> list[Diagram]:
        """The states from which these steps alone can break the property.

        By how few of them are enough: each set has those before it.
        """
        of = self.encoding
        moves = [move for move in self.moves if others(move.step)]
        found = [~self._good]
        if self.rule.property.mode is Mode.STEP_RULE:
            found.append(self._broken_by(moves))
        while True:
            more = found[-1]
            for move in moves:
                more |= of.before(found[-1], move)
            if more == found[-1]:
                return found
            found.append(more)

    def _broken_by(self, moves: Sequence[Move]) -> Diagram:
        """From where one of the steps breaks a step rule."""
        of, found = self.encoding, self.encoding.manager.false
        for move in moves:
            holds = of.truth(self.rule.conditions[move.step.number])
            found |= move.guard & ~holds
        return found

    def breaking(
        self,
        values: Values,
        lost: Sequence[Diagram],
        others: Callable[[GroundStep], bool],
    ) -> list[GroundStep]:
        """The fewest of these steps that break the property from a lost state."""
        steps: list[GroundStep] = []
        moves = [move for move in self.moves if others(move.step)]
        rank = next(n for n, states in enumerate(lost) if self.has(states, values))
        while rank:
            for move in moves:
                if not all(evaluate(guard, values) for guard in move.step.guards):
                    continue
                after = taken(move.step, values)
                if self._breaks(move.step, values):
                    return [*steps, move.step]
                if self.has(lost[rank - 1], after):
                    steps.append(move.step)
                    values = after
                    break
            rank -= 1
        return steps

    def _breaks(self, step: GroundStep, values: Values) -> bool:
        return self.rule.property.mode is Mode.STEP_RULE and not evaluate(
            self.rule.conditions[step.number], values
        )

    def has(self, states: Diagram, values: Values) -> bool:
        """The state is one of them."""
        there: bool = (
            self.encoding.state(values) & states != self.encoding.manager.false
        )
        return there

    def ways_out(self, values: Values) -> Iterator[GroundStep]:
        """The steps possible here after which the property can be kept."""
        for move in self.moves:
            step = move.step
            if not all(evaluate(guard, values) for guard in step.guards):
                continue
            if self._breaks(step, values):
                continue
            if self.has(self.kept, taken(step, values)):
                yield step
