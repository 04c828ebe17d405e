"""Proving: guess from small machines, check without bounds, guess from larger ones.

What was found for one rule serves the next: the clauses are parts of one invariant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.clauses import Clause, Condition
from tdxcheck.checker.engines.parametric.discharging import Discharged, Discharger
from tdxcheck.checker.engines.parametric.family import Family, Unsupported
from tdxcheck.checker.engines.parametric.learning import Learner
from tdxcheck.checker.engines.parametric.machines import (
    Machine,
    conditions_of,
    unmet_of,
)
from tdxcheck.checker.engines.parametric.obligations import (
    Fact,
    Obligation,
    Obligations,
)
from tdxcheck.checker.engines.parametric.oracle import Oracle
from tdxcheck.checker.engines.parametric.results import (
    Argument,
    Broken,
    Lack,
    Open,
    Proof,
    Result,
    together,
)
from tdxcheck.checker.engines.parametric.shapes import (
    SHAPES,
    Shape,
    shapes_of,
    single,
    sizes_of,
)
from tdxcheck.checker.engines.parametric.telling import heading_of, told
from tdxcheck.checker.engines.parametric.translating import Translator
from tdxcheck.checker.engines.parametric.visited import Visited
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.verdict import Limit

ATTEMPTS = 4
"""How often other clauses are looked for where one turns out not to be kept."""
NO_CLAUSE = "a step breaks it from a state that nothing true of small machines excludes"
NEVER = "there what it speaks of never happens"
MODES = (Mode.INVARIANT, Mode.STEP_RULE)
"""The kinds of rules that there are proofs of."""


def _lacking(obligation: Obligation, answer: str) -> str:
    """What is not shown, by z3's answer to the question whether it may be wrong."""
    what = f"{obligation.what} is so at first"
    if not obligation.at_first:
        what = f"{obligation.place} keeps {obligation.what}"
    if answer == "sat":
        return f"nothing that was found in small machines shows that {what}"
    return f"z3 does not decide whether {what} ({answer})"


@dataclass(frozen=True, eq=False)
class _Known:
    """What may be made use of, and what was shown by it."""

    facts: tuple[Fact, ...]
    clock: Clock
    shown: list[Discharged] = field(default_factory=list)


