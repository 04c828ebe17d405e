"""Discharging: the obligations put to z3.

Of the facts that could be assumed, an obligation is left with those that z3 made use
of: the others need not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import z3

from tdxcheck.checker.engines.parametric import formulas as f
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.formulas import Formula
from tdxcheck.checker.engines.parametric.obligations import (
    Fact,
    Obligation,
    Obligations,
)
from tdxcheck.checker.engines.parametric.smtlib import NAME, Check
from tdxcheck.checker.engines.symbolic.solving import Clock

NEAR, PLAIN, EACH = 300_000, 1_500_000, 6_000_000
"""What z3 may spend on one obligation, in its own unit, so that what it finds does not
depend on what else the machine does: by the facts near it, by those that are plain, by
all. A second of a processor is about 3,000,000.
"""


@dataclass(frozen=True, eq=False)
class Discharged:
    """An obligation that z3 has shown, by these facts alone."""

    obligation: Obligation
    facts: tuple[Fact, ...]
    given: tuple[Formula, ...]
    """The base, the facts, and what is known of the numbers of elements there."""
    guessed: bool
    """The facts that were guessed first were enough."""

    @property
    def check(self) -> Check:
        """The same for any solver."""
        return Check(self.obligation.title, (*self.given, *self.obligation.wrong))

    def numbered(self, numbers: Mapping[Fact, int]) -> Check:
        """The same, with the numbers of its facts."""
        by = sorted(numbers[fact] for fact in self.facts)
        return replace(self.check, by=tuple(by))


class Discharger:
    """z3, with what is known of each step."""

    def __init__(self, obligations: Obligations) -> None:
        self.obligations = obligations
        self._places: dict[int, _Place] = {}
        self._names: dict[int, tuple[Formula, Formula]] = {}
        """By its number as a term, the name of a formula that was assumed."""

    def discharge(
        self,
        obligation: Obligation,
        guesses: Sequence[Sequence[Fact]],
        facts: Sequence[Fact],
        clock: Clock,
    ) -> Discharged | str:
        """The obligation, discharged; or what z3 says instead.

        Each guess has some of the facts, which are likely to be enough.
        """
        if obligation.at_first:
            # Only that numbers are within their bounds, where every value begins.
            facts = [fact for fact in facts if fact.term is None]
            guesses = [[f for f in guess if f.term is None] for guess in guesses]
        key = id(obligation.base)
        if key not in self._places:
            place = _Place(self.obligations, obligation.base, self._names)
            self._places[key] = place
        place = self._places[key]
        found = place.ask(obligation.wrong, guesses, facts, clock)
        if isinstance(found, str):
            return found
        used, axioms, attempt = found
        formulas = tuple(map(self.obligations.formula, used))
        given = (*obligation.base, *formulas, *axioms)
        return Discharged(obligation, used, given, guessed=not attempt)


class _Place:
    """What is known of one step, and which facts are about it."""

    def __init__(
        self,
        obligations: Obligations,
        base: tuple[Formula, ...],
        names: dict[int, tuple[Formula, Formula]],
    ) -> None:
        self.obligations = obligations
        self.names = names
        self.base = base
        self.symbols = obligations.names(base)

    def ask(
        self,
        wrong: tuple[Formula, ...],
        guesses: Sequence[Sequence[Fact]],
        facts: Sequence[Fact],
        clock: Clock,
    ) -> tuple[tuple[Fact, ...], list[Formula], int] | str:
        """The facts by which the wrong cannot be, and in which attempt that was found.

        Many quantified facts that have nothing to do with it can mislead z3 for long.
        """
        said = "unknown"
        attempts = self._attempts(wrong, guesses, facts)
        for attempt, (chosen, effort) in enumerate(attempts):
            found = self._ask(wrong, chosen, effort, clock)
            if not isinstance(found, str):
                return *found, attempt
            said = found
            if said == "sat" and len(chosen) == len(facts):
                break
        return said

    def _attempts(
        self,
        wrong: tuple[Formula, ...],
        guesses: Sequence[Sequence[Fact]],
        facts: Sequence[Fact],
    ) -> Iterator[tuple[Sequence[Fact], int]]:
        """What may be assumed, and what may be spent on it, the likeliest first."""
        for guess in guesses:
            yield guess, NEAR
        of = self.obligations
        symbols = self.symbols | of.names(wrong)
        yield [fact for fact in facts if of.symbols(fact) <= symbols], NEAR
        hinted = self._hinted(wrong, facts) if second.is_installed() else ""
        if hinted == "sat":
            return
        if not isinstance(hinted, str):
            yield hinted, NEAR
        yield of.plain(facts), PLAIN
        if not isinstance(hinted, str):
            yield hinted, EACH
        yield facts, EACH

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
        self,
        wrong: tuple[Formula, ...],
        facts: Sequence[Fact],
        effort: int,
        clock: Clock,
    ) -> tuple[tuple[Fact, ...], list[Formula]] | str:
        formulas = [self.obligations.formula(fact) for fact in facts]
        axioms = self._axioms((*self.base, *formulas, *wrong))
        # A new one: z3 is misled by formulas that it knows and that are not assumed.
        solver = z3.Solver()
        solver.set("timeout", clock.milliseconds())
        solver.set("rlimit", effort)
        assumed = [self._named(formula) for formula in (*formulas, *axioms)]
        names = [name for name, _ in assumed]
        given = (*self.base, *wrong, *(meaning for _, meaning in assumed))
        for formula in given:
            z3.Z3_solver_assert(solver.ctx.ref(), solver.solver, formula.ast)
        said = solver.check(*names)
        if said != z3.unsat:
            return str(said)
        core = set(map(f.number, solver.unsat_core()))
        needed = [f.number(name) in core for name in names]
        return (
            tuple(compress(facts, needed)),
            list(compress(axioms, needed[len(facts) :])),
        )

    def _named(self, formula: Formula) -> tuple[Formula, Formula]:
        """A name for the formula, and that the formula holds where it is assumed."""
        key = f.number(formula)
        if key not in self.names:
            name = z3.Bool(f"{NAME}{len(self.names)}")
            self.names[key] = name, z3.Implies(name, formula)
        return self.names[key]

    def _axioms(self, formulas: Iterable[Formula]) -> list[Formula]:
        counting = self.obligations.translator.counting
        if not counting.sets:
            return []
        return counting.axioms(self.obligations.names(formulas))
