"""Obligations: what must be shown for an invariant to hold in every machine.

Each says that something cannot be: given these formulas, that one is wrong. The
invariant holds at first, each action keeps each of its parts, and of a rule of steps no
action breaks it. What simplification alone shows is no obligation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import z3

from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.family import Family, Unsupported
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.smtlib import Writer
from tdxcheck.checker.engines.parametric.translating import (
    Binding,
    Taken,
    Translator,
)
from tdxcheck.checker.language.reading import terms_in
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Exists, Forall, Index, Named, Reacts, Term
from tdxcheck.checker.language.variables import Int, Variable


@dataclass(frozen=True, eq=False)
class Fact:
    """A part of an invariant: a term, or that a variable stays within its bounds."""

    name: str
    term: Term[bool] | None
    bounded: Variable | None = None


@dataclass(frozen=True, eq=False)
class Obligation:
    """The wrong, which cannot be where the base and some facts hold."""

    place: str
    """The action, or the beginning."""
    what: str
    """The fact, or the rule."""
    base: tuple[Formula, ...]
    """What holds there anyway: the guards of the action, and of the configuration."""
    wrong: tuple[Formula, ...]
    settled: Variable | None = None
    """What it is about, if it is that a variable keeps its value."""
    at_first: bool = False
    """It is asked of the beginning, where no fact is known yet."""

    @property
    def title(self) -> str:
        return f"{self.place}: {self.what}"

    def may_rest_on(self, fact: Fact) -> bool:
        """The fact is known there: at first, that numbers are within their bounds."""
        if self.settled is not None:
            return False
        return not self.at_first or fact.term is None

    @property
    def is_discharged(self) -> bool:
        """Simplification alone shows it."""
        return any(f.is_false(part) for part in (*self.base, *self.wrong))


class Obligations:
    """Those of one family, whose variables with one value are given."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator
        self.family: Family = translator.family
        self.writer = Writer(translator.vocabulary)
        self._taken: dict[Action, list[tuple[Taken, tuple[Formula, ...]]]] = {}
        self._formulas: dict[Fact, Formula] = {}
        self._symbols: dict[Fact, frozenset[str]] = {}
        self._involved: dict[Fact, bool] = {}
        self._elements: dict[Index, Formula] = {}

    def formula(self, fact: Fact) -> Formula:
        """The fact, in the state before a step."""
        if fact not in self._formulas:
            if fact.term is not None:
                self._formulas[fact] = self.translator.term(fact.term, {})
            else:
                assert fact.bounded is not None
                self._formulas[fact] = f.and_(self._within(fact.bounded))
        return self._formulas[fact]

    def reads(self, fact: Fact) -> frozenset[Variable]:
        """The variables that it depends on."""
        if fact.term is None:
            return frozenset((fact.bounded,)) if fact.bounded else frozenset()
        return self.translator.depending.of(fact.term).reads

    def around(self, facts: Sequence[Fact]) -> tuple[Fact, ...]:
        """The facts, and that the numbers that they read stay within their bounds."""
        read = frozenset[Variable]().union(*map(self.reads, facts))
        return (*facts, *(bound for bound in self.bounds if bound.bounded in read))

    def symbols(self, fact: Fact) -> frozenset[str]:
        """The functions and constants of the fact, save the numbers of elements."""
        if fact not in self._symbols:
            counted = self.translator.counting.names()
            self._symbols[fact] = self.writer.names(self.formula(fact)) - counted
        return self._symbols[fact]

    def names(self, formulas: Iterable[Formula]) -> frozenset[str]:
        """The functions and constants that occur."""
        return frozenset[str]().union(*map(self.writer.names, formulas))

    def plain(self, facts: Sequence[Fact]) -> list[Fact]:
        """Those that say of no element that there is another."""
        return [fact for fact in facts if not self._is_involved(fact)]

    def _is_involved(self, fact: Fact) -> bool:
        if fact not in self._involved:
            inside = terms_in(fact.term) if fact.term is not None else ()
            self._involved[fact] = any(
                isinstance(part, Exists | Reacts)
                or (isinstance(part, Forall) and part is not fact.term)
                for part in inside
            )
        return self._involved[fact]

    @cached_property
    def bounds(self) -> tuple[Fact, ...]:
        """That the numbers that actions change stay within their bounds."""
        return tuple(
            Fact(f"{variable.name} is within its bounds", None, variable)
            for variable in self.family.system.state.variables()
            if not variable.frozen
            and variable not in self.translator.constants
            and self._limits(variable) is not None
        )

    def of_rule(self, rule: Property) -> Iterator[Obligation]:
        """That no action breaks a rule of steps."""
        for action in self.family.system.actions:
            for taken, base in self._steps(action):
                wrong = self._wrong(rule.condition, taken, later=False)
                yield Obligation(action.name, rule.name, base, wrong)

    def of_fact(self, fact: Fact) -> Iterator[Obligation]:
        """That the fact holds at first, and that every action keeps it."""
        if fact.term is not None:
            wrong = self._wrong(fact.term, None)
            yield Obligation(
                "at first", fact.name, self._beginning, wrong, at_first=True
            )
        for action in self.family.system.actions:
            changed = {update.variable for update in action.updates}
            if not self.reads(fact) & changed:
                continue
            for taken, base in self._steps(action):
                for wrong in self._broken(fact, taken):
                    yield Obligation(action.name, fact.name, base, wrong)

    def settled(self) -> Iterator[Obligation]:
        """That the variables that are taken to have one value keep it."""
        constants = self.translator.constants
        for action in self.family.system.actions:
            for taken, base in self._steps(action):
                for update in action.updates:
                    if update.variable in constants:
                        old = constants[update.variable]
                        value = self.translator.assigned(update, taken)
                        first = self.translator.vocabulary.held(update.variable, old)
                        wrong = (f.not_(f.equal(value, first)),)
                        name = f"{update.variable.name} stays as it is"
                        yield Obligation(
                            action.name, name, base, wrong, update.variable
                        )

    def _broken(self, fact: Fact, taken: Taken) -> Iterator[tuple[Formula, ...]]:
        if fact.term is not None:
            yield self._wrong(fact.term, taken)
            return
        for update in taken.action.updates:
            if update.variable is fact.bounded:
                bounds = self._limits(update.variable)
                value = self.translator.assigned(update, taken)
                yield (f.not_(f.and_(_between(value, bounds))),)

    # What holds anyway.

    @cached_property
    def _always(self) -> tuple[Formula, ...]:
        """What is so in every state of every machine: of names and configuration."""
        frozen = [v for v in self.family.system.state.variables() if v.frozen]
        bounds = [b for v in frozen for b in self._within(v)]
        found = [*self._names_differ(), *bounds, *self._configuration()]
        return tuple(part for part in found if not f.is_true(part))

    @cached_property
    def _beginning(self) -> tuple[Formula, ...]:
        return (*self._always, *self._start())

    def _names_differ(self) -> list[Formula]:
        by_sort: dict[Any, list[Formula]] = {}
        for (sort, _), element in self.translator.vocabulary.elements.items():
            by_sort.setdefault(sort, []).append(element)
        return [z3.Distinct(each) for each in by_sort.values() if len(each) > 1]

    def _configuration(self) -> list[Formula]:
        """The initial conditions of what no action changes, which hold always."""
        # What an event would be answered rests on what the guards of actions read.
        reads = self.translator.depending.of
        return [
            self.translator.term(rule.condition, {})
            for rule in self.family.system.initial
            if all(variable.frozen for variable in reads(rule.condition).reads)
        ]

    def _steps(self, action: Action) -> list[tuple[Taken, tuple[Formula, ...]]]:
        """The action, where it is possible, and what holds there."""
        if action not in self._taken:
            self._taken[action] = [
                (taken, (*self._always, *guards))
                for taken in self.translator.step(action)
                if not any(map(f.is_false, guards := tuple(self._guards(taken))))
            ]
        return self._taken[action]

    def _guards(self, taken: Taken) -> Iterator[Formula]:
        """The guards; one that cannot be translated is taken to hold."""
        for guard in taken.action.guards:
            try:
                condition = self.translator.term(guard.condition, taken.binding)
            except Unsupported:
                continue
            if not f.is_true(condition):
                yield condition

    def _wrong(
        self, term: Term[bool], taken: Taken | None, *, later: bool = True
    ) -> tuple[Formula, ...]:
        """The term fails: of some elements, of which nothing is known."""
        binding: Binding = {}
        term = _inside(term)
        while isinstance(term, Forall) and type(term.index) in self.family.unbounded:
            index: Index = term.index
            binding[index] = self._some(index)
            term = _inside(term.body)
        formula = f.not_(
            self.translator.term(
                term, binding, taken, later=later and taken is not None
            )
        )
        return tuple(formula.children()) if z3.is_and(formula) else (formula,)

    def _some(self, index: Index) -> Formula:
        """An element of which nothing is known, the same in all obligations."""
        if index not in self._elements:
            fresh = self.translator.vocabulary.fresh(index.name, type(index))
            self._elements[index] = fresh
        return self._elements[index]

    def _start(self) -> Iterator[Formula]:
        """The first state."""
        make = self.translator.vocabulary
        for variable in self.family.system.state.variables():
            start = self.family.start(variable)
            if start is None:
                yield from self._within(variable)
            if variable in self.translator.constants or start is None:
                continue
            for places, free in self._places(variable):
                value = start
                if callable(start):
                    # Of elements of which nothing is known it is not known either.
                    value = None if free else start(*(p.as_long() for p in places))
                if value is not None:
                    entry = make.value(variable, places)
                    held = make.held(variable, value)
                    yield f.forall(free, f.equal(entry, held))
        for rule in self.family.system.initial:
            yield self.translator.term(rule.condition, {})

    # Bounds.

    def _within(self, variable: Variable) -> Iterator[Formula]:
        """Every entry of the variable, if it is a number, is one that it may hold."""
        make = self.translator.vocabulary
        bounds = self._limits(variable)
        if bounds is None or variable in self.translator.constants:
            return
        for places, free in self._places(variable):
            value = make.value(variable, places)
            yield f.forall(free, f.and_(_between(value, bounds)))

    def _places(
        self, variable: Variable
    ) -> Iterator[tuple[tuple[Formula, ...], list[Formula]]]:
        """The entries of the variable, each with what of its indices stands for any."""
        make = self.translator.vocabulary
        choices = [
            [make.bound("x", sort)]
            if make.is_unbounded(sort)
            else [z3.IntVal(number) for number in make.numbers(sort)]
            for sort in variable.index_sorts
        ]
        for places in product(*choices):
            yield places, [place for place in places if not z3.is_int_value(place)]

    def _limits(self, variable: Variable) -> tuple[Any, Any] | None:
        """The least and the greatest number that the variable may hold."""
        make = self.translator.vocabulary
        sort = variable.sort
        if not isinstance(sort, Int):
            if not (isinstance(sort, type) and issubclass(sort, Index)):
                return None
            if make.is_unbounded(sort):
                return None
            return 0, len(make.numbers(sort)) - 1
        if isinstance(sort.high, int):
            return sort.low, sort.high
        if not make.is_unbounded(sort.high):
            return sort.low, len(make.numbers(sort.high))
        return sort.low, self.translator.size(sort.high)


def _between(value: Formula, bounds: Any) -> tuple[Formula, Formula]:
    low, high = bounds
    return z3.simplify(value >= low), z3.simplify(value <= high)


def _inside(term: Term[bool]) -> Term[bool]:
    while isinstance(term, Named):
        term = term.body
    return term
