"""Transition systems: a state, the actions that change it, and what must hold of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from tdxcheck.checker.language.location import (
    Location,
    SpecificationError,
    recorded,
)
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.state import Call, Guard, State, Update, check_answer
from tdxcheck.checker.language.terms import (
    Choice,
    Index,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
    lift,
)
from tdxcheck.checker.language.variables import Safeguard, Variable

if TYPE_CHECKING:
    from tdxcheck.checker.language.liveness import Fairness

S = TypeVar("S", bound=State)


class Kind(Enum):
    """What sort of thing an action is, for rules that speak of all of a kind."""

    SEAMCALL = "SEAMCALL"
    BRING_UP = "SEAMCALL that an LP may make before its own initialisation"
    LOADER = "SEAMCALL of the P-SEAMLDR"
    FIRMWARE = "firmware event"
    REQUEST = "administrator's request"
    FAULT = "fault"
    HARDWARE = "hardware event"


@dataclass(frozen=True)
class Event:
    """Something that happens to a host, whatever its design does about it.

    Rules speak of events; each design says by its actions what they do.
    """

    name: str
    summary: str
    parameters: tuple[type[Index], ...]
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, eq=False)
class Action:
    """A guarded step: possible where every guard holds, it makes the updates."""

    name: str
    summary: str
    """One sentence, which may name parameters in braces."""
    parameters: tuple[Index | Choice[Any], ...]
    guards: tuple[Guard, ...]
    updates: tuple[Update, ...]
    calls: tuple[Call, ...]
    location: Location
    rule: Callable[..., None] = field(repr=False)
    actor: Enum | None = None
    kinds: frozenset[Kind] = frozenset()
    event: Event | None = None
    success: Enum | None = None
    sources: tuple[Source, ...] = ()
    marks: Mapping[Enum, int] = field(default_factory=dict)
    """The places that it names between its guards, by how many come before each."""

    def __repr__(self) -> str:
        return f"<Action {self.name}>"

    @cached_property
    def asked(self) -> frozenset[Variable]:
        """The variables that its guards, effects and refusals depend on."""
        from tdxcheck.checker.language.reading import variables_in

        parts = [guard.condition for guard in self.guards]
        values = [update.value for update in self.updates]
        told = [guard.refusal for guard in self.guards if guard.refusal]
        return frozenset(variables_in(*parts, *values, *told))


class Mode(Enum):
    """What a property says of a system."""

    INVARIANT = "invariant"
    STEP_RULE = "step rule"
    REACHABLE = "reachable"
    DEADLOCK_FREE = "deadlock freedom"
    LEADS_TO = "leads-to"


class Severity(Enum):
    """Who is hurt when a rule is broken."""

    MACHINE = "the machine: a machine check or silent corruption"
    GUEST = "the guests: a TD is killed or cannot start"
    SERVICE = "the service: TDX or an operation is lost until reboot"
    PRECAUTION = "nobody yet: a measure is missing, and one more event does harm"
    MODEL = "the model: without this, other verdicts say nothing"


@dataclass(frozen=True, eq=False)
class Property:
    """Something to be judged of a system."""

    name: str
    mode: Mode
    summary: str
    rationale: str
    condition: Term[bool]
    location: Location
    severity: Severity = Severity.MODEL
    sources: tuple[Source, ...] = ()
    goal: Term[bool] | None = None
    """Of a leads-to property: what must come once `condition` has held."""
    fair: tuple[Fairness, ...] = ()
    """Of a leads-to property: what it may rely on not to be put off for ever."""

    def __repr__(self) -> str:
        return f"<Property {self.name}>"


@dataclass(frozen=True, eq=False)
class Initial:
    """A condition of every initial state."""

    name: str
    summary: str
    condition: Term[bool]
    location: Location


Setting = Any
"""A value for a variable, or for a map a function from element numbers to values."""


@dataclass(frozen=True, eq=False)
class TransitionSystem:
    name: str
    summary: str
    state: type[State]
    actions: tuple[Action, ...]
    properties: tuple[Property, ...] = ()
    initial: tuple[Initial, ...] = ()
    settings: Mapping[Variable, Setting] = field(default_factory=dict)
    """Configuration variables that have one value in this system."""
    sources: tuple[Source, ...] = ()
    base: TransitionSystem | None = None
    """The system that this one is stated as a difference from."""
    location: Location | None = None
    """Where it is stated as a difference."""
    unneeded: Mapping[Variable, str] = field(default_factory=dict)
    """Protective measures that it has not, since nothing in it would ask, and why."""
    outside: frozenset[Enum] = frozenset()
    """Actors who do what they like: a run is shown that needs few steps of theirs."""

    def __post_init__(self) -> None:
        named: dict[str, Action] = {}
        for action_ in self.actions:
            if (other := named.get(action_.name)) is not None:
                raise SpecificationError(
                    action_.location,
                    f"{self.name} has another action {action_.name}, "
                    f"at {other.location}",
                )
            named[action_.name] = action_

    def __repr__(self) -> str:
        return f"<TransitionSystem {self.name}>"

    def variant(
        self,
        name: str,
        summary: str,
        *,
        replaced: Mapping[Action, Action] | None = None,
        removed: Iterable[Action] = (),
        added: Iterable[Action] = (),
        settings: Mapping[Any, Setting] | None = None,
        properties: Iterable[Property] | None = None,
        sources: tuple[Source, ...] = (),
        unneeded: Mapping[Any, str] | None = None,
    ) -> TransitionSystem:
        """This system with some actions replaced, removed, added, some switches set.

        A protective measure that is `unneeded`, for the reason that is given, is none
        that this system has lost: it has no action that would ask for it.
        """
        swaps = dict(replaced or {})
        gone = set(removed)
        for action_ in (*swaps, *gone):
            if action_ not in self.actions:
                raise SpecificationError(
                    action_.location, f"{self.name} has no action {action_.name}"
                )
        for variable in settings or {}:
            if not isinstance(variable, Variable):
                raise SpecificationError(
                    Location.of_caller(), f"{variable!r} is not a variable to set"
                )
        kept = tuple(swaps.get(a, a) for a in self.actions if a not in gone)
        actions = (*kept, *added)
        spared = {
            safeguard: reason
            for safeguard, reason in {**self.unneeded, **(unneeded or {})}.items()
            if not (settings or {}).get(safeguard)
        }
        if unneeded or actions != self.actions:
            _check_unneeded(name, actions, spared)
        return replace(
            self,
            name=name,
            summary=summary,
            actions=actions,
            settings={
                **self.settings,
                **(settings or {}),
                **dict.fromkeys(spared, False),
            },
            unneeded=spared,
            properties=self.properties if properties is None else tuple(properties),
            sources=sources,
            base=self,
            location=Location.of_caller(),
        )

    @property
    def safeguards(self) -> tuple[Safeguard, ...]:
        """The protective measures that it has, in their order of declaration."""
        return tuple(
            variable
            for variable in self.state.variables()
            if isinstance(variable, Safeguard) and self.settings.get(variable) is True
        )

    def without(self, safeguard: Safeguard) -> TransitionSystem:
        """This system with one of its protective measures taken out."""
        if safeguard not in self.safeguards:
            raise SpecificationError(
                safeguard.location, f"{self.name} has no safeguard {safeguard.name}"
            )
        rest = self.variant(
            f"{self.name} without {safeguard.name}",
            self.summary,
            settings={safeguard: False},
        )
        return replace(rest, location=self.location)


def _check_unneeded(
    name: str, actions: Iterable[Action], spared: Mapping[Variable, str]
) -> None:
    """No action of the system depends on whether it has one of these measures."""
    for safeguard in spared:
        if not isinstance(safeguard, Safeguard):
            raise SpecificationError(
                Location.of_caller(), f"{safeguard!r} is not a safeguard"
            )
    for asking in actions:
        for variable in spared:
            if variable in asking.asked:
                raise SpecificationError(
                    asking.location,
                    f"{name} is said not to need {variable.name}, "
                    f"but its action {asking.name} asks for it",
                )


class Step:
    """The step of which a step rule speaks."""

    def is_(self, *targets: Action | Event | Kind) -> Term[bool]:
        """The step is one of these actions or events, or is of this kind."""
        kinds = [target for target in targets if isinstance(target, Kind)]
        others = tuple(target for target in targets if not isinstance(target, Kind))
        if len(kinds) > 1 or (kinds and others):
            raise SpecificationError(
                Location.of_caller(), "name one kind, or actions and events"
            )
        return StepIs(kinds[0] if kinds else None, others)

    def at(self, element: Term[Any]) -> Term[bool]:
        """The step has a parameter of this sort, and it is this element."""
        return StepAt(element)

    def answers(self, status: Enum) -> Term[bool]:
        """The call made in the step is answered with this status."""
        return StepAnswers(status)


def action(
    *,
    name: str | None = None,
    actor: Enum | None = None,
    kinds: Iterable[Kind] = (),
    event: Event | None = None,
    success: Enum | None = None,
    sources: tuple[Source, ...] = (),
) -> Callable[[Callable[..., None]], Action]:
    """Record a rule as an action.

    The rule's first parameter is the state; each further one is annotated with
    the sort it ranges over, or with Term[...] of an enumeration or of bool.
    `success` makes it callable: it is the answer where every guard holds. `name`
    is for functions that are made several times over.
    """

    def record(rule: Callable[..., None]) -> Action:
        state_type, sorts = signature_of(rule)
        state = state_type()
        parameters = tuple(_parameter(rule, *item) for item in sorts.items())
        summary, _ = docstring_of(rule)
        _check_braces(rule, summary, sorts)
        recorded(rule, state, *parameters)
        if success is not None:
            check_answer(success, Location.of_function(rule))
        if event is not None:
            _check_event(rule, event, parameters)
        return Action(
            name or rule.__name__,
            summary,
            parameters,
            tuple(state._guards),
            tuple(state._updates),
            tuple(state._calls),
            Location.of_function(rule),
            rule,
            actor,
            frozenset(kinds).union(*(call.kinds for call in state._calls)),
            event,
            success,
            sources,
            dict(state._marks),
        )

    return record


def invariant(
    *, severity: Severity = Severity.MODEL, sources: tuple[Source, ...] = ()
) -> Callable[[Callable[[S], Term[bool]]], Property]:
    """Record a rule as a condition of every reachable state."""
    return _state_property(Mode.INVARIANT, severity, sources)


def reachable(
    *, severity: Severity = Severity.MODEL, sources: tuple[Source, ...] = ()
) -> Callable[[Callable[[S], Term[bool]]], Property]:
    """Record a rule as a condition that some reachable state must satisfy."""
    return _state_property(Mode.REACHABLE, severity, sources)


def deadlock_free(
    *, severity: Severity = Severity.MODEL, sources: tuple[Source, ...] = ()
) -> Callable[[Callable[[S], Term[bool]]], Property]:
    """Record that some step is possible, save where the rule's condition holds."""
    return _state_property(Mode.DEADLOCK_FREE, severity, sources)


