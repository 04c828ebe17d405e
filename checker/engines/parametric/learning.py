"""Learning: clauses that hold of a small machine, and that make a rule inductive there.

Every reachable state of the machine is known, as a diagram. A state that respects all
clauses and from which a step breaks one is not reachable, so a part of it never occurs.
The part is made as small as it can be, and its elements are replaced by any others:
that is one clause more. No clause is wrong of this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product
from random import Random
from typing import Any

import z3

from tdxcheck.checker.engines.diagrams import encoding as diagrams
from tdxcheck.checker.engines.diagrams.deciding import deciding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.parametric.clauses import (
    LETTERS,
    Clause,
    Condition,
    Literal,
)
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.symbolic.encoding import Encoding
from tdxcheck.checker.engines.symbolic.lemmas import holds
from tdxcheck.checker.engines.symbolic.solving import Clock, Unrolling
from tdxcheck.checker.engines.symbolic.target import target_of
from tdxcheck.checker.ground.system import (
    GroundSystem,
    Values,
    code,
    decode,
    no_initial_state,
)
from tdxcheck.checker.ground.terms import Node, evaluate, support
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Const, Element, Index, Term
from tdxcheck.checker.language.variables import Int, Variable

Cube = dict[int, tuple[int, ...]]
"""By the number of a slot, or of a condition after them, which values it may have."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A condition of some elements, as the small machine has it."""

    condition: Condition
    numbers: tuple[int, ...]
    """The elements that are put in."""
    node: Node


