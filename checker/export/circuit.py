"""Circuits of and-gates and inverters, and ground terms as such.

A literal is twice the number of an input, latch or gate, plus 1 where it is
inverted; 0 is false and 1 is true. A number is a vector of literals, the lowest bit
first, above the least that the term can be: no sign is needed, and nothing wraps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

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

FALSE = 0
TRUE = 1

Vector = Sequence[int]


class Circuit:
    """And-gates over some inputs and latches, each gate made only once."""

    def __init__(self, leaves: int) -> None:
        self.first = leaves + 1
        """The number of the first gate."""
        self.gates: list[tuple[int, int]] = []
        """Of each gate its two literals, the greater first."""
        self._made: dict[tuple[int, int], int] = {}

    def and_(self, one: int, other: int) -> int:
        high, low = max(one, other), min(one, other)
        if low == FALSE or high == low ^ 1:
            return FALSE
        if low == TRUE or high == low:
            return high
        if (high, low) not in self._made:
            self._made[high, low] = 2 * (self.first + len(self.gates))
            self.gates.append((high, low))
        return self._made[high, low]

    def or_(self, one: int, other: int) -> int:
        return self.and_(one ^ 1, other ^ 1) ^ 1

    def all(self, literals: Iterable[int]) -> int:
        """The conjunction, as a tree that is as flat as can be."""
        level = list(literals) or [TRUE]
        while len(level) > 1:
            pairs = zip_longest(level[::2], level[1::2], fillvalue=TRUE)
            level = [self.and_(one, other) for one, other in pairs]
        return level[0]

    def any(self, literals: Iterable[int]) -> int:
        return self.all(literal ^ 1 for literal in literals) ^ 1

    def choice(self, condition: int, then: int, otherwise: int) -> int:
        return self.or_(self.and_(condition, then), self.and_(condition ^ 1, otherwise))

    def same(self, one: int, other: int) -> int:
        return self.choice(one, other, other ^ 1)

    def equal(self, one: Vector, other: Vector) -> int:
        pairs = zip_longest(one, other, fillvalue=FALSE)
        return self.all(self.same(a, b) for a, b in pairs)

    def less(self, one: Vector, other: Vector) -> int:
        found = FALSE
        for a, b in zip_longest(one, other, fillvalue=FALSE):
            found = self.choice(self.same(a, b), found, b)
        return found

    def sum(self, one: Vector, other: Vector, carry: int = FALSE) -> list[int]:
        """The sum, as wide as it needs; `carry` is added to it."""
        bits = []
        for a, b in zip_longest(one, other, fillvalue=FALSE):
            differ = self.same(a, b) ^ 1
            bits.append(self.same(differ, carry) ^ 1)
            carry = self.or_(self.and_(a, b), self.and_(differ, carry))
        return [*bits, carry]

    def vector(self, condition: int, then: Vector, otherwise: Vector) -> list[int]:
        pairs = zip_longest(then, otherwise, fillvalue=FALSE)
        return [self.choice(condition, a, b) for a, b in pairs]


def binary(number: int) -> list[int]:
    """A number that is not negative, as a vector of constants."""
    return [number >> place & 1 for place in range(number.bit_length())]


def width(node: Node) -> int:
    """How many bits tell the values of the term apart."""
    return (node.high - node.low).bit_length()


class Wiring:
    """The terms of one system, in a circuit in which its slots have their vectors."""

    def __init__(self, circuit: Circuit, slots: Sequence[Vector]) -> None:
        self.circuit = circuit
        self.slots = slots
        self._made: dict[Node, Vector] = {}

    def truth(self, node: Node) -> int:
        """The literal of a truth value."""
        (literal,) = self.vector(node)
        return literal

    def all(self, nodes: Iterable[Node]) -> int:
        return self.circuit.all(map(self.truth, nodes))

    def vector(self, node: Node) -> Vector:
        """The bits of a term, above the least that it can be."""
        if node not in self._made:
            for below in walk(node):
                if below not in self._made:
                    self._made[below] = self._wire(below)
        return self._made[node]

    def above(self, node: Node, low: int) -> Vector:
        """The bits of a term above a number that is not above the least."""
        if node.low == low:
            return self.vector(node)
        return self.circuit.sum(self.vector(node), binary(node.low - low))

    def held(self, node: Node, slot: Slot) -> list[int]:
        """The bits of a term as a slot holds it; guards keep it within its bound."""
        wide = 1 if slot.boolean else width(slot)
        low = min(node.low, slot.low)
        bits = list(self.above(node, low))
        if low < slot.low:
            # What the guards exclude below the bound may come out as anything.
            bits = self._less(bits, binary(slot.low - low))
        return [*bits[:wide], *[FALSE] * (wide - len(bits))]

    def _less(self, one: Vector, other: Vector) -> list[int]:
        """The difference, where it is not negative."""
        wide = max(len(one), len(other))
        padded = [*other, *[FALSE] * (wide - len(other))]
        return self.circuit.sum(one, [bit ^ 1 for bit in padded], TRUE)[:wide]

    def _wire(self, node: Node) -> Vector:
        """The term, all those below it having been wired."""
        circuit, of = self.circuit, self._made
        match node:
            case Const(boolean=True, value=value):
                return [value]
            case Const():
                return []
            case Slot(number=number):
                return self.slots[number]
            case Not(operand=operand):
                return [self.truth(operand) ^ 1]
            case And(operands=operands):
                return [circuit.all(map(self.truth, operands))]
            case Or(operands=operands):
                return [circuit.any(map(self.truth, operands))]
            case Eq(left=left, right=right):
                low = min(left.low, right.low)
                return [circuit.equal(self.above(left, low), self.above(right, low))]
            case Lt(left=left, right=right):
                low = min(left.low, right.low)
                return [circuit.less(self.above(left, low), self.above(right, low))]
            case Ite(condition=condition, then=then, otherwise=otherwise):
                where = self.truth(condition)
                parts = self.above(then, node.low), self.above(otherwise, node.low)
                return circuit.vector(where, *parts)[: max(width(node), 1)]
            case Add(left=left, right=right):
                return circuit.sum(of[left], of[right])[: width(node)]
            case Sub(left=left, right=right):
                # The most that is subtracted, less what is, is not negative.
                most = binary(right.high - right.low)
                return circuit.sum(of[left], self._less(most, of[right]))[: width(node)]
        raise TypeError(f"not a ground term: {node!r}")
