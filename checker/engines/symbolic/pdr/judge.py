"""Judging by property-directed reachability: a proof of each rule, or a shortest run.

Each rule is judged on its own slice of the system.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.symbolic.encoding import Encoding
from tdxcheck.checker.engines.symbolic.lemmas import Lemma
from tdxcheck.checker.engines.symbolic.pairs import pair_lemmas
from tdxcheck.checker.engines.symbolic.pdr.images import Images
from tdxcheck.checker.engines.symbolic.pdr.literals import Literals, TooManyValues
from tdxcheck.checker.engines.symbolic.pdr.minimum import NotInductive, minimum
from tdxcheck.checker.engines.symbolic.pdr.moves import Cube, Moves
from tdxcheck.checker.engines.symbolic.pdr.proof import Never, Proof, never
from tdxcheck.checker.engines.symbolic.pdr.search import Found, GaveUp, Search
from tdxcheck.checker.engines.symbolic.solving import (
    Clock,
    EngineError,
    check_path,
    check_start,
    hits,
)
from tdxcheck.checker.engines.symbolic.solving import GaveUp as SolverGaveUp
from tdxcheck.checker.engines.symbolic.target import Target, premise_of, target_of
from tdxcheck.checker.ground.slicing import slice_for, taken
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Limit,
    Proved,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

METHOD = "PDR"

PLAIN = 10.0
"""Seconds of the CPU before lemmas are looked for."""


@dataclass(frozen=True)
class Budget:
    """Where the search for one proof ends without an answer; None for no limit."""

    depth: int | None = None
    seconds: float | None = None
    effort: float | None = None
    """Seconds of the CPU, which are the same however busy the machine is."""


def prove(
    system: GroundSystem,
    *targets: Target,
    budget: Budget = Budget(),
) -> Run | Proof:
    """A proof that no run of the system hits a target, or a shortest run that does.

    What takes long is begun again, with what is known of pairs of values.
    """
    clock = Clock(budget.seconds)
    begin = replace(budget, effort=PLAIN)
    try:
        return _proved(system, targets, begin)
    except GaveUp as reason:
        if reason.limit is not Limit.TIME or clock.left <= 0:
            raise
    lemmas: tuple[Lemma, ...] = ()
    with suppress(SolverGaveUp):
        lemmas = pair_lemmas(Encoding(system), clock.part(clock.left / 2))
    rest = None if budget.seconds is None else clock.left
    return _proved(system, targets, replace(budget, seconds=rest), lemmas)


def _proved(
    system: GroundSystem,
    targets: tuple[Target, ...],
    budget: Budget,
    lemmas: Sequence[Lemma] = (),
) -> Run | Proof:
    try:
        return _attempt(system, targets, budget, lemmas, symmetric=True)
    except NotInductive:
        return _attempt(system, targets, budget, lemmas, symmetric=False)


def _attempt(
    system: GroundSystem,
    targets: tuple[Target, ...],
    budget: Budget,
    lemmas: Sequence[Lemma],
    *,
    symmetric: bool,
) -> Run | Proof:
    try:
        moves = Moves(system)
    except TooManyValues as reason:
        raise GaveUp(Limit.NUMBERS) from reason
    literals = moves.literals
    try:
        bad = literals.or_(map(moves.bad, targets))
        images = Images(literals, symmetric=symmetric)
        known = [_cube(literals, lemma) for lemma in lemmas]
        ends = budget.seconds, budget.effort
        found = Search(moves, bad, images, *ends, known).run(budget.depth)
        if isinstance(found, Found):
            return _run(system, targets, found)
        clauses = {never(literals, cube) for cube in minimum(moves, bad, found)}
        return Proof(system, targets, tuple(sorted(clauses, key=lambda c: c.slots)))
    finally:
        literals.solver.delete()


def _cube(literals: Literals, lemma: Lemma) -> Cube:
    """What the lemma says to be impossible."""
    return frozenset(
        -literal
        for slot, value in lemma.literals
        for other, literal in literals.slots[slot].items()
        if other != value
    )


def _run(system: GroundSystem, targets: tuple[Target, ...], found: Found) -> Run:
    """The run that was found, each step of it taken by its terms' meaning."""
    states = [found.start]
    for number in found.steps:
        states.append(taken(system.steps[number], states[-1]))
    run = Run(tuple(states), found.steps)
    for target in targets:
        if hits(target, run):
            break
        if target.at_step and (step := _hit_by(target, system, run)) is not None:
            after = taken(system.steps[step], run.states[-1])
            run = Run((*run.states, after), (*run.steps, step))
            break
    check_start(system, run.states[0])
    check_path(system, run)
    if not any(hits(target, run) for target in targets):
        raise EngineError(f"a run of {system.name} hits nothing")
    return run


def _hit_by(target: Target, system: GroundSystem, run: Run) -> int | None:
    """The step that hits the target, taken where the run ends."""
    last = run.states[-1]
    for step in system.steps:
        possible = all(evaluate(guard, last) for guard in step.guards)
        if possible and target.hit(last, step.number):
            return step.number
    return None


def judge(system: GroundSystem, budget: Budget = Budget()) -> tuple[Verdict, ...]:
    """A verdict for each property of the system, in their order."""
    numbers = range(len(system.properties))
    return tuple(judged(system, number, budget) for number in numbers)


@dataclass(frozen=True)
class Judged:
    """A verdict, and the clauses that show it where it is one of a proof."""

    verdict: Verdict
    clauses: tuple[Never, ...] | None = None
    """Over the slots of the property's own slice."""


def judged(system: GroundSystem, number: int, budget: Budget = Budget()) -> Verdict:
    """The verdict on one property of the system."""
    return judged_with_proof(system, number, budget).verdict


def judged_with_proof(
    system: GroundSystem, number: int, budget: Budget = Budget()
) -> Judged:
    """The verdict on one property of the system, with what shows it."""
    mode = system.properties[number].property.mode
    if mode is Mode.LEADS_TO:
        return Judged(Unknown(Limit.UNSUPPORTED))
    part = slice_for(system, (number,))
    (rule,) = part.system.properties

    end = None if budget.seconds is None else time.monotonic() + budget.seconds
    try:
        target = target_of(part.system, rule)
        found = prove(part.system, target, budget=budget)
    except GaveUp as reason:
        if mode is Mode.REACHABLE or reason.depth is None:
            return Judged(Unknown(reason.limit))
        return Judged(Bounded(reason.depth, reason.limit))
    if isinstance(found, Run):
        run = part.lift(found)
        if mode is Mode.REACHABLE:
            return Judged(Reached(run))
        return Judged(Refuted(run, shortest=True))
    if mode is Mode.REACHABLE:
        return Judged(Unreachable(METHOD), found.clauses)
    left = budget
    if end is not None:
        left = replace(budget, seconds=max(end - time.monotonic(), 0.1))
    empty = _emptiness(part.system, left)
    if empty is not None:
        # Invariants hold together, and exclude together what each of them does.
        both = dict.fromkeys((*found.clauses, *empty.clauses))
        return Judged(Vacuous(METHOD), tuple(both))
    return Judged(Proved(METHOD, found.text), found.clauses)


def _emptiness(system: GroundSystem, budget: Budget) -> Proof | None:
    """A proof that what the system's one rule speaks of never happens."""
    premise = premise_of(system.properties[0])
    if premise is None:
        return None
    with suppress(GaveUp):
        found = prove(system, premise, budget=budget)
        return found if isinstance(found, Proof) else None
    return None