class Learner:
    """Clauses of one machine, by which rule after rule is kept by every step.

    What was learned for one rule is there for the next.
    """

    def __init__(
        self,
        family: Family,
        system: GroundSystem,
        rules: Mapping[int, GroundProperty],
        conditions: Sequence[Seen],
        constants: Mapping[Any, Any],
        clock: Clock,
    ) -> None:
        self.family = family
        self.system = system
        self.rules = rules
        self.constants = constants
        self.clock = clock
        self.diagrams = diagrams.Encoding(system)
        self.moves = moves = self.diagrams.moves()
        start = self.diagrams.initial()
        self.reachable = closure(self.diagrams, moves, start, self._look)
        if self.reachable == self.diagrams.manager.false:
            raise no_initial_state(system)
        self.conditions = self._counting(conditions)
        self.encoding = Encoding(system)
        self.random: Random | None = None
        self.clauses: list[Clause] = []
        self.told: dict[tuple[int, int], Diagram] = {}
        self.last: frozenset[int] = frozenset()
        """The slots that the rule itself reads: a clause had better be about them."""
        self.places: dict[Any, int] = {slot.entry: slot.number for slot in system.slots}
        for place, seen in enumerate(self.conditions, len(system.slots)):
            self.places[seen.condition, seen.numbers] = place
        self._written: dict[Clause, list[Any]] = {}
        self._kept = 0
        """So many of the clauses no step breaks where all hold."""
        self.unrolling = self._unrolling()

    def _look(self) -> None:
        """There is time left; else an exception says that there is none."""
        self.clock.milliseconds()

    def breaks(self, number: int) -> bool:
        """The machine breaks the rule with this number."""
        false = self.diagrams.manager.false
        targets = deciding(self.diagrams, self.moves, self.rules[number])
        return any(self.reachable & target.states != false for target in targets)

    def _counting(self, conditions: Sequence[Seen]) -> list[Seen]:
        """The conditions; of those that say what a number counts, the truest.

        In a small machine others seem to say something, too.
        """
        best: dict[Variable, tuple[int, Seen]] = {}
        for seen in conditions:
            if (number := seen.condition.counts) is not None:
                true = self.reachable & self.diagrams.truth(seen.node)
                (states,) = self.diagrams.count(true)
                if number not in best or states > best[number][0]:
                    best[number] = states, seen
        chosen = [seen for _, seen in best.values()]
        return [s for s in conditions if s.condition.counts is None or s in chosen]

    def happens(self, number: int) -> bool:
        """What the rule with this number speaks of."""
        rule = self.rules[number]
        truth, false = self.diagrams.truth, self.diagrams.manager.false
        if rule.property.mode is Mode.INVARIANT:
            return bool(self.reachable & truth(rule.premises[0]) != false)
        return any(
            self.reachable & m.guard & truth(rule.premises[m.step.number]) != false
            for m in self.moves
        )

    def _is_rigid(self, condition: Node) -> bool:
        """It is of the configuration alone, so it holds always."""
        slots = [self.system.slots[number] for number in support(condition)]
        return all(slot.entry[0].frozen for slot in slots)

    def _unrolling(self) -> Unrolling:
        """One step from any state that the configuration allows."""
        unrolling = Unrolling(self.encoding, self.clock)
        unrolling.require(self.encoding.within, 0)
        for condition in self.system.initial:
            if self._is_rigid(condition):
                unrolling.require(self.encoding.term(condition), 0)
        unrolling.extend()
        return unrolling

    # The clauses that are needed.

    def learn(self, number: int, attempt: int, clock: Clock) -> None:
        """Find clauses until no step from where all hold breaks one, or the rule.

        Another attempt leaves things out in another order, and so finds other clauses.
        """
        self.clock = self.unrolling.clock = clock
        self.random = Random(attempt) if attempt else None
        rule = self.rules[number]
        self.last = support(*rule.conditions)
        self._block(self._breaking_the_rule(rule))
        while self._kept < len(self.clauses):
            self._block(self._breaking(self.clauses[self._kept]))
            self._kept += 1

    def take(self, clauses: Iterable[Clause]) -> None:
        """Have these, too, as far as they are about this machine and so there."""
        for clause in clauses:
            if clause not in self.clauses and self._is_true(clause):
                self._add(clause)

    def forget(self, clause: Clause) -> None:
        """Go on without this clause."""
        rest = [other for other in self.clauses if other is not clause]
        self.clauses = []
        self._kept = 0
        self.unrolling = self._unrolling()
        for other in rest:
            self._add(other)

    def _breaking_the_rule(self, rule: GroundProperty) -> Any:
        target = target_of(self.system, rule)
        hit = self.encoding.hit(target)
        if target.at_step:
            return self.unrolling.literal(hit, 0)
        after = self.encoding.at(
            hit, self.unrolling.instants[1], self.unrolling.instants[1]
        )
        before = self.unrolling.at(hit, 0)
        return self.unrolling.name(z3.And(after, z3.Not(before)))

    def _breaking(self, clause: Clause) -> Any:
        one = [self._formula(cube, 1) for cube in islice(self._instances(clause), 1)]
        return self.unrolling.name(z3.Or(one))

    def _block(self, goal: Any) -> None:
        """Find clauses by which the goal cannot be hit."""
        while self.unrolling.possible(goal):
            self._look()
            state = self.unrolling.path().states[0]
            self._add(self.lifted(self.smallest(state)))

    def _is_true(self, clause: Clause) -> bool:
        """It is about this machine, and so in every reachable state."""
        try:
            first = next(self._instances(clause), None)
        except KeyError:
            return False
        return first is not None and self.never(first)

    def _values(self, state: Values) -> list[int]:
        return [*state, *(evaluate(seen.node, state) for seen in self.conditions)]

    def _add(self, clause: Clause) -> None:
        self.clauses.append(clause)
        if clause not in self._written:
            self._written[clause] = [
                z3.Not(self._formula(cube, 0)) for cube in self._instances(clause)
            ]
        self.unrolling.solver.add(*self._written[clause])

    def _formula(self, cube: Cube, time: int) -> Any:
        instant = self.unrolling.instants[time]
        parts = []
        for number, values in cube.items():
            if number < len(self.system.slots):
                each = [holds(self.encoding, instant, (number, v)) for v in values]
                parts.append(z3.Or(each))
            else:
                seen = self.conditions[number - len(self.system.slots)]
                formula = self.encoding.term(seen.node)
                formula = self.encoding.at(formula, instant, instant)
                parts.append(formula if values[0] else z3.Not(formula))
        return z3.And(parts)

    # A part of a state that never occurs.

    def smallest(self, state: Values) -> Cube:
        """As little of the state as never occurs, of as few elements as can be."""
        cube: Cube = {n: (value,) for n, value in enumerate(self._values(state))}
        never = self.never(cube)
        assert never, "a state that leads to what never occurs is reachable"
        for slot in [slot for slot in cube if self._is_a_size(slot)]:
            rest = {other: value for other, value in cube.items() if other != slot}
            if self.never(rest):
                cube = rest
        for sort, number in self._elements():
            rest = {
                slot: value
                for slot, value in cube.items()
                if (sort, number) not in self._about(slot, value)
            }
            if self.never(rest):
                cube = rest
        order = sorted(cube, key=self._worth)
        if self.random is not None:
            self.random.shuffle(order)
        for slot in order:
            rest = {other: value for other, value in cube.items() if other != slot}
            if self.never(rest):
                cube = rest
        for slot in list(cube):
            if self._widens(slot):
                term = self.system.slots[slot].term
                for value in range(term.low, term.high + 1):
                    if value not in cube[slot]:
                        wider = {**cube, slot: (*cube[slot], value)}
                        if self.never(wider):
                            cube = wider
        return cube

    def _worth(self, slot: int) -> tuple[bool, bool, bool, bool, int]:
        """What is dropped first comes first."""
        condition = slot >= len(self.system.slots)
        if condition:
            return (False, True, False, False, -slot)
        variable, numbers = self.system.slots[slot].entry
        names = isinstance(variable.sort, type) and issubclass(variable.sort, Index)
        if names and not variable.frozen:
            return (False, False, False, False, -slot)
        return (True, slot in self.last, not variable.frozen, bool(numbers), -slot)

    def _is_a_size(self, slot: int) -> bool:
        """It holds a number that may be as large as a sort of any size has elements."""
        if slot >= len(self.system.slots):
            return False
        sort = self.system.slots[slot].entry[0].sort
        return isinstance(sort, Int) and sort.high in self.family.unbounded

    def _widens(self, slot: int) -> bool:
        if slot >= len(self.system.slots):
            return False
        item = self.system.slots[slot]
        sort = item.entry[0].sort
        element = isinstance(sort, type) and issubclass(sort, Index)
        return not item.term.boolean and not element

    def never(self, cube: Cube) -> bool:
        """No reachable state is so."""
        found = self.reachable
        false = self.diagrams.manager.false
        single: dict[str, bool] = {}
        for slot, values in cube.items():
            if slot < len(self.system.slots) and len(values) == 1:
                item = self.system.slots[slot]
                code = values[0] - item.term.low
                for place, bit in enumerate(self.diagrams.bits[slot]):
                    single[bit] = bool(code >> place & 1)
        found &= self.diagrams.manager.cube(single)
        for slot, values in cube.items():
            if found == false:
                return True
            if slot >= len(self.system.slots):
                found &= self._told(slot, values[0])
            elif len(values) > 1:
                item = self.system.slots[slot]
                some = false
                for value in values:
                    some |= self.diagrams.holds(item, value)
                found &= some
        return bool(found == false)

    def _told(self, slot: int, value: int) -> Diagram:
        key = slot, value
        if key not in self.told:
            node = self.conditions[slot - len(self.system.slots)].node
            truth = self.diagrams.truth(node)
            self.told[key] = truth if value else ~truth
        return self.told[key]

    def _elements(self) -> Iterator[tuple[type[Index], int]]:
        """Those that have no name, the last of each sort first."""
        scope = self.system.instance.scope
        for sort in self.family.unbounded:
            for number in reversed(range(scope[sort])):
                if number not in self.family.named[sort]:
                    yield sort, number

    def _about(
        self, slot: int, values: tuple[int, ...]
    ) -> set[tuple[type[Index], int]]:
        """The elements that a literal speaks of."""
        if slot >= len(self.system.slots):
            seen = self.conditions[slot - len(self.system.slots)]
            return set(
                zip(map(type, seen.condition.indices), seen.numbers, strict=True)
            )
        variable, numbers = self.system.slots[slot].entry
        found = set(zip(variable.index_sorts, numbers, strict=True))
        sort = variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            found |= {(sort, value) for value in values}
        return found

    # From elements to any elements.

    def lifted(self, cube: Cube) -> Clause:
        """The clause of which the cube is one instance."""
        used = dict.fromkeys(
            element
            for slot, values in cube.items()
            for element in sorted(
                self._about(slot, values), key=lambda e: (e[0].__name__, e[1])
            )
        )
        to: dict[Term[Any], Term[Any]] = {}
        names = iter(LETTERS)
        for sort, number in used:
            if sort in self.family.named and number not in self.family.named[sort]:
                prefix = sort.__name__.lower()
                to[Element(sort, number)] = sort(f"{prefix}_{next(names)}")
        literals = tuple(
            self._literal(slot, values).moved(to) for slot, values in cube.items()
        )
        indices = tuple(i for i in to.values() if isinstance(i, Index))
        sorts = {type(index) for index in indices}
        named = tuple(
            Element(sort, number)
            for sort in self.family.unbounded
            if sort in sorts
            for number in self.family.named[sort]
        )
        return Clause(indices, literals, named)

    def _literal(self, slot: int, values: tuple[int, ...]) -> Literal:
        if slot >= len(self.system.slots):
            seen = self.conditions[slot - len(self.system.slots)]
            arguments = _named(seen.condition.indices, seen.numbers)
            return Literal(seen.condition, arguments, (Const(bool(values[0])),))
        variable, numbers = self.system.slots[slot].entry
        elements = tuple(map(Element, variable.index_sorts, numbers))
        sort = variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            terms: list[Term[Any]] = [Element(sort, value) for value in values]
        else:
            terms = [Const(decode(value, sort)) for value in values]
        return Literal(variable, elements, tuple(terms))

    def _instances(self, clause: Clause) -> Iterator[Cube]:
        """The clause of every choice of different elements."""
        scope = self.system.instance.scope
        by_sort: dict[type[Index], list[Index]] = {}
        for index in clause.indices:
            by_sort.setdefault(type(index), []).append(index)
        choices = []
        for sort, indices in by_sort.items():
            free = [n for n in range(scope[sort]) if n not in self.family.named[sort]]
            choices.append(list(permutations(free, len(indices))))
        for numbers in product(*choices):
            to: dict[Term[Any], Term[Any]] = {
                index: Element(sort, number)
                for (sort, indices), chosen in zip(
                    by_sort.items(), numbers, strict=True
                )
                for index, number in zip(indices, chosen, strict=True)
            }
            cube = self._cube(clause, to)
            if cube is not None:
                yield cube

    def _cube(self, clause: Clause, to: dict[Term[Any], Term[Any]]) -> Cube | None:
        """The clause's literals of these elements; None where one is never so."""
        cube: Cube = {}
        for literal in clause.literals:
            moved = literal.moved(to)
            numbers = tuple(a.number for a in moved.arguments if isinstance(a, Element))
            values = tuple(map(_number, moved.values))
            place = self.places.get((literal.subject, numbers))
            if place is not None:
                cube[place] = values
            elif self._constant(literal, numbers) not in values:
                return None
        return cube

    def _constant(self, literal: Literal, numbers: tuple[int, ...]) -> int:
        """What an entry is that has one value here."""
        return code(self.constants[literal.subject, numbers])


def _named(indices: tuple[Index, ...], numbers: tuple[int, ...]) -> tuple[Element, ...]:
    return tuple(Element(type(i), n) for i, n in zip(indices, numbers, strict=True))


def _number(value: Term[Any]) -> int:
    if isinstance(value, Element):
        return value.number
    assert isinstance(value, Const)
    return code(value.value)
