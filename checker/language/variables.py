"""State variables: what a specification declares, and how a rule names entries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Never, Self, TypeVar, overload

from tdxcheck.checker.language.location import (
    Location,
    SpecificationError,
    documentation,
)
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.terms import Index, Sort, Term, lift

if TYPE_CHECKING:
    from tdxcheck.checker.language.state import State

V = TypeVar("V")
J = TypeVar("J", bound=Index)
K = TypeVar("K", bound=Index)


@dataclass(frozen=True)
class Int:
    """The integers from `low` to `high`, both included.

    A sort as `high` stands for the number of its elements, known with the scope.
    """

    low: int
    high: int | type[Index]


class Variable:
    """What the engines need to know of a state variable."""

    name: str
    index_sorts: tuple[type[Index], ...]
    sort: Sort | Int
    initial: Any
    """The value in every initial state; None if any value is possible there."""
    frozen: bool
    """Part of the configuration: no action changes it."""
    location: Location

    def __init__(
        self,
        index_sorts: tuple[type[Index], ...],
        sort: Sort | Int,
        initial: Any,
        *,
        frozen: bool = False,
    ) -> None:
        self.index_sorts = index_sorts
        self.sort = sort
        self.initial = initial
        self.frozen = frozen
        self.location = Location.of_caller()
        if initial is not None:
            lift(initial, self.value_sort)
        if isinstance(sort, Int):
            self._check_range(sort, initial)

    def _check_range(self, sort: Int, initial: Any) -> None:
        high = sort.high
        if isinstance(high, int) and high < sort.low:
            raise SpecificationError(
                self.location, f"there is no integer from {sort.low} to {high}"
            )
        top = high if isinstance(high, int) else None
        if isinstance(initial, int) and (
            initial < sort.low or (top is not None and initial > top)
        ):
            shown = high if isinstance(high, int) else high.__name__
            raise SpecificationError(
                self.location, f"{initial} is not from {sort.low} to {shown}"
            )

    @functools.cached_property
    def doc(self) -> str:
        """The string that stands under its declaration."""
        return documentation(self.location)

    @property
    def value_sort(self) -> Sort:
        """The sort of its terms: every range of integers is one sort."""
        return int if isinstance(self.sort, Int) else self.sort

    def __set_name__(self, owner: type[State], name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Var(Variable, Generic[V]):
    """A variable with one value. Without `initial`, it may start with any."""

    @overload
    def __init__(
        self: Var[int], sort: Int, initial: int | None = None, *, frozen: bool = False
    ) -> None: ...
    @overload
    def __init__(
        self, sort: type[V], initial: V | None = None, *, frozen: bool = False
    ) -> None: ...
    def __init__(self, sort: Any, initial: Any = None, *, frozen: bool = False) -> None:
        super().__init__((), sort, initial, frozen=frozen)

    @overload
    def __get__(self, state: None, owner: type[State]) -> Self: ...
    @overload
    def __get__(self, state: State, owner: type[State]) -> Term[V]: ...
    def __get__(self, state: State | None, owner: type[State]) -> Self | Term[V]:
        return self if state is None else state._read(self, ())

    def __set__(self, state: State, value: V | Term[V]) -> None:
        state._assign(self, (), value)


class Safeguard(Var[bool]):
    """A protective measure that a design may have: a check, a flush, a lock, an order.

    A switch of the configuration, off unless a design's settings turn it on. What
    it is is said by the string that stands under its declaration; rules and actions
    read it as any truth value. Taking one out of a design asks what it was good for.

    `bugs` names what is known to happen without it.
    """

    def __init__(self, *, bugs: tuple[str, ...] = (), sources: tuple[Source, ...]):
        super().__init__(bool, False, frozen=True)
        self.bugs = bugs
        self.sources = sources


class Map(Variable, Generic[J, V]):
    """A variable with one value for each element of a sort."""

    @overload
    def __init__(
        self: Map[J, int],
        index: type[J],
        sort: Int,
        initial: int | None = None,
        *,
        frozen: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        index: type[J],
        sort: type[V],
        initial: V | None = None,
        *,
        frozen: bool = False,
    ) -> None: ...
    def __init__(
        self, index: Any, sort: Any, initial: Any = None, *, frozen: bool = False
    ) -> None:
        super().__init__((index,), sort, initial, frozen=frozen)

    @overload
    def __get__(self, state: None, owner: type[State]) -> Self: ...
    @overload
    def __get__(self, state: State, owner: type[State]) -> Entries[J, V]: ...
    def __get__(self, state: State | None, owner: type[State]) -> Self | Entries[J, V]:
        return self if state is None else Entries(state, self)

    def __set__(self, state: State, value: Never) -> None:
        raise SpecificationError(
            Location.of_caller(), f"assign an entry of {self.name}, or fill() it"
        )


class Map2(Variable, Generic[J, K, V]):
    """A variable with one value for each pair of elements of two sorts."""

    @overload
    def __init__(
        self: Map2[J, K, int],
        first: type[J],
        second: type[K],
        sort: Int,
        initial: int | None = None,
        *,
        frozen: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self,
        first: type[J],
        second: type[K],
        sort: type[V],
        initial: V | None = None,
        *,
        frozen: bool = False,
    ) -> None: ...
    def __init__(
        self,
        first: Any,
        second: Any,
        sort: Any,
        initial: Any = None,
        *,
        frozen: bool = False,
    ) -> None:
        super().__init__((first, second), sort, initial, frozen=frozen)

    @overload
    def __get__(self, state: None, owner: type[State]) -> Self: ...
    @overload
    def __get__(self, state: State, owner: type[State]) -> Entries2[J, K, V]: ...
    def __get__(
        self, state: State | None, owner: type[State]
    ) -> Self | Entries2[J, K, V]:
        return self if state is None else Entries2(state, self)

    def __set__(self, state: State, value: Never) -> None:
        raise SpecificationError(
            Location.of_caller(), f"assign an entry of {self.name}, or fill() it"
        )


def _sort_name(index: object) -> str:
    return index.sort.__name__ if isinstance(index, Term) else repr(index)


@dataclass(frozen=True)
class _Entries:
    state: State
    variable: Variable

    def fill(self, value: Any) -> None:
        """Assign every entry."""
        self.state._assign(self.variable, None, value)

    def _check(self, indices: tuple[Any, ...]) -> tuple[Term[Any], ...]:
        sorts = self.variable.index_sorts
        if len(indices) != len(sorts) or any(
            not isinstance(index, Term) or index.sort is not sort
            for index, sort in zip(indices, sorts, strict=False)
        ):
            raise SpecificationError(
                Location.of_caller(),
                f"{self.variable.name} has entries for "
                f"({', '.join(sort.__name__ for sort in sorts)}), "
                f"not for ({', '.join(map(_sort_name, indices))})",
            )
        return indices


@dataclass(frozen=True)
class Entries(_Entries, Generic[J, V]):
    """The entries of a map, as a rule sees them."""

    def __getitem__(self, index: J | Term[J]) -> Term[V]:
        return self.state._read(self.variable, self._check((index,)))

    def __setitem__(self, index: J | Term[J], value: V | Term[V]) -> None:
        self.state._assign(self.variable, self._check((index,)), value)

    def update(self, value: Callable[[J], V | Term[V]]) -> None:
        """Assign every entry: entry `i` becomes `value(i)`."""
        (sort,) = self.variable.index_sorts
        index: Any = sort(sort.__name__.lower())
        term = lift(value(index), self.variable.value_sort)
        self.state._assign(self.variable, (Every(index),), term)


@dataclass(frozen=True)
class Entries2(_Entries, Generic[J, K, V]):
    """The entries of a map over pairs, as a rule sees them."""

    def __getitem__(self, index: tuple[J | Term[J], K | Term[K]]) -> Term[V]:
        return self.state._read(self.variable, self._check_pair(index))

    def __setitem__(
        self, index: tuple[J | Term[J], K | Term[K]], value: V | Term[V]
    ) -> None:
        self.state._assign(self.variable, self._check_pair(index), value)

    def _check_pair(self, index: Any) -> tuple[Term[Any], ...]:
        return self._check(index if isinstance(index, tuple) else (index,))

    def update(self, value: Callable[[J, K], V | Term[V]]) -> None:
        """Assign every entry: entry `i, j` becomes `value(i, j)`."""
        one, two = self.variable.index_sorts
        first: Any = one(one.__name__.lower())
        second: Any = two(two.__name__.lower() + "2")
        term = lift(value(first, second), self.variable.value_sort)
        self.state._assign(self.variable, (Every(first), Every(second)), term)


@dataclass(frozen=True, eq=False)
class Every(Term[Any]):
    """In an assignment's index: each element in turn, named by the index."""

    index: Index

    @property
    def sort(self) -> Sort:
        return type(self.index)
