"""Terms: the typed expressions that guards, effects and properties are made of.

Python's operators on a term build a larger term instead of computing a value.
A rule is therefore written once, and every engine gives the same term its own
meaning: a solver formula, a line of Python, a walk of the tree.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, TypeVar, overload

from tdxcheck.checker.language.location import Location, SpecificationError

if TYPE_CHECKING:
    from tdxcheck.checker.language.state import Definition
    from tdxcheck.checker.language.system import Action, Event, Kind
    from tdxcheck.checker.language.variables import Variable

V = TypeVar("V")
I = TypeVar("I", bound="Index")  # noqa: E741 - the sort of an index

Sort = type[Any]
"""The type of a term's values: bool, int, an enumeration, or a subclass of Index."""


class Term(Generic[V]):
    """An expression whose value has type V in every state."""

    __slots__ = ()
    __hash__ = object.__hash__

    @property
    @abstractmethod
    def sort(self) -> Sort:
        """V, as the engines see it."""

    def __eq__(self, other: V | Term[V]) -> Term[bool]:  # type: ignore[override]
        return Equal(self, lift(other, self.sort))

    def __ne__(self, other: V | Term[V]) -> Term[bool]:  # type: ignore[override]
        return ~(self == other)

    def __and__(self: Term[bool], other: bool | Term[bool]) -> Term[bool]:
        return And((lift(self, bool), lift(other, bool)))

    def __or__(self: Term[bool], other: bool | Term[bool]) -> Term[bool]:
        return Or((lift(self, bool), lift(other, bool)))

    def __invert__(self: Term[bool]) -> Term[bool]:
        return Not(lift(self, bool))

    def __add__(self: Term[int], other: int | Term[int]) -> Term[int]:
        return Plus(lift(self, int), lift(other, int))

    def __sub__(self: Term[int], other: int | Term[int]) -> Term[int]:
        return Minus(lift(self, int), lift(other, int))

    def __lt__(self: Term[int], other: int | Term[int]) -> Term[bool]:
        return Less(lift(self, int), lift(other, int))

    def __gt__(self: Term[int], other: int | Term[int]) -> Term[bool]:
        return Less(lift(other, int), lift(self, int))

    def __le__(self: Term[int], other: int | Term[int]) -> Term[bool]:
        return ~(self > other)

    def __ge__(self: Term[int], other: int | Term[int]) -> Term[bool]:
        return ~(self < other)

    def __bool__(self) -> Never:
        raise SpecificationError(
            Location.of_caller(),
            "a term has no truth value: write & | ~ for and, or, not, and ite() for if",
        )


@dataclass(frozen=True, eq=False, slots=True)
class Index(Term[Any]):
    """A variable over a finite sort: an action's parameter, or a quantifier's.

    Each subclass is a sort of its own, such as the CPUs of a machine. Its
    elements are numbered from 0; how many there are is the scope of a check.
    """

    name: str

    label: ClassVar[str] = ""
    """What an element is called in reports, followed by its number."""
    usual: ClassVar[int | None] = None
    """The element that reports of uneventful steps leave unsaid, if there is one."""

    __hash__ = object.__hash__

    @property
    def sort(self) -> type[Index]:
        return type(self)


@dataclass(frozen=True, eq=False, slots=True)
class Choice(Term[V]):
    """A parameter of an action that ranges over an enumeration or over truth."""

    name: str
    type: type[V]

    @property
    def sort(self) -> Sort:
        return self.type


