"""Grounding: what parameters, quantifiers and unassigned variables mean, in one place.

Entries that can have but one value are folded away: all that have one value
initially are taken for constants at first, those that some step then changes
are not, and so on until nothing changes. What is left is constant in every
reachable state, and costs an engine nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from typing import Any

from tdxcheck.checker.ground.bounds import check_bounds
from tdxcheck.checker.ground.fairness import turns
from tdxcheck.checker.ground.influence import Influence, indices_of
from tdxcheck.checker.ground.spoken import Spoken
from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundSlot,
    GroundStep,
    GroundSystem,
    code,
)
from tdxcheck.checker.ground.terms import FALSE, TRUE, Const, Node, Slot, Terms
from tdxcheck.checker.language import terms as language
from tdxcheck.checker.language.instance import Entry, Instance, Scope
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.reading import premise_of
from tdxcheck.checker.language.state import Update
from tdxcheck.checker.language.system import (
    Action,
    Kind,
    Mode,
    Property,
    TransitionSystem,
)
from tdxcheck.checker.language.terms import Reaction, Term
from tdxcheck.checker.language.variables import Every, Variable

Binding = dict[Term[Any], Node]
"""The ground term that each parameter and each quantified index stands for."""


def ground(system: TransitionSystem, scope: Scope) -> GroundSystem:
    """The system in the scope; an effect that can leave its bound is refused."""
    found = grounding(system, scope).system
    check_bounds(found)
    return found


def grounding(system: TransitionSystem, scope: Scope) -> Grounding:
    """The system in the scope, its bounds not checked, and what else is asked of it."""
    instance = Instance(system, scope)
    starts = {
        entry: instance.start(entry)
        for variable in instance.variables
        for entry in instance.entries(variable)
    }
    constants = {entry: value for entry, value in starts.items() if value is not None}
    changing: set[Entry] = set()
    spoken = Spoken()
    actions = system.actions
    reads = Influence()
    while actions:
        grounder = _Grounder(instance, starts, constants, changing, spoken)
        changed = grounder.changed(actions)
        changing |= changed
        constants = {e: v for e, v in constants.items() if e not in changed}
        others = {variable for variable, _ in changed}
        actions = tuple(a for a in system.actions if others and reads(a, others))
    grounder = _Grounder(instance, starts, constants, changing, spoken)
    return Grounding(grounder.finish(list(grounder.steps(system.actions))), grounder)


Key = int | tuple[int, ...]
Made = dict[Key, Node]
"""Ground terms by the identity of a term and of what its free names stand for."""


@dataclass(frozen=True, eq=False)
class _StepContext:
    """The step that a step rule is grounded for."""

    step: GroundStep | None
    """None is any that changes nothing of what is asked."""
    changed: frozenset[Variable] = frozenset()
    made: Made = field(default_factory=dict)
    """The terms that speak of the step, or that read what it changes."""


@dataclass(frozen=True, eq=False)
class Grounding:
    """A ground system, and further terms over its slots."""

    system: GroundSystem
    _grounder: _Grounder

    def of_action(
        self, term: Term[Any], action: Action, arguments: tuple[Any, ...]
    ) -> Node:
        """A term that speaks of an action's parameters, with these arguments."""
        return self._grounder.term(term, self._grounder.binding(action, arguments))

    def of_state(self, term: Term[Any]) -> Node:
        """A term of the state alone."""
        return self._grounder.term(term, {})

    def of_step(self, term: Term[Any], step: GroundStep) -> Node:
        """A term of a step, as a step rule is one."""
        return self._grounder.term(term, {}, self._grounder.context(step))


