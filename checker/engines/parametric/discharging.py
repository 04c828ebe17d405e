"""Discharging: the obligations put to z3.

Of the facts that could be assumed, an obligation is left with those that z3 made use
of: the others need not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import z3

from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.counting import symbols_in
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.obligations import (
    Fact,
    Obligation,
    Obligations,
)
from tdxcheck.checker.engines.parametric.smtlib import NAME, Check
from tdxcheck.checker.engines.symbolic.solving import Clock

NEAR, PLAIN, EACH = 0.5, 1.0, 4.0
"""Seconds for one obligation: by the facts near it, by those that are plain, by all."""


@dataclass(frozen=True, eq=False)
class Discharged:
    """An obligation that z3 has shown, by these facts alone."""

    obligation: Obligation
    facts: tuple[Fact, ...]
    given: tuple[Formula, ...]
    """The base, the facts, and what is known of the numbers of elements there."""

    @property
    def check(self) -> Check:
        """The same for any solver."""
        title = f"{self.obligation.place}: {self.obligation.what}"
        return Check(title, (*self.given, *self.obligation.wrong))


class Discharger:
    """z3, with what is known of each step."""

    def __init__(self, obligations: Obligations) -> None:
        self.obligations = obligations
        self._places: dict[int, _Place] = {}

    def discharge(
        self,
        obligation: Obligation,
        likely: Sequence[Fact],
        facts: Sequence[Fact],
        clock: Clock,
    ) -> Discharged | str:
        """The obligation, discharged; or what z3 says instead.

        Of the facts some are likely to be enough.
        """
        if obligation.at_first:
            # Only that numbers are within their bounds, where every value begins.
            facts = [fact for fact in facts if fact.term is None]
            likely = [fact for fact in likely if fact.term is None]
        key = id(obligation.base)
        if key not in self._places:
            self._places[key] = _Place(self.obligations, obligation.base)
        place = self._places[key]
        found = place.ask(obligation.wrong, likely, facts, clock)
        if isinstance(found, str):
            return found
        used, axioms = found
        formulas = tuple(map(self.obligations.formula, used))
        return Discharged(obligation, used, (*obligation.base, *formulas, *axioms))


class _Place:
    """What is known of one step, and which facts are about it."""

    def __init__(self, obligations: Obligations, base: tuple[Formula, ...]) -> None:
        self.obligations = obligations
        self.base = base
        self.symbols = symbols_in(base)

    def ask(
        self,
        wrong: tuple[Formula, ...],
        likely: Sequence[Fact],
        facts: Sequence[Fact],
        clock: Clock,
    ) -> tuple[tuple[Fact, ...], list[Formula]] | str:
        """The facts by which the wrong cannot be; those that are likely come first.

        Many quantified facts that have nothing to do with it can mislead z3 for long.
        """
        told = self._ask(wrong, likely, clock.part(NEAR))
        if not isinstance(told, str):
            return told
        symbols = self.symbols | symbols_in(wrong)
        of = self.obligations
        near = [fact for fact in facts if of.symbols(fact) <= symbols]
        told = self._ask(wrong, near, clock.part(NEAR))
        if not isinstance(told, str):
            return told
        if second.is_installed():
            hinted = self._hinted(wrong, facts)
            if hinted == "sat":
                return hinted
            if not isinstance(hinted, str):
                told = self._ask(wrong, hinted, clock.part(EACH))
                if not isinstance(told, str):
                    return told
        for chosen, seconds in ((of.plain(facts), PLAIN), (facts, EACH)):
            told = self._ask(wrong, chosen, clock.part(seconds))
            if not isinstance(told, str):
                return told
        return told

    def _hinted(
        self, wrong: tuple[Formula, ...], facts: Sequence[Fact]
    ) -> list[Fact] | str:
        """The facts that another solver made use of, or what it says instead."""
        of = self.obligations
        formulas = tuple(map(of.formula, facts))
        given = (*self.base, *wrong, *self._axioms((*self.base, *formulas, *wrong)))
        needed = second.needed(of.writer, Check("", given, formulas))
        if isinstance(needed, str):
            return needed
        return [facts[number] for number in needed]

    def _ask(
        self, wrong: tuple[Formula, ...], facts: Sequence[Fact], clock: Clock
    ) -> tuple[tuple[Fact, ...], list[Formula]] | str:
        formulas = [self.obligations.formula(fact) for fact in facts]
        axioms = self._axioms((*self.base, *formulas, *wrong))
        solver = z3.Solver()
        solver.set("timeout", clock.milliseconds())
        solver.add(*self.base, *wrong)
        assumed = [*formulas, *axioms]
        names = z3.Bools([f"{NAME}{number}" for number in range(len(assumed))])
        for name, formula in zip(names, assumed, strict=True):
            solver.add(z3.Implies(name, formula))
        said = solver.check(*names)
        if said != z3.unsat:
            return str(said)
        core = {name.get_id() for name in solver.unsat_core()}
        needed = [name.get_id() in core for name in names]
        return (
            tuple(compress(facts, needed)),
            list(compress(axioms, needed[len(facts) :])),
        )

    def _axioms(self, formulas: Iterable[Formula]) -> list[Formula]:
        counting = self.obligations.translator.counting
        if not counting.sets:
            return []
        met = {n for formula in formulas for n in self.obligations.constants(formula)}
        return counting.axioms(met)
