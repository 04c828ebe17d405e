"""Literals: the terms of a ground system, as those of a SAT solver.

A slot of more than two values has a variable for each of them, exactly one of which
is true; a literal is a variable's number, negative where it is inverted. A number is
told by a literal for each value that it may have, so arithmetic is a matter of
and-gates, and nothing wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

from pysat.solvers import Solver

from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import (
    Add,
    And,
    Const,
    Eq,
    Ite,
    Lt,
    Node,
    Not,
    Or,
    Slot,
    Sub,
    walk,
)

TRUE = 1
FALSE = -1

SOLVER = "glucose4"
MOST = 256
"""Values of a number, beyond which there would be too many literals."""

Number = Mapping[int, int]
"""By value, the literal that tells that the number has it."""


class TooManyValues(Exception):
    """A number of the system has more values than are told one by one."""


class Literals:
    """The solver, and the literals in it of the slots and terms of one system."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.solver = Solver(SOLVER)
        self.count = TRUE
        """How many variables there are."""
        self.solver.add_clause([TRUE])
        self.gates: dict[int, tuple[int, ...]] = {}
        """By the variable of an and-gate, its inputs."""
        self.leaves: dict[int, tuple[int, int]] = {}
        """By the variable of a slot, the slot and a value: where it is true."""
        self._made: dict[tuple[int, ...], int] = {}
        self._of: dict[Node, Number] = {}
        self.slots = [self._slot(slot.number) for slot in system.slots]

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def _slot(self, number: int) -> Number:
        term = self.system.slots[number].term
        values = range(term.low, term.high + 1)
        if len(values) > MOST:
            raise TooManyValues(self.system.slots[number].name)
        if len(values) == 1:
            return {term.low: TRUE}
        if len(values) == 2:
            literal = self.fresh()
            self.leaves[literal] = (number, term.high)
            return {term.low: -literal, term.high: literal}
        literals = {value: self.fresh() for value in values}
        for value, literal in literals.items():
            self.leaves[literal] = (number, value)
        self.solver.add_clause(list(literals.values()))
        for one, other in combinations(literals.values(), 2):
            self.solver.add_clause([-one, -other])
        return literals

    def and_(self, literals: Iterable[int]) -> int:
        """The literal of a conjunction."""
        inputs = set(literals)
        inputs.discard(TRUE)
        if FALSE in inputs or any(-literal in inputs for literal in inputs):
            return FALSE
        if not inputs:
            return TRUE
        if len(inputs) == 1:
            return inputs.pop()
        key = tuple(sorted(inputs))
        if key not in self._made:
            gate = self._made[key] = self.fresh()
            self.gates[gate] = key
            self.solver.add_clause([gate, *(-literal for literal in key)])
            for literal in key:
                self.solver.add_clause([-gate, literal])
        return self._made[key]

    def or_(self, literals: Iterable[int]) -> int:
        return -self.and_(-literal for literal in literals)

    def truth(self, node: Node) -> int:
        """The literal of a truth value."""
        return self.number(node)[1]

    def all(self, nodes: Iterable[Node]) -> int:
        return self.and_(map(self.truth, nodes))

    def number(self, node: Node) -> Number:
        """The literal of each value of a term; of a truth value, of 0 and 1."""
        if node not in self._of:
            for below in walk(node):
                if below not in self._of:
                    self._of[below] = self._wire(below)
        return self._of[node]

    def _wire(self, node: Node) -> Number:
        of = self._of
        match node:
            case Const(boolean=True, value=value):
                return {0: FALSE, 1: TRUE} if value else {0: TRUE, 1: FALSE}
            case Const(value=value):
                return {value: TRUE}
            case Slot(number=number):
                return self.slots[number]
            case Not(operand=operand):
                return _truth(-of[operand][1])
            case And(operands=operands):
                return _truth(self.and_(of[operand][1] for operand in operands))
            case Or(operands=operands):
                return _truth(self.or_(of[operand][1] for operand in operands))
            case Eq(left=left, right=right):
                return _truth(self._pairs(left, right, lambda a, b: a == b))
            case Lt(left=left, right=right):
                return _truth(self._pairs(left, right, lambda a, b: a < b))
            case Add(left=left, right=right):
                return self._combined(left, right, lambda a, b: a + b)
            case Sub(left=left, right=right):
                return self._combined(left, right, lambda a, b: a - b)
            case Ite(condition=condition, then=then, otherwise=otherwise):
                chosen = of[condition][1]
                one, other = of[then], of[otherwise]
                values = dict.fromkeys((*one, *other))
                return {
                    value: self.or_(
                        (
                            self.and_((chosen, one.get(value, FALSE))),
                            self.and_((-chosen, other.get(value, FALSE))),
                        )
                    )
                    for value in values
                }
        raise TypeError(f"not a ground term: {node!r}")

    def _pairs(self, left: Node, right: Node, holds: Callable[[int, int], bool]) -> int:
        """Some pair of values in the relation is the pair that the terms have."""
        return self.or_(
            self.and_((one, other))
            for a, one in self._of[left].items()
            for b, other in self._of[right].items()
            if holds(a, b)
        )

    def _combined(
        self, left: Node, right: Node, operate: Callable[[int, int], int]
    ) -> Number:
        found: dict[int, list[int]] = {}
        for a, one in self._of[left].items():
            for b, other in self._of[right].items():
                found.setdefault(operate(a, b), []).append(self.and_((one, other)))
        if len(found) > MOST:
            raise TooManyValues(self.system.name)
        return {value: self.or_(cases) for value, cases in found.items()}

    def not_value(self, slot: int, value: int) -> int:
        """The literal that the slot has another value."""
        return -self.slots[slot][value]

    def excluded(self, literal: int) -> tuple[int, int]:
        """The slot and the value that a literal of a cube excludes."""
        slot, value = self.leaves[abs(literal)]
        if literal < 0:
            return slot, value
        return slot, self.system.slots[slot].term.low

    def state(self, model: list[int]) -> Values:
        """The state that a model of the solver describes."""
        found = [slot.term.low for slot in self.system.slots]
        for variable, (slot, value) in self.leaves.items():
            if model[variable - 1] > 0:
                found[slot] = value
        return tuple(found)


def _truth(literal: int) -> Number:
    return {0: -literal, 1: literal}
