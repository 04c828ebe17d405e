"""Small machines as clauses see them: slots, and conditions, by their numbers.

A cube is a part of a state of the machine; a clause is one that never occurs, of any
elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import (
    LETTERS,
    Clause,
    Condition,
    Literal,
)
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundSystem,
    Values,
    code,
    decode,
)
from tdxcheck.checker.ground.terms import Node, evaluate
from tdxcheck.checker.language.terms import Const, Element, Index, Term
from tdxcheck.checker.language.variables import Int

Cube = dict[int, tuple[int, ...]]
"""By the number of a slot, or of a condition after them, which values it may have."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A condition of some elements, as the small machine has it."""

    condition: Condition
    numbers: tuple[int, ...]
    """The elements that are put in."""
    node: Node


@dataclass(frozen=True, eq=False)
class Part:
    """What some rules depend on, of one machine."""

    family: Family
    system: GroundSystem
    rules: Mapping[int, GroundProperty]
    conditions: Sequence[Seen]
    constants: Mapping[Any, Any]
    """The entries that have one value there."""


class Grounded:
    """Clauses as cubes of one machine, and cubes as clauses."""

    def __init__(self, part: Part) -> None:
        self.family = part.family
        self.system = part.system
        self.rules = part.rules
        self.constants = part.constants
        self.slots = len(self.system.slots)
        self.see(part.conditions)

    def see(self, conditions: Sequence[Seen]) -> None:
        """Look at these conditions, and no others."""
        self.conditions = conditions
        self.places: dict[Any, int] = {
            slot.entry: slot.number for slot in self.system.slots
        }
        for place, seen in enumerate(self.conditions, self.slots):
            self.places[seen.condition, seen.numbers] = place

    def values(self, state: Values) -> list[int]:
        """Those of the slots, and then of the conditions."""
        return [*state, *(evaluate(seen.node, state) for seen in self.conditions)]

    def subject(self, place: int) -> tuple[Any, tuple[int, ...]]:
        """What is at this place: a variable or a condition, and of which elements."""
        if place < self.slots:
            variable, numbers = self.system.slots[place].entry
            return variable, numbers
        seen = self.conditions[place - self.slots]
        return seen.condition, seen.numbers

    def sorts(self, place: int) -> tuple[type[Index], ...]:
        """The sorts of the elements that what is at this place is of."""
        if place < self.slots:
            return self.system.slots[place].entry[0].index_sorts
        return tuple(map(type, self.conditions[place - self.slots].condition.indices))

    def elements(self) -> Iterator[tuple[type[Index], int]]:
        """Those that have no name, the last of each sort first."""
        scope = self.system.instance.scope
        for sort in self.family.unbounded:
            for number in reversed(range(scope[sort])):
                if number not in self.family.named[sort]:
                    yield sort, number

    def about(self, slot: int, values: tuple[int, ...]) -> set[tuple[type[Index], int]]:
        """The elements that a literal speaks of."""
        if slot >= self.slots:
            seen = self.conditions[slot - self.slots]
            return set(
                zip(map(type, seen.condition.indices), seen.numbers, strict=True)
            )
        variable, numbers = self.system.slots[slot].entry
        found = set(zip(variable.index_sorts, numbers, strict=True))
        sort = variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            found |= {(sort, value) for value in values}
        return found

    def is_a_size(self, slot: int) -> bool:
        """It holds a number that may be as large as a sort of any size has elements."""
        if slot >= self.slots:
            return False
        sort = self.system.slots[slot].entry[0].sort
        return isinstance(sort, Int) and sort.high in self.family.unbounded

    def lifted(self, cube: Cube) -> Clause:
        """The clause of which the cube is one instance."""
        used = dict.fromkeys(
            element
            for slot, values in cube.items()
            for element in sorted(
                self.about(slot, values), key=lambda e: (e[0].__name__, e[1])
            )
        )
        to: dict[Term[Any], Term[Any]] = {}
        names = iter(LETTERS)
        for sort, number in used:
            if sort in self.family.named and number not in self.family.named[sort]:
                prefix = sort.__name__.lower()
                to[Element(sort, number)] = sort(f"{prefix}_{next(names)}")
        literals = tuple(
            self._literal(slot, values).moved(to) for slot, values in cube.items()
        )
        indices = tuple(i for i in to.values() if isinstance(i, Index))
        sorts = {type(index) for index in indices}
        named = tuple(
            Element(sort, number)
            for sort in self.family.unbounded
            if sort in sorts
            for number in self.family.named[sort]
        )
        return Clause(indices, literals, named)

    def _literal(self, slot: int, values: tuple[int, ...]) -> Literal:
        if slot >= self.slots:
            seen = self.conditions[slot - self.slots]
            arguments = _named(seen.condition.indices, seen.numbers)
            return Literal(seen.condition, arguments, (Const(bool(values[0])),))
        variable, numbers = self.system.slots[slot].entry
        elements = tuple(map(Element, variable.index_sorts, numbers))
        sort = variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            terms: list[Term[Any]] = [Element(sort, value) for value in values]
        else:
            terms = [Const(decode(value, sort)) for value in values]
        return Literal(variable, elements, tuple(terms))

    def instances(self, clause: Clause) -> Iterator[Cube]:
        """The clause of every choice of different elements."""
        scope = self.system.instance.scope
        by_sort: dict[type[Index], list[Index]] = {}
        for index in clause.indices:
            by_sort.setdefault(type(index), []).append(index)
        choices = []
        for sort, indices in by_sort.items():
            free = [n for n in range(scope[sort]) if n not in self.family.named[sort]]
            choices.append(list(permutations(free, len(indices))))
        for numbers in product(*choices):
            to: dict[Term[Any], Term[Any]] = {
                index: Element(sort, number)
                for (sort, indices), chosen in zip(
                    by_sort.items(), numbers, strict=True
                )
                for index, number in zip(indices, chosen, strict=True)
            }
            cube = self._cube(clause, to)
            if cube is not None:
                yield cube

    def _cube(self, clause: Clause, to: dict[Term[Any], Term[Any]]) -> Cube | None:
        """The clause's literals of these elements; None where one is never so."""
        cube: Cube = {}
        for literal in clause.literals:
            moved = literal.moved(to)
            numbers = tuple(a.number for a in moved.arguments if isinstance(a, Element))
            values = tuple(map(_number, moved.values))
            place = self.places.get((literal.subject, numbers))
            if place is not None:
                cube[place] = values
            elif self._constant(literal, numbers) not in values:
                return None
        return cube

    def _constant(self, literal: Literal, numbers: tuple[int, ...]) -> int:
        """What an entry is that has one value here."""
        return code(self.constants[literal.subject, numbers])


def _named(indices: tuple[Index, ...], numbers: tuple[int, ...]) -> tuple[Element, ...]:
    return tuple(Element(type(i), n) for i, n in zip(indices, numbers, strict=True))


def _number(value: Term[Any]) -> int:
    if isinstance(value, Element):
        return value.number
    assert isinstance(value, Const)
    return code(value.value)
