"""Pairs: which values of two slots never occur together, found and proved at once.

Pairs that no sampled state shows are guessed to be impossible. A guess is given
up when some step leads from a state that respects every guess to one that does
not respect this one. Those left when no such step exists are, together, the
largest inductive set of the guesses.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import z3

from tdxcheck.checker.engines.explicit import successors_of
from tdxcheck.checker.engines.symbolic import certificate
from tdxcheck.checker.engines.symbolic.encoding import (
    Encoding,
    Formula,
    Instant,
    constant,
)
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

Literal = tuple[int, int]
"""A slot, by its number, and a value."""


@dataclass(frozen=True)
class Lemma:
    """The literals never hold together; one alone never holds at all."""

    literals: tuple[Literal, ...]

    def formula(self, encoding: Encoding, instant: Instant) -> Formula:
        return z3.Or(
            [z3.Not(holds(encoding, instant, literal)) for literal in self.literals]
        )


def holds(encoding: Encoding, instant: Instant, literal: Literal) -> Formula:
    """The slot has the value at that instant."""
    number, value = literal
    slot = encoding.system.slots[number]
    held = instant.state[number]
    if slot.term.boolean:
        return held if value else z3.Not(held)
    return held == constant(slot, value)


class _Guesses:
    """The pairs of literals not yet seen together: by literal, a mask of the others."""

    def __init__(self, system: GroundSystem) -> None:
        self.literals = [
            (slot.number, value)
            for slot in system.slots
            if slot.term.high - slot.term.low < VALUES
            for value in range(slot.term.low, slot.term.high + 1)
        ]
        self.places = {literal: place for place, literal in enumerate(self.literals)}
        self.numbers = sorted({number for number, _ in self.literals})
        self.unseen = []
        for place, (number, _) in enumerate(self.literals):
            own = sum(
                1 << other
                for other, (slot, _) in enumerate(self.literals)
                if slot == number and other != place
            )
            self.unseen.append((1 << len(self.literals)) - 1 & ~own)

    def see(self, state: Values) -> bool:
        """Give up every guess that the state refutes; whether there was any."""
        places = [self.places[number, state[number]] for number in self.numbers]
        mask = sum(1 << place for place in places)
        news = False
        for place in places:
            if self.unseen[place] & mask:
                self.unseen[place] &= ~mask
                news = True
        return news

    def lemmas(self) -> Iterator[Lemma]:
        """The guesses; no pairs of a literal that is itself never seen."""
        never = sum(1 << n for n, unseen in enumerate(self.unseen) if unseen >> n & 1)
        for place, literal in enumerate(self.literals):
            if never >> place & 1:
                yield Lemma((literal,))
                continue
            others = self.unseen[place] & ~never
            for other in range(place):
                if others >> other & 1:
                    yield Lemma((self.literals[other], literal))


def pair_lemmas(encoding: Encoding, clock: Clock) -> tuple[Lemma, ...]:
    """An inductive set of impossible pairs, checked by a certificate."""
    guesses = _Guesses(encoding.system)
    sampler = _Sampler(encoding.system, guesses)
    for _, start in zip(range(STARTS), encoding.system.initial_states(), strict=False):
        sampler.walk_from(start)
    _Sieve(encoding, clock, initial=True).sift(guesses, sampler)
    _Sieve(encoding, clock, initial=False).sift(guesses, sampler)
    lemmas = tuple(guesses.lemmas())
    certificate.check(encoding, conjunction(encoding, lemmas), None, clock)
    return lemmas


def conjunction(encoding: Encoding, lemmas: Iterable[Lemma]) -> Formula:
    return z3.And([lemma.formula(encoding, encoding.now) for lemma in lemmas])


class _Sampler:
    """Shows states to the guesses: one, and those that it leads to."""

    def __init__(self, system: GroundSystem, guesses: _Guesses) -> None:
        self.successors = successors_of(system)
        self.guesses = guesses
        self.random = random.Random(0)

    def walk_from(self, start: Values) -> None:
        """Show the state, and those beside some walks from it.

        If the state respects every guess that is left once it is seen, no more
        than what must be given up is given up on the way.
        """
        self.guesses.see(start)
        for _ in range(WALKS):
            state = start
            for _ in range(WALK):
                after = [successor for _, successor in self.successors(state)]
                if not after:
                    break
                news = [s for s in after if self.guesses.see(s)]
                state = self.random.choice(news or after)


class _Sieve:
    """A solver that finds states by which guesses are given up."""

    def __init__(self, encoding: Encoding, clock: Clock, *, initial: bool) -> None:
        self.encoding = encoding
        self.unrolling = Unrolling(encoding, clock)
        self.kept: dict[Lemma, Formula] = {}
        """By lemma, a literal that requires it before the step."""
        self.broken: dict[Lemma, Formula] = {}
        """By lemma, a literal that requires the contrary after it."""
        if initial:
            self.unrolling.require(encoding.initial, 0)
        else:
            self.unrolling.require(encoding.within, 0)
            self.unrolling.extend()

    def sift(self, guesses: _Guesses, sampler: _Sampler) -> None:
        """Give up guesses until none is broken after a step that respects all."""
        unrolling = self.unrolling
        while lemmas := tuple(guesses.lemmas()):
            for lemma in lemmas:
                if lemma not in self.kept:
                    self._name(lemma)
            some = unrolling.name(z3.Or([self.broken[lemma] for lemma in lemmas]))
            kept = [self.kept[lemma] for lemma in lemmas] if unrolling.depth else ()
            if not unrolling.possible(some, *kept):
                return
            sampler.walk_from(unrolling.path().states[-1])

    def _name(self, lemma: Lemma) -> None:
        first, last = self.unrolling.instants[0], self.unrolling.instants[-1]
        formula = lemma.formula(self.encoding, first)
        self.kept[lemma] = self.unrolling.name(formula)
        formula = lemma.formula(self.encoding, last)
        self.broken[lemma] = self.unrolling.name(z3.Not(formula))
