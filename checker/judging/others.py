"""Other counterexamples of a rule: different ones, the shortest first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.different import Different, is_divisible
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.literals import clauses
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.trace import Trace, evidence_of, replay

Setters = Callable[[Trace], frozenset[Action]]
"""Tells which actions set what the rule of a trace reads at its end."""


@dataclass(frozen=True, eq=False)
class Other:
    """A counterexample, and what makes it different."""

    trace: Trace
    clause: int
    """The number of the clause that is broken."""
    breaks: str
    """The action that breaks it."""
    sets: frozenset[str]
    """The actions that set what the clause reads."""


@dataclass(frozen=True, eq=False)
class Others:
    """The different counterexamples that were looked for."""

    found: tuple[Other, ...]
    """The shortest first."""
    clauses: tuple[Term[bool], ...]
    complete: bool
    """There was time to look for all of them."""


def others(case: Case, seconds: float, setters: Setters) -> Others:
    """Every different counterexample of the one rule of a case.

    Of each clause and each action that breaks it, a shortest run; then shortest ones
    that do without one of the actions that set what the clause reads, and so on.
    """
    rule = case.instance.system.properties[0]
    parts = tuple(clauses(rule.condition)) if is_divisible(rule.mode) else ()
    if not parts:
        return Others((), (rule.condition,), True)
    properties = tuple(
        replace(rule, name=f"{rule.name}/{number}", condition=part)
        for number, part in enumerate(parts, 1)
    )
    system = replace(case.instance.system, properties=properties)
    whole = ground(system, case.instance.scope)
    part = slice_for(whole, range(len(properties)))
    different = Different(part.system)
    ends = time.monotonic() + seconds
    found: dict[tuple[int, str, frozenset[str]], Other] = {}
    complete = True
    for way in different.ways():
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
            run = different.shortest(way, left_out)
            if run is None:
                continue
            evidence = evidence_of(whole, part.lift(run))
            trace = replay(whole.instance, properties[clause], evidence)
            actions = setters(trace) - {action}
            names = frozenset(a.name for a in actions)
            breaks = "" if action is None else action.name
            other = Other(replace(trace, rule=rule), clause, breaks, names)
            found.setdefault((clause, breaks, names), other)
            pending += [left_out | {a} for a in sorted(actions, key=lambda a: a.name)]
    ordered = sorted(found.values(), key=lambda o: (len(o.trace.steps), o.clause))
    return Others(tuple(ordered), parts, complete)