def step_rule(
    *, severity: Severity = Severity.MODEL, sources: tuple[Source, ...] = ()
) -> Callable[[Callable[[S, Step, S], Term[bool]]], Property]:
    """Record a rule of every step: of the state before, the step, the state after."""

    def record(rule: Callable[[S, Step, S], Term[bool]]) -> Property:
        state_type, _ = signature_of(rule)
        before: Any = state_type()
        after: Any = state_type(after=True)
        condition: Term[bool] = lift(recorded(rule, before, Step(), after), bool)
        return property_of(rule, Mode.STEP_RULE, condition, severity, sources)

    return record


def initial(rule: Callable[[S], Term[bool]]) -> Initial:
    """Record a rule as a condition of every initial state."""
    state_type, _ = signature_of(rule)
    state: Any = state_type()
    summary, _ = docstring_of(rule)
    condition: Term[bool] = lift(recorded(rule, state), bool)
    return Initial(rule.__name__, summary, condition, Location.of_function(rule))


def _state_property(
    mode: Mode, severity: Severity, sources: tuple[Source, ...]
) -> Callable[[Callable[[S], Term[bool]]], Property]:
    def record(rule: Callable[[S], Term[bool]]) -> Property:
        state_type, _ = signature_of(rule)
        state: Any = state_type()
        condition: Term[bool] = lift(recorded(rule, state), bool)
        return property_of(rule, mode, condition, severity, sources)

    return record


