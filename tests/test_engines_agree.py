"""The engines agree with the reference interpreter, and so with one another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.engines.explicit import explore, successors_of
from tdxcheck.checker.engines.symbolic import Budget, Judge, bmc, certificate, spacer
from tdxcheck.checker.engines.symbolic.bmc import Hunt
from tdxcheck.checker.engines.symbolic.encoding import Encoding, constant
from tdxcheck.checker.engines.symbolic.induction import Induction, prove
from tdxcheck.checker.engines.symbolic.solving import Clock, Unrolling
from tdxcheck.checker.engines.symbolic.target import Target, target_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.system import GroundProperty, GroundStep, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language.interpreter import Interpreter, Outcome, Taken
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Proved,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)
from tests.random_systems import Drawn, examples, systems

SEEN = 200
"""The most states that the interpreter visits of one system."""


def some_states(system: GroundSystem, number: int) -> Iterator[Values]:
    """States of the system, reachable or not."""
    random = Random(0)
    for _ in range(number):
        yield tuple(
            random.randint(slot.term.low, slot.term.high) for slot in system.slots
        )


@lru_cache(maxsize=10_000)
def attempt(system: GroundSystem, step: GroundStep, values: Values) -> Outcome:
    interpreter = Interpreter(system.instance)
    state = system.assignment(values)
    return interpreter.attempt(state, step.action, step.arguments)


@lru_cache(maxsize=1000)
def interpreted(system: GroundSystem, values: Values) -> list[tuple[int, Values]]:
    """The steps from a state, as the interpreter takes them.

    It tries every action with every argument, those too that the grounding has
    left out because they are possible nowhere.
    """
    interpreter = Interpreter(system.instance)
    state = system.assignment(values)
    numbers = {(step.action, step.arguments): step.number for step in system.steps}
    found = []
    for action in system.instance.system.actions:
        for arguments in system.instance.choices(action):
            outcome = interpreter.attempt(state, action, arguments)
            if outcome.after is not None:
                assert (action, arguments) in numbers, "a possible step was left out"
                after = system.values(outcome.after)
                assert system.assignment(after) == outcome.after
                found.append((numbers[action, arguments], after))
    return found


@examples(35)
@given(systems())
def test_initial_states_are_the_interpreters(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if system.initial_count() > 2000:
        return
    interpreter = Interpreter(system.instance)
    expected = {system.values(state) for state in interpreter.initial_states()}
    assert set(system.initial_states()) == expected
    assert solutions(system) == expected


def solutions(system: GroundSystem) -> set[Values]:
    """The initial states, as z3 has them."""
    unrolling = Unrolling(Encoding(system), Clock(None))
    unrolling.require(unrolling.encoding.initial, 0)
    found: set[Values] = set()
    while len(found) < 100 and unrolling.possible():
        (values,) = unrolling.run().states
        found.add(values)
        unrolling.solver.add(differs(system, unrolling.instants[0].state, values))
    return found if len(found) < 100 else found | set(system.initial_states())


def differs(system: GroundSystem, state: Any, values: Values) -> Any:
    return z3.Or(
        [
            held != constant(slot, value)
            for slot, held, value in zip(system.slots, state, values, strict=True)
        ]
    )


@examples(30)
@given(systems())
def test_steps_are_the_interpreters(drawn: Drawn) -> None:
    """Of random states: by compiled Python, by ground terms, and by z3's formula."""
    system = ground(drawn.system(), drawn.scope)
    compiled = successors_of(system)
    encoding = Encoding(system)
    relation = z3.simplify(encoding.transition)
    for place, values in enumerate(some_states(system, 12)):
        expected = interpreted(system, values)
        assert compiled(values) == expected
        if place < 4:
            assert solved_steps(encoding, relation, values) == sorted(expected)


def solved_steps(
    encoding: Encoding, relation: Any, values: Values
) -> list[tuple[int, Values]]:
    system = encoding.system
    unrolling = Unrolling(encoding, Clock(None))
    unrolling.extend()
    for slot, held, value in zip(
        system.slots, unrolling.instants[0].state, values, strict=True
    ):
        unrolling.solver.add(held == constant(slot, value))
    found = []
    while unrolling.possible():
        path = unrolling.path()
        found.append((path.steps[0], path.states[1]))
        unrolling.solver.add(
            z3.Or(
                differs(system, unrolling.instants[1].state, path.states[1]),
                z3.Not(unrolling.at(encoding.taken(path.steps[0]), 0)),
            )
        )
    return sorted(found)


