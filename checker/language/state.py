"""State variables, and how a rule reads and assigns them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Never,
    ParamSpec,
    Self,
    TypeVar,
    overload,
)

from tdxcheck.checker.language.location import (
    Location,
    SpecificationError,
    documentation,
)
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.terms import (
    And,
    Choice,
    Const,
    Element,
    Index,
    Ite,
    Named,
    Reaction,
    Reacts,
    Read,
    Sort,
    Term,
    lift,
)

V = TypeVar("V")
J = TypeVar("J", bound=Index)
K = TypeVar("K", bound=Index)
S = TypeVar("S", bound="State")
P = ParamSpec("P")


@dataclass(frozen=True)
class Int:
    """The integers from `low` to `high`, both included.

    A sort as `high` stands for the number of its elements, known with the scope.
    """

    low: int
    high: int | type[Index]


@dataclass(frozen=True)
class Refusal:
    """What a caller is told when a guard is the first to fail."""

    answer: Enum | Term[Any]
    """A SEAMCALL status, an errno, a notifier's answer, a crash; or which of them."""
    detail: str = ""
    """The operand, register or object that the status names."""
    log: str = ""
    """The line printed where a user can see it, if there is one."""
    visible: bool = True
    """The requester is told at all."""


@dataclass(frozen=True)
class Guard:
    condition: Term[bool]
    refusal: Refusal | None
    """What the caller is told if it fails; None if such a call cannot be made."""
    location: Location
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Update:
    """An assignment to a variable; to every entry of a map, if `indices` is None."""

    variable: Variable
    indices: tuple[Term[Any], ...] | None
    value: Term[Any]
    location: Location


@dataclass(frozen=True)
class Call:
    """A call that an action makes: whom, with what, and the term of its answer."""

    callee: str
    summary: str
    kinds: frozenset[Any]
    """What sort of thing the callee is, and so its caller too."""
    arguments: tuple[Term[Any], ...]
    answer: Term[Any]
    details: tuple[tuple[Term[bool], Refusal], ...]
    """The callee's refusable guards, in the order in which it checks them."""


