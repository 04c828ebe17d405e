"""Lemmas: what values never occur together, and which of many a proof needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import z3

from tdxcheck.checker.engines.symbolic.encoding import (
    Encoding,
    Formula,
    Instant,
    constant,
)
from tdxcheck.checker.engines.symbolic.solving import Clock, EngineError, Unrolling
from tdxcheck.checker.engines.symbolic.target import Target

Literal = tuple[int, int]
"""A slot, by its number, and a value."""


@dataclass(frozen=True)
class Lemma:
    """The literals never hold together; a literal twice never holds at all."""

    literals: tuple[Literal, ...]

    def formula(self, encoding: Encoding, instant: Instant) -> Formula:
        return z3.Or(
            [
                z3.Not(holds(encoding, instant, literal))
                for literal in dict.fromkeys(self.literals)
            ]
        )


def holds(encoding: Encoding, instant: Instant, literal: Literal) -> Formula:
    """The slot has the value at that instant."""
    number, value = literal
    slot = encoding.system.slots[number]
    held = instant.state[number]
    if slot.term.boolean:
        return held if value else z3.Not(held)
    return held == constant(slot, value)


def conjunction(encoding: Encoding, lemmas: Iterable[Lemma]) -> Formula:
    return z3.And([lemma.formula(encoding, encoding.now) for lemma in lemmas])


def needed(
    encoding: Encoding, lemmas: Iterable[Lemma], target: Target, clock: Clock
) -> tuple[Lemma, ...]:
    """Those of an inductive set of lemmas that show that the target is never hit.

    They are an inductive set themselves: with each lemma come those by which
    every step keeps it.
    """
    excluding = _Chooser(encoding, lemmas, clock, step=target.at_step)
    fresh = excluding.chosen(excluding.unrolling.at(encoding.hit(target), 0))
    keeping = _Chooser(encoding, lemmas, clock, step=True)
    found: dict[Lemma, None] = {}
    while fresh:
        found |= dict.fromkeys(fresh)
        after = keeping.unrolling.instants[1]
        broken = z3.Not(z3.And([lemma.formula(encoding, after) for lemma in fresh]))
        fresh = [lemma for lemma in keeping.chosen(broken) if lemma not in found]
    return tuple(found)


class _Chooser:
    """A solver that tells by which lemmas, of the state now, a thing is impossible."""

    def __init__(
        self, encoding: Encoding, lemmas: Iterable[Lemma], clock: Clock, *, step: bool
    ) -> None:
        self.unrolling = Unrolling(encoding, clock)
        # Measured: this costs nothing, and leaves 6 lemmas where it were 193.
        self.unrolling.solver.set("core.minimize", True)
        self.unrolling.require(encoding.within, 0)
        if step:
            self.unrolling.extend()
        now = self.unrolling.instants[0]
        self.names = [
            (self.unrolling.name(lemma.formula(encoding, now)), lemma)
            for lemma in lemmas
        ]
        self.lemma_of: dict[Any, Lemma] = {
            name.decl().name(): lemma for name, lemma in self.names
        }

    def chosen(self, wrong: Formula) -> list[Lemma]:
        unrolling = self.unrolling
        name = unrolling.name(wrong)
        if unrolling.possible(name, *(lemma for lemma, _ in self.names)):
            raise EngineError("lemmas that were a proof are none")
        core = (literal.decl().name() for literal in unrolling.solver.unsat_core())
        return [self.lemma_of[key] for key in core if key in self.lemma_of]