@examples(35)
@given(systems())
def test_properties_mean_what_the_interpreter_says(drawn: Drawn) -> None:
    """Of random states and steps: by ground terms, and by z3's formula."""
    system = ground(drawn.system(), drawn.scope)
    encoding = Encoding(system)
    interpreter = Interpreter(system.instance)
    for values in some_states(system, 6):
        state = system.assignment(values)
        held = substitution(encoding, values)
        steps = [(system.steps[n], after) for n, after in interpreted(system, values)]
        for rule in system.properties:
            condition = rule.property.condition
            if rule.property.mode is not Mode.STEP_RULE:
                truth = interpreter.holds(condition, state)
                assert evaluate(rule.conditions[0], values) == truth
                formula = encoding.term(rule.conditions[0])
                assert z3.is_true(z3.simplify(z3.substitute(formula, *held))) == truth
                continue
            for step, after in steps:
                answer = attempt(system, step, values).answer
                taken = Taken(step.action, step.arguments, answer)
                named = system.assignment(after)
                truth = interpreter.holds(condition, state, taken, named)
                node = rule.conditions[step.number]
                assert evaluate(node, values) == truth
                formula = z3.substitute(encoding.term(node), *held)
                assert z3.is_true(z3.simplify(formula)) == truth


def substitution(encoding: Encoding, values: Values) -> list[tuple[Any, Any]]:
    return [
        (held, constant(slot, value))
        for slot, held, value in zip(
            encoding.system.slots, encoding.now.state, values, strict=True
        )
    ]


def search(system: GroundSystem) -> dict[Values, int] | None:
    """Every reachable state by its distance, as the interpreter finds it."""
    interpreter = Interpreter(system.instance)
    if system.initial_count() > SEEN:
        return None
    level = [system.values(state) for state in interpreter.initial_states()]
    distance = dict.fromkeys(level, 0)
    while level:
        following = []
        for values in level:
            for _, after in interpreted(system, values):
                if after not in distance:
                    distance[after] = distance[values] + 1
                    following.append(after)
        if len(distance) > SEEN:
            return None
        level = following
    return distance


def shortest(
    system: GroundSystem, rule: GroundProperty, distance: dict[Values, int]
) -> int | None:
    """Steps to where a run decides the property, or None; by the interpreter."""
    interpreter = Interpreter(system.instance)
    condition = rule.property.condition
    found: list[int] = []
    for values, far in distance.items():
        state = system.assignment(values)
        if rule.property.mode is Mode.STEP_RULE:
            for number, after in interpreted(system, values):
                step = system.steps[number]
                answer = attempt(system, step, values).answer
                taken = Taken(step.action, step.arguments, answer)
                named = system.assignment(after)
                if not interpreter.holds(condition, state, taken, named):
                    found.append(far + 1)
            continue
        holds = interpreter.holds(condition, state)
        decided = {
            Mode.INVARIANT: not holds,
            Mode.REACHABLE: holds,
            Mode.DEADLOCK_FREE: not holds and not interpreted(system, values),
        }
        if decided[rule.property.mode]:
            found.append(far)
    return min(found, default=None)


def canonical(
    system: GroundSystem, rule: GroundProperty, length: int, distance: dict[Values, int]
) -> Run:
    """The run to what decides the property, as words define the canonical one.

    Of the runs of this length with the fewest changes of actor and steps from outside
    the first, by its initial state, then by its steps. To each state and actor the best
    way is kept.
    """
    outside = system.instance.system.outside
    starts = [(values, None) for values, far in distance.items() if far == 0]
    ways: dict[tuple[Values, Any], Any] = {
        (values, actor): (0, values, (), (values,)) for values, actor in starts
    }
    last: list[Any] = []
    for depth in range(length + 1):
        if rule.property.mode is not Mode.STEP_RULE and depth == length:
            last = [ways[at] for at in ways if _decides(system, rule, at[0])]
        longer: dict[tuple[Values, Any], Any] = {}
        for (values, actor), (cost, start, steps, states) in ways.items():
            for number, after in interpreted(system, values):
                acting = system.steps[number].action.actor
                costs = cost + (bool(steps) and acting != actor) + (acting in outside)
                way = (costs, start, (*steps, number), (*states, after))
                if rule.property.mode is Mode.STEP_RULE and depth == length - 1:
                    if not evaluate(rule.conditions[number], values):
                        last.append(way)
                if distance[after] == depth + 1:
                    at = after, acting
                    longer[at] = min(longer.get(at, way), way)
        ways = longer
    _, _, steps, states = min(last)
    return Run(states, steps)


def _decides(system: GroundSystem, rule: GroundProperty, values: Values) -> bool:
    holds = bool(evaluate(rule.conditions[0], values))
    if rule.property.mode is Mode.DEADLOCK_FREE:
        return not holds and not interpreted(system, values)
    return holds == (rule.property.mode is Mode.REACHABLE)


