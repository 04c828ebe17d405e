"""Deciding: whether a condition implies another, by z3, within the types' bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import z3

from tdxcheck.checker.engines.symbolic.encoding import Encoding, constant, number
from tdxcheck.checker.gate.reading import Pair
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import FALSE, Node, support

SECONDS = 20.0


class Open(Exception):
    """The solver has given up."""


@dataclass(frozen=True)
class Model:
    """A state in which a condition is true, as near to the start as was found."""

    values: Values
    relevant: frozenset[int]
    """The slots that the condition reads."""


class Decider:
    """Looks for states of one vocabulary, whether they can be reached or not."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        system = pair.after.system
        self.encoding = Encoding(system)
        self.solver = z3.Solver()
        self.solver.set("timeout", int(SECONDS * 1000))
        self.solver.set("random_seed", 0)
        self.solver.add(self.encoding.within)
        self.solver.add(self.encoding.term(pair.common))

    def model(self, conditions: Sequence[Node]) -> Model | None:
        """A state in which all of them hold, if there is one."""
        conjunction = self.pair.terms.and_(conditions)
        if conjunction is FALSE:
            return None
        self.solver.push()
        try:
            self.solver.add(self.encoding.term(conjunction))
            if not self._possible():
                return None
            return self._nearest(support(conjunction))
        finally:
            self.solver.pop()

    def _possible(self) -> bool:
        answer = self.solver.check()
        if answer == z3.unknown:
            raise Open
        return bool(answer == z3.sat)

    def _nearest(self, relevant: frozenset[int]) -> Model:
        """Have as many entries as possible hold what they start with."""
        system, now = self.pair.after.system, self.encoding.now.state
        for slot in system.slots:
            start = slot.term.low if slot.start is None else slot.start
            same = now[slot.number] == constant(slot, start)
            self.solver.push()
            self.solver.add(same)
            stays = slot.number not in relevant or self.solver.check() == z3.sat
            self.solver.pop()
            if stays:
                self.solver.add(same)
        answer = self.solver.check()
        assert answer == z3.sat, "every entry was tried"
        model = self.solver.model()
        values = tuple(
            number(slot, model.eval(now[slot.number], model_completion=True))
            for slot in system.slots
        )
        return Model(values, relevant)