@dataclass(frozen=True, eq=False, slots=True)
class Const(Term[V]):
    value: V

    @property
    def sort(self) -> Sort:
        return type(self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Element(Term[Any]):
    """A numbered element of an index sort, such as CPU 0."""

    type: type[Index]
    number: int

    @property
    def sort(self) -> Sort:
        return self.type


@dataclass(frozen=True, eq=False, slots=True)
class Read(Term[V]):
    """The value of a state variable; of one entry of it, if it is a map."""

    variable: Variable
    indices: tuple[Term[Any], ...]
    after: bool
    """The value after the step, in a rule about a step."""

    @property
    def sort(self) -> Sort:
        return self.variable.value_sort


class Formula(Term[bool]):
    """A term that is true or false."""

    __slots__ = ()

    @property
    def sort(self) -> type[bool]:
        return bool


class Number(Term[int]):
    """A term whose value is an integer."""

    __slots__ = ()

    @property
    def sort(self) -> type[int]:
        return int


@dataclass(frozen=True, eq=False, slots=True)
class Not(Formula):
    operand: Term[bool]


@dataclass(frozen=True, eq=False, slots=True)
class And(Formula):
    operands: tuple[Term[bool], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Or(Formula):
    operands: tuple[Term[bool], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Implies(Formula):
    premise: Term[bool]
    conclusion: Term[bool]


@dataclass(frozen=True, eq=False, slots=True)
class Equal(Formula):
    left: Term[Any]
    right: Term[Any]


@dataclass(frozen=True, eq=False, slots=True)
class Less(Formula):
    left: Term[int]
    right: Term[int]


@dataclass(frozen=True, eq=False, slots=True)
class Plus(Number):
    left: Term[int]
    right: Term[int]


@dataclass(frozen=True, eq=False, slots=True)
class Minus(Number):
    left: Term[int]
    right: Term[int]


@dataclass(frozen=True, eq=False, slots=True)
class Ite(Term[V]):
    condition: Term[bool]
    then: Term[V]
    otherwise: Term[V]

    @property
    def sort(self) -> Sort:
        return self.then.sort


@dataclass(frozen=True, eq=False, slots=True)
class Forall(Formula):
    index: Index
    body: Term[bool]


@dataclass(frozen=True, eq=False, slots=True)
class Exists(Formula):
    index: Index
    body: Term[bool]


@dataclass(frozen=True, eq=False, slots=True)
class Count(Number):
    """How many elements of the index's sort satisfy the body."""

    index: Index
    body: Term[bool]


@dataclass(frozen=True, eq=False, slots=True)
class Named(Term[V]):
    """A use of a definition: it means its body, and is shown by its name."""

    definition: Definition
    arguments: tuple[Term[Any], ...]
    body: Term[V]

    @property
    def sort(self) -> Sort:
        return self.body.sort


class Reaction(Enum):
    """What a system does with a request in a given state."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    REFUSED_VISIBLY = "refused, and the requester is told of it"
    REFUSED_WITH_REASON = "refused, and a line in the kernel log says why"
    IMPOSSIBLE = "the request cannot be made"


@dataclass(frozen=True, eq=False, slots=True)
class Reacts(Formula):
    """The system's reaction to an event, were it to happen in this state."""

    event: Event
    arguments: tuple[Term[Any], ...]
    reaction: Reaction


@dataclass(frozen=True, eq=False, slots=True)
class StepIs(Formula):
    """The step is of a kind, or is one of the actions or events named."""

    kind: Kind | None
    targets: tuple[Action | Event, ...]


@dataclass(frozen=True, eq=False, slots=True)
class StepAt(Formula):
    """The step's parameter of this sort is this element."""

    element: Term[Any]


@dataclass(frozen=True, eq=False, slots=True)
class StepAnswers(Formula):
    """The call made in the step is answered with this status."""

    status: Enum


def _shown(value: object) -> str:
    variable = getattr(value, "variable", None)
    return f"all of {variable.name}" if variable is not None else str(value)


def lift(value: V | Term[V], sort: Sort) -> Term[V]:
    """`value` as a term of the given sort; anything else is refused."""
    if isinstance(value, Term):
        term: Term[V] = value
    else:
        term = Const(value)
    if term.sort is not sort:
        shown = type(value).__name__ if isinstance(value, Term) else _shown(value)
        raise SpecificationError(
            Location.of_caller(),
            f"expected a term of sort {sort.__name__}, "
            f"but {shown} is of sort {term.sort.__name__}",
        )
    return term


def implies(premise: bool | Term[bool], conclusion: bool | Term[bool]) -> Term[bool]:
    return Implies(lift(premise, bool), lift(conclusion, bool))


def forall(sort: type[I], body: Callable[[I], Term[bool]]) -> Term[bool]:
    """`body` holds of every element of `sort`."""
    index = sort(sort.__name__.lower())
    return Forall(index, lift(body(index), bool))


def exists(sort: type[I], body: Callable[[I], Term[bool]]) -> Term[bool]:
    """`body` holds of some element of `sort`."""
    index = sort(sort.__name__.lower())
    return Exists(index, lift(body(index), bool))


def count(sort: type[I], body: Callable[[I], Term[bool]]) -> Term[int]:
    """The number of elements of `sort` of which `body` holds."""
    index = sort(sort.__name__.lower())
    return Count(index, lift(body(index), bool))


def all_of(*operands: bool | Term[bool]) -> Term[bool]:
    return And(tuple(lift(operand, bool) for operand in operands))


def any_of(*operands: bool | Term[bool]) -> Term[bool]:
    return Or(tuple(lift(operand, bool) for operand in operands))


def one_of(term: Term[V], *values: V) -> Term[bool]:
    """`term` has one of the values."""
    return any_of(*(term == value for value in values))


@overload
def ite(condition: Term[bool], then: Term[V], otherwise: V | Term[V]) -> Term[V]: ...
@overload
def ite(condition: Term[bool], then: V, otherwise: V | Term[V]) -> Term[V]: ...
def ite(condition: Term[bool], then: Any, otherwise: Any) -> Term[Any]:
    """If `condition` then `then` else `otherwise`."""
    first = then if isinstance(then, Term) else Const(then)
    return Ite(lift(condition, bool), first, lift(otherwise, first.sort))
