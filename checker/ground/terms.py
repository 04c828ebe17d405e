"""Ground terms: ten kinds of node over numbered slots, which is all an engine reads.

A value is a truth value or an integer: members of enumerations and elements of
index sorts have become their numbers. Equal terms are one object, and each
constructor simplifies what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A ground term. Truth values have `low`, `high` 0 and 1."""

    low: int
    high: int
    boolean: bool


@dataclass(frozen=True, eq=False, slots=True)
class Const(Node):
    value: int


@dataclass(frozen=True, eq=False, slots=True)
class Slot(Node):
    """One scalar of the ground state, by its number there."""

    number: int


@dataclass(frozen=True, eq=False, slots=True)
class Not(Node):
    operand: Node


@dataclass(frozen=True, eq=False, slots=True)
class And(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Or(Node):
    operands: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Eq(Node):
    left: Node
    right: Node


@dataclass(frozen=True, eq=False, slots=True)
class Lt(Node):
    left: Node
    right: Node


@dataclass(frozen=True, eq=False, slots=True)
class Add(Node):
    left: Node
    right: Node


@dataclass(frozen=True, eq=False, slots=True)
class Sub(Node):
    left: Node
    right: Node


@dataclass(frozen=True, eq=False, slots=True)
class Ite(Node):
    condition: Node
    then: Node
    otherwise: Node


TRUE = Const(0, 1, True, 1)
FALSE = Const(0, 1, True, 0)


class Terms:
    """Makes ground terms, each only once."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Node] = {}
        self._places: dict[int, int] = {}
        """The order in which terms were made or met, the same in every process."""

    def number(self, value: int) -> Node:
        return self._once((Const, value), lambda: Const(value, value, False, value))

    @staticmethod
    def truth(value: bool) -> Node:
        return TRUE if value else FALSE

    def slot(self, number: int, low: int, high: int, *, boolean: bool) -> Node:
        return self._once((Slot, number), lambda: Slot(low, high, boolean, number))

    def not_(self, operand: Node) -> Node:
        if isinstance(operand, Const):
            return self.truth(not operand.value)
        if isinstance(operand, Not):
            return operand.operand
        return self._once((Not, id(operand)), lambda: Not(0, 1, True, operand))

    def and_(self, operands: Iterable[Node]) -> Node:
        return self._junction(And, operands, TRUE, FALSE)

    def or_(self, operands: Iterable[Node]) -> Node:
        return self._junction(Or, operands, FALSE, TRUE)

    def _junction(
        self,
        kind: type[And] | type[Or],
        operands: Iterable[Node],
        neutral: Node,
        absorbing: Node,
    ) -> Node:
        distinct: dict[int, Node] = {}
        for operand in operands:
            parts = operand.operands if isinstance(operand, kind) else (operand,)
            for part in parts:
                if part is absorbing:
                    return absorbing
                if part is not neutral:
                    distinct[id(part)] = part
        for part in distinct.values():
            if isinstance(part, Not) and id(part.operand) in distinct:
                return absorbing
        if not distinct:
            return neutral
        if len(distinct) == 1:
            return next(iter(distinct.values()))
        parts = tuple(distinct.values())
        return self._once((kind, *distinct), lambda: kind(0, 1, True, parts))

    def eq(self, left: Node, right: Node) -> Node:
        if left is right:
            return TRUE
        if isinstance(left, Const):
            left, right = right, left
        if isinstance(left, Const) and isinstance(right, Const):
            return self.truth(left.value == right.value)
        if left.high < right.low or right.high < left.low:
            return FALSE
        if isinstance(right, Const):
            if right.boolean:
                return left if right.value else self.not_(left)
            if isinstance(left, Ite):
                then = self.eq(left.then, right)
                otherwise = self.eq(left.otherwise, right)
                return self.ite(left.condition, then, otherwise)
        if not isinstance(right, Const) and self._place(left) > self._place(right):
            left, right = right, left
        return self._once(
            (Eq, id(left), id(right)), lambda: Eq(0, 1, True, left, right)
        )

    def lt(self, left: Node, right: Node) -> Node:
        if left.high < right.low:
            return TRUE
        if left.low >= right.high or left is right:
            return FALSE
        return self._once(
            (Lt, id(left), id(right)), lambda: Lt(0, 1, True, left, right)
        )

    def add(self, left: Node, right: Node) -> Node:
        if isinstance(left, Const) and isinstance(right, Const):
            return self.number(left.value + right.value)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Const) and one.value == 0:
                return other
        low, high = left.low + right.low, left.high + right.high
        return self._once(
            (Add, id(left), id(right)), lambda: Add(low, high, False, left, right)
        )

    def sub(self, left: Node, right: Node) -> Node:
        if isinstance(left, Const) and isinstance(right, Const):
            return self.number(left.value - right.value)
        if isinstance(right, Const) and right.value == 0:
            return left
        low, high = left.low - right.high, left.high - right.low
        return self._once(
            (Sub, id(left), id(right)), lambda: Sub(low, high, False, left, right)
        )

    def ite(self, condition: Node, then: Node, otherwise: Node) -> Node:
        if isinstance(condition, Const):
            return then if condition.value else otherwise
        if then is otherwise:
            return then
        if then.boolean:
            if isinstance(then, Const):
                other = condition if then.value else self.not_(condition)
                join = self.or_ if then.value else self.and_
                return join((other, otherwise))
            if isinstance(otherwise, Const):
                if otherwise.value:
                    return self.or_((self.not_(condition), then))
                return self.and_((condition, then))
        low = min(then.low, otherwise.low)
        high = max(then.high, otherwise.high)
        return self._once(
            (Ite, id(condition), id(then), id(otherwise)),
            lambda: Ite(low, high, then.boolean, condition, then, otherwise),
        )

    def _once(self, key: tuple[object, ...], make: object) -> Node:
        found = self._made.get(key)
        if found is None:
            found = make()  # type: ignore[operator]
            self._made[key] = found
            self._place(found)
        return found

    def _place(self, node: Node) -> int:
        return self._places.setdefault(id(node), len(self._places))


class Rewriter:
    """Writes terms again, each only once, with another term for each slot."""

    def __init__(self, make: Terms, slot: Callable[[Slot], Node]) -> None:
        self.make = make
        self.slot = slot
        self._written: dict[int, Node] = {}

    def term(self, node: Node) -> Node:
        """The term, written again. It must live as long as this does."""
        if id(node) not in self._written:
            self._written[id(node)] = self._term(node)
        return self._written[id(node)]

    def _term(self, node: Node) -> Node:
        make, term = self.make, self.term
        match node:
            case Const():
                return node if node.boolean else make.number(node.value)
            case Slot():
                return self.slot(node)
            case Not(operand=operand):
                return make.not_(term(operand))
            case And(operands=operands):
                return make.and_(map(term, operands))
            case Or(operands=operands):
                return make.or_(map(term, operands))
            case Eq(left=left, right=right):
                return make.eq(term(left), term(right))
            case Lt(left=left, right=right):
                return make.lt(term(left), term(right))
            case Add(left=left, right=right):
                return make.add(term(left), term(right))
            case Sub(left=left, right=right):
                return make.sub(term(left), term(right))
            case Ite(condition=condition, then=then, otherwise=otherwise):
                return make.ite(term(condition), term(then), term(otherwise))
        raise TypeError(f"not a ground term: {node!r}")


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Const() | Slot():
            return ()
        case Not(operand=operand):
            return (operand,)
        case And(operands=operands) | Or(operands=operands):
            return operands
        case (
            Eq(left=left, right=right)
            | Lt(left=left, right=right)
            | Add(left=left, right=right)
            | Sub(left=left, right=right)
        ):
            return (left, right)
        case Ite(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
    raise TypeError(f"not a ground term: {node!r}")


def walk(*roots: Node, known: Container[Node] = ()) -> Iterator[Node]:
    """Every node below the roots, once, children before parents.

    What is known, and what is only below that, is left out.
    """
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            yield node
        elif id(node) not in seen and node not in known:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(child, False) for child in reversed(children(node))]


def support(*roots: Node) -> frozenset[int]:
    """The numbers of the slots that the terms read."""
    found: set[int] = set()
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, Slot):
            found.add(node.number)
        elif id(node) not in seen:
            seen.add(id(node))
            stack += children(node)
    return frozenset(found)


class Supports:
    """The slots that terms read; what terms have in common is looked at but once."""

    def __init__(self) -> None:
        self._masks: dict[Node, int] = {}

    def mask(self, node: Node) -> int:
        """The numbers of the slots as the bits of a number."""
        masks = self._masks
        stack = [node]
        while stack:
            top = stack.pop()
            if top in masks:
                continue
            below = children(top)
            if missing := [child for child in below if child not in masks]:
                stack += (top, *missing)
                continue
            found = 1 << top.number if isinstance(top, Slot) else 0
            for child in below:
                found |= masks[child]
            masks[top] = found
        return masks[node]

    def of(self, *roots: Node) -> frozenset[int]:
        """The numbers of the slots that the terms read."""
        left = 0
        for root in roots:
            left |= self.mask(root)
        found = []
        while left:
            lowest = left & -left
            found.append(lowest.bit_length() - 1)
            left ^= lowest
        return frozenset(found)


def evaluate(node: Node, values: tuple[int, ...] | dict[int, int]) -> int:
    """The value of a term where the slots have these values."""
    match node:
        case Const(value=value):
            return value
        case Slot(number=number):
            return values[number]
        case Not(operand=operand):
            return 1 - evaluate(operand, values)
        case And(operands=operands):
            return int(all(evaluate(operand, values) for operand in operands))
        case Or(operands=operands):
            return int(any(evaluate(operand, values) for operand in operands))
        case Eq(left=left, right=right):
            return int(evaluate(left, values) == evaluate(right, values))
        case Lt(left=left, right=right):
            return int(evaluate(left, values) < evaluate(right, values))
        case Add(left=left, right=right):
            return evaluate(left, values) + evaluate(right, values)
        case Sub(left=left, right=right):
            return evaluate(left, values) - evaluate(right, values)
        case Ite(condition=condition, then=then, otherwise=otherwise):
            chosen = then if evaluate(condition, values) else otherwise
            return evaluate(chosen, values)
    raise TypeError(f"not a ground term: {node!r}")
