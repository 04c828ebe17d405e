"""Learning: clauses by which a rule is kept by every step of a machine.

A state that respects all clauses and from which a step breaks one, or the rule, is to
be blocked. Whether it is reachable is not known there; but a smaller machine, of which
every reachable state is known, has a part of it that never occurs. Its elements are
replaced by any others: that is one clause more. Whether it holds of larger machines,
the steps of this one tell, as far as it goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, product
from typing import Any

import z3

from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.grounded import Cube, Grounded, Part
from tdxcheck.checker.engines.parametric.oracle import Oracle
from tdxcheck.checker.engines.parametric.telling import told
from tdxcheck.checker.engines.symbolic.encoding import Encoding
from tdxcheck.checker.engines.symbolic.lemmas import holds
from tdxcheck.checker.engines.symbolic.solving import Clock, Unrolling
from tdxcheck.checker.engines.symbolic.target import target_of
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.ground.terms import Node, support
from tdxcheck.checker.language.terms import Index

TRIES = 8
"""Parts of one state that are looked at, each without what was of no use before."""
VIEWS = 4
"""Clauses that are found for a state, of which the least is taken."""
MANY = 3
"""Elements that a clause had better not be about, if there are no more."""
SPARED = 400
"""Questions that are asked to find clauses that can be spared."""

Kept = Clause | int
"""What is to be kept: a clause, or the rule with this number."""


@dataclass(frozen=True)
class _View:
    """The smaller machine as a part of this one: a choice of its elements."""

    places: dict[int, int]
    """By its numbers of slots and conditions, the ones here."""
    back: dict[type[Index], dict[int, int]]
    """By the elements here, its own."""


class Learner(Grounded):
    """Clauses of one machine, for rule after rule: what was learned once is there.

    Those that a step could break count only where a rule makes use of them.
    """

    def __init__(self, part: Part, oracle: Oracle, clock: Clock) -> None:
        counted = {seen.condition for seen in oracle.conditions}
        kept = [seen for seen in part.conditions if seen.condition in counted]
        super().__init__(
            Part(part.family, part.system, part.rules, kept, part.constants)
        )
        self.oracle = oracle
        self.encoding = Encoding(part.system)
        self.clauses: dict[Clause, Any] = {}
        """Each with the name that says that it holds before the step."""
        self.needed: dict[Kept, tuple[Clause, ...]] = {}
        """The clauses by which every step keeps it."""
        self._goals: dict[Kept, Any] = {}
        self._useless: set[str] = set()
        self.unrolling = Unrolling(self.encoding, clock)
        self.unrolling.require(self.encoding.within, 0)
        for condition in self.system.initial:
            if self._is_rigid(condition):
                self.unrolling.require(self.encoding.term(condition), 0)
        self.unrolling.extend()
        self._first = self.unrolling.literal(self.encoding.initial, 0)

    def _is_rigid(self, condition: Node) -> bool:
        """It is of the configuration alone, so it holds always."""
        slots = [self.system.slots[number] for number in support(condition)]
        return all(slot.entry[0].frozen for slot in slots)

    # The clauses that are needed.

    def learn(self, number: int, clock: Clock) -> bool:
        """Find clauses until no step breaks the rule, or one of those that it needs.

        There may be none that is of use; then the rule cannot be shown by them.
        """
        self.unrolling.clock = clock
        last = support(*self.oracle.rules[number].conditions)
        while True:
            left = [one for one in self._cone(number) if one not in self.needed]
            if not left:
                self._spare(number)
                return True
            if not self._block(left[0], last):
                if not isinstance(left[0], Clause):
                    return False
                self.forget(left[0])

    def kept(self) -> list[Clause]:
        """The clauses that every step keeps where all of them hold."""
        found = {one: self.needed[one] for one in self.clauses if one in self.needed}
        while lost := [c for c, by in found.items() if not found.keys() >= set(by)]:
            for clause in lost:
                del found[clause]
        return list(found)

    def _cone(self, number: int) -> list[Kept]:
        found: dict[Kept, None] = {}
        stack: list[Kept] = [number]
        while stack:
            one = stack.pop()
            if one not in found:
                found[one] = None
                stack += self.needed.get(one, ())
        return list(found)

    def take(self, clauses: Iterable[Clause]) -> None:
        """Have these, too, as far as they are about this machine and hold there."""
        for clause in clauses:
            if clause not in self.clauses and self.oracle.is_true(clause):
                self._add(clause)

    def forget(self, clause: Clause) -> None:
        """Go on without this clause, and do not learn it again."""
        self._useless.add(told(clause))
        self.clauses.pop(clause)
        for one, needed in list(self.needed.items()):
            if one is clause or clause in needed:
                del self.needed[one]

    def _spare(self, number: int) -> None:
        """Leave out of what the rule needs clauses that can be spared."""
        asked = 0
        for clause in reversed(self._cone(number)):
            cone = self._cone(number)
            if isinstance(clause, Clause) and clause in cone:
                rest = [o for o in cone if isinstance(o, Clause) and o is not clause]
                found = dict(self.needed)
                for one in cone:
                    if one is not clause and clause in self.needed[one]:
                        asked += 1
                        if asked > SPARED:
                            return
                        if self._possible(one, rest):
                            break
                        found[one] = self._core(rest)
                else:
                    self.needed = found

    def _block(self, one: Kept, last: frozenset[int]) -> bool:
        """Find clauses by which every step keeps it; whether there are."""
        while self._possible(one, self.clauses):
            values = self.values(self.unrolling.path().states[0])
            clause = self._clause(values, last)
            if clause is None and not isinstance(one, Clause):
                # A rule that holds excludes the state, so something must be so.
                clause = self._clause(values, last, every=True)
            if clause is None:
                return False
            self._add(clause)
        self.needed[one] = self._core(self.clauses)
        return True

    def _possible(self, one: Kept, clauses: Iterable[Clause]) -> bool:
        """Some step from where the clauses hold breaks it."""
        if one not in self._goals:
            self._goals[one] = (
                self._breaking(one)
                if isinstance(one, Clause)
                else self._breaking_the_rule(self.rules[one])
            )
        names = [self.clauses[clause] for clause in clauses]
        return self.unrolling.possible(self._goals[one], *names)

    def _core(self, clauses: Iterable[Clause]) -> tuple[Clause, ...]:
        """The clauses that made the last question impossible."""
        core = {name.get_id() for name in self.unrolling.solver.unsat_core()}
        return tuple(c for c in clauses if self.clauses[c].get_id() in core)

    def _breaking_the_rule(self, rule: GroundProperty) -> Any:
        target = target_of(self.system, rule)
        hit = self.encoding.hit(target)
        if target.at_step:
            return self.unrolling.literal(hit, 0)
        instant = self.unrolling.instants[1]
        after = self.encoding.at(hit, instant, instant)
        before = self.unrolling.at(hit, 0)
        return self.unrolling.name(z3.And(after, z3.Not(before)))

    def _breaking(self, clause: Clause) -> Any:
        after = [self._formula(cube, 1) for cube in islice(self.instances(clause), 1)]
        before = [self._formula(cube, 0) for cube in self.instances(clause)]
        return self.unrolling.name(z3.And(z3.Or(after), z3.Not(z3.Or(before))))

    def _add(self, clause: Clause) -> None:
        never = [z3.Not(self._formula(cube, 0)) for cube in self.instances(clause)]
        self.clauses[clause] = self.unrolling.name(z3.And(never))

    def _formula(self, cube: Cube, time: int) -> Any:
        instant = self.unrolling.instants[time]
        parts = []
        for number, values in cube.items():
            if number < self.slots:
                each = [holds(self.encoding, instant, (number, v)) for v in values]
                parts.append(z3.Or(each))
            else:
                seen = self.conditions[number - self.slots]
                formula = self.encoding.term(seen.node)
                formula = self.encoding.at(formula, instant, instant)
                parts.append(formula if values[0] else z3.Not(formula))
        return z3.And(parts)

    # What the smaller machine knows of a state.

    def _clause(
        self, values: Sequence[int], last: frozenset[int], *, every: bool = False
    ) -> Clause | None:
        """One that excludes the state, and was not found to be of no use.

        It may be asked for those, too, that are about every element there.
        """
        cubes = (self._seen(values, view) for view in self._views)
        clauses = (self._of(c, last, every) for c in cubes if self.oracle.never(c))
        found = islice((clause for clause in clauses if clause is not None), VIEWS)
        return min(found, key=_size, default=None)

    def _of(self, cube: Cube, last: frozenset[int], every: bool) -> Clause | None:
        for _ in range(TRIES):
            part = self.oracle.smallest(cube, last)
            clause = self.oracle.lifted(part)
            if (every or not self._is_of_all(clause)) and self._is_useful(clause):
                return clause
            rests = (
                {n: v for n, v in cube.items() if n not in out}
                for out in (part, *({slot} for slot in part))
            )
            rest = next(filter(self.oracle.never, rests), None)
            if rest is None:
                return None
            cube = rest
        return None

    def _is_of_all(self, clause: Clause) -> bool:
        """It is about every element there, so it may be so for want of others."""
        scope = self.oracle.system.instance.scope
        counted = Counter(map(type, clause.indices))
        return any(
            number >= MANY and number == scope[sort] - len(self.family.named[sort])
            for sort, number in counted.items()
        )

    def _is_useful(self, clause: Clause) -> bool:
        """It holds at first, and was not found to be of no use."""
        if told(clause) in self._useless:
            return False
        try:
            first = next(self.instances(clause), None)
        except KeyError:  # It is about something that this machine does not have.
            return False
        if first is None:
            return False
        broken = self.unrolling.name(self._formula(first, 0))
        return not self.unrolling.possible(self._first, broken)

    def _seen(self, values: Sequence[int], view: _View) -> Cube:
        """What the state is in the smaller machine, as far as that has a meaning."""
        cube: Cube = {}
        for own, here in view.places.items():
            value = values[here]
            if own < self.oracle.slots:
                slot = self.oracle.system.slots[own]
                of = slot.entry[0].sort
                if isinstance(of, type) and of in view.back:
                    if value not in view.back[of]:
                        continue
                    value = view.back[of][value]
                if not slot.term.low <= value <= slot.term.high:
                    continue
            cube[own] = (value,)
        return cube

    @cached_property
    def _views(self) -> list[_View]:
        """Every way to see the smaller machine in this one, up to the order."""
        return list(self._seen_as())

    def _seen_as(self) -> Iterator[_View]:
        scope, own = self.system.instance.scope, self.oracle.system.instance.scope
        sorts = self.family.unbounded
        choices = []
        for sort in sorts:
            named = self.family.named[sort]
            free = [n for n in range(scope[sort]) if n not in named]
            places = [n for n in range(own[sort]) if n not in named]
            choices.append(
                [
                    {n: n for n in named} | dict(zip(places, chosen, strict=True))
                    for chosen in combinations(free, len(places))
                ]
            )
        for chosen in product(*choices):
            to = dict(zip(sorts, chosen, strict=True))
            places_ = {}
            for place in range(self.oracle.slots + len(self.oracle.conditions)):
                subject, numbers = self.oracle.subject(place)
                of = self.oracle.sorts(place)
                moved = tuple(
                    to[s][n] if s in to else n for s, n in zip(of, numbers, strict=True)
                )
                here = self.places.get((subject, moved))
                if here is not None:
                    places_[place] = here
            back = {s: {there: n for n, there in to[s].items()} for s in sorts}
            yield _View(places_, back)


def _size(clause: Clause) -> tuple[int, int]:
    return len(clause.indices), len(clause.literals)