def property_of(
    rule: Callable[..., Any],
    mode: Mode,
    condition: Term[bool],
    severity: Severity,
    sources: tuple[Source, ...],
) -> Property:
    """The property that a rule's condition makes, under the rule's name."""
    summary, rationale = docstring_of(rule)
    return Property(
        rule.__name__,
        mode,
        summary,
        rationale,
        condition,
        Location.of_function(rule),
        severity,
        sources,
    )


def _evaluated(rule: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(rule, eval_str=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise SpecificationError(
            Location.of_function(rule), f"an annotation of {rule.__name__}: {error}"
        ) from None


def signature_of(rule: Callable[..., Any]) -> tuple[type[State], dict[str, Any]]:
    """The state that a rule is about, and the sorts of its further parameters."""
    parameters = list(_evaluated(rule).parameters.values())
    if not parameters or not (
        isinstance(parameters[0].annotation, type)
        and issubclass(parameters[0].annotation, State)
    ):
        raise SpecificationError(
            Location.of_function(rule),
            f"the first parameter of {rule.__name__} must be annotated with a State",
        )
    return parameters[0].annotation, {p.name: p.annotation for p in parameters[1:]}


def _parameter(
    rule: Callable[..., Any], name: str, annotation: Any
) -> Index | Choice[Any]:
    if isinstance(annotation, type) and issubclass(annotation, Index):
        return annotation(name)
    if get_origin(annotation) is Term:
        (sort,) = get_args(annotation)
        if isinstance(sort, type) and (sort is bool or issubclass(sort, Enum)):
            return Choice(name, sort)
    raise SpecificationError(
        Location.of_function(rule),
        f"parameter {name} of {rule.__name__} must be annotated with an index sort, "
        "or with Term[...] of an enumeration or of bool",
    )


def _check_braces(
    rule: Callable[..., Any], summary: str, parameters: Iterable[str]
) -> None:
    known = set(parameters)
    for _, name, _, _ in Formatter().parse(summary):
        if name is not None and name not in known:
            raise SpecificationError(
                Location.of_function(rule),
                f"the docstring of {rule.__name__} names {{{name}}}, "
                "which is no parameter of it",
            )


def _check_event(
    rule: Callable[..., Any], event: Event, parameters: tuple[Term[Any], ...]
) -> None:
    sorts = tuple(p.sort for p in parameters if isinstance(p, Index))
    if sorts[: len(event.parameters)] != event.parameters:
        raise SpecificationError(
            Location.of_function(rule),
            f"{rule.__name__} must begin with the parameters of the event "
            f"{event.name}: {', '.join(s.__name__ for s in event.parameters)}",
        )


def docstring_of(rule: Callable[..., Any]) -> tuple[str, str]:
    """What a rule says, in one paragraph, and what is said beyond that."""
    if not rule.__doc__:
        raise SpecificationError(
            Location.of_function(rule), f"{rule.__name__} has no docstring"
        )
    summary, _, rest = inspect.cleandoc(rule.__doc__).partition("\n\n")
    return " ".join(summary.split()), rest
