"""Owed: what is to be asked for a proof for every number, worked out anew.

A rule holds on every machine if it is one of some facts of which each holds at first
and is kept by every action, where all of them hold before; or if no step from where
they hold breaks it. Which facts these are is guessed: the file names them. What is to
be shown of each of them is worked out here, of the specification as it is now, and no
solver is asked. An obligation may rest on any of these facts, so that it is shown if
its question in the file, which has some of them, is answered. At first only that
numbers are within their bounds may be taken to hold, since every value begins there;
and that a variable keeps its first value rests on no fact at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.obligations import (
    Fact,
    Obligation,
    Obligations,
)
from tdxcheck.checker.engines.parametric.telling import told
from tdxcheck.checker.engines.parametric.translating import Translator
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.variables import Variable


class Owed:
    """Of one family, whose variables with a first value that they keep are given."""

    def __init__(self, family: Family, constants: Mapping[Variable, Any]) -> None:
        self.family = family
        self.obligations = Obligations(Translator(family, constants))
        self._facts: dict[Clause | Property, Fact] = {}
        self._due: dict[Fact, list[Obligation]] = {}

    def facts(
        self,
        stated: Sequence[Property],
        clauses: Iterable[Clause],
        names: Collection[str],
    ) -> list[Fact]:
        """The facts with these names: what is stated, the clauses, and what is known.

        That is other rules, and that numbers are within their bounds. Raises Refused
        unless the names are those of facts, and of all that is stated and each clause.
        """
        own = {rule.name for rule in stated}
        found = [self._of(rule) for rule in stated if rule.mode is Mode.INVARIANT]
        found += map(self._of, clauses)
        others = [one for one in self._others if one.name not in own]
        found += [one for one in others if one.name in names]
        if other := {*names} ^ {fact.name for fact in found}:
            raise Refused(f"its invariant is another one: {min(other)}")
        return list(dict.fromkeys(found))

    def due(
        self, stated: Sequence[Property], facts: Iterable[Fact]
    ) -> list[Obligation]:
        """What is to be shown of all of them, and of the variables that are given."""
        of = self.obligations
        found = list(self._settled)
        for rule in stated:
            if rule.mode is Mode.STEP_RULE:
                found += _left(of.of_rule(rule))
        for fact in facts:
            if fact not in self._due:
                self._due[fact] = _left(of.of_fact(fact))
            found += self._due[fact]
        # Each fact may add numbers of elements, of which more is known then.
        for fact in facts:
            of.formula(fact)
        return found

    @cached_property
    def _settled(self) -> list[Obligation]:
        return _left(self.obligations.settled())

    @cached_property
    def _others(self) -> list[Fact]:
        rules = self.family.system.properties
        invariants = [rule for rule in rules if rule.mode is Mode.INVARIANT]
        return [*self.obligations.bounds, *map(self._of, invariants)]

    def _of(self, one: Clause | Property) -> Fact:
        if one not in self._facts:
            if isinstance(one, Clause):
                self._facts[one] = Fact(told(one), one.term)
            else:
                self._facts[one] = Fact(one.name, one.condition)
        return self._facts[one]


def _left(due: Iterable[Obligation]) -> list[Obligation]:
    return [one for one in due if not one.is_discharged]
