"""Classic models: the engines give the published answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.engines.visiting import explore as visit
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Exhausted, Limit, Refuted, Unknown
from tdxcheck.models.classic import CLASSICS, Classic, die_hard

NUMEROUS = {"coffee can"}
"""Whose numbers have too many values for diagrams."""
INTERPRETED = 1_600
"""The most states that the reference interpreter is asked to visit."""


def _parameters(classics: Iterable[Classic]) -> list[object]:
    return [pytest.param(classic, id=_name(classic)) for classic in classics]


def _name(classic: Classic) -> str:
    size = "-".join(str(number) for number in classic.scope.values())
    return f"{classic.system.name} {size}".strip().replace(" ", "_")


@pytest.mark.parametrize("classic", _parameters(CLASSICS))
def test_the_published_answers_are_found(classic: Classic) -> None:
    found = explore(ground(classic.system, classic.scope))
    assert found.complete
    assert found.never_fired == ()
    for published, counted in (
        (classic.states, found.states),
        (classic.steps, found.transitions),
        (classic.depth, found.depth),
    ):
        assert published is None or counted == published
    for rule, verdict in zip(classic.system.properties, found.verdicts, strict=True):
        if rule.mode is Mode.LEADS_TO:
            # Of a search alone: the graph answers, as the next test has it.
            assert isinstance(verdict, Unknown)
        elif rule in classic.broken:
            assert isinstance(verdict, Refuted)
            assert verdict.shortest
            assert len(verdict.run.steps) == classic.broken[rule]
        else:
            assert verdict == Exhausted(found.states)


LIVING = [
    classic
    for classic in CLASSICS
    if any(rule.mode is Mode.LEADS_TO for rule in classic.system.properties)
]


@pytest.mark.parametrize("classic", _parameters(LIVING))
def test_what_comes_in_the_end_comes(classic: Classic) -> None:
    """By the graph, and that every line of fairness is needed for it."""
    found = visit(ground(classic.system, classic.scope))
    for rule, verdict in zip(classic.system.properties, found.verdicts, strict=True):
        if rule.mode is not Mode.LEADS_TO:
            continue
        if rule in classic.broken:
            assert isinstance(verdict, Refuted)
            assert len(verdict.run.steps) == classic.broken[rule]
        else:
            assert isinstance(verdict, Exhausted)
            assert verdict.rests_on
            assert set(verdict.rests_on) <= {line.name for line in rule.fair}


COMPACT = [c for c in CLASSICS if c.system.name != "Lamport's mutual exclusion"]
"""Without the one whose sets of states have no small diagrams in any order tried."""


@pytest.mark.parametrize("classic", _parameters(COMPACT))
def test_diagrams_give_the_published_answers(classic: Classic) -> None:
    found = survey(ground(classic.system, classic.scope))
    if found.limit is Limit.NUMBERS:
        assert classic.system.name in NUMEROUS
        return
    assert found.limit is None
    for published, counted in (
        (classic.states, found.states),
        (classic.steps, found.transitions),
    ):
        assert published is None or counted == published
    for rule, verdict in zip(classic.system.properties, found.verdicts, strict=True):
        if rule in classic.broken:
            assert isinstance(verdict, Refuted)
            assert len(verdict.run.steps) == classic.broken[rule]
        elif rule.mode is Mode.LEADS_TO:
            assert isinstance(verdict, Exhausted)
            assert verdict.rests_on
            assert set(verdict.rests_on) <= {line.name for line in rule.fair}
        else:
            assert verdict == Exhausted(found.states)


def test_die_hard_fills_the_jugs_in_sixteen_ways() -> None:
    found = explore(ground(die_hard.DIE_HARD, die_hard.SCOPE))
    assert (found.states, found.transitions, found.depth) == (16, 96, 7)


SMALL = [
    classic
    for classic in CLASSICS
    if classic.states is None or classic.states <= INTERPRETED
]


@pytest.mark.parametrize("classic", _parameters(SMALL))
def test_the_reference_interpreter_agrees(classic: Classic) -> None:
    found = explore(ground(classic.system, classic.scope))
    states, steps, depth = _interpret(Instance(classic.system, classic.scope))
    assert (found.states, found.transitions, found.depth) == (states, steps, depth)


def _interpret(instance: Instance) -> tuple[int, int, int]:
    """The states, the steps and the depth, by the reference semantics alone."""
    interpreter = Interpreter(instance)
    steps, depth = 0, -1
    seen: set[tuple[object, ...]] = set()
    level = list(interpreter.initial_states())
    while level:
        fresh = []
        for state in level:
            values = tuple(state.values())
            if values not in seen:
                seen.add(values)
                fresh.append(state)
        level = [after for state in fresh for after in _successors(interpreter, state)]
        steps += len(level)
        depth += bool(fresh)
    return len(seen), steps, depth


def _successors(interpreter: Interpreter, state: Assignment) -> Iterator[Assignment]:
    for action in interpreter.instance.system.actions:
        for arguments in interpreter.instance.choices(action):
            after = interpreter.attempt(state, action, arguments).after
            if after is not None:
                yield after
