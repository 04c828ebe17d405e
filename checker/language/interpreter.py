"""The reference semantics: walks a rule's terms over a state, as naively as it can.

It knows nothing of grounding or of any engine, so it can be the judge of both:
every trace is replayed by it before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

from tdxcheck.checker.language.instance import Assignment, Entry, Instance
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.state import Guard, Refusal, Update
from tdxcheck.checker.language.system import Action, Kind
from tdxcheck.checker.language.terms import (
    And,
    Choice,
    Const,
    Count,
    Element,
    Equal,
    Exists,
    Forall,
    Implies,
    Index,
    Ite,
    Less,
    Minus,
    Named,
    Not,
    Or,
    Plus,
    Reaction,
    Reacts,
    Read,
    StepAnswers,
    StepAt,
    StepIs,
    Term,
)
from tdxcheck.checker.language.variables import Every

Binding = dict[Term[Any], Any]
"""The value that each parameter and each quantified index stands for."""


@dataclass(frozen=True)
class Taken:
    """A step: an action with its arguments, and what its call was answered."""

    action: Action
    arguments: tuple[Any, ...]
    answer: Any = None


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt to take an action."""

    guard: Guard | None
    """The first guard that failed, or None if the step was taken."""
    answer: Enum | None
    """What the caller was told: by that guard, or by the call that the step made."""
    detail: str
    """The operand or register that the answer names."""
    after: Assignment | None

    @property
    def refusal(self) -> Refusal | None:
        return self.guard.refusal if self.guard else None


@dataclass(frozen=True)
class View:
    """What a term is evaluated in: a state, and for step rules a step and the next."""

    state: Assignment
    binding: Binding
    after: Assignment | None = None
    step: Taken | None = None


