"""Pairs: which values of two slots never occur together, found and proved at once.

Pairs that no sampled state shows are guessed to be impossible. A guess is given
up when some step leads from a state that respects every guess to one that does
not respect this one. Those left when no such step exists are, together, the
largest inductive set of the guesses.

Much is true only in one phase of a system's life, such as while TDX is enabled.
So a second set of guesses is of pairs that never occur in a phase: at one value
of a variable that has more than two and is no map.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from random import Random

import z3

from tdxcheck.checker.engines.packing import Packing, compile_successors
from tdxcheck.checker.engines.symbolic import certificate
from tdxcheck.checker.engines.symbolic.encoding import Encoding, Formula
from tdxcheck.checker.engines.symbolic.lemmas import Lemma, conjunction
from tdxcheck.checker.engines.symbolic.solving import Clock, Unrolling
from tdxcheck.checker.ground.system import GroundSystem, Values

VALUES = 12
"""Slots with more values than these are left out."""
STARTS = 16
"""Initial states from which walks begin."""
WALKS = 4
"""Walks from each state that is looked at."""
WALK = 30
"""Steps of a walk."""


@dataclass(frozen=True)
class _Shown:
    """The literals that are so in a state: by slot, and together."""

    places: dict[int, int]
    mask: int


class _Guesses:
    """The pairs of literals not yet seen together: by literal, a mask of the others.

    The same is kept for each phase, of the states in that phase alone.
    """

    def __init__(self, system: GroundSystem, phases: Collection[int] = ()) -> None:
        self.literals = [
            (slot.number, value)
            for slot in system.slots
            if slot.term.high - slot.term.low < VALUES
            for value in range(slot.term.low, slot.term.high + 1)
        ]
        self.places = {literal: place for place, literal in enumerate(self.literals)}
        self.numbers = sorted({number for number, _ in self.literals})
        places = range(len(self.literals))
        self.unseen = [
            self._mask(o for o in places if place == o or not self._same(place, o))
            for place in places
        ]
        self.near = [
            self._mask(o for o in places if self._related(system, place, o))
            for place in places
        ]
        self.phases = phases
        self.unseen_in = {
            place: list(self.unseen)
            for place, (number, _) in enumerate(self.literals)
            if number in phases
        }

    @staticmethod
    def _mask(places: Iterable[int]) -> int:
        return sum(1 << place for place in places)

    def _same(self, place: int, other: int) -> bool:
        """They are values of one slot."""
        return self.literals[place][0] == self.literals[other][0]

    def _related(self, system: GroundSystem, place: int, other: int) -> bool:
        """Of maps, that they are entries for one same element."""
        one, two = (
            set(zip(variable.index_sorts, numbers, strict=True))
            for variable, numbers in (
                system.slots[self.literals[n][0]].entry for n in (place, other)
            )
        )
        return not one or not two or bool(one & two)

    def see(self, state: _Shown, changed: Collection[int] | None = None) -> bool:
        """Give up every guess that the state refutes; whether there was any.

        Of a state that a step leads to, what the step has changed is enough, if the
        one before was seen.
        """
        news = _see(self.unseen, state, changed)
        for number in self.phases:
            unseen = self.unseen_in[state.places[number]]
            new = changed is None or number in changed
            news |= _see(unseen, state, None if new else changed)
        return news

    def shown(self, state: Values) -> _Shown:
        """The state as guesses see it."""
        places = {n: self.places[n, state[n]] for n in self.numbers}
        return _Shown(places, self._mask(places.values()))

    def stands(self, lemma: Lemma) -> bool:
        """It has not been given up."""
        *phase, one, other = [self.places[literal] for literal in lemma.literals]
        unseen = self.unseen_in[phase[0]] if phase else self.unseen
        return bool(unseen[one] >> other & 1)

    def lemmas(self) -> Iterator[Lemma]:
        """The guesses; none that follows from one with fewer literals."""
        never = self._mask(n for n, unseen in enumerate(self.unseen) if unseen >> n & 1)
        for place, literal in enumerate(self.literals):
            if never >> place & 1:
                yield Lemma((literal, literal))
                continue
            for other in _below(self.unseen[place] & ~never, place):
                yield Lemma((self.literals[other], literal))
        for phase, unseen in self.unseen_in.items():
            if never >> phase & 1:
                continue
            own = self._mask(
                n for n in range(len(self.literals)) if self._same(n, phase)
            )
            absent = never | self.unseen[phase] | own
            for place, literal in enumerate(self.literals):
                if absent >> place & 1:
                    continue
                news = unseen[place] & ~self.unseen[place] & ~absent & self.near[place]
                for other in _below(news, place):
                    yield Lemma((self.literals[phase], self.literals[other], literal))


def _see(
    unseen: list[int], state: _Shown, changed: Collection[int] | None = None
) -> bool:
    """Give up the pairs of the state, or those of which one was changed."""
    news = False
    for number in state.places if changed is None else changed:
        place = state.places[number]
        seen = unseen[place] & state.mask
        if seen:
            news = True
            unseen[place] ^= seen
            for other in _below(seen, seen.bit_length()):
                unseen[other] &= ~(1 << place)
    return news


def _below(mask: int, end: int) -> Iterator[int]:
    """The bits of the mask that come before the end."""
    mask &= (1 << end) - 1
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def pair_lemmas(encoding: Encoding, clock: Clock) -> tuple[Lemma, ...]:
    """An inductive set of impossible pairs, checked by a certificate."""
    return _lemmas(encoding, _Guesses(encoding.system), clock)


def phase_lemmas(encoding: Encoding, clock: Clock) -> tuple[Lemma, ...]:
    """The same, with pairs that are impossible in one phase."""
    phases = [
        slot.number
        for slot in encoding.system.slots
        if not slot.entry[1] and 1 < slot.term.high - slot.term.low < VALUES
    ]
    return _lemmas(encoding, _Guesses(encoding.system, phases), clock)


def _lemmas(encoding: Encoding, guesses: _Guesses, clock: Clock) -> tuple[Lemma, ...]:
    sampler = _Sampler(encoding.system, guesses)
    for _, start in zip(range(STARTS), encoding.system.initial_states(), strict=False):
        sampler.walk_from(start)
    _Sieve(encoding, clock, initial=True).sift(guesses, sampler)
    _Sieve(encoding, clock, initial=False).sift(guesses, sampler)
    lemmas = tuple(guesses.lemmas())
    certificate.check(encoding, conjunction(encoding, lemmas), None, clock)
    return lemmas


class _Sampler:
    """Shows states to the guesses: one, and those that it leads to."""

    def __init__(self, system: GroundSystem, guesses: _Guesses) -> None:
        self.packing = Packing(system)
        self.successors = compile_successors(system, self.packing)
        self.guesses = guesses
        self.random = Random(0)
        self.slots = [
            number
            for number, field in enumerate(self.packing.fields)
            for _ in range(field.width)
        ]
        """By a bit of a packed state, the slot that it is of."""

    def walk_from(self, start: Values) -> None:
        """Show the state, and those beside some walks from it.

        If the state respects every guess that is left once it is seen, no more
        than what must be given up is given up on the way.
        """
        first = self.packing.pack(start), self.guesses.shown(start)
        self.guesses.see(first[1])
        for _ in range(WALKS):
            packed, shown = first
            for _ in range(WALK):
                after = [
                    (successor, *self._after(packed, shown, successor))
                    for _, successor in self.successors(packed)
                ]
                if not after:
                    break
                news = [one for one in after if self.guesses.see(*one[1:])]
                packed, shown, _ = self.random.choice(news or after)

    def _after(
        self, packed: int, shown: _Shown, successor: int
    ) -> tuple[_Shown, list[int]]:
        """The state after a step, and the slots that differ."""
        differing = packed ^ successor
        places, mask = dict(shown.places), shown.mask
        changed = []
        while differing:
            number = self.slots[differing.bit_length() - 1]
            field = self.packing.fields[number]
            differing &= ~field.mask
            if number in places:
                value = field.low + ((successor & field.mask) >> field.offset)
                mask ^= 1 << places[number]
                places[number] = self.guesses.places[number, value]
                mask ^= 1 << places[number]
                changed.append(number)
        return _Shown(places, mask), changed


class _Sieve:
    """A solver that finds states by which guesses are given up."""

    def __init__(self, encoding: Encoding, clock: Clock, *, initial: bool) -> None:
        self.encoding = encoding
        self.unrolling = Unrolling(encoding, clock)
        self.kept: dict[Lemma, Formula] = {}
        """By lemma, what it says before the step."""
        self.broken: dict[Lemma, Formula] = {}
        """By lemma, a literal that requires the contrary after it."""
        if initial:
            self.unrolling.require(encoding.initial, 0)
        else:
            self.unrolling.require(encoding.within, 0)
            self.unrolling.extend()

    def sift(self, guesses: _Guesses, sampler: _Sampler) -> None:
        """Give up guesses until none is broken after a step that respects all."""
        while lemmas := tuple(guesses.lemmas()):
            if not self._sift_by(lemmas, guesses, sampler):
                return

    def _sift_by(
        self, lemmas: tuple[Lemma, ...], guesses: _Guesses, sampler: _Sampler
    ) -> bool:
        """Give up those broken after a step that respects these; whether any was."""
        unrolling = self.unrolling
        for lemma in lemmas:
            if lemma not in self.kept:
                self._name(lemma)
        assumed = [unrolling.name(z3.Or([self.broken[lemma] for lemma in lemmas]))]
        if unrolling.depth:
            kept = z3.And([self.kept[lemma] for lemma in lemmas])
            assumed.append(unrolling.name(kept))
        standing = lemmas
        while standing and unrolling.possible(*assumed):
            sampler.walk_from(unrolling.path().states[-1])
            fallen = [lemma for lemma in standing if not guesses.stands(lemma)]
            standing = tuple(lemma for lemma in standing if guesses.stands(lemma))
            unrolling.solver.add([z3.Not(self.broken[lemma]) for lemma in fallen])
        return len(standing) < len(lemmas)

    def _name(self, lemma: Lemma) -> None:
        first, last = self.unrolling.instants[0], self.unrolling.instants[-1]
        self.kept[lemma] = lemma.formula(self.encoding, first)
        formula = lemma.formula(self.encoding, last)
        self.broken[lemma] = self.unrolling.name(z3.Not(formula))