class State:
    """Base of a system's state: a subclass declares the variables as class attributes.

    A rule receives an instance. Reading an attribute gives its value before the
    step, assigning it gives its value after the step, and what is not assigned
    stays as it is.
    """

    def __init__(self, *, after: bool = False) -> None:
        self._after = after
        self._guards: list[Guard] = []
        self._updates: list[Update] = []
        self._calls: list[Call] = []
        self._marks: dict[Enum, int] = {}

    if not TYPE_CHECKING:  # a type checker is to know of the declared names alone

        def __setattr__(self, name: str, value: object) -> None:
            declared = getattr(type(self), name, None)
            if not name.startswith("_") and not isinstance(declared, Variable):
                raise self._unknown(name)
            super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Never:
            if name.startswith("_"):
                raise AttributeError(name)
            raise self._unknown(name)

    def _unknown(self, name: str) -> SpecificationError:
        known = [variable.name for variable in self.variables()]
        near = get_close_matches(name, known, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        return SpecificationError(
            Location.of_caller(), f"{type(self).__name__} has no variable {name}{hint}"
        )

    def require(
        self,
        condition: Term[bool],
        otherwise: Enum | Term[Any] | Refusal | None = None,
        *,
        source: Source | None = None,
    ) -> None:
        """Add a guard: the step is possible only where `condition` holds.

        Where it is the first to fail, the step is refused with `otherwise`;
        without it, such a step cannot be attempted at all.
        """
        location = Location.of_caller()
        if self._updates:
            raise SpecificationError(location, "guards come before effects")
        refusal = otherwise
        if refusal is not None and not isinstance(refusal, Refusal):
            refusal = Refusal(refusal)
        if refusal is not None:
            check_answer(refusal.answer, location)
        sources = () if source is None else (source,)
        self._guards.append(Guard(lift(condition, bool), refusal, location, sources))

    def mark(self, *points: Enum) -> None:
        """Name this place between the guards: what happens can be interrupted here."""
        if self._updates:
            raise SpecificationError(Location.of_caller(), "marks come before effects")
        self._marks |= dict.fromkeys(points, len(self._guards))

    def call(self, callee: Any, *arguments: Any) -> Term[Any]:
        """Call another action, as a kernel makes a SEAMCALL, and get its answer.

        The callee's guards without a refusal become guards of the caller. Where
        all the others hold its effects happen and the answer is its `success`;
        else nothing happens and the answer is that of the first that fails.
        """
        if self._calls:
            raise SpecificationError(
                Location.of_caller(), "an action makes at most one call"
            )
        inner, answer, refusable = self._ask(callee, arguments)
        accepted = And(tuple(condition for condition, _ in refusable))
        self._guards += [guard for guard in inner._guards if not guard.refusal]
        for update in inner._updates:
            self._assign_guarded(update, accepted)
        terms = tuple(a if isinstance(a, Term) else Const(a) for a in arguments)
        self._calls.append(
            Call(callee.name, callee.summary, callee.kinds, terms, answer, refusable)
        )
        return answer

    def answer(self, callee: Any, *arguments: Any) -> Term[Any]:
        """What a call would be answered, without making it."""
        _, answer, _ = self._ask(callee, arguments)
        called = Definition(
            f"answer_of_{callee.name}", callee.summary, callee.rule, callee.location
        )
        return Named(
            called, tuple(a for a in arguments if isinstance(a, Index | Choice)), answer
        )

    def _ask(
        self, callee: Any, arguments: tuple[Any, ...]
    ) -> tuple[State, Term[Any], tuple[tuple[Term[bool], Refusal], ...]]:
        """The callee recorded with these arguments, and the term of its answer."""
        if callee.success is None:
            raise SpecificationError(
                Location.of_caller(), f"{callee.name} has no answer to give"
            )
        inner = type(self)()
        try:
            inspect.signature(callee.rule).bind(inner, *arguments)
        except TypeError as error:
            raise SpecificationError(
                Location.of_caller(), f"{callee.name}: {error}"
            ) from None
        for parameter, argument in zip(callee.parameters, arguments, strict=False):
            lift(argument, parameter.sort)
        callee.rule(inner, *arguments)
        answer: Term[Any] = Const(callee.success)
        refusable = tuple((g.condition, g.refusal) for g in inner._guards if g.refusal)
        for condition, refusal in reversed(refusable):
            told = lift(refusal.answer, answer.sort)
            answer = Ite(condition, answer, told)
        return inner, answer, refusable

    def _assign_guarded(self, update: Update, accepted: Term[bool]) -> None:
        if update.indices is None and update.variable.index_sorts:
            raise SpecificationError(
                update.location, "a called action assigns maps entry by entry"
            )
        self._check_once(update.variable, update.indices, update.location)
        entry = tuple(
            index.index if isinstance(index, Every) else index
            for index in update.indices or ()
        )
        old: Term[Any] = Read(update.variable, entry, False)
        value = Ite(accepted, update.value, old)
        self._updates.append(
            Update(update.variable, update.indices, value, update.location)
        )

    def accepts(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event, were it to happen now, would take place."""
        return _reacts(event, arguments, Reaction.ACCEPTED)

    def refuses(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event would be refused, whether or not anybody is told."""
        return _reacts(event, arguments, Reaction.REFUSED)

    def refuses_visibly(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event would be refused and the requester told why."""
        return _reacts(event, arguments, Reaction.REFUSED_VISIBLY)

    def impossible(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event cannot be attempted in this state."""
        return _reacts(event, arguments, Reaction.IMPOSSIBLE)

    def _assign(
        self, variable: Variable, indices: tuple[Term[Any], ...] | None, value: Any
    ) -> None:
        location = Location.of_caller()
        if variable.frozen:
            raise SpecificationError(
                location, f"{variable.name} is configuration: no action changes it"
            )
        self._check_once(variable, indices, location)
        term = lift(value, variable.value_sort)
        self._updates.append(Update(variable, indices, term, location))

    def _check_once(
        self,
        variable: Variable,
        indices: tuple[Term[Any], ...] | None,
        location: Location,
    ) -> None:
        for update in self._updates:
            if update.variable is variable and not _distinct(update.indices, indices):
                raise SpecificationError(location, f"{variable.name} is assigned twice")

    def _read(self, variable: Variable, indices: tuple[Term[Any], ...]) -> Read[Any]:
        if any(update.variable is variable for update in self._updates):
            raise SpecificationError(
                Location.of_caller(), f"{variable.name} is read after its assignment"
            )
        return Read(variable, indices, self._after)

    @classmethod
    def variables(cls) -> tuple[Variable, ...]:
        """The declared variables, base classes first, in order of declaration."""
        found: dict[str, Variable] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Variable):
                    found[name] = value
        return tuple(found.values())

    @classmethod
    def definitions(cls) -> tuple[Definition, ...]:
        """The named predicates, base classes first, in order of declaration."""
        found: dict[str, Definition] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                record = getattr(value, "definition", None)
                if isinstance(record, Definition):
                    found[name] = record
        return tuple(found.values())


def check_answer(answer: Any, location: Location) -> None:
    """Refuse an answer that is neither a member of an enumeration nor a term of one."""
    sort = answer.sort if isinstance(answer, Term) else type(answer)
    if not issubclass(sort, Enum):
        raise SpecificationError(
            location, f"{answer!r} is no answer: name a member of an enumeration"
        )


def _reacts(
    event: Any, arguments: tuple[Term[Any], ...], reaction: Reaction
) -> Term[bool]:
    sorts = tuple(a.sort if isinstance(a, Term) else type(a) for a in arguments)
    if sorts != event.parameters:
        raise SpecificationError(
            Location.of_caller(),
            f"the event {event.name} is of "
            f"({', '.join(sort.__name__ for sort in event.parameters)}), "
            f"not of ({', '.join(sort.__name__ for sort in sorts)})",
        )
    return Reacts(event, arguments, reaction)


def _distinct(
    left: tuple[Term[Any], ...] | None, right: tuple[Term[Any], ...] | None
) -> bool:
    """Two entries that are named by different elements cannot be the same."""
    if left is None or right is None:
        return False
    return any(
        isinstance(a, Element) and isinstance(b, Element) and a.number != b.number
        for a, b in zip(left, right, strict=True)
    )


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
                f"({', '.join(sort.__name__ for sort in sorts)}), not for {indices!r}",
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


@dataclass(frozen=True)
class Definition:
    """A named predicate of the state, shown by name where it changes."""

    name: str
    summary: str
    rule: Callable[..., Term[Any]] = field(repr=False)
    location: Location = field(repr=False)

    @functools.cached_property
    def parameters(self) -> dict[str, type[Index]]:
        _, *parameters = inspect.signature(self.rule, eval_str=True).parameters.values()
        return {parameter.name: parameter.annotation for parameter in parameters}


def definition(
    rule: Callable[Concatenate[S, P], Term[V]],
) -> Callable[Concatenate[S, P], Term[V]]:
    """Make a method of the state a definition: its uses are shown by its name."""
    location = Location.of_function(rule)
    if not rule.__doc__:
        raise SpecificationError(location, f"{rule.__name__} has no docstring")
    summary = rule.__doc__.partition("\n")[0]
    record = Definition(rule.__name__, summary, rule, location)

    @functools.wraps(rule)
    def use(state: S, *args: P.args, **kwargs: P.kwargs) -> Term[V]:
        body = rule(state, *args, **kwargs)
        if not isinstance(body, Term):
            body = Const(body)
        return Named(record, tuple(args), body)  # type: ignore[arg-type]

    use.definition = record  # type: ignore[attr-defined]
    return use  # type: ignore[return-value]
