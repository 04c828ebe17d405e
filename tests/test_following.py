"""Following: what was seen is a run of a system exactly if a naive search says so."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.engines.following import Followed, Lost, Parted, follow
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.observation import (
    Becomes,
    InState,
    Observed,
    Refused,
    Sight,
    Step,
    conditions_of,
)
from tests.demo import DEMO
from tests.random_systems import POKE, Drawn, examples, systems

SMALL = 300


def naive(
    system: GroundSystem, observations: Sequence[Observed]
) -> tuple[bool, int] | None:
    """Whether there is a run, and how far one gets; None if there are many states."""
    interpreter = Interpreter(system.instance)
    first = [(tuple(sorted_items(state)), 0) for state in interpreter.initial_states()]
    states = {key: dict(key) for key, _ in first}
    seen, open_, farthest = set(first), list(first), 0
    while open_:
        key, done = open_.pop()
        farthest = max(farthest, done)
        if done == len(observations):
            return True, done
        if len(seen) > SMALL:
            return None
        state = states[key]
        reached = []
        if any(by_itself(interpreter, state, s) for s in observations[done].sights):
            reached.append((key, done + 1))
        for action in system.instance.system.actions:
            for arguments in system.instance.choices(action):
                outcome = interpreter.attempt(state, action, arguments)
                if outcome.after is None:
                    continue
                after = tuple(sorted_items(outcome.after))
                states[after] = outcome.after
                reached.append((after, done))
                if any(
                    by_step(interpreter, state, action, outcome, s)
                    for s in observations[done].sights
                ):
                    reached.append((after, done + 1))
        for place in reached:
            if place not in seen:
                seen.add(place)
                open_.append(place)
    return False, farthest


def sorted_items(state: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(state.items(), key=lambda item: (item[0][0].name, item[0][1]))


def by_itself(interpreter: Interpreter, state: Any, sight: Sight) -> bool:
    match sight:
        case InState(condition):
            return interpreter.holds(condition.condition, state)
        case Refused(event):
            return any(
                interpreter.attempt(state, action, arguments).refusal is not None
                for action, arguments in interpreter.instance.requests(event, ())
            )
    return False


def by_step(
    interpreter: Interpreter, state: Any, action: Any, outcome: Any, sight: Sight
) -> bool:
    match sight:
        case Becomes(condition):
            before = interpreter.holds(condition.condition, state)
            return not before and interpreter.holds(condition.condition, outcome.after)
        case Step(actions, callees, event, answers):
            named = actions is None or action.name in actions
            called = callees is None or any(c.callee in callees for c in action.calls)
            happened = event is None or action.event is event
            answered = answers is None or (
                bool(action.calls) and outcome.answer in answers
            )
            return named and called and happened and answered
    return False


def drawn_observations(system: GroundSystem, number: int, seed: int) -> list[Observed]:
    """Some of what can be said of the system's runs, possible or not."""
    random = Random(seed)
    actions = list(system.instance.system.actions)
    rules = [
        rule.property
        for rule in system.properties
        if rule.property.mode in (Mode.INVARIANT, Mode.REACHABLE)
    ]
    found = []
    for place in range(number):
        action = random.choice(actions)
        sights: list[Sight] = [Step(actions=frozenset({action.name}))]
        for call in action.calls:
            answers: type[Enum] = call.answer.sort
            answer = random.choice(list(answers))
            sights.append(
                Step(callees=frozenset({call.callee}), answers=frozenset({answer}))
            )
        if rules:
            condition = random.choice(rules)
            sights += [InState(condition), Becomes(condition)]
        sights.append(Refused(POKE))
        chosen = tuple(random.sample(sights, random.randint(1, min(2, len(sights)))))
        found.append(Observed(str(place), chosen))
    return found


@given(
    drawn=systems(most_states=200),
    number=st.integers(0, 5),
    seed=st.integers(0, 2**16),
)
@examples(120)
def test_it_finds_what_a_naive_search_finds(
    drawn: Drawn, number: int, seed: int
) -> None:
    system = ground(drawn.system(), drawn.scope)
    if not any(True for _ in system.initial_states()):
        return
    observations = drawn_observations(system, number, seed)
    found = naive(system, observations)
    if found is None:
        return
    result = follow(system, observations)
    match result:
        case Followed(run, seen, _):
            assert found == (True, number)
            assert list(filter(lambda s: s is not None, seen)) == sorted(
                s for s in seen if s is not None
            )
            interpreter = Interpreter(system.instance)
            states = [system.assignment(values) for values in run.states]
            assert interpreter.is_initial(states[0])
            for number_of, (before, after) in zip(
                run.steps, pairwise(states), strict=True
            ):
                step = system.steps[number_of]
                taken = interpreter.attempt(before, step.action, step.arguments)
                assert taken.after == after
        case Parted(at, _):
            assert found == (False, at)
        case Lost():
            pytest.fail("a small system is searched whole")


def test_a_search_that_is_too_large_is_said_to_be_so() -> None:
    design = DEMO.designs[0]
    setup = DEMO.machine.setup({})
    system = ground(design.system, setup.scope)
    never = Observed("never", (Step(actions=frozenset({"no such action"})),))
    assert isinstance(follow(system, [never], most=3), Lost)
    assert isinstance(follow(system, [never]), Parted)


def test_conditions_are_those_of_the_sights() -> None:
    rule = DEMO.rules[0].property
    seen = Observed("", (InState(rule), Step(), Becomes(rule), Refused(POKE)))
    assert conditions_of(seen) == (rule, rule)
