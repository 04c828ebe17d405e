"""What recorded terms mean in other words, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from itertools import product
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import substituted
from tdxcheck.checker.engines.parametric.depending import Depending, Needs
from tdxcheck.checker.engines.parametric.ending import Spelling
from tdxcheck.checker.engines.parametric.reacting import reaction
from tdxcheck.checker.language import (
    Event,
    Index,
    Int,
    Map,
    Refusal,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    definition,
    exists,
    forall,
    implies,
    invariant,
    ite,
    step_rule,
)
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter, Taken, View
from tdxcheck.checker.language.reading import terms_in
from tdxcheck.checker.language.terms import (
    Choice,
    Element,
    Named,
    Reaction,
    Reacts,
    StepAnswers,
    StepAt,
    StepIs,
)
from tests.faults.comparing import same


class Clerk(Index):
    """Somebody to ask."""


class Told(Enum):
    NO = "no"
    LATER = "later"


ASK = Event("ask", "Somebody asks {clerk}.", (Clerk,))
CALL = Event("call", "Somebody calls.", ())


class Office(State):
    opened = Var(bool)
    level = Var(Int(0, 2))
    busy = Map(Clerk, bool)
    first = Var(Clerk)

    @definition
    def is_served(self, clerk: Clerk) -> Term[bool]:
        """The clerk is the first, or is busy."""
        return (self.first == clerk) | self.busy[clerk]


@action(event=ASK)
def asks(office: Office, clerk: Clerk) -> None:
    """Somebody asks {clerk}."""
    office.require(office.opened, Refusal(Told.NO))
    office.require(office.level < 2)
    office.require(~office.busy[clerk], Refusal(Told.LATER, log="it is busy"))
    office.require(office.first == clerk, Refusal(Told.NO, visible=False))
    office.busy[clerk] = True


@action(event=ASK)
def asks_for_another(
    office: Office, clerk: Clerk, other: Clerk, urgent: Term[bool]
) -> None:
    """Somebody asks {clerk} for {other}, urgently or not."""
    office.require(office.level == 1)
    office.require(urgent | (other == office.first), Refusal(Told.NO, visible=False))
    office.require(office.busy[other] & ~(other == clerk), Refusal(Told.NO, log="no"))
    office.first = other


@action(event=CALL)
def calls(office: Office) -> None:
    """Somebody calls."""
    office.require(office.busy[office.first])
    office.level = ite(office.level < 2, office.level + 1, 0)


@action()
def opens(office: Office) -> None:
    """It is opened, or closed."""
    office.opened = ~office.opened


@invariant()
def the_first_is_served(office: Office) -> Term[bool]:
    """Whoever is the first can be asked, or is busy, or one can call."""
    first = office.busy[office.first] | (office.level == 1)
    asked = forall(
        Clerk,
        lambda one: implies(
            office.is_served(one),
            office.accepts(ASK, one) | office.refuses_visibly(ASK, one) | first,
        ),
    )
    return asked & implies(office.accepts(CALL), count(Clerk, office.is_served) > 1)


@step_rule()
def nobody_is_left(before: Office, step: Step, after: Office) -> Term[bool]:
    """Who is asked is busy then, and the others are as they were."""
    return forall(
        Clerk,
        lambda one: implies(
            step.is_(asks) & step.at(one) & ~before.opened,
            after.busy[after.first] & exists(Clerk, lambda other: before.busy[other]),
        ),
    )


ACTIONS = (asks, asks_for_another, calls, opens)
RULES = (the_first_is_served, nobody_is_left)
OFFICE = TransitionSystem("office", "An office.", Office, ACTIONS, RULES)
INSTANCE = Instance(OFFICE, {Clerk: 2})
CLERKS = (0, 1)


@cache
def _states() -> tuple[Assignment, ...]:
    """Every state that there could be."""
    entries = [e for v in INSTANCE.variables for e in INSTANCE.entries(v)]
    values = (INSTANCE.values(variable.sort) for variable, _ in entries)
    return tuple(dict(zip(entries, each, strict=True)) for each in product(*values))


def reactions() -> None:
    """What the guards tell of a reaction is what the interpreter makes of it."""
    interpreter = Interpreter(INSTANCE)
    asked = [Reacts(ASK, (Element(Clerk, n),), how) for n in CLERKS for how in Reaction]
    asked += [Reacts(CALL, (), how) for how in Reaction]
    seen = set()
    for each in asked:
        told = reaction(each, ACTIONS)
        for state in _states():
            meant = interpreter.evaluate(each, View(state, {}))
            same(f"{each}", interpreter.evaluate(told, View(state, {})), meant)
            seen.add((each.event, each.reaction, meant))
    # One can call or not, and is never refused.
    same("kinds of reactions", len(seen), 2 * len(Reaction) + len(Reaction) + 2)


def rewritten() -> None:
    """A term with others in it means the same as where these stand for its indices."""
    interpreter = Interpreter(INSTANCE)
    after = Spelling(ACTIONS, after=True)
    for term in _terms():
        left = _left_open(term)
        same("a term in which nothing is put", substituted(term, {}) is term, True)
        for numbers in product(CLERKS, repeat=len(left)):
            binding: dict[Any, Any] = dict(zip(left, numbers, strict=True))
            elements = {one: Element(Clerk, n) for one, n in binding.items()}
            put = substituted(term, elements)
            for state in _states():
                meant = interpreter.evaluate(term, View(state, binding))
                same(f"{term}", interpreter.evaluate(put, View(state, {})), meant)
                later = View({}, binding, state)
                told = interpreter.evaluate(after.of(term), later)
                same(f"{term}, after a step", told, meant)


def rests() -> None:
    """What a term does not rest on can be anything."""
    interpreter = Interpreter(INSTANCE)
    depending = Depending(ACTIONS)
    for term in _terms():
        needs = depending.of(term)
        known: dict[Any, Any] = {}
        left = _left_open(term)
        for numbers in product(CLERKS, repeat=len(left)):
            binding: dict[Any, Any] = dict(zip(left, numbers, strict=True))
            given = [n for one, n in binding.items() if one in needs.open]
            for state in _states():
                meant = interpreter.evaluate(term, View(state, binding))
                key = (*given, *_kept(state, needs.reads))
                same(f"{term}", known.setdefault(key, meant), meant)
    _rests_of_steps(interpreter, depending.of(nobody_is_left.condition))


def _rests_of_steps(interpreter: Interpreter, needs: Needs) -> None:
    """The same of the state after a step, and of the step."""
    known: dict[Any, Any] = {}
    steps = (Taken(asks, (0,)), Taken(asks, (1,)), Taken(opens, ()))
    for before, after in product(_states()[::5], _states()):
        for number, step in enumerate(steps):
            view = View(before, {}, after, step)
            meant = interpreter.evaluate(nobody_is_left.condition, view)
            key = (*before.values(), *_kept(after, needs.later), number)
            same("a rule of steps", known.setdefault(key, meant), meant)
    same("it asks for the step", needs.of_a_step, True)
    depending = Depending(ACTIONS)
    for term in terms_in(nobody_is_left.condition):
        if isinstance(term, StepIs | StepAt | StepAnswers):
            same(f"{term} asks for the step", depending.of(term).of_a_step, True)


def _kept(state: Assignment, variables: Iterable[Any]) -> tuple[Any, ...]:
    wanted = frozenset(variables)
    return tuple(value for (variable, _), value in state.items() if variable in wanted)


def _terms() -> Iterator[Term[Any]]:
    """Terms of states, which leave some indices open."""
    roots = [guard.condition for one in ACTIONS for guard in one.guards]
    for term in terms_in(the_first_is_served.condition, *roots):
        inside = list(terms_in(term))
        if not any(isinstance(part, Choice) for part in inside):
            if not isinstance(term, Index | Named):
                yield term


def _left_open(term: Term[Any]) -> list[Index]:
    bound = {
        part.index for part in terms_in(term) if hasattr(part, "index")
    }  # Of what is quantified or counted.
    inside = [part for part in terms_in(term) if isinstance(part, Index)]
    return [one for one in dict.fromkeys(inside) if one not in bound]
