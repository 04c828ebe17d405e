"""Steps of one machine, put to a SAT solver: what a step from some state can break.

Only the state before the step has literals there; what a term is after a step is told
by what the step assigns, and a term that reads none of it is the same as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from tdxcheck.checker.engines.symbolic.pdr.literals import (
    FALSE,
    Literals,
    Number,
    TooManyValues,
)
from tdxcheck.checker.engines.symbolic.pdr.moves import Moves
from tdxcheck.checker.engines.symbolic.target import target_of
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.ground.terms import Node, Supports, children

__all__ = ["Stepping", "TooManyValues"]


class Stepping:
    """The states of one machine, and every step from them."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.moves = Moves(system)
        self.literals = self.moves.literals
        self.solver = self.literals.solver
        self.supports = Supports()
        self._later = cache(self._made_later)

    def truth(self, node: Node) -> int:
        return self.literals.truth(node)

    def value(self, slot: int, values: Iterable[int]) -> int:
        """The literal that the slot has one of these values."""
        return _any_of(self.literals, self.literals.slots[slot], values)

    def truth_after(self, step: int, node: Node) -> int:
        return self._later(step).truth(node)

    def value_after(self, step: int, slot: int, values: Iterable[int]) -> int:
        return _any_of(self.literals, self._later(step).slots[slot], values)

    def guard(self, step: int) -> int:
        return self.moves.guards[step]

    def changing(self, slots: Iterable[int]) -> list[int]:
        """The steps that assign one of the slots."""
        found = (step for slot in slots for step in self.moves.changing[slot])
        return sorted(dict.fromkeys(found))

    def broken(self, rule: GroundProperty) -> int:
        """Where a step breaks the rule, which has held till then."""
        target = target_of(self.system, rule)
        if target.at_step:
            return self.moves.bad(target)
        (hit,) = target.nodes
        literals = self.literals
        after = (
            literals.and_((self.guard(step), self.truth_after(step, hit)))
            for step in self.changing(self.slots(hit))
        )
        return literals.and_((-self.truth(hit), literals.or_(after)))

    def slots(self, node: Node) -> frozenset[int]:
        """The slots that the term reads."""
        return self.supports.of(node)

    def require(self, literal: int) -> None:
        """Of all states, look only at those where this holds."""
        self.solver.add_clause([literal])

    def name(self, clauses: Iterable[Sequence[int]]) -> int:
        """A name that says that all of the clauses hold, to be assumed."""
        named = self.literals.fresh()
        for clause in clauses:
            self.solver.add_clause([-named, *clause])
        return named

    def possible(self, assumptions: Iterable[int]) -> bool:
        return bool(self.solver.solve(assumptions=list(assumptions)))

    def state(self) -> Values:
        """The state that was possible."""
        return self.literals.state(self.solver.get_model())

    def core(self) -> frozenset[int]:
        """The assumptions that together were not possible."""
        return frozenset(self.solver.get_core() or ())

    def _made_later(self, step: int) -> _Later:
        updates = self.system.steps[step].updates
        changed = sum(1 << slot for slot in updates)
        slots = [
            self.literals.number(updates[slot]) if slot in updates else before
            for slot, before in enumerate(self.literals.slots)
        ]
        return _Later(self, changed, slots)


class _Later(Literals):
    """The literals after a step, which are literals of the state before it."""

    def __init__(self, stepping: Stepping, changed: int, slots: list[Number]) -> None:
        # Not those of a solver of their own: terms are wired in the one that is there.
        self.stepping = stepping
        self.changed = changed
        self.slots = slots
        self._of = {}

    def and_(self, literals: Iterable[int]) -> int:
        return self.stepping.literals.and_(literals)

    def number(self, node: Node) -> Number:
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self._of:
                stack.pop()
            elif not self.stepping.supports.mask(top) & self.changed:
                self._of[stack.pop()] = self.stepping.literals.number(top)
            elif below := [n for n in children(top) if n not in self._of]:
                stack += below
            else:
                self._of[stack.pop()] = self._wire(top)
        return self._of[node]


def _any_of(literals: Literals, number: Number, values: Iterable[int]) -> int:
    return literals.or_(number.get(value, FALSE) for value in values)
