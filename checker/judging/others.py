"""Other counterexamples of a rule: different ones, the shortest first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.different import Different, is_divisible
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.turning import is_outside
from tdxcheck.checker.language.literals import clauses
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.trace import Trace, evidence_of, replay

Matters = Callable[[Trace], frozenset[Action]]
"""Tells which actions of a trace do more than prepare others."""


@dataclass(frozen=True, eq=False)
class Other:
    """A counterexample, and what makes it different."""

    trace: Trace
    clause: int
    """The number of the clause that is broken."""
    breaks: str
    """The action that breaks it."""
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
    found: dict[tuple[int, frozenset[str]], Other] = {}
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
            actions = matters(trace) - {action}
            names = frozenset(a.name for a in actions)
            breaks = "" if action is None else action.name
            other = Other(replace(trace, rule=rule), clause, breaks, names)
            known = found.setdefault((clause, names | {breaks}), other)
            if len(trace.steps) < len(known.trace.steps):
                found[clause, names | {breaks}] = other
            pending += [left_out | {a} for a in sorted(actions, key=_from_outside)]
    ordered = sorted(found.values(), key=lambda o: (len(o.trace.steps), o.clause))
    return Others(tuple(ordered), parts, complete)


def _from_outside(action: Action) -> tuple[bool, str]:
    return not is_outside(action), action.name
