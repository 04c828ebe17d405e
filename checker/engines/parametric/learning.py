"""Learning: clauses by which a rule is kept by every step of a machine.

A state that respects all clauses and from which a step breaks one, or the rule, is to
be blocked. Whether it is reachable is not known there; but a smaller machine, of which
every reachable state is known, has a part of it that never occurs. Its elements are
replaced by any others: that is one clause more. Whether it holds of larger machines,
the steps of this one tell, and its reachable states where they are known: much that
never occurs among two elements occurs among three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, product

from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.grounded import Cube, Grounded, Part
from tdxcheck.checker.engines.parametric.oracle import Oracle
from tdxcheck.checker.engines.parametric.stepping import Stepping
from tdxcheck.checker.engines.parametric.telling import told
from tdxcheck.checker.engines.parametric.visited import Visited
from tdxcheck.checker.engines.symbolic.pdr.literals import FALSE
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.terms import Node, support
from tdxcheck.checker.language.terms import Index

TRIES = 8
"""Parts of one state that are looked at, each without what was of no use before."""
VIEWS = 4
"""Clauses that are found for a state, of which the least are taken."""
MANY = 3
"""Elements that a clause had better not be about, if there are no more."""
SPARED = 400
"""Questions that are asked to find clauses that can be spared."""

ROUNDS = 3
"""How often elements are told apart by those that they have to do with."""

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

    def __init__(
        self, part: Part, oracle: Oracle, wider: Visited | None, clock: Clock
    ) -> None:
        counted = {seen.condition for seen in oracle.conditions}
        kept = [seen for seen in part.conditions if seen.condition in counted]
        super().__init__(
            Part(part.family, part.system, part.rules, kept, part.constants)
        )
        self.oracle = oracle
        self.wider = wider
        """Its states, in each of which a clause must hold, if they are known."""
        self.stepping = Stepping(part.system)
        self.clauses: dict[Clause, int] = {}
        """Each with the name that says that it holds before the step."""
        self.needed: dict[Kept, tuple[Clause, ...]] = {}
        """The clauses by which every step keeps it."""
        self._goals: dict[Kept, int] = {}
        self._useless: set[str] = set()
        self._true: dict[str, bool] = {}
        self.clock = clock
        for condition in self.system.initial:
            if self._is_rigid(condition):
                self.stepping.require(self.stepping.truth(condition))

    def _is_rigid(self, condition: Node) -> bool:
        """It is of the configuration alone, so it holds always."""
        slots = [self.system.slots[number] for number in support(condition)]
        return all(slot.entry[0].frozen for slot in slots)

    # The clauses that are needed.

    def learn(self, number: int, clock: Clock) -> bool:
        """Find clauses until no step breaks the rule, or one of those that it needs.

        There may be none that is of use; then the rule cannot be shown by them.
        """
        self.clock = clock
        last = support(*self.oracle.rules[number].conditions)
        about = self.oracle.about_rule(number)
        while True:
            left = [one for one in self._cone(number) if one not in self.needed]
            if not left:
                self._spare(number)
                return True
            if not self._block(left[0], last, about):
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
                        found[one] = self._core(one)
                else:
                    self.needed = found

    def _block(
        self, one: Kept, last: frozenset[int], about: Sequence[frozenset[int]]
    ) -> bool:
        """Find clauses by which every step keeps it; whether there are."""
        while self._possible(one, self.clauses):
            values = self.values(self.stepping.state())
            found: list[Clause] = []
            for places in about:
                found = found or self._clauses(values, last, places)
            if not found and not isinstance(one, Clause):
                # A rule that holds excludes the state, so something must be so.
                found = self._clauses(values, last, about[-1], every=True)
            if not found:
                return False
            for clause in found:
                self._add(clause)
        self.needed[one] = self._core(one)
        return True

    def _possible(self, one: Kept, clauses: Iterable[Clause]) -> bool:
        """Some step from where the clauses hold breaks it."""
        self.clock.look()
        if one not in self._goals:
            self._goals[one] = (
                self._breaking(one)
                if isinstance(one, Clause)
                else self.stepping.broken(self.rules[one])
            )
        names = [self.clauses[clause] for clause in clauses]
        return self.stepping.possible((self._goals[one], *names))

    def _core(self, one: Kept) -> tuple[Clause, ...]:
        """The other clauses that made it impossible that a step breaks this.

        None of them can be spared there, so as little as can be is to be kept.
        """
        core = self._named(one)
        for clause in reversed(core):
            rest = [c for c in core if c is not clause]
            if clause in core and not self._possible(one, [*rest, *self._itself(one)]):
                core = self._named(one)
        return tuple(core)

    def _named(self, one: Kept) -> list[Clause]:
        """The other clauses that the solver made use of."""
        core = self.stepping.core()
        return [c for c, n in self.clauses.items() if n in core and c is not one]

    def _itself(self, one: Kept) -> tuple[Clause, ...]:
        return (one,) if isinstance(one, Clause) and one in self.clauses else ()

    def _breaking(self, clause: Clause) -> int:
        """Some step makes the clause fail of its first elements: others are alike."""
        cube = next(self.instances(clause), None)
        if cube is None:
            return FALSE
        steps = self.stepping
        ways = []
        for step in steps.changing(self._read(cube)):
            way = steps.literals.and_((steps.guard(step), *self._after(cube, step)))
            ways.append(way)
        return steps.literals.or_(ways)

    def _read(self, cube: Cube) -> Iterator[int]:
        """The slots that the cube depends on."""
        for place in cube:
            if place < self.slots:
                yield place
            else:
                yield from self.stepping.slots(self._node(place))

    def _add(self, clause: Clause) -> None:
        never = (
            [-literal for literal in self._now(cube)] for cube in self.instances(clause)
        )
        self.clauses[clause] = self.stepping.name(never)

    def _now(self, cube: Cube) -> Iterator[int]:
        for place, values in cube.items():
            if place < self.slots:
                yield self.stepping.value(place, values)
            else:
                truth = self.stepping.truth(self._node(place))
                yield truth if values[0] else -truth

    def _after(self, cube: Cube, step: int) -> Iterator[int]:
        for place, values in cube.items():
            if place < self.slots:
                yield self.stepping.value_after(step, place, values)
            else:
                truth = self.stepping.truth_after(step, self._node(place))
                yield truth if values[0] else -truth

    def _node(self, place: int) -> Node:
        return self.conditions[place - self.slots].node

    # What the smaller machine knows of a state.

    def _clauses(
        self,
        values: Sequence[int],
        last: frozenset[int],
        places: frozenset[int],
        *,
        every: bool = False,
    ) -> list[Clause]:
        """Some that exclude the state, and were not found to be of no use.

        They are the least of those that are found first: each is likely to exclude
        states that the others leave. It may be asked for those, too, that are about
        every element there.
        """
        clauses = (
            self._of(cube, last, every)
            for cube in self._cubes(values, places)
            if self.oracle.never(cube)
        )
        first = islice((clause for clause in clauses if clause is not None), VIEWS)
        found = {told(clause): clause for clause in first}
        least = min(map(_size, found.values()), default=None)
        return [clause for clause in found.values() if _size(clause) == least]

    def _cubes(self, values: Sequence[int], places: frozenset[int]) -> Iterator[Cube]:
        """What the state is in the smaller machine, in every way that differs."""
        marks = self._marks(values)
        met = set()
        for view in self._views:
            chosen = ((s, there) for s, there in view.back.items())
            key = tuple(
                tuple(sorted(marks[sort, here] for here in there))
                for sort, there in chosen
            )
            if key not in met:
                met.add(key)
                yield self._seen(values, view, places)

    def _marks(self, values: Sequence[int]) -> dict[tuple[type[Index], int], int]:
        """What is so of each element in the state; elements of one mark are alike."""
        marks = {
            (sort, number): hash((sort.__name__, number if number in named else -1))
            for sort, named in self.family.named.items()
            for number in range(self.system.instance.scope[sort])
        }
        for _ in range(ROUNDS):
            said: dict[tuple[type[Index], int], list[int]] = {e: [] for e in marks}
            for place, (subject, elements, of) in enumerate(self._subjects):
                value = values[place]
                told = value if of is None else marks[of, value]
                each = tuple(marks.get(e, e[1]) for e in elements)
                for position, element in enumerate(elements):
                    if element in said:
                        said[element].append(hash((subject, position, each, told)))
                if of is not None:
                    said[of, value].append(hash((subject, -1, each)))
            marks = {
                e: hash((marks[e], tuple(sorted(each)))) for e, each in said.items()
            }
        return marks

    @cached_property
    def _subjects(
        self,
    ) -> list[tuple[int, list[tuple[type[Index], int]], type[Index] | None]]:
        """What is at each place: of which elements, and of which sort its value is."""
        found = []
        for place in range(self.slots + len(self.conditions)):
            subject, numbers = self.subject(place)
            of = subject.sort if place < self.slots else bool
            elements = list(zip(self.sorts(place), numbers, strict=True))
            found.append(
                (id(subject), elements, of if of in self.family.named else None)
            )
        return found

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
        """It is about every element there, so it may be so for want of others.

        One that asks about all but some of its elements is about one more.
        """
        scope = self.oracle.system.instance.scope
        counted = Counter(map(type, clause.indices))
        counted.update({sort for each in clause.literals for sort in each.others})
        return any(
            number >= MANY and number == scope[sort] - len(self.family.named[sort])
            for sort, number in counted.items()
        )

    def _is_useful(self, clause: Clause) -> bool:
        """It holds here as far as is known, and was not found to be of no use."""
        text = told(clause)
        if text in self._useless:
            return False
        if text not in self._true:
            self._true[text] = self._is_true(clause)
        return self._true[text]

    def _is_true(self, clause: Clause) -> bool:
        """It holds at first, and in the states that are known."""
        try:
            first = next(self.instances(clause), None)
        except KeyError:  # It is about something that this machine does not have.
            return False
        if first is None:
            return False
        start = self.stepping.moves.initial
        if self.stepping.possible((start, *self._now(first))):
            return False
        return self.wider is None or self.wider.is_true(clause)

    def _seen(self, values: Sequence[int], view: _View, places: frozenset[int]) -> Cube:
        """What the state is in the smaller machine, as far as that has a meaning."""
        cube: Cube = {}
        for own, here in view.places.items():
            if own not in places:
                continue
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
