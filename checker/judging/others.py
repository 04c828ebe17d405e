"""Other counterexamples of a rule: different ones, the shortest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tdxcheck.checker.engines.diagrams.different import Different, Way, is_divisible
from tdxcheck.checker.engines.diagrams.liveness import Ends
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import Slice, slice_for
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.turning import is_outside
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.literals import clauses
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.trace import Trace, evidence_of, replay
from tdxcheck.checker.verdict import Refuted, Run

Matters = Callable[[Trace], frozenset[Action]]
"""Tells which actions of a trace do more than prepare others."""


@dataclass(frozen=True, eq=False)
class Other:
    """A counterexample, and what makes it different."""

    trace: Trace
    clause: int
    """The number of the clause that is broken."""
    breaks: str
    """The action that breaks it; none where the goal never comes."""
    sets: frozenset[str]
    """The other actions that matter to it: that set what the clause reads, or come
    from outside."""


@dataclass(frozen=True, eq=False)
class Others:
    """The different counterexamples that were looked for."""

    found: tuple[Other, ...]
    """The shortest first."""
    clauses: tuple[Term[bool], ...]
    complete: bool
    """There was time to look for all of them."""


def others(case: Case, seconds: float, matters: Matters) -> Others:
    """Every different counterexample of the one rule of a case.

    Of each clause and each action that breaks it, a shortest run; then shortest ones
    that do without one of the actions that matter, those from outside first, and so on.
    Runs in which the same actions matter are one, in whatever order they come.
    """
    rule = case.instance.system.properties[0]
    if rule.mode is Mode.LEADS_TO:
        search: Search = _Endless(case.instance)
    elif is_divisible(rule.mode):
        search = _Broken(case.instance)
    else:
        return Others((), (rule.condition,), True)
    ends = time.monotonic() + seconds
    found: dict[tuple[int, frozenset[str]], Other] = {}
    complete = True
    for way in search.ways():
        clause, action = way
        pending: list[frozenset[Action]] = [frozenset()]
        tried: set[frozenset[Action]] = set()
        while pending:
            left_out = pending.pop(0)
            if left_out in tried:
                continue
            if found and time.monotonic() > ends:
                complete = False
                break
            tried.add(left_out)
            trace = search.shortest(way, left_out)
            if trace is None:
                continue
            actions = matters(trace) - {action}
            names = frozenset(a.name for a in actions)
            breaks = "" if action is None else action.name
            other = Other(replace(trace, rule=rule), clause, breaks, names)
            known = found.setdefault((clause, names | {breaks}), other)
            if len(trace.steps) < len(known.trace.steps):
                found[clause, names | {breaks}] = other
            pending += [left_out | {a} for a in sorted(actions, key=_from_outside)]
    ordered = sorted(found.values(), key=lambda o: (len(o.trace.steps), o.clause))
    return Others(tuple(ordered), search.clauses, complete)


class Search(Protocol):
    """Finds the counterexamples of one rule of an instance."""

    clauses: tuple[Term[bool], ...]

    def ways(self) -> Sequence[Way]:
        """Every way in which the rule can be broken."""

    def shortest(self, way: Way, left_out: frozenset[Action]) -> Trace | None:
        """A shortest trace of this way that takes none of some actions."""


class _Broken:
    """What breaks a clause of the rule."""

    def __init__(self, instance: Instance) -> None:
        (rule,) = instance.system.properties
        self.clauses = tuple(clauses(rule.condition))
        self.properties = tuple(
            replace(rule, name=f"{rule.name}/{number}", condition=part)
            for number, part in enumerate(self.clauses, 1)
        )
        system = replace(instance.system, properties=self.properties)
        self.part = slice_for(
            ground(system, instance.scope), range(len(self.properties))
        )
        self.different = Different(self.part.system)

    def ways(self) -> Sequence[Way]:
        return self.different.ways()

    def shortest(self, way: Way, left_out: frozenset[Action]) -> Trace | None:
        run = self.different.shortest(way, left_out)
        if run is None:
            return None
        return _replayed(self.part, self.part.lift(run), self.properties[way[0]])


class _Endless:
    """What never comes to what the rule owes."""

    def __init__(self, instance: Instance) -> None:
        (self.rule,) = instance.system.properties
        self.clauses: tuple[Term[bool], ...] = (self.rule.condition,)
        self.part = slice_for(ground(instance.system, instance.scope), (0,))

    def ways(self) -> Sequence[Way]:
        return [(0, None)]

    def shortest(self, way: Way, left_out: frozenset[Action]) -> Trace | None:
        ends = Ends(self.part.system, lambda: None, left_out)
        (rule,) = self.part.system.properties
        verdict = self.part.lift_verdict(ends.verdict(rule))
        if not isinstance(verdict, Refuted):
            return None
        return _replayed(self.part, verdict.run, self.rule)


def _replayed(part: Slice, run: Run, rule: Property) -> Trace:
    return replay(part.whole.instance, rule, evidence_of(part.whole, run))


def _from_outside(action: Action) -> tuple[bool, str]:
    return not is_outside(action), action.name
