"""The encoding: ground terms as z3 formulas over truth values and small bit-vectors.

A slot is a truth value, or a bit-vector as wide as its range needs: unsigned, or
in two's complement where the range begins below 0. Arithmetic is done in vectors
wide enough for every result, so nothing ever wraps. Which step is taken is told
by a selector, a number in binary; the frame is then stated once for each slot,
not once for each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import z3

from tdxcheck.checker.engines.symbolic.target import Target
from tdxcheck.checker.ground.system import GroundSlot, GroundSystem
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

Formula = Any
"""A term of z3, which has no types of its own."""


@dataclass(frozen=True)
class Instant:
    """The variables of one time: the state, and the step that is taken from it."""

    state: tuple[Formula, ...]
    selector: tuple[Formula, ...]
    """The bits of the step's number, the lowest first."""


class Encoding:
    """The formulas of one system, over the instants `now` and `then`."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.now = self.instant("")
        self.then = self.instant("'")
        self._encoded: dict[Node, Formula] = {}
        self._hits: dict[Target, Formula] = {}
        self._taken: dict[int, Formula] = {}

    def instant(self, suffix: str) -> Instant:
        bits = max(len(self.system.steps) - 1, 0).bit_length()
        return Instant(
            tuple(variable(slot, suffix) for slot in self.system.slots),
            tuple(z3.Bool(f"step{suffix}.{bit}") for bit in range(bits)),
        )

    def at(self, formula: Formula, now: Instant, then: Instant) -> Formula:
        """The formula over two other instants."""
        old = (*self.now.state, *self.now.selector, *self.then.state)
        new = (*now.state, *now.selector, *then.state)
        return z3.substitute(formula, *zip(old, new, strict=True))

    def term(self, node: Node) -> Formula:
        """The ground term now."""
        if node not in self._encoded:
            for below in walk(node):
                if below not in self._encoded:
                    self._encoded[below] = self._encode(below)
        return self._encoded[node]

    def _encode(self, node: Node) -> Formula:
        """The term, all those below it being encoded already."""
        of = self._encoded
        match node:
            case Const(boolean=True, value=value):
                return z3.BoolVal(bool(value))
            case Const(value=value):
                return z3.BitVecVal(value, width(node.low, node.high))
            case Slot(number=number):
                return self.now.state[number]
            case Not(operand=operand):
                return z3.Not(of[operand])
            case And(operands=operands):
                return z3.And([of[operand] for operand in operands])
            case Or(operands=operands):
                return z3.Or([of[operand] for operand in operands])
            case Eq(left=left, right=right) if left.boolean:
                return of[left] == of[right]
            case Eq(left=left, right=right):
                low, high = min(left.low, right.low), max(left.high, right.high)
                return self._fit(left, low, high) == self._fit(right, low, high)
            case Lt(left=left, right=right):
                low, high = min(left.low, right.low), max(left.high, right.high)
                one, other = self._fit(left, low, high), self._fit(right, low, high)
                return one < other if low < 0 else z3.ULT(one, other)
            case Add(left=left, right=right):
                return self._narrowed(node, left, right, lambda a, b: a + b)
            case Sub(left=left, right=right):
                return self._narrowed(node, left, right, lambda a, b: a - b)
            case Ite(boolean=True, condition=condition, then=then, otherwise=otherwise):
                return z3.If(of[condition], of[then], of[otherwise])
            case Ite(condition=condition, then=then, otherwise=otherwise):
                one = self._fit(then, node.low, node.high)
                other = self._fit(otherwise, node.low, node.high)
                return z3.If(of[condition], one, other)
        raise TypeError(f"not a ground term: {node!r}")

    def _narrowed(self, node: Node, left: Node, right: Node, operate: Any) -> Formula:
        """A sum or difference: computed wide, then as wide as its range needs."""
        low = min(node.low, left.low, right.low)
        high = max(node.high, left.high, right.high)
        wide = operate(self._fit(left, low, high), self._fit(right, low, high))
        return z3.Extract(width(node.low, node.high) - 1, 0, wide)

    def _fit(self, node: Node, low: int, high: int) -> Formula:
        """The number as it is in the range, which includes its own."""
        more = width(low, high) - width(node.low, node.high)
        if not more:
            return self._encoded[node]
        extend = z3.SignExt if node.low < 0 else z3.ZeroExt
        return extend(more, self._encoded[node])

    def value(self, slot: GroundSlot, node: Node) -> Formula:
        """The term as the slot holds it; the guards keep it within its bound."""
        formula = self.term(node)
        if slot.term.boolean:
            return formula
        low, high = min(node.low, slot.term.low), max(node.high, slot.term.high)
        fitted = self._fit(node, low, high)
        return z3.Extract(width(slot.term.low, slot.term.high) - 1, 0, fitted)

    @cached_property
    def within(self) -> Formula:
        """Every slot now is in its range."""
        return z3.And(
            [
                bound
                for slot, now in zip(self.system.slots, self.now.state, strict=True)
                for bound in _bounds(slot, now)
            ]
        )

    @cached_property
    def initial(self) -> Formula:
        """The state now is an initial one."""
        starts = [
            now == constant(slot, slot.start)
            for slot, now in zip(self.system.slots, self.now.state, strict=True)
            if slot.start is not None
        ]
        conditions = [self.term(condition) for condition in self.system.initial]
        return z3.And([self.within, *starts, *conditions])

    def guard(self, step: int) -> Formula:
        """The step is possible now."""
        return z3.And([self.term(guard) for guard in self.system.steps[step].guards])

    def taken(self, step: int) -> Formula:
        """The selector now names the step."""
        if step not in self._taken:
            self._taken[step] = z3.And(
                [
                    bit if step >> place & 1 else z3.Not(bit)
                    for place, bit in enumerate(self.now.selector)
                ]
            )
        return self._taken[step]

    @cached_property
    def transition(self) -> Formula:
        """The step selected now is possible, and leads to the state then."""
        steps = self.system.steps
        if not steps:
            return z3.BoolVal(False)
        codes = 1 << len(self.now.selector)
        unused = [z3.Not(self.taken(code)) for code in range(len(steps), codes)]
        guarded = [
            z3.Implies(self.taken(s.number), self.guard(s.number)) for s in steps
        ]
        framed = [
            self._after(slot) == self.then.state[slot.number]
            for slot in self.system.slots
        ]
        return z3.And([*unused, *guarded, *framed])

    def _after(self, slot: GroundSlot) -> Formula:
        """What the slot holds after the step that is selected now."""
        cases: dict[Node, list[Formula]] = {}
        for step in self.system.steps:
            if slot.number in step.updates:
                value = step.updates[slot.number]
                cases.setdefault(value, []).append(self.taken(step.number))
        after = self.now.state[slot.number]
        for node, taken in cases.items():
            after = z3.If(z3.Or(taken), self.value(slot, node), after)
        return after

    def hit(self, target: Target) -> Formula:
        """The target is hit by the state now, or by the step selected now.

        Of a step it is only meant where the transition is asserted as well.
        """
        if target not in self._hits:
            self._hits[target] = self._hit(target)
        return self._hits[target]

    def _hit(self, target: Target) -> Formula:
        if not target.at_step:
            return self.term(target.nodes[0])
        cases: dict[Node, list[Formula]] = {}
        for number, node in enumerate(target.nodes):
            cases.setdefault(node, []).append(self.taken(number))
        return z3.Or(
            [z3.And(z3.Or(taken), self.term(node)) for node, taken in cases.items()]
        )


def variable(slot: GroundSlot, suffix: str) -> Formula:
    name = slot.name + suffix
    if slot.term.boolean:
        return z3.Bool(name)
    return z3.BitVec(name, width(slot.term.low, slot.term.high))


def constant(slot: GroundSlot, value: int) -> Formula:
    """The value as the slot holds it."""
    if slot.term.boolean:
        return z3.BoolVal(bool(value))
    return z3.BitVecVal(value, width(slot.term.low, slot.term.high))


def number(slot: GroundSlot, value: Formula) -> int:
    """What a slot holds, from z3's value of its variable."""
    if slot.term.boolean:
        return int(z3.is_true(value))
    held: int = value.as_signed_long() if slot.term.low < 0 else value.as_long()
    return held


def width(low: int, high: int) -> int:
    """The bits of a range: in two's complement where it begins below 0."""
    if low < 0:
        return max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1
    return max(high.bit_length(), 1)


def _bounds(slot: GroundSlot, now: Formula) -> Sequence[Formula]:
    """That the slot is in its range, where its bits could hold more."""
    low, high, wide = slot.term.low, slot.term.high, 0
    if slot.term.boolean:
        return ()
    wide = width(low, high)
    bounds = []
    if low < 0:
        if low > -(1 << wide - 1):
            bounds.append(now >= low)
        if high < (1 << wide - 1) - 1:
            bounds.append(now <= high)
        return bounds
    if low > 0:
        bounds.append(z3.UGE(now, low))
    if high < (1 << wide) - 1:
        bounds.append(z3.ULE(now, high))
    return bounds
