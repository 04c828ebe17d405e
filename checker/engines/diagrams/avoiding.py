"""Avoiding: from which states a property can still be kept, and when it is out of hand.

A property can be kept in a state if some run from there never breaks it: one that
goes on for ever, or that ends where no step is possible. What is owed can be kept if
some run from there comes to it. A property is out of the hands of some steps in a state
if the others alone can break it from there, in some order and with nothing that would
have to come between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode


class Avoiding:
    """Where one property of a system can be kept, and where not any more."""

    def __init__(
        self,
        system: GroundSystem,
        number: int,
        start: Values | None = None,
        *,
        pure: bool = False,
    ) -> None:
        """With a start, only of the states that are reached from there."""
        self.system = system
        self.rule = system.properties[number]
        self.encoding = Encoding(system, pure=pure)
        self.moves = self.encoding.moves()
        self._within = self.encoding.manager.true
        if start is not None:
            first = self.encoding.state(start)
            self._within = closure(self.encoding, self.moves, first, lambda: None)
        self._good = self._kept_there()
        self.nearer = self._coming()
        """The states from which what is owed can come, by how few steps are enough:
        each set has those before it. Empty where the property is no leads-to."""
        self.kept = self.nearer[-1] if self.nearer else self._lasting()
        """The states from which the property can be kept."""

    def _kept_there(self) -> Diagram:
        """The states that do not themselves break the property."""
        of = self.encoding
        match self.rule.property.mode:
            case Mode.INVARIANT:
                good = of.truth(self.rule.conditions[0])
            case Mode.DEADLOCK_FREE:
                good = of.truth(self.rule.conditions[0]) | ~self._ended()
            case _:
                good = of.manager.true
        return good & self._within

    def _coming(self) -> list[Diagram]:
        if self.rule.goal is None:
            return []
        goal = self.encoding.truth(self.rule.goal) & self._within
        return self._behind(goal, self.moves)

    def _behind(self, states: Diagram, moves: Sequence[Move]) -> list[Diagram]:
        """The states from which the steps lead to these, by how few are enough."""
        found = [states]
        while True:
            more = found[-1]
            for move in moves:
                more |= self.encoding.before(found[-1], move) & self._within
            if more == found[-1]:
                return found
            found.append(more)

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
        moves = [move for move in self.moves if others(move.step)]
        broken = self._within & ~self._good
        if self.rule.property.mode is Mode.STEP_RULE:
            return [broken, *self._behind(self._broken_by(moves), moves)]
        return self._behind(broken, moves)

    def _broken_by(self, moves: Sequence[Move]) -> Diagram:
        """From where one of the steps breaks a step rule."""
        of, found = self.encoding, self.encoding.manager.false
        for move in moves:
            holds = of.truth(self.rule.conditions[move.step.number])
            found |= move.guard & ~holds
        return found & self._within

    def breaking(
        self,
        values: Values,
        lost: Sequence[Diagram],
        others: Callable[[GroundStep], bool],
    ) -> list[GroundStep]:
        """The fewest of these steps that break the property from a lost state."""
        return self._along(values, lost, others)

    def coming(self, values: Values) -> list[GroundStep]:
        """The fewest steps to what is owed, from a state where it can come."""
        return self._along(values, self.nearer, lambda step: True)

    def _along(
        self,
        values: Values,
        ranks: Sequence[Diagram],
        others: Callable[[GroundStep], bool],
    ) -> list[GroundStep]:
        """Steps from one set to the one before it, until the first or a broken rule."""
        steps: list[GroundStep] = []
        moves = [move for move in self.moves if others(move.step)]
        rank = next(n for n, states in enumerate(ranks) if self.has(states, values))
        while rank:
            for move in moves:
                if not all(evaluate(guard, values) for guard in move.step.guards):
                    continue
                after = taken(move.step, values)
                if self._breaks(move.step, values):
                    return [*steps, move.step]
                if self.has(ranks[rank - 1], after):
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
