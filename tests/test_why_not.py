"""Why not: the smallest change and the shortest way, compared with every run."""

from __future__ import annotations

import pytest

from tdxcheck.checker.engines.diagrams.enabling import Enabling
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import Terms, evaluate
from tests.step_by_step import SCOPE, never_ready, run, small, states_of, steps_from


def test_the_smallest_change_and_the_shortest_way() -> None:
    system = ground(small("closed", never_ready), SCOPE)
    for state in sorted(states_of(system)):
        enabling = Enabling(system, state)
        for step in system.steps:
            condition = enabling.encoding.all(step.guards)
            near = enabling.nearest(Terms().and_(step.guards))
            assert near is not None
            assert all(evaluate(guard, near.values) for guard in step.guards)
            changed = sum(a != b for a, b in zip(near.values, state, strict=True))
            allowed = [
                s
                for s in states_of(system)
                if all(evaluate(guard, s) for guard in step.guards)
            ]
            assert changed <= min(
                sum(a != b for a, b in zip(s, state, strict=True)) for s in allowed
            )
            way = enabling.shortest(condition)
            assert (None if way is None else len(way.steps)) == distance(
                system, state, set(allowed)
            )


def distance(system: GroundSystem, state: Values, goal: set[Values]) -> int | None:
    level, seen, steps = {state}, {state}, 0
    while level:
        if level & goal:
            return steps
        level = {a for s in level for _, a in steps_from(system, s)} - seen
        seen |= level
        steps += 1
    return None


def test_why_not_tells_the_literal_the_answer_and_the_proof(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ready = ("--at", "module=READY")
    assert run("why-not", "closed", "hot_add_unless_ready", "1", *ready) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "It is refused with EPERM" in out
    assert "module is READY" in out
    assert "No way there: in none of the" in out
    assert "It is possible in other reachable states" in out
    assert run("why-not", "open", "enable") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Shortest way there: 3 steps" in out
    assert run("why-not", "open", *ready) == 0
    out = capsys.readouterr().out
    assert "start       module is READY, not LOADED" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (("nowhere", "start"), "there is no design 'nowhere'"),
        (("open", "stat"), "open has no action 'stat'; did you mean 'start'?"),
        (("open", "start", "1"), "start takes 0 arguments (none), and '1' is one more"),
        (("open", "initialize", "x=1"), "initialize has no argument 'x'"),
        (("open", "initialize", "9"), "cpu cannot be '9'"),
        (("open", "enable", "--at", "modul=READY"), "there is no variable 'modul'"),
        (("open", "enable", "--at", "module=ON"), "module cannot be 'ON'"),
        (
            ("open", "enable", "--at", "module=LOADED", "--at", "initialized[0]=yes"),
            "open is never in a state with",
        ),
        (("open", "enable", "--at", "x", "--at", "y"), "--at takes one TRACE"),
        (("open", "enable", "--at", "x", "--at", "y=1"), "not both"),
        (("open", "enable", "--at", "no-such:3"), "there is no recorded trace"),
    ),
)
def test_a_wrong_question_is_told_in_one_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("why-not", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_why_refuses_what_it_cannot_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("why", "open", "usable_memory_is_covered", "more") == 2
    assert run("why", "open", "nothing_such") == 2
    assert run("why", "no-such-trace") == 2
    assert run("why", "no-such-trace", "--next") == 2
    assert run("coverage", "open", "--trace", "nonsense") == 2
    assert capsys.readouterr().err.count("\n") == 5
