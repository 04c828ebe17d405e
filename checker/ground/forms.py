"""Forms: whether a permutation of elements carries terms, steps, conditions to others.

Terms are compared in a normal form: operands without their order, sums by their parts,
choices by the values of what they compare. Terms of different forms are evaluated
wherever they are small; what is not seen to be the same is taken to be different.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from tdxcheck.checker.ground.permutation import Permutation
from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundStep,
    GroundSystem,
    code,
)
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
    evaluate,
    support,
)
from tdxcheck.checker.language.instance import show_entry, show_value
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Index

MOST_VALUES = 1 << 12
"""Valuations by which two terms of different forms are compared."""

Form = int
"""The number of a normal form: equal terms of one form have one number."""


@dataclass(eq=False)
class Forms:
    """Normal forms of terms, moved by a permutation, and what differs."""

    system: GroundSystem
    numbers: dict[tuple[Any, ...], Form] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plain = _Writer(self, Permutation({}))
        self.slots = {slot.entry: slot for slot in self.system.slots}
        self.steps = {(s.action, s.arguments): s for s in self.system.steps}
        self.moved: dict[frozenset[Any], _Writer] = {}

    def number(self, key: tuple[Any, ...]) -> Form:
        return self.numbers.setdefault(key, len(self.numbers))

    def writer(self, permutation: Permutation) -> _Writer:
        if permutation.key not in self.moved:
            self.moved[permutation.key] = _Writer(self, permutation)
        return self.moved[permutation.key]

    def step(self, step: GroundStep, permutation: Permutation) -> GroundStep | None:
        """The step that the permutation makes of a step, if there is one."""
        arguments = tuple(
            permutation.value(parameter.sort, argument)
            if parameter.sort in permutation.of
            else argument
            for parameter, argument in zip(
                step.action.parameters, step.arguments, strict=True
            )
        )
        return self.steps.get((step.action, arguments))

    def moves_system(self, permutation: Permutation) -> str:
        """Why the permutation does not carry the system onto itself, or nothing."""
        writer = self.writer(permutation)
        reason = self._moves_slots(permutation)
        if not reason and not writer.same_together(
            self.system.initial, self.system.initial
        ):
            reason = self._of_initial(writer)
        if reason:
            return self._configured(permutation) or reason
        for step in self.system.steps:
            image = self.step(step, permutation)
            if image is None or not writer.same_step(step, image):
                where = f"{step.action.name} ({step.action.location})"
                return self._configured(permutation) or where
        return ""

    def _moves_slots(self, permutation: Permutation) -> str:
        for slot in self.system.slots:
            image = self.slots.get(permutation.entry(slot.entry))
            sort = slot.entry[0].sort
            start = slot.start
            if start is not None:
                start = permutation.value(sort, start)
            if image is None or image.start != start:
                variable = slot.entry[0]
                return f"{variable.name} starts differently ({variable.location})"
        return ""

    def _of_initial(self, writer: _Writer) -> str:
        rules = self.system.instance.system.initial
        return ", ".join(f"{rule.name} ({rule.location})" for rule in rules)

    def _configured(self, permutation: Permutation) -> str:
        """A variable that starts with other values, by its name and place."""
        instance = self.system.instance
        for variable in instance.variables:
            for entry in instance.entries(variable):
                moved = permutation.entry(entry)
                start, image = instance.start(entry), instance.start(moved)
                if start is None or image is None:
                    if start is not image:
                        return f"{variable.name} is open for one ({variable.location})"
                elif permutation.value(variable.sort, code(start)) != code(image):
                    here, there = show_entry(entry), show_entry(moved)
                    told = f"{here} is {show_value(start, variable.sort)}"
                    if here != there:
                        told += f", {there} is {show_value(image, variable.sort)}"
                    return f"{told} ({variable.location})"
        return ""

    def moves_property(self, rule: GroundProperty, permutation: Permutation) -> str:
        """Why the permutation does not keep the property, or nothing."""
        writer = self.writer(permutation)
        if rule.property.mode is Mode.STEP_RULE:
            pairs = []
            for step in self.system.steps:
                image = self.step(step, permutation)
                assert image is not None, "the steps are symmetric"
                pairs.append((step.number, image.number))
        else:
            pairs = [(0, 0)]
        for terms in (rule.conditions, rule.premises):
            for here, there in pairs:
                if not writer.same(terms[here], terms[there]):
                    name = rule.property.name
                    return f"{name} tells them apart ({rule.property.location})"
        return ""


class _Writer:
    """The forms of terms as a permutation moves them."""

    def __init__(self, forms: Forms, permutation: Permutation) -> None:
        self.forms = forms
        self.permutation = permutation
        system = forms.system
        self.sorts = [slot.entry[0].sort for slot in system.slots]
        numbers = {slot.entry: slot.number for slot in system.slots}
        self.slots = [
            numbers.get(permutation.entry(slot.entry)) for slot in system.slots
        ]
        self._done: dict[tuple[int, Any], Form] = {}

    # Comparing.

    def same(self, term: Node, image: Node, sort: Any = None) -> bool:
        """What the permutation makes of the term is the other term."""
        if self.form(term, sort) == self.forms.plain.form(image, sort):
            return True
        return self._same_values(term, image, sort)

    def same_together(self, terms: Sequence[Node], images: Sequence[Node]) -> bool:
        """The same of two conjunctions."""
        here = {self.form(t) for term in terms for t in _conjuncts(term)}
        there = {self.forms.plain.form(t) for term in images for t in _conjuncts(term)}
        if here == there:
            return True
        joined = [And(0, 1, True, tuple(some)) for some in (terms, images)]
        return self._same_values(joined[0], joined[1], None)

    def same_step(self, step: GroundStep, image: GroundStep) -> bool:
        if not self.same_together(step.guards, image.guards):
            return False
        moved = {self.slots[number]: number for number in step.updates}
        if moved.keys() != image.updates.keys():
            return False
        return all(
            self.same(step.updates[number], image.updates[to], self.sorts[number])
            for to, number in moved.items()
            if to is not None
        )

    def _same_values(self, term: Node, image: Node, sort: Any) -> bool:
        """The same values, tried one by one where they are few."""
        read = support(image) | {self.slots[n] for n in support(term)}
        if None in read:
            return False
        slots = [self.forms.system.slots[n] for n in read if n is not None]
        ranges = [range(slot.term.low, slot.term.high + 1) for slot in slots]
        if prod(map(len, ranges)) > MOST_VALUES:
            return False
        back = [(n, self.slots[n]) for n in support(term)]
        for values in product(*ranges):
            there = {slot.number: v for slot, v in zip(slots, values, strict=True)}
            here = {
                n: self._origin(self.sorts[n], there[to])
                for n, to in back
                if to is not None
            }
            value = self.permutation.value(sort, evaluate(term, here))
            if value != evaluate(image, there):
                return False
        return True

    def _origin(self, sort: Any, value: int) -> int:
        if sort not in self.permutation.of:
            return value
        return self.permutation.of[sort].index(value)

    # Writing.

    def form(self, node: Node, sort: Any = None) -> Form:
        """The form of a term; `sort` is that of elements which it may be."""
        key = id(node), sort
        if key not in self._done:
            self._done[key] = self.forms.number(self._key(node, sort))
        return self._done[key]

    def _key(self, node: Node, sort: Any) -> tuple[Any, ...]:
        form = self.form
        match node:
            case Const(value=value, boolean=boolean):
                return "const", boolean, self.permutation.value(sort, value)
            case Slot(number=number):
                return "slot", self.slots[number]
            case Not(operand=operand):
                return "not", form(operand)
            case And(operands=operands) | Or(operands=operands):
                kind = type(node).__name__
                return kind, *sorted({form(operand) for operand in operands})
            case Eq(left=left, right=right):
                of = self._sort(left) or self._sort(right)
                return "eq", *sorted((form(left, of), form(right, of)))
            case Lt(left=left, right=right):
                return "lt", form(left), form(right)
            case Add() | Sub():
                total: dict[Form, int] = {}
                constant = self._sum(node, 1, total)
                return "sum", constant, *sorted(t for t in total.items() if t[1])
            case Ite():
                return self._chain(node, sort)
        raise TypeError(f"not a ground term: {node!r}")

    def _sum(self, node: Node, sign: int, total: dict[Form, int]) -> int:
        """Add the parts of a sum, and give its constant."""
        match node:
            case Const(value=value):
                return sign * value
            case Add(left=left, right=right):
                return self._sum(left, sign, total) + self._sum(right, sign, total)
            case Sub(left=left, right=right):
                return self._sum(left, sign, total) + self._sum(right, -sign, total)
        form = self.form(node)
        total[form] = total.get(form, 0) + sign
        return 0

    def _chain(self, node: Ite, sort: Any) -> tuple[Any, ...]:
        """A choice: by the values of what is compared, in whatever order it is."""
        subject, _ = _compared(node.condition)
        if subject is None:
            return (
                "ite",
                self.form(node.condition),
                self.form(node.then, sort),
                self.form(node.otherwise, sort),
            )
        of = self._sort(subject)
        cases: dict[int, Form] = {}
        rest: Node = node
        while isinstance(rest, Ite):
            also, value = _compared(rest.condition)
            if also is not subject:
                break
            here = self.permutation.value(of, value)
            cases.setdefault(here, self.form(rest.then, sort))
            rest = rest.otherwise
        for value in range(subject.low, subject.high + 1):
            cases.setdefault(self.permutation.value(of, value), self.form(rest, sort))
        return "case", self.form(subject, of), *sorted(cases.items())

    def _sort(self, node: Node) -> Any:
        """The sort of elements that the term's value is one of, if that shows."""
        match node:
            case Slot(number=number):
                sort = self.sorts[number]
                is_index = isinstance(sort, type) and issubclass(sort, Index)
                return sort if is_index else None
            case Ite(then=then, otherwise=otherwise):
                return self._sort(then) or self._sort(otherwise)
        return None


def _conjuncts(node: Node) -> Iterator[Node]:
    match node:
        case And(operands=operands):
            for operand in operands:
                yield from _conjuncts(operand)
        case Const(value=1, boolean=True):
            return
        case _:
            yield node


def _compared(condition: Node) -> tuple[Node | None, int]:
    """What a condition compares with one value, and the value."""
    match condition:
        case Eq(left=left, right=Const(value=value)):
            return left, value
        case Eq(left=Const(value=value), right=right):
            return right, value
        case Slot():
            return condition, 1
        case Not(operand=Slot() as operand):
            return operand, 0
    return None, 0
