"""The encoding: ground terms as diagrams over the bits of their slots.

A number is a partition: for each value that it may have, the diagram of the
states in which it has it. Nothing wraps, and negative numbers cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tdxcheck.checker.engines.diagrams.manager import Bits, Diagram, Manager, Renaming
from tdxcheck.checker.ground.system import GroundSlot, GroundStep, GroundSystem, Values
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
    support,
    walk,
)
from tdxcheck.checker.language.terms import Sort

WIDEST = 1 << 14
"""Pairs of values of two numbers that are combined; with more this engine is no use."""

Partition = Mapping[int, Diagram]


class Unsuited(Exception):
    """The system has numbers of too many values for diagrams."""


@dataclass(frozen=True, eq=False)
class Image:
    """Steps as diagrams: from which states, and to what they take them."""

    guard: Diagram
    relation: Diagram
    """The guard, and the bits then of what it assigns no constant to."""
    assigned: tuple[str, ...]
    """The bits now of every slot that it changes."""
    then: Renaming
    """Bits then, and the bits now that they become."""
    now: Renaming
    """Bits now, and the bits then that they are before it."""
    constants: Mapping[str, bool]
    """Bits that it assigns constants to."""
    there: Diagram
    """The same as a diagram, which holds after it."""

    @cached_property
    def lost(self) -> Bits:
        """The bits now that it changes."""
        return frozenset(self.assigned)


@dataclass(frozen=True, eq=False)
class Move(Image):
    """One step."""

    step: GroundStep


class Encoding:
    """The diagrams of one system."""

    def __init__(self, system: GroundSystem, *, pure: bool = False) -> None:
        self.system = system
        self.bits: dict[int, tuple[str, ...]] = {
            slot.number: tuple(
                f"s{slot.number}.{place}" for place in range(_width(slot))
            )
            for slot in system.slots
        }
        order = [bit for slot in _order(system) for bit in self.bits[slot.number]]
        self.manager = Manager(
            (bit for now in order for bit in (now, then_bit(now))), pure=pure
        )
        self._truths: dict[Node, Diagram] = {}
        self._numbers: dict[Node, Partition] = {}
        self._known: set[Node] = set()
        """The terms that are in one of the two."""

    def count(self, *sets: Diagram) -> list[int]:
        """How many states each of the sets has."""
        bits = [bit for bits in self.bits.values() for bit in bits]
        return self.manager.count(sets, bits)

    def holds(self, slot: GroundSlot, value: int, *, then: bool = False) -> Diagram:
        """The slot has the value."""
        code = value - slot.term.low
        bits = self.bits[slot.number]
        return self.manager.cube(
            {
                then_bit(bit) if then else bit: bool(code >> place & 1)
                for place, bit in enumerate(bits)
            }
        )

    def state(self, values: Values) -> Diagram:
        """The one state."""
        return self._cube(self.system.slots, values)

    def initial(self, relevant: Collection[int] | None = None) -> Diagram:
        """The initial states; or how they are in a cone of slots, the rest left open.

        A condition reads slots of a cone alone, or none of it.
        """
        found = self.manager.true
        for slot in self.system.slots:
            if relevant is not None and slot.number not in relevant:
                continue
            values = range(slot.term.low, slot.term.high + 1)
            if slot.start is not None:
                values = range(slot.start, slot.start + 1)
            found &= self._any(self.holds(slot, value) for value in values)
        for condition in self.system.initial:
            if relevant is None or support(condition) <= frozenset(relevant):
                found &= self.truth(condition)
        return found

    def _any(self, diagrams: Iterable[Diagram]) -> Diagram:
        found = self.manager.false
        for diagram in diagrams:
            found |= diagram
        return found

    def all(self, nodes: Iterable[Node]) -> Diagram:
        """The states in which all of the terms are true."""
        found = self.manager.true
        for node in nodes:
            found &= self.truth(node)
        return found

    def moves(self, steps: Iterable[GroundStep] | None = None) -> list[Move]:
        """The steps, by default the system's, that some state allows, in order."""
        moves = map(self._move, self.system.steps if steps is None else steps)
        return [move for move in moves if move.guard != self.manager.false]

    def moves_in(self, relevant: Collection[int], moves: Iterable[Move]) -> list[Move]:
        """Those of the moves that change a cone of slots, with what they do to it."""
        found = []
        for move in moves:
            step = move.step
            updates = {n: value for n, value in step.updates.items() if n in relevant}
            if updates:
                found.append(self._move(replace(step, updates=updates)))
        return found

    def _move(self, step: GroundStep) -> Move:
        guard = relation = self.all(step.guards)
        constants: dict[str, bool] = {}
        then: dict[str, str] = {}
        for number, node in step.updates.items():
            slot = self.system.slots[number]
            bits = self.bits[number]
            if isinstance(node, Const):
                code = node.value - slot.term.low
                constants |= {b: bool(code >> at & 1) for at, b in enumerate(bits)}
                continue
            relation &= self._any(
                where & self.holds(slot, value, then=True)
                for value, where in self.number(node).items()
                if slot.term.low <= value <= slot.term.high
            )
            then |= {then_bit(bit): bit for bit in bits}
        assigned = tuple(b for number in step.updates for b in self.bits[number])
        there = self.manager.cube(constants)
        names = self.manager.renaming(then), self.manager.renaming(inverse(then))
        return Move(guard, relation, assigned, *names, constants, there, step)

    def after(self, states: Diagram, move: Image) -> Diagram:
        """Where the step leads from these states."""
        if not move.assigned:
            return states & move.guard
        there = self.manager.and_exists(states, move.relation, move.lost)
        if there == self.manager.false:
            return there
        return self.manager.renamed(there, move.then) & move.there

    def before(self, states: Diagram, move: Image) -> Diagram:
        """From where the step leads to these states."""
        if not move.assigned:
            return states & move.guard
        there = self.manager.restricted(states, move.constants)
        if there == self.manager.false:
            return there
        there = self.manager.renamed(there, move.now)
        return self.manager.and_exists(there, move.relation, move.then.old)

    def _cube(self, slots: Iterable[GroundSlot], values: Values) -> Diagram:
        """The slots have the values that they have in this state."""
        return self.manager.cube(
            {
                bit: bool(values[slot.number] - slot.term.low >> place & 1)
                for slot in slots
                for place, bit in enumerate(self.bits[slot.number])
            }
        )

    def first(self, states: Diagram) -> Values:
        """The state of the set, which has one, that comes first by its values."""
        values = []
        for slot in self.system.slots:
            for value in range(slot.term.low, slot.term.high + 1):
                rest = states & self.holds(slot, value)
                if rest != self.manager.false:
                    values.append(value)
                    states = rest
                    break
        return tuple(values)

    def truth(self, node: Node) -> Diagram:
        """The states in which the term, a truth value, is true."""
        if node not in self._truths:
            self._encode_all(node)
        return self._truths[node]

    def number(self, node: Node) -> Partition:
        """The term's values, truth values being 0 and 1, each with its states."""
        if node.boolean:
            truth = self.truth(node)
            return {0: ~truth, 1: truth}
        if node not in self._numbers:
            self._encode_all(node)
        return self._numbers[node]

    def _encode_all(self, node: Node) -> None:
        for below in walk(node, known=self._known):
            self._encode(below)
            self._known.add(below)

    def _encode(self, node: Node) -> None:
        """The term, all those below it being encoded already."""
        if node.boolean:
            self._truths[node] = self._truth(node)
        else:
            partition = self._number(node)
            self._numbers[node] = {
                value: where
                for value, where in partition.items()
                if where != self.manager.false
            }

    def _truth(self, node: Node) -> Diagram:
        of = self._truths
        match node:
            case Const(value=value):
                return self.manager.true if value else self.manager.false
            case Slot(number=number):
                return self.manager.bit(self.bits[number][0])
            case Not(operand=operand):
                return ~of[operand]
            case And(operands=operands):
                found = self.manager.true
                for operand in operands:
                    found &= of[operand]
                return found
            case Or(operands=operands):
                return self._any(of[operand] for operand in operands)
            case Eq(left=left, right=right) if left.boolean:
                one, other = of[left], of[right]
                return one & other | ~one & ~other
            case Eq(left=left, right=right):
                one, other = self._numbers[left], self._numbers[right]
                return self._any(
                    one[value] & other[value] for value in one & other.keys()
                )
            case Lt(left=left, right=right):
                pairs = self._pairs(left, right)
                return self._any(w & v for a, w, b, v in pairs if a < b)
            case Ite(condition=condition, then=then, otherwise=otherwise):
                where = of[condition]
                return where & of[then] | ~where & of[otherwise]
        raise TypeError(f"not a ground term: {node!r}")

    def _number(self, node: Node) -> Partition:
        found: dict[int, Diagram] = {}
        false = self.manager.false
        match node:
            case Const(value=value):
                return {value: self.manager.true}
            case Slot(number=number):
                slot = self.system.slots[number]
                values = range(slot.term.low, slot.term.high + 1)
                return {value: self.holds(slot, value) for value in values}
            case Add(left=left, right=right) | Sub(left=left, right=right):
                sign = 1 if isinstance(node, Add) else -1
                for a, w, b, v in self._pairs(left, right):
                    value = a + sign * b
                    found[value] = found.get(value, false) | w & v
                return found
            case Ite(condition=condition, then=then, otherwise=otherwise):
                where = self._truths[condition]
                for chosen, side in ((where, then), (~where, otherwise)):
                    for value, states in self._numbers[side].items():
                        found[value] = found.get(value, false) | chosen & states
                return found
        raise TypeError(f"not a ground term: {node!r}")

    def _pairs(
        self, left: Node, right: Node
    ) -> Iterable[tuple[int, Diagram, int, Diagram]]:
        one, other = self._numbers[left], self._numbers[right]
        if len(one) * len(other) > WIDEST:
            raise Unsuited
        return ((a, w, b, v) for a, w in one.items() for b, v in other.items())


def _width(slot: GroundSlot) -> int:
    return max((slot.term.high - slot.term.low).bit_length(), 1)


def then_bit(bit: str) -> str:
    return f"{bit}'"


def inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in names.items()}


def _order(system: GroundSystem) -> list[GroundSlot]:
    """The slots, those near each other that are mostly read together.

    What is global is read with everything, and so stands between the two largest
    sorts, the smaller ones beside it; of each sort all of one element, then of the
    next.
    """
    parts: dict[Sort | None, list[GroundSlot]] = {None: []}
    for slot in system.slots:
        sorts = slot.entry[0].index_sorts
        parts.setdefault(sorts[-1] if sorts else None, []).append(slot)

    def size(sort: Sort) -> tuple[int, str]:
        return sum(map(_width, parts[sort])), sort.__name__

    ascending = sorted((sort for sort in parts if sort), key=size)
    second = ascending[-2:-1]
    return [
        slot
        for sort in dict.fromkeys((*second, None, *ascending))
        for slot in sorted(parts[sort], key=lambda s: (s.entry[1][-1:], s.number))
    ]
