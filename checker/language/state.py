"""The state as a rule sees it: what it requires, assigns and calls is recorded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any, Concatenate, Never, ParamSpec, TypeVar

from tdxcheck.checker.language.location import (
    Location,
    SpecificationError,
    recorded,
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
    Term,
    lift,
)
from tdxcheck.checker.language.variables import Every, Variable

V = TypeVar("V")
S = TypeVar("S", bound="State")
P = ParamSpec("P")


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
        recorded(callee.rule, inner, *arguments)
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
        return self._reacts(event, arguments, Reaction.ACCEPTED)

    def refuses(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event would be refused, whether or not anybody is told."""
        return self._reacts(event, arguments, Reaction.REFUSED)

    def refuses_visibly(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event would be refused, and the requester told of it, if by a number."""
        return self._reacts(event, arguments, Reaction.REFUSED_VISIBLY)

    def refuses_with_reason(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event would be refused, and a line in the kernel log says why."""
        return self._reacts(event, arguments, Reaction.REFUSED_WITH_REASON)

    def impossible(self, event: Any, *arguments: Term[Any]) -> Term[bool]:
        """The event cannot be attempted in this state."""
        return self._reacts(event, arguments, Reaction.IMPOSSIBLE)

    def _reacts(
        self, event: Any, arguments: tuple[Term[Any], ...], reaction: Reaction
    ) -> Term[bool]:
        if self._after:
            raise SpecificationError(
                Location.of_caller(),
                f"how {event.name} is answered is asked of the state before a step",
            )
        sorts = tuple(a.sort if isinstance(a, Term) else type(a) for a in arguments)
        if sorts != event.parameters:
            raise SpecificationError(
                Location.of_caller(),
                f"the event {event.name} is of "
                f"({', '.join(sort.__name__ for sort in event.parameters)}), "
                f"not of ({', '.join(sort.__name__ for sort in sorts)})",
            )
        return Reacts(event, arguments, reaction)

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