class Interpreter:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def initial_states(self) -> Iterator[Assignment]:
        """Every initial state, in the order of the values of the variables."""
        entries: list[Entry] = []
        choices: list[tuple[Any, ...]] = []
        for variable in self.instance.variables:
            for entry in self.instance.entries(variable):
                entries.append(entry)
                start = self.instance.start(entry)
                free = self.instance.values(variable.sort)
                choices.append(free if start is None else (start,))
        for values in product(*choices):
            state = dict(zip(entries, values, strict=True))
            if self.is_initial(state):
                yield state

    def is_initial(self, state: Assignment) -> bool:
        """The state's values are initial ones, and satisfy every initial condition."""
        if any(state[entry] != start for entry, start in self.instance.started):
            return False
        view = View(state, {})
        return all(
            self.evaluate(rule.condition, view) for rule in self.instance.system.initial
        )

    def attempt(
        self, state: Assignment, action: Action, arguments: tuple[Any, ...]
    ) -> Outcome:
        """Try to take an action: the state after it, or the first guard that fails."""
        binding: Binding = dict(zip(action.parameters, arguments, strict=True))
        view = View(state, binding)
        for guard in action.guards:
            if not self.evaluate(guard.condition, view):
                return Outcome(guard, *self._told(guard.refusal, view), None)
        after = dict(state)
        for update in action.updates:
            after |= self._assigned(update, view)
        return Outcome(None, *self._answer(action, view), after)

    def _told(self, refusal: Refusal | None, view: View) -> tuple[Any, str]:
        if refusal is None:
            return None, ""
        answer = refusal.answer
        told = self.evaluate(answer, view) if isinstance(answer, Term) else answer
        return told, refusal.detail

    def _answer(self, action: Action, view: View) -> tuple[Any, str]:
        for call in action.calls:
            for condition, refusal in call.details:
                if not self.evaluate(condition, view):
                    return self._told(refusal, view)
            return self.evaluate(call.answer, view), ""
        return action.success, ""

    def _assigned(self, update: Update, view: View) -> Assignment:
        variable = update.variable
        if update.indices is None:
            value = self.evaluate(update.value, view)
            entries = list(self.instance.entries(variable))
            return {entry: self._within(update, value) for entry in entries}
        every = [index for index in update.indices if isinstance(index, Every)]
        assigned: Assignment = {}
        for numbers in product(*(self.instance.elements(i.sort) for i in every)):
            names = [index.index for index in every]
            binding = view.binding | dict(zip(names, numbers, strict=True))
            inner = View(view.state, binding)
            target = tuple(
                self.evaluate(i.index if isinstance(i, Every) else i, inner)
                for i in update.indices
            )
            value = self.evaluate(update.value, inner)
            assigned[variable, target] = self._within(update, value)
        return assigned

    def _within(self, update: Update, value: Any) -> Any:
        if value not in self.instance.values(update.variable.sort):
            raise SpecificationError(
                update.location, f"{update.variable.name} cannot become {value}"
            )
        return value

    def holds(
        self,
        condition: Term[bool],
        state: Assignment,
        step: Taken | None = None,
        after: Assignment | None = None,
    ) -> bool:
        """The value of a property's condition, in a state or at a step."""
        return bool(self.evaluate(condition, View(state, {}, after, step)))

    def evaluate(self, term: Term[Any], view: View) -> Any:
        match term:
            case Const(value):
                return value
            case Element(_, number):
                return number
            case Index() | Choice():
                return view.binding[term]
            case Read(variable, indices, after):
                numbers = tuple(self.evaluate(index, view) for index in indices)
                state = view.after if after else view.state
                assert state is not None, "a state rule reads the state after a step"
                return state[variable, numbers]
            case Not(operand):
                return not self.evaluate(operand, view)
            case And(operands):
                return all(self.evaluate(operand, view) for operand in operands)
            case Or(operands):
                return any(self.evaluate(operand, view) for operand in operands)
            case Implies(premise, conclusion):
                return not self.evaluate(premise, view) or self.evaluate(
                    conclusion, view
                )
            case Equal(left, right):
                return self.evaluate(left, view) == self.evaluate(right, view)
            case Less(left, right):
                return self.evaluate(left, view) < self.evaluate(right, view)
            case Plus(left, right):
                return self.evaluate(left, view) + self.evaluate(right, view)
            case Minus(left, right):
                return self.evaluate(left, view) - self.evaluate(right, view)
            case Ite(condition, then, otherwise):
                chosen = then if self.evaluate(condition, view) else otherwise
                return self.evaluate(chosen, view)
            case Forall(index, body):
                return all(self._instances(index, body, view))
            case Exists(index, body):
                return any(self._instances(index, body, view))
            case Count(index, body):
                return sum(self._instances(index, body, view))
            case Named(_, _, body):
                return self.evaluate(body, view)
            case Reacts(event, arguments, reaction):
                numbers = tuple(self.evaluate(a, view) for a in arguments)
                return self.reaction(view.state, event, numbers, reaction)
        return self._evaluate_step(term, view)

    def _instances(self, index: Index, body: Term[Any], view: View) -> Iterator[Any]:
        for number in self.instance.elements(type(index)):
            binding = view.binding | {index: number}
            yield self.evaluate(body, View(view.state, binding, view.after, view.step))

    def _evaluate_step(self, term: Term[Any], view: View) -> bool:
        step = view.step
        assert step is not None, f"{type(term).__name__} outside a step rule"
        match term:
            case StepIs(Kind() as kind, _):
                return kind in step.action.kinds
            case StepIs(_, targets):
                return any(
                    target is step.action or target is step.action.event
                    for target in targets
                )
            case StepAt(element):
                number = self.evaluate(element, view)
                return any(
                    parameter.sort is element.sort and argument == number
                    for parameter, argument in zip(
                        step.action.parameters, step.arguments, strict=True
                    )
                )
            case StepAnswers(status):
                return bool(step.action.calls) and step.answer is status
        raise TypeError(f"no meaning for {term!r}")

    def reaction(
        self, state: Assignment, event: Any, numbers: tuple[int, ...], asked: Reaction
    ) -> bool:
        """Whether the system reacts to the event in the way asked."""
        outcomes = [
            self.attempt(state, action, arguments)
            for action, arguments in self.instance.requests(event, numbers)
        ]
        accepted = any(outcome.after is not None for outcome in outcomes)
        refusals = [outcome.refusal for outcome in outcomes if outcome.refusal]
        match asked:
            case Reaction.ACCEPTED:
                return accepted
            case Reaction.REFUSED:
                return not accepted and bool(refusals)
            case Reaction.REFUSED_VISIBLY:
                told = any(refusal.visible for refusal in refusals)
                return not accepted and told
            case Reaction.REFUSED_WITH_REASON:
                reasoned = any(refusal.log for refusal in refusals)
                return not accepted and reasoned
            case Reaction.IMPOSSIBLE:
                return not accepted and not refusals


class Recorder(Interpreter):
    """An interpreter that notes which entries it reads."""

    def __init__(self, interpreter: Interpreter) -> None:
        super().__init__(interpreter.instance)
        self.read: set[Entry] = set()

    def evaluate(self, term: Term[Any], view: View) -> Any:
        if isinstance(term, Read):
            numbers = tuple(self.evaluate(i, view) for i in term.indices)
            self.read.add((term.variable, numbers))
        return super().evaluate(term, view)

    def reaction(
        self, state: Assignment, event: Any, numbers: tuple[int, ...], asked: Reaction
    ) -> bool:
        """An event is decided by the guards of its actions, not by their effects."""
        for action, arguments in self.instance.requests(event, numbers):
            binding: Binding = dict(zip(action.parameters, arguments, strict=True))
            for guard in action.guards:
                if not self.evaluate(guard.condition, View(state, binding)):
                    break
        return Interpreter(self.instance).reaction(state, event, numbers, asked)
