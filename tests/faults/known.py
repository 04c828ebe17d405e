"""What is known of some small systems, by the naive interpreter.

It is found before a fault is put in, by modules that the fault is not put into.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from unittest.mock import patch

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.system import GroundProperty, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language import TransitionSystem
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.interpreter import Interpreter, Taken
from tdxcheck.checker.language.system import Mode, Property
from tests import test_engines_agree
from tests.faults.goals import to
from tests.faults.lassos import canonical_lasso
from tests.faults.locks import LOCKS
from tests.faults.workshop import CELLAR, SCOPE, WORKSHOP
from tests.random_systems import Drawn
from tests.test_engines_agree import (
    attempt,
    canonical,
    interpreted,
    search,
    shortest,
    some_states,
)
from tests.test_liveness import Node, Process, Reference

SYSTEMS = (
    Drawn(950281, 5, 6, 2, 1, 1, 2000),
    Drawn(541883, 6, 6, 3, 3, 1, 2000),
    Drawn(417225, 6, 6, 1, 1, 2, 2000),
    Drawn(655830, 5, 6, 1, 1, 1, 2000),
    Drawn(965016, 5, 6, 3, 3, 2, 2000),
    Drawn(374317, 6, 3, 2, 2, 1, 2000),
    Drawn(719361, 5, 3, 1, 2, 1, 2000),
    Drawn(731606, 6, 5, 1, 3, 2, 2000),
    Drawn(681679, 3, 5, 1, 3, 1, 2000),
)
"""Random systems of 12 to 60 states: many values, all verdicts, runs of many steps."""

GOALS = 16
"""States of each system to which canonical runs are known."""

MOST = 400
"""States that the interpreter visits of one."""

SAMPLES = 6
"""States of each system, reachable or not, from which every step is taken."""


@dataclass(frozen=True)
class Told:
    """What is known of a property: a shortest run decides it, or nothing does."""

    kind: str
    """What there is to say: refuted, reached, unreachable, vacuous or holds."""
    length: int | None = None
    """Steps of a shortest run that refutes it, or reaches it."""
    run: tuple[tuple[Values, ...], tuple[int, ...]] | None = None
    """The states and steps of the canonical one."""


@dataclass(frozen=True)
class Sample:
    """What is known of one state."""

    values: Values
    steps: list[tuple[int, Values]]
    truths: tuple[bool | dict[int, bool], ...]
    """Of each property; of a step rule, of each step that is possible."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of one system."""

    system: TransitionSystem
    scope: Scope
    initial: frozenset[Values]
    reachable: frozenset[Values]
    transitions: int
    depth: int
    fired: dict[str, int]
    ends: frozenset[Values]
    """From where no step leads."""
    told: tuple[Told, ...]
    goals: tuple[Values, ...]
    """States that are far away."""
    told_of_goals: tuple[Told, ...]
    samples: tuple[Sample, ...]


@cache
def known() -> tuple[Known, ...]:
    """Of the workshop and the cellar first."""
    drawn = (_known(one.system(), one.scope) for one in SYSTEMS)
    return _known(WORKSHOP, SCOPE), _known(CELLAR, {}), *drawn