class Prover:
    """Proofs of the rules of one family.

    In the place of a rule, by its number, others may be stated that it follows from,
    and which serve no other rule.
    """

    def __init__(
        self,
        family: Family,
        stated: Mapping[int, Sequence[Property]] | None = None,
    ) -> None:
        self.family = family
        self.rules = list(family.system.properties)
        self._stated: dict[int, list[int]] = {}
        """By the number of a rule, those of what is stated in its place."""
        for number, (first, *others) in (stated or {}).items():
            self.rules[number] = first
            more = range(len(self.rules), len(self.rules) + len(others))
            self._stated[number] = [number, *more]
            self.rules += others
        self._machines: dict[Shape, Machine] = {}
        self._learners: dict[Shape, Learner] = {}
        self._facts: dict[Clause, Fact] = {}
        self._of_rule: dict[Property, Fact] = {}
        self._settled: list[Discharged] = []
        self._shown: dict[Fact, list[Discharged]] = {}
        self._proved: dict[Fact, None] = {}
        """Facts that hold always, for any rule to make use of."""
        self._agreed: dict[Discharged, None] = {}

    @cached_property
    def shapes(self) -> list[Shape]:
        """Those of the machines that are visited."""
        return shapes_of(self.family)

    def machine(self, shape: Shape) -> Machine:
        """The members of this shape."""
        if shape not in self._machines:
            sizes = sizes_of(self.family, shape)
            self._machines[shape] = Machine(self._posed, sizes, self._conditions)
        return self._machines[shape]

    @cached_property
    def _posed(self) -> Family:
        system = replace(self.family.system, properties=tuple(self.rules))
        return replace(self.family, system=system)

    @cached_property
    def _conditions(self) -> list[Condition]:
        return conditions_of(self.family)

    def learner(self, shape: Shape, clock: Clock) -> Learner:
        """What learns from machines of this shape for all rules."""
        if shape not in self._learners:
            numbers = [n for n, rule in enumerate(self.rules) if rule.mode in MODES]
            numbers += [n + len(self.rules) for n in numbers]
            oracle = Oracle(self.machine(shape).part(numbers), clock)
            part = self.machine(shape.larger).part(numbers)
            # The states of the largest machines are too many to visit them.
            most = shape.larger.size
            wider = None if shape == SHAPES[-1] else Visited(part, clock, most)
            made = Learner(part, oracle, wider, clock)
            for other in self._learners.values():
                made.take(other.clauses)
            self._learners[shape] = made
        return self._learners[shape]

    def prepare(self, clock: Clock) -> None:
        """Do what every rule begins with, as far as there is time."""
        with suppress(GaveUp, Unsupported, SpecificationError):
            self.learner(SHAPES[0], clock)

    @cached_property
    def obligations(self) -> Obligations:
        """Those of the family, with the variables put in that keep their value."""
        constants = self.machine(SHAPES[0]).constants()
        while True:
            obligations = Obligations(Translator(self.family, constants))
            discharger = Discharger(obligations)
            self._settled = []
            moving = set()
            for obligation in obligations.settled():
                if not obligation.is_discharged:
                    found = discharger.discharge(obligation, (), (), Clock(None))
                    if isinstance(found, str):
                        moving.add(obligation.settled)
                    else:
                        self._settled.append(found)
            if not moving:
                self._discharger = discharger
                return obligations
            constants = {v: c for v, c in constants.items() if v not in moving}

    def prove(self, number: int, clock: Clock) -> Result:
        """What can be shown of the rule with this number."""
        rule = self.rules[number]
        asked = self._stated.get(number, [number])
        upto = ""
        reason = ""
        limit: Limit | None = None
        try:
            if rule.mode not in MODES:
                raise Unsupported(f"rules of the kind {rule.mode.value}")
            for shape in self.shapes:
                learner = self.learner(shape, clock)
                if any(learner.oracle.breaks(one) for one in asked):
                    if number in self._stated:
                        # What it follows from fails there, which the rule may not.
                        told = self.machine(shape).told
                        reason = f"what it would follow from is not so with {told}"
                        break
                    return Broken(self.machine(shape).told)
                upto = self.machine(shape).told
                happens = learner.oracle.happens(number)
                found = (
                    self._prove_all(learner, asked, clock)
                    if happens
                    else self._prove(learner, number + len(self.rules), clock)
                )
                found = self._agreed_by_all(found)
                if isinstance(found, Argument):
                    return replace(self._proof(rule, found), vacuous=not happens)
                reason = found.reason if happens else f"{NEVER}; {found.reason}"
        except Unsupported as error:
            reason = f"no translation without bounds of {error}"
        except SpecificationError as error:
            reason = str(error)
        except GaveUp as error:
            limit = error.limit
            reason = f"{limit.value} was met" + (f"; {reason}" if reason else "")
        whole = number not in self._stated
        if upto and whole and self._is_broken_by_one(number, clock):
            return Broken(self._single.told)
        return Open(upto, reason, limit)

    def _is_broken_by_one(self, number: int, clock: Clock) -> bool:
        """A machine with no more elements than it must have breaks the rule."""
        with suppress(GaveUp, SpecificationError):
            return Oracle(self._single.part([number]), clock).breaks(number)
        return False

    @cached_property
    def _single(self) -> Machine:
        return Machine(self._posed, single(self.family), self._conditions)

    def _prove_all(
        self, learner: Learner, numbers: Iterable[int], clock: Clock
    ) -> Argument | Lack:
        """What shows the rules together by what is learned there."""
        found: list[Argument] = []
        for number in numbers:
            argued = self._prove(learner, number, clock)
            if isinstance(argued, Lack):
                return argued
            found.append(argued)
        return together(found)

    def _prove(self, learner: Learner, number: int, clock: Clock) -> Argument | Lack:
        """What shows the rule with this number, or that its premise is never met.

        By what is learned there; what is not kept is learned anew.
        """
        rule = self.rules[number % len(self.rules)]
        rule = rule if number < len(self.rules) else unmet_of(rule)
        found: Argument | Lack = Lack(NO_CLAUSE)
        for _ in range(ATTEMPTS):
            if not learner.learn(number, clock):
                break
            likely = self._likely(learner)
            own = self._facts_of(learner.needed[number])
            known = (*likely, *self._proved, *self.obligations.bounds)
            argued = self._argue(rule, known, own, likely, clock)
            if isinstance(argued, Argument):
                return argued
            found = argued
            if found.fact is None or not self._forget(found.fact):
                break
        return found

    def _likely(self, learner: Learner) -> dict[Fact, tuple[Fact, ...]]:
        """What is kept in any machine, and by what; first what is so in this one."""
        found: dict[Fact, tuple[Fact, ...]] = {}
        for one in (learner, *self._learners.values()):
            for clause in one.kept():
                found.setdefault(self._fact(clause), self._facts_of(one.needed[clause]))
        return found

    def _forget(self, fact: Fact) -> bool:
        """Go on without the clause that says so, if one does."""
        wrong = [clause for clause, own in self._facts.items() if own is fact]
        for clause in wrong:
            for learner in self._learners.values():
                if clause in learner.clauses:
                    learner.forget(clause)
        return bool(wrong)

    def check(
        self,
        rule: Property | Sequence[Property],
        clauses: Iterable[Clause],
        clock: Clock,
    ) -> Argument | Lack:
        """The rule, argued by these clauses, each of which must be kept; or a lack.

        There may be several rules, which are shown together. It is as z3 sees it.
        """
        rules = [rule] if isinstance(rule, Property) else list(rule)
        wanted = self._facts_of(clauses)
        facts = (*wanted, *self.obligations.bounds)
        found: list[Argument] = []
        for one in rules:
            argued = self._argue(one, facts, (), {}, clock, wanted=wanted)
            if isinstance(argued, Lack):
                return argued
            found.append(argued)
        return together(found)

    def _argue(
        self,
        rule: Property,
        facts: Iterable[Fact],
        near: tuple[Fact, ...],
        likely: Mapping[Fact, tuple[Fact, ...]],
        clock: Clock,
        wanted: Iterable[Fact] = (),
    ) -> Argument | Lack:
        """What shows the rule by these facts, as z3 sees it.

        By which of them the rule is likely to be kept, and each of them, may be known.
        Those that are wanted are shown even where they are of no use.
        """
        of = self.obligations
        wanted = dict.fromkeys(wanted)
        if rule.mode is Mode.INVARIANT:
            itself = self._fact_of(rule)
            wanted[itself] = None
            likely = {**likely, itself: near}
        known = _Known(tuple(dict.fromkeys((*wanted, *facts))), clock)
        if rule.mode is Mode.STEP_RULE:
            lack = self._show(of.of_rule(rule), near, known)
            if lack is not None:
                return lack
            wanted |= dict.fromkeys(f for d in known.shown for f in d.facts)
        kept: dict[Fact, list[Discharged]] = {}
        while left := [fact for fact in wanted if fact not in kept]:
            fact = left[0]
            found = self._show_fact(fact, (fact, *likely.get(fact, ())), known)
            if isinstance(found, Lack):
                return found
            wanted |= dict.fromkeys(f for d in found for f in d.facts)
            kept[fact] = found
        # That a premise never holds has the name of its rule, so no other rests on it.
        every = {*self._facts.values(), *of.bounds, *map(self._fact_of, self._rules)}
        self._proved |= {fact: None for fact in wanted if fact in every}
        used = tuple(c for c, fact in self._facts.items() if fact in wanted)
        own = tuple(known.shown)
        return Argument(tuple(wanted), used, own, kept, tuple(self._settled))

    def _show_fact(
        self, fact: Fact, likely: Sequence[Fact], known: _Known
    ) -> list[Discharged] | Lack:
        """Show that the fact holds always, perhaps as it was shown before."""
        before = self._shown.get(fact)
        there = set(known.facts)
        if before is None or any(f not in there for d in before for f in d.facts):
            news = _Known(known.facts, known.clock)
            lack = self._show(self.obligations.of_fact(fact), likely, news)
            if lack is not None:
                return Lack(lack.reason, fact)
            before = self._shown[fact] = news.shown
        return before

    def _show(
        self, obligations: Iterable[Obligation], likely: Sequence[Fact], known: _Known
    ) -> Lack | None:
        """Discharge the obligations; what is lacking, if they cannot be."""
        there = set(known.facts)
        first = [f for f in self.obligations.around(likely) if f in there]
        guesses: list[Sequence[Fact]] = [first]
        for obligation in obligations:
            if obligation.is_discharged:
                continue
            found = self._discharger.discharge(
                obligation, guesses, known.facts, known.clock
            )
            if isinstance(found, str):
                known.clock.look()
                return Lack(_lacking(obligation, found))
            known.shown.append(found)
            if not found.guessed:
                guesses = [found.facts, first]
        return None

    @cached_property
    def _rules(self) -> list[Property]:
        """Those that are facts themselves, if they hold."""
        rules = self.family.system.properties
        return [rule for rule in rules if rule.mode is Mode.INVARIANT]

    def _fact_of(self, rule: Property) -> Fact:
        return self._of_rule.setdefault(rule, Fact(rule.name, rule.condition))

    def _facts_of(self, clauses: Iterable[Clause]) -> tuple[Fact, ...]:
        return tuple(map(self._fact, clauses))

    def _fact(self, clause: Clause) -> Fact:
        if clause not in self._facts:
            self._facts[clause] = Fact(told(clause), clause.term)
        return self._facts[clause]

    @property
    def agreed(self) -> tuple[Discharged, ...]:
        """What both solvers have shown for all of its proofs, each once."""
        return tuple(self._agreed)

    def _agreed_by_all(self, argument: Argument | Lack) -> Argument | Lack:
        """What was argued, if the second solver agrees."""
        if isinstance(argument, Lack) or not second.is_installed():
            return argument
        if not self._confirmed(argument.shown):
            return Lack("cvc5 does not confirm what z3 has shown")
        return replace(argument, solvers=(*argument.solvers, "cvc5"))

    def _proof(self, rule: Property, argument: Argument) -> Proof:
        numbers = {fact: number for number, fact in enumerate(argument.facts, 1)}
        checks = [one.numbered(numbers) for one in argument.shown]
        constants = self.obligations.translator.constants
        settled = [variable.name for variable in constants if not variable.frozen]
        names = tuple(fact.name for fact in argument.facts)
        heading = heading_of(rule, self.family, names, settled)
        return Proof(
            self.family.told,
            names,
            argument.clauses,
            len(checks),
            argument.solvers,
            self.obligations.writer.text(checks, heading),
        )

    def _confirmed(self, shown: Sequence[Discharged]) -> bool:
        """cvc5 agrees to what it has not agreed to before."""
        for ways in second.WAYS:
            news = [one for one in shown if one not in self._agreed]
            if not news:
                break
            certificate = self.obligations.writer.text([one.check for one in news])
            answers = second.answers(certificate, ways)
            self._agreed |= {
                one: None
                for one, answer in zip(news, answers, strict=True)
                if answer == "unsat"
            }
        return self._agreed.keys() >= set(shown)
