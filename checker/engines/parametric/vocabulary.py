"""The vocabulary: what sorts, values and variables are to a solver without bounds.

A sort of any size is uninterpreted; of a fixed size, it is the numbers of its elements.
A variable is a function of the elements of sorts of any size, and one such function for
each combination of elements of the others.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from itertools import product
from typing import Any

import z3

from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.family import Family, Sort, Unsupported
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.reserved import spelt
from tdxcheck.checker.language.terms import Element, Index
from tdxcheck.checker.language.variables import Int, Variable


class Vocabulary:
    """The declarations of one family."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.sorts: dict[Sort, Any] = {
            sort: z3.DeclareSort(spelt(sort.__name__)) for sort in family.unbounded
        }
        self._enums: dict[type[Enum], tuple[Any, dict[Enum, Formula]]] = {}
        self.functions: dict[tuple[Variable, tuple[int, ...]], Any] = {}
        self.elements: dict[tuple[Sort, int], Formula] = {
            (sort, number): z3.Const(f"{sort.__name__}!{number}", self.sorts[sort])
            for sort, numbers in family.named.items()
            for number in numbers
        }
        self.symbols: dict[str, Any] = {
            str(element.decl().name()): element.decl()
            for element in self.elements.values()
        }
        """By its name, each declaration, save of what is only ever bound."""
        self._fresh = 0

    def is_unbounded(self, sort: Any) -> bool:
        return sort in self.sorts

    def sort(self, sort: Any) -> Any:
        """The solver's sort of the values of one of the specification's."""
        if isinstance(sort, Int) or sort is int:
            return z3.IntSort()
        if sort is bool:
            return z3.BoolSort()
        if issubclass(sort, Enum):
            return self._enum(sort)[0]
        return self.sorts.get(sort, z3.IntSort())

    def _enum(self, sort: type[Enum]) -> tuple[Any, dict[Enum, Formula]]:
        if sort not in self._enums:
            self._enums[sort] = _declared(sort)
        return self._enums[sort]

    @property
    def enums(self) -> list[Any]:
        return [made for made, _ in self._enums.values()]

    def constant(self, value: Any) -> Formula:
        """A value of the specification's: a truth value, a member, or a number."""
        if isinstance(value, bool):
            return f.truth(value)
        if isinstance(value, Enum):
            return self._enum(type(value))[1][value]
        return z3.IntVal(value)

    def element(self, sort: Sort, number: int) -> Formula:
        if sort not in self.sorts:
            return z3.IntVal(number)
        if (sort, number) not in self.elements:
            raise Unsupported(f"{sort.__name__.lower()} {number}, which has no name")
        return self.elements[sort, number]

    def held(self, variable: Variable, value: Any) -> Formula:
        """A value of the variable: of an element, its number or the element itself."""
        sort = variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            number = value.number if isinstance(value, Element) else value
            return self.element(sort, number)
        return self.constant(value)

    def fresh(self, name: str, sort: Any) -> Formula:
        """A constant that nothing else is."""
        return self.named(self._new(name), self.sort(sort))

    def bound(self, name: str, sort: Any) -> Formula:
        """A variable that is only ever bound."""
        return z3.Const(self._new(name), self.sort(sort))

    def named(self, name: str, sort: Any) -> Formula:
        """The constant of this name, of one of the solver's sorts."""
        found = z3.Const(name, sort)
        self.symbols[name] = found.decl()
        return found

    def _new(self, name: str) -> str:
        # z3 calls what it names itself a!1, a!2 and so on.
        self._fresh += 1
        return f"{name}.{self._fresh}"

    def numbers(self, sort: Sort) -> range:
        return range(self.family.fixed[sort])

    def value(self, variable: Variable, indices: tuple[Formula, ...]) -> Formula:
        """The entry of the variable, in the state before the step."""
        sort = variable.sort
        if (
            isinstance(sort, type)
            and issubclass(sort, Index)
            and self.family.fixed.get(sort) == 1
        ):
            return z3.IntVal(0)
        places = [
            place
            for place, of in enumerate(variable.index_sorts)
            if not self.is_unbounded(of)
        ]
        found: Formula | None = None
        choices = [self._choices(variable.index_sorts[p], indices[p]) for p in places]
        rest = [i for place, i in enumerate(indices) if place not in places]
        for numbers in product(*choices):
            entry = self._entry(variable, numbers, rest)
            if found is None:
                found = entry
                continue
            meant = f.and_(
                f.equal(indices[place], z3.IntVal(number))
                for place, number in zip(places, numbers, strict=True)
            )
            found = f.ite(meant, entry, found)
        return found

    def _entry(
        self, variable: Variable, numbers: tuple[int, ...], rest: list[Formula]
    ) -> Formula:
        start = self.family.start(variable)
        if variable.frozen and callable(start) and not rest:
            return self.held(variable, start(*numbers))
        return self.function(variable, numbers)(*rest)

    def _choices(self, sort: Sort, index: Formula) -> list[int]:
        if z3.is_int_value(index):
            return [index.as_long()]
        return list(self.numbers(sort))

    def function(self, variable: Variable, numbers: tuple[int, ...]) -> Any:
        key = variable, numbers
        if key not in self.functions:
            name = "@".join([spelt(variable.name), *map(str, numbers)])
            domain = [self.sorts[s] for s in variable.index_sorts if s in self.sorts]
            made = z3.Function(name, *domain, self.sort(variable.sort))
            self.functions[key] = self.symbols[name] = made
        return self.functions[key]


_names: set[str] = set()


@cache
def _declared(sort: type[Enum]) -> tuple[Any, dict[Enum, Formula]]:
    """The enumeration as z3 has it, which knows one of each name in a process."""
    name = spelt(sort.__name__)
    while name in _names:
        name += "_"
    _names.add(name)
    made, members = z3.EnumSort(name, [f"{name}.{member.name}" for member in sort])
    return made, dict(zip(sort, members, strict=True))