def replay(system: GroundSystem, run: Run) -> None:
    """Take every step of the run with the interpreter."""
    interpreter = Interpreter(system.instance)
    states = [system.assignment(values) for values in run.states]
    assert interpreter.is_initial(states[0])
    for place, number in enumerate(run.steps):
        outcome = attempt(system, system.steps[number], run.states[place])
        assert outcome.after == states[place + 1]


def length(verdict: Verdict) -> int | None:
    """The steps of a verdict's run; None if the verdict is that there is none."""
    match verdict:
        case Refuted(run, shortest):
            assert shortest
            return len(run.steps)
        case Reached(run):
            return len(run.steps)
        case Exhausted() | Proved() | Unreachable() | Vacuous():
            return None
    raise AssertionError(f"{verdict} is no answer")


@examples(30)
@given(systems(most_states=2000))
def test_verdicts_and_shortest_runs_are_the_interpreters(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    distance = search(system)
    if distance is None:
        return
    if next(system.initial_states(), None) is None:
        return  # The explicit engine refuses such a system.
    exploration = explore(system)
    assert exploration.states == len(distance)
    assert exploration.depth == max(distance.values(), default=0)
    surveyed = [survey(system, pure=pure) for pure in (False, True)]
    for found in surveyed:
        assert found.states == exploration.states
        assert found.transitions == exploration.transitions
        assert found.fired == exploration.fired
    bounded = bmc(system, 4)
    judged = Judge(system, Budget(depth=60, seconds=20))
    for number, rule in enumerate(system.properties):
        expected = shortest(system, rule, distance)
        explicit = exploration.verdicts[number]
        symbolic = judged.verdict(number)
        assert length(explicit) == length(symbolic) == expected
        assert isinstance(explicit, Vacuous) == isinstance(symbolic, Vacuous)
        diagrams = [found.verdicts[number] for found in surveyed]
        for verdict in diagrams:
            assert length(verdict) == expected
            assert isinstance(verdict, Vacuous) == isinstance(explicit, Vacuous)
        assert diagrams[0] == diagrams[1]
        if expected is not None:
            run = canonical(system, rule, expected, distance)
            for verdict in (explicit, diagrams[0]):
                assert isinstance(verdict, Refuted | Reached)
                assert verdict.run == run
        for verdict in (explicit, symbolic, bounded[number], diagrams[0]):
            if isinstance(verdict, Refuted | Reached):
                replay(system, verdict.run)
                assert len(verdict.run.steps) == expected
            if isinstance(verdict, Bounded):
                assert verdict.depth == 4
            if isinstance(verdict, Bounded | Unknown):
                assert expected is None or expected > 4


@pytest.mark.parametrize("engine", ["induction", "spacer"])
@examples(25)
@given(drawn=systems(most_states=2000))
def test_each_prover_agrees_with_the_explicit_engine(engine: str, drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return  # The explicit engine refuses such a system.
    exploration = explore(system)
    encoding = Encoding(system)
    for rule, verdict in zip(system.properties, exploration.verdicts, strict=True):
        target = target_of(system, rule)
        holds = length(verdict) is None
        proved = PROVERS[engine](encoding, target)
        assert proved is None or proved == holds


MOST_STEPS = 40
"""A system of few reachable states may have simple paths of hundreds of others."""


def proved_by_induction(encoding: Encoding, target: Target) -> bool | None:
    """The demand for a simple path makes it complete; None if that is a long one."""
    hunt = Hunt(encoding, [target], Clock(None))
    hunt.start()
    induction = Induction(encoding, target, Clock(None))
    if prove(hunt, 0, induction, most=MOST_STEPS) is not None:
        return True
    return None if induction.k > MOST_STEPS else False


def proved_by_spacer(encoding: Encoding, target: Target) -> bool:
    invariant = spacer.invariant(encoding, target, Clock(None))
    if invariant is None:
        return False
    certificate.check(encoding, invariant, target, Clock(None))
    return True


PROVERS = {"induction": proved_by_induction, "spacer": proved_by_spacer}


@examples(30)
@given(drawn=systems(), depth=st.integers(0, 3))
def test_bounded_verdicts_are_right_up_to_their_depth(drawn: Drawn, depth: int) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return  # The explicit engine refuses such a system.
    exploration = explore(system)
    surveyed = survey(system, Limits(depth=depth))
    for bounded, level, explicit in zip(
        bmc(system, depth), surveyed.verdicts, exploration.verdicts, strict=True
    ):
        steps = length(explicit)
        for verdict in (bounded, level):
            if steps is not None and steps <= depth:
                assert length(verdict) == steps
            else:
                assert not isinstance(verdict, Refuted | Reached)
        if surveyed.limit is None:
            assert (surveyed.states, surveyed.depth) == (
                exploration.states,
                exploration.depth,
            )