def _known(unbound: TransitionSystem, scope: Scope) -> Known:
    system = ground(unbound, scope)
    with patch.object(test_engines_agree, "SEEN", MOST):
        distance = search(system)
    assert distance is not None, "the system is small"
    taken = [
        (values, number, after)
        for values in distance
        for number, after in interpreted(system, values)
    ]
    far = sorted(distance, key=lambda values: (-distance[values], values))
    goals = tuple(far[: len(far) // 2 : max(len(far) // 2 // GOALS, 1)])
    fired = Counter(system.steps[number].action.name for _, number, _ in taken)
    return Known(
        unbound,
        scope,
        frozenset(values for values, far in distance.items() if far == 0),
        frozenset(distance),
        len(taken),
        max(distance.values()),
        {a.name: fired[a.name] for a in system.instance.system.actions},
        frozenset(distance) - {values for values, _, _ in taken},
        tuple(_told(system, rule, distance) for rule in system.properties),
        goals,
        tuple(
            _reached(system, rule, distance, distance[goal])
            for goal, rule in zip(goals, to(system, goals), strict=True)
        ),
        tuple(_samples(system, [*some_states(system, SAMPLES), *far[::20], *goals])),
    )


def _told(
    system: GroundSystem, rule: GroundProperty, distance: dict[Values, int]
) -> Told:
    length = shortest(system, rule, distance)
    mode = rule.property.mode
    if length is not None:
        run = canonical(system, rule, length, distance)
        kind = "reached" if mode is Mode.REACHABLE else "refuted"
        return Told(kind, length, (run.states, run.steps))
    if mode is Mode.REACHABLE:
        return Told("unreachable")
    happens = mode is Mode.DEADLOCK_FREE or any(
        evaluate(rule.premises[0], values)
        if mode is Mode.INVARIANT
        else any(
            evaluate(rule.premises[n], values) for n, _ in interpreted(system, values)
        )
        for values in distance
    )
    return Told("holds" if happens else "vacuous")


def _reached(
    system: GroundSystem, rule: GroundProperty, distance: dict[Values, int], length: int
) -> Told:
    run = canonical(system, rule, length, distance)
    return Told("reached", length, (run.states, run.steps))


def _samples(system: GroundSystem, states: Iterable[Values]) -> Iterator[Sample]:
    interpreter = Interpreter(system.instance)
    for values in states:
        state = system.assignment(values)
        steps = interpreted(system, values)
        truths: list[bool | dict[int, bool]] = []
        for rule in system.properties:
            condition = rule.property.condition
            if rule.property.mode is not Mode.STEP_RULE:
                truths.append(interpreter.holds(condition, state))
                continue
            of_steps = {}
            for number, after in steps:
                step = system.steps[number]
                answer = attempt(system, step, values).answer
                taken = Taken(step.action, step.arguments, answer)
                named = system.assignment(after)
                of_steps[number] = interpreter.holds(condition, state, taken, named)
            truths.append(of_steps)
        yield Sample(values, steps, tuple(truths))


LIVING = (
    Drawn(349717, 5, 5, 3, 2, 2, 400),
    Drawn(16114, 4, 4, 3, 2, 1, 400),
    Drawn(65424, 5, 3, 1, 2, 2, 400),
    Drawn(408518, 5, 3, 3, 1, 2, 400),
    Drawn(908536, 3, 5, 3, 1, 2, 400),
    Drawn(637617, 5, 3, 3, 2, 2, 400),
    Drawn(257104, 5, 4, 3, 1, 2, 400),
    Drawn(491166, 3, 2, 2, 2, 2, 400),
    Drawn(165676, 5, 5, 1, 1, 1, 400),
)
"""The same for what comes in the end."""


@dataclass(frozen=True, eq=False)
class Owed:
    """What is known of a leads-to property."""

    happens: bool
    """The condition holds somewhere."""
    fair: frozenset[Node]
    """The states that are in a fair component and owe the goal."""
    needed: tuple[str, ...]
    """Where there are none: the lines of fairness without any of which there are."""
    lasso: tuple[tuple[int, ...], tuple[int, ...]] | None
    """The stem, and a shortest cycle, that are to be shown."""


Living = tuple[TransitionSystem, Scope, Reference, tuple[Owed, ...]]


@cache
def references() -> tuple[Living, ...]:
    """Systems with leads-to properties, and their graphs by the interpreter."""
    found = []
    unbound: list[tuple[TransitionSystem, Scope]]
    unbound = [(lock, {Process: 2}) for lock in LOCKS]
    unbound += [(drawn.living(), drawn.scope) for drawn in LIVING]
    for living, scope in unbound:
        system = ground(living, scope)
        reference = Reference(system.instance, 60)
        rules = system.instance.system.properties
        owed = tuple(_owed(system, reference, rule) for rule in rules)
        found.append((living, scope, reference, owed))
    return tuple(found)


def _owed(system: GroundSystem, reference: Reference, rule: Property) -> Owed:
    happens = any(reference.holds(rule.condition, node) for node in reference.states)
    fair = reference.fair_nodes(rule)
    if fair:
        lasso = canonical_lasso(system, reference, rule, frozenset(fair))
        return Owed(happens, frozenset(fair), (), lasso)
    needed = []
    for line in rule.fair:
        others = tuple(other for other in rule.fair if other is not line)
        if reference.fair_nodes(replace(rule, fair=others)):
            needed.append(line.name)
    return Owed(happens, frozenset(), tuple(needed), None)