class _Grounder:
    def __init__(
        self,
        instance: Instance,
        starts: dict[Entry, Any],
        constants: dict[Entry, Any],
        changing: set[Entry],
        spoken: Spoken,
    ) -> None:
        self.instance = instance
        self.changing = changing
        self.where = instance.variables[0].location
        """The rule that is being grounded, for errors."""
        self.terms = Terms()
        self.made: Made = {}
        self.still = _StepContext(None)
        self.spoken = spoken
        self.constants = constants
        self.slots: list[GroundSlot] = []
        self.of_entry: dict[Entry, Node] = {}
        self.assumed: dict[int, Node] = {}
        """By negative numbers: what the constants are assumed to be."""
        self.entry_of: dict[int, Entry] = {}
        for entry, start in starts.items():
            if entry in constants:
                value = self.constant(start)
                self.of_entry[entry] = value
                number = -1 - len(self.assumed)
                self.assumed[number] = value
                self.entry_of[number] = entry
            else:
                self._add_slot(entry, start)
        self.number_of = {entry: number for number, entry in self.entry_of.items()}

    def _add_slot(self, entry: Entry, start: Any) -> None:
        variable, _ = entry
        values = self.instance.values(variable.sort)
        low, high = code(values[0]), code(values[-1])
        number = len(self.slots)
        if low == high and entry not in self.changing:
            self.of_entry[entry] = self.constant(values[0])
            self.constants = {**self.constants, entry: values[0]}
            self.assumed[-1 - len(self.assumed)] = self.of_entry[entry]
            self.entry_of[-len(self.assumed)] = entry
            return
        term = self.terms.slot(number, low, high, boolean=variable.sort is bool)
        assert isinstance(term, Slot)
        first = None if start is None else code(start)
        self.slots.append(GroundSlot(number, entry, term, first))
        self.of_entry[entry] = term
        self.entry_of[number] = entry

    def constant(self, value: Any) -> Node:
        if isinstance(value, bool):
            return self.terms.truth(value)
        return self.terms.number(code(value))

    def finish(self, steps: list[GroundStep]) -> GroundSystem:
        system = self.instance.system
        initial: list[Node] = []
        for rule in system.initial:
            self.where = rule.location
            condition = self.term(rule.condition, {})
            if condition is not TRUE:
                initial.append(condition)
        contexts = list(map(self.context, steps))
        return GroundSystem(
            self.instance,
            tuple(self.slots),
            self.constants,
            tuple(initial),
            tuple(steps),
            tuple(self.property(rule, steps, contexts) for rule in system.properties),
        )

    def context(self, step: GroundStep) -> _StepContext:
        changed = frozenset(self.entry_of[number][0] for number in step.updates)
        return _StepContext(step, changed)

    def steps(self, actions: Iterable[Action]) -> Iterator[GroundStep]:
        number = 0
        for action in actions:
            for arguments in self.instance.choices(action):
                step = self.step(number, action, arguments)
                if step is not None:
                    yield step
                    number += 1

    def changed(self, actions: Iterable[Action]) -> set[Entry]:
        """What is assumed to be constant, and is not where these actions are taken."""
        held = {self.entry_of[number][0] for number in self.assumed}
        found: set[Entry] = set()
        for action in actions:
            # What is known to change is not looked at again.
            updates = [u for u in action.updates if u.variable in held]
            for arguments in self.instance.choices(action) if updates else ():
                binding = self.binding(action, arguments)
                if self.guards(action, binding) is None:
                    continue
                for update in updates:
                    for number, value in self.update(update, binding):
                        if self.assumed.get(number, value) is not value:
                            found.add(self.entry_of[number])
        return found

    def binding(self, action: Action, arguments: tuple[Any, ...]) -> Binding:
        return {
            parameter: self.constant(argument)
            for parameter, argument in zip(action.parameters, arguments, strict=True)
        }

    def step(
        self, number: int, action: Action, arguments: tuple[Any, ...]
    ) -> GroundStep | None:
        """The step, or None if it is possible in no state."""
        binding = self.binding(action, arguments)
        guards = self.guards(action, binding)
        if guards is None:
            return None
        updates: dict[int, Node] = {}
        for update in action.updates:
            for slot, value in self.update(update, binding):
                if slot in updates:
                    raise SpecificationError(
                        update.location, f"{update.variable.name} is assigned twice"
                    )
                updates[slot] = value
        answer = None
        for call in action.calls:
            answer = self.term(call.answer, binding)
        return GroundStep(number, action, arguments, tuple(guards), updates, answer)

    def guards(self, action: Action, binding: Binding) -> list[Node] | None:
        """The guards of a step, or None if it is possible in no state."""
        self.where = action.location
        guards: list[Node] = []
        for guard in action.guards:
            condition = self.term(guard.condition, binding)
            if condition is FALSE:
                return None
            guards.append(condition)
        if self.terms.and_(guards) is FALSE:
            return None
        return guards

    def update(self, update: Update, binding: Binding) -> Iterator[tuple[int, Node]]:
        variable = update.variable
        if update.indices is None:
            value = self.term(update.value, binding)
            for entry in self.instance.entries(variable):
                yield from self._assign(entry, value)
            return
        every = [index.index for index in update.indices if isinstance(index, Every)]
        for numbers in product(*(self.instance.elements(type(i)) for i in every)):
            bound = binding | {
                index: self.terms.number(number)
                for index, number in zip(every, numbers, strict=True)
            }
            value = self.term(update.value, bound)
            indices = [self.term(index, bound) for index in indices_of(update)]
            targets = list(self.targets(variable, indices))
            if not targets:
                raise self.outside(variable)
            for entry, condition in targets:
                old = self.of_entry[entry]
                yield from self._assign(entry, self.terms.ite(condition, value, old))

    def _assign(self, entry: Entry, value: Node) -> Iterator[tuple[int, Node]]:
        old = self.of_entry[entry]
        if value is not old:
            yield (
                old.number if isinstance(old, Slot) else self.number_of[entry],
                value,
            )

    def targets(
        self, variable: Variable, indices: list[Node]
    ) -> Iterator[tuple[Entry, Node]]:
        """The entries that the indices may mean, and when they mean them."""
        if all(isinstance(index, Const) for index in indices):
            entry = variable, tuple(index.low for index in indices)
            if not indices or entry in self.of_entry:
                yield entry, TRUE
            return
        for entry in self.instance.entries(variable):
            _, numbers = entry
            condition = self.terms.and_(
                self.terms.eq(index, self.terms.number(number))
                for index, number in zip(indices, numbers, strict=True)
            )
            if condition is not FALSE:
                yield entry, condition

    def property(
        self, rule: Property, steps: list[GroundStep], contexts: list[_StepContext]
    ) -> GroundProperty:
        self.where = rule.location
        premise = premise_of(rule.condition)
        if rule.mode is Mode.STEP_RULE:
            return GroundProperty(
                rule,
                tuple(self.term(rule.condition, {}, context) for context in contexts),
                tuple(self.term(premise, {}, context) for context in contexts),
            )
        goal = None if rule.goal is None else self.term(rule.goal, {})
        condition = self.term(rule.condition, {})
        premises = (self.term(premise, {}),)
        if rule.mode is not Mode.INVARIANT:
            premises = (TRUE,)
        fair = tuple(
            turn
            for line in rule.fair
            for turn in turns(line, self.term(line.condition, {}), steps)
        )
        return GroundProperty(rule, (condition,), premises, goal, fair)

    def term(
        self, term: Term[Any], binding: Binding, step: _StepContext | None = None
    ) -> Node:
        """The ground term, made once for the same bindings of what it speaks of."""
        if isinstance(term, language.Index | language.Choice):
            if term not in binding:
                raise SpecificationError(
                    self.where, f"{term.name} is used outside its quantifier"
                )
            return binding[term]
        spoken = self.spoken.of(term)
        made = self.made
        if step is not None and (spoken.of_step or spoken.later):
            if not spoken.of_step and spoken.later.isdisjoint(step.changed):
                # To every step that changes nothing of it, it is the same.
                step = self.still
            made = step.made
        names = spoken.names
        key: Key = id(term)
        if names:
            key = (id(term), *map(id, map(binding.get, names)))
        found = made.get(key)
        if found is None:
            found = made[key] = self._term(term, binding, step)
        return found

    def _term(
        self, term: Term[Any], binding: Binding, step: _StepContext | None
    ) -> Node:
        make = self.terms
        match term:
            case language.Const(value):
                return self.constant(value)
            case language.Element(_, number):
                return make.number(number)
            case language.Read(variable, indices, after):
                numbers = [self.term(index, binding, step) for index in indices]
                return self.read(variable, numbers, step if after else None)
            case language.Not(operand):
                return make.not_(self.term(operand, binding, step))
            case language.And(operands):
                return make.and_(self.term(o, binding, step) for o in operands)
            case language.Or(operands):
                return make.or_(self.term(o, binding, step) for o in operands)
            case language.Implies(premise, conclusion):
                given = make.not_(self.term(premise, binding, step))
                if given is TRUE:
                    return TRUE
                return make.or_((given, self.term(conclusion, binding, step)))
            case language.Equal(left, right):
                return make.eq(*(self.term(t, binding, step) for t in (left, right)))
            case language.Less(left, right):
                return make.lt(*(self.term(t, binding, step) for t in (left, right)))
            case language.Plus(left, right):
                return make.add(*(self.term(t, binding, step) for t in (left, right)))
            case language.Minus(left, right):
                return make.sub(*(self.term(t, binding, step) for t in (left, right)))
            case language.Ite(condition, then, otherwise):
                chosen = self.term(condition, binding, step)
                if isinstance(chosen, Const):
                    return self.term(then if chosen.value else otherwise, binding, step)
                return make.ite(
                    chosen,
                    self.term(then, binding, step),
                    self.term(otherwise, binding, step),
                )
            case language.Forall(index, body):
                return make.and_(self.instances(index, body, binding, step))
            case language.Exists(index, body):
                return make.or_(self.instances(index, body, binding, step))
            case language.Count(index, body):
                total = make.number(0)
                for instance in self.instances(index, body, binding, step):
                    one = make.ite(instance, make.number(1), make.number(0))
                    total = make.add(total, one)
                return total
            case language.Named(_, _, body):
                return self.term(body, binding, step)
            case language.Reacts(event, arguments, reaction):
                elements = [self.term(a, binding, step) for a in arguments]
                return self.reaction(event, elements, reaction)
        if step is None:
            raise SpecificationError(self.where, "only a step rule speaks of the step")
        return self.of_step(term, binding, step)

    def instances(
        self,
        index: language.Index,
        body: Term[Any],
        binding: Binding,
        step: _StepContext | None,
    ) -> Iterator[Node]:
        for number in self.instance.elements(type(index)):
            yield self.term(body, binding | {index: self.terms.number(number)}, step)

    def read(
        self, variable: Variable, indices: list[Node], after: _StepContext | None
    ) -> Node:
        found: Node | None = None
        for entry, condition in self.targets(variable, indices):
            value = self.of_entry[entry]
            if after is not None and after.step and isinstance(value, Slot):
                value = after.step.updates.get(value.number, value)
            found = value if found is None else self.terms.ite(condition, value, found)
        if found is None:
            raise self.outside(variable)
        return found

    def outside(self, variable: Variable) -> SpecificationError:
        return SpecificationError(
            self.where, f"{variable.name} has no such entry in this scope"
        )

    def reaction(self, event: Any, elements: list[Node], asked: Reaction) -> Node:
        make = self.terms
        cases: list[Node] = []
        for numbers in product(*(self.instance.elements(s) for s in event.parameters)):
            meant = make.and_(
                make.eq(element, make.number(number))
                for element, number in zip(elements, numbers, strict=True)
            )
            if meant is not FALSE:
                cases.append(make.and_((meant, self._reacts(event, numbers, asked))))
        return make.or_(cases)

    def _reacts(self, event: Any, numbers: tuple[int, ...], asked: Reaction) -> Node:
        make = self.terms
        accepted: list[Node] = []
        refused: list[Node] = []
        told: list[Node] = []
        reasoned: list[Node] = []
        for action, arguments in self.instance.requests(event, numbers):
            binding = self.binding(action, arguments)
            passed: list[Node] = []
            for guard in action.guards:
                condition = self.term(guard.condition, binding)
                if guard.refusal:
                    first = make.and_((*passed, make.not_(condition)))
                    refused.append(first)
                    if guard.refusal.visible:
                        told.append(first)
                    if guard.refusal.log:
                        reasoned.append(first)
                passed.append(condition)
            accepted.append(make.and_(passed))
        taken = make.or_(accepted)
        match asked:
            case Reaction.ACCEPTED:
                return taken
            case Reaction.REFUSED:
                return make.and_((make.not_(taken), make.or_(refused)))
            case Reaction.REFUSED_VISIBLY:
                return make.and_((make.not_(taken), make.or_(told)))
            case Reaction.REFUSED_WITH_REASON:
                return make.and_((make.not_(taken), make.or_(reasoned)))
            case Reaction.IMPOSSIBLE:
                return make.not_(make.or_((taken, *refused)))

    def of_step(self, term: Term[Any], binding: Binding, context: _StepContext) -> Node:
        step = context.step
        assert step is not None
        match term:
            case language.StepIs(Kind() as kind, _):
                return self.terms.truth(kind in step.action.kinds)
            case language.StepIs(_, targets):
                return self.terms.truth(
                    any(t is step.action or t is step.action.event for t in targets)
                )
            case language.StepAt(element):
                wanted = self.term(element, binding, context)
                return self.terms.or_(
                    self.terms.eq(wanted, self.terms.number(argument))
                    for parameter, argument in zip(
                        step.action.parameters, step.arguments, strict=True
                    )
                    if parameter.sort is element.sort
                )
            case language.StepAnswers(status):
                return self.of_answer(step, status)
        raise TypeError(f"no grounding for {term!r}")

    def of_answer(self, step: GroundStep, status: Enum) -> Node:
        if step.answer is None:
            return FALSE
        (call,) = step.action.calls
        if not isinstance(status, call.answer.sort):
            return FALSE
        return self.terms.eq(step.answer, self.constant(status))
