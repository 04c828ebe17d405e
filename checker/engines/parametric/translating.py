"""Translating: what recorded terms mean where sorts have no size.

A step's effect is put in where the state after it is read, so no formula has a frame:
what a step does not assign is the same function before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import z3

from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric.counting import Counting, constants_in
from tdxcheck.checker.engines.parametric.depending import Depending
from tdxcheck.checker.engines.parametric.family import Family, Unsupported
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.reacting import reaction
from tdxcheck.checker.engines.parametric.vocabulary import Vocabulary
from tdxcheck.checker.language import terms as language
from tdxcheck.checker.language.state import Update
from tdxcheck.checker.language.system import Action, Kind
from tdxcheck.checker.language.terms import Choice, Index, Reacts, Term
from tdxcheck.checker.language.variables import Every, Variable

PROBE = "!any"
"""In the name of an element that conditions are looked at with, to tell them apart."""

Binding = dict[Term[Any], Formula]
"""What each parameter and each quantified index stands for."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A step: the action, and its arguments, of which nothing is known."""

    action: Action
    binding: Binding


class Translator:
    """Terms of one family as formulas; variables with one value are that value."""

    def __init__(self, family: Family, constants: Mapping[Variable, Any]) -> None:
        self.family = family
        self.constants = dict(constants)
        self.vocabulary = Vocabulary(family)
        self.counting = Counting(lambda name: self.vocabulary.named(name, z3.IntSort()))
        self._bound: list[Formula] = []
        self.depending = Depending(family.system.actions)
        self._known: dict[Any, tuple[Formula, Any]] = {}
        self._changing: dict[Action, frozenset[Variable]] = {}
        self._reactions: dict[Reacts, Term[bool]] = {}
        self._variables: dict[Any, tuple[Formula, Any]] = {}

    def step(self, action: Action) -> Iterator[Taken]:
        """The action with arguments of which nothing is known.

        Once for each choice among the values of sorts of a fixed size.
        """
        choices = [self._arguments(parameter) for parameter in action.parameters]
        for arguments in product(*choices):
            yield Taken(action, dict(zip(action.parameters, arguments, strict=True)))

    def _arguments(self, parameter: Index | Choice[Any]) -> list[Formula]:
        make = self.vocabulary
        if isinstance(parameter, Choice) or make.is_unbounded(parameter.sort):
            return [make.fresh(parameter.name, parameter.sort)]
        return [z3.IntVal(number) for number in make.numbers(type(parameter))]

    def guards(self, taken: Taken) -> list[Formula]:
        return [self.term(g.condition, taken.binding) for g in taken.action.guards]

    def term(
        self,
        term: Term[Any],
        binding: Binding,
        taken: Taken | None = None,
        *,
        later: bool = False,
    ) -> Formula:
        """The term before the step; what it reads of the state after it, after it.

        With `later`, all that it reads is read after the step. What the step does not
        change means the same before it, and is worked out once for all steps.
        """
        needs = self.depending.of(term)
        if taken is not None and not needs.of_a_step:
            read = needs.reads if later else needs.later
            if read.isdisjoint(self._changed(taken.action)):
                taken, later = None, False
        given = {one: binding[one] for one in needs.open if one in binding}
        key = term, taken, later, frozenset((o, f.number(g)) for o, g in given.items())
        if key not in self._known:
            # What is given is kept, since z3 gives the number of a dead one to another.
            found = self._translated(term, binding, taken, later=later)
            self._known[key] = found, given
        return self._known[key][0]

    def _changed(self, action: Action) -> frozenset[Variable]:
        if action not in self._changing:
            changed = frozenset(update.variable for update in action.updates)
            self._changing[action] = changed
        return self._changing[action]

    def _translated(
        self,
        term: Term[Any],
        binding: Binding,
        taken: Taken | None,
        *,
        later: bool,
    ) -> Formula:
        def of(part: Term[Any]) -> Formula:
            return self.term(part, binding, taken, later=later)

        match term:
            case language.Const(value):
                return self.vocabulary.constant(value)
            case language.Element(sort, number):
                return self.vocabulary.element(sort, number)
            case Index() | Choice():
                if term not in binding:
                    raise Unsupported(f"{term.name}, outside its quantifier")
                return binding[term]
            case language.Read(variable, indices, after):
                places = tuple(map(of, indices))
                return self._read(variable, places, taken if after or later else None)
            case language.Not(operand):
                return f.not_(of(operand))
            case language.And(operands):
                return f.and_(self._until(operands, of, f.FALSE))
            case language.Or(operands):
                return f.or_(self._until(operands, of, f.TRUE))
            case language.Implies(premise, conclusion):
                given = of(premise)
                if f.is_false(given):
                    return f.TRUE
                return f.implies(given, of(conclusion))
            case language.Equal(left, right):
                return f.equal(of(left), of(right))
            case language.Less(left, right):
                return z3.simplify(of(left) < of(right))
            case language.Plus(left, right):
                return z3.simplify(of(left) + of(right))
            case language.Minus(left, right):
                return z3.simplify(of(left) - of(right))
            case language.Ite(condition, then, otherwise):
                asked = of(condition)
                if f.is_true(asked) or f.is_false(asked):
                    return of(then if f.is_true(asked) else otherwise)
                return f.ite(asked, of(then), of(otherwise))
            case language.Forall(index, body):
                return self._quantified(index, body, binding, taken, later, every=True)
            case language.Exists(index, body):
                return self._quantified(index, body, binding, taken, later, every=False)
            case language.Count(index, body):
                return self._counted(index, body, binding, taken, later)
            case language.Named(_, _, body):
                return of(body)
            case language.Reacts():
                return of(self._meant(term))
        if taken is None:
            raise Unsupported("a step, outside a rule of steps")
        return self._of_step(term, binding, taken, of)

    @staticmethod
    def _until(operands: Sequence[Any], of: Any, decisive: Formula) -> list[Formula]:
        """The operands, up to one that decides."""
        found = []
        for operand in operands:
            found.append(of(operand))
            if f.same(found[-1], decisive):
                break
        return found

    def _quantified(
        self,
        index: Index,
        body: Term[bool],
        binding: Binding,
        taken: Taken | None,
        later: bool,
        *,
        every: bool,
    ) -> Formula:
        make = self.vocabulary
        join = f.and_ if every else f.or_
        if not make.is_unbounded(type(index)):
            numbers = map(z3.IntVal, make.numbers(type(index)))
            return join(
                self.term(body, binding | {index: n}, taken, later=later)
                for n in numbers
            )
        one = self._variable(index)
        with self._binding([one]):
            inner = self.term(body, binding | {index: one}, taken, later=later)
        return (f.forall if every else f.exists)([one], inner)

    @contextmanager
    def _binding(self, variables: list[Formula]) -> Iterator[None]:
        """What is translated meanwhile stands where these are bound."""
        before = len(self._bound)
        self._bound += variables
        try:
            yield
        finally:
            del self._bound[before:]

    def _variable(self, index: Index) -> Formula:
        """What the index is bound to, always the same inside the same quantifiers."""
        key = index, tuple(map(f.number, self._bound))
        if key not in self._variables:
            fresh = self.vocabulary.bound(index.name, type(index))
            self._variables[key] = fresh, tuple(self._bound)
        return self._variables[key][0]

    def _counted(
        self,
        index: Index,
        body: Term[bool],
        binding: Binding,
        taken: Taken | None,
        later: bool,
    ) -> Formula:
        make = self.vocabulary
        sort = type(index)

        def at(element: Formula) -> Formula:
            return self.term(body, binding | {index: element}, taken, later=later)

        if not make.is_unbounded(sort):
            ones = [
                f.ite(at(z3.IntVal(n)), z3.IntVal(1), z3.IntVal(0))
                for n in make.numbers(sort)
            ]
            return z3.simplify(z3.Sum(ones))
        probe = self._probe(sort)
        bound = {variable.get_id() for variable in self._bound}
        # What is counted inside is counted for each element here, so it is refused.
        with self._binding([probe]):
            inside = at(probe)
        if bound & constants_in([inside]):
            raise Unsupported("a count for each of any number of elements")
        return self.counting.add(sort, at, lambda: make.bound("x", sort), probe)

    def size(self, sort: Any) -> Formula:
        """How many elements a sort of any size has."""
        make = self.vocabulary
        return self.counting.add(
            sort,
            lambda element: f.TRUE,
            lambda: make.bound("x", sort),
            self._probe(sort),
        )

    def _probe(self, sort: Any) -> Formula:
        """An element to look at a condition with, another one inside of each count."""
        around = sum(PROBE in one.decl().name() for one in self._bound)
        name = f"{sort.__name__}{PROBE}{around or ''}"
        return z3.Const(name, self.vocabulary.sorts[sort])

    def _read(
        self, variable: Variable, indices: tuple[Formula, ...], taken: Taken | None
    ) -> Formula:
        if variable in self.constants:
            return self.vocabulary.held(variable, self.constants[variable])
        found = self.vocabulary.value(variable, indices)
        if taken is not None:
            for update in taken.action.updates:
                if update.variable is variable:
                    found = self._updated(update, indices, taken, found)
        return found

    def _updated(
        self, update: Update, indices: tuple[Formula, ...], taken: Taken, old: Formula
    ) -> Formula:
        binding = dict(taken.binding)
        conditions = []
        for target, place in zip(update.indices or (), indices, strict=False):
            if isinstance(target, Every):
                binding[target.index] = place
            else:
                meant = self.term(target, taken.binding)
                conditions.append(f.equal(meant, place))
        here = f.and_(conditions)
        if f.is_false(here):
            return old
        return f.ite(here, self.term(update.value, binding), old)

    def assigned(self, update: Update, taken: Taken) -> Formula:
        """What the update assigns, to any entry that it assigns to."""
        binding = dict(taken.binding)
        for target in update.indices or ():
            if isinstance(target, Every):
                sort = type(target.index)
                binding[target.index] = self.vocabulary.fresh(target.index.name, sort)
        return self.term(update.value, binding)

    def _meant(self, asked: Reacts) -> Term[bool]:
        """What the reaction is, by the guards of what the system may do."""
        if asked not in self._reactions:
            self._reactions[asked] = reaction(asked, self.family.system.actions)
        return self._reactions[asked]

    def _of_step(
        self, term: Term[Any], binding: Binding, taken: Taken, of: Any
    ) -> Formula:
        action = taken.action
        match term:
            case language.StepIs(Kind() as kind, _):
                return f.truth(kind in action.kinds)
            case language.StepIs(_, targets):
                named = any(t is action or t is action.event for t in targets)
                return f.truth(named)
            case language.StepAt(element):
                wanted = of(element)
                return f.or_(
                    f.equal(wanted, taken.binding[parameter])
                    for parameter in action.parameters
                    if parameter.sort is element.sort
                )
            case language.StepAnswers(status):
                for call in action.calls:
                    if isinstance(status, call.answer.sort):
                        answer = self.term(call.answer, taken.binding)
                        return f.equal(answer, self.vocabulary.constant(status))
                return f.FALSE
        raise Unsupported(type(term).__name__)
