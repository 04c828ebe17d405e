"""A slice gives a property the verdict of the whole system, and a run of it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tdxcheck.checker.engines.explicit import Limits, explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import cone, slice_for
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Reached, Refuted
from tests.random_systems import Drawn, systems

SLOW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SLOW
@given(systems())
def test_a_slice_gives_the_verdict_of_the_whole(drawn: Drawn) -> None:
    whole = ground(drawn.system(), drawn.scope)
    if next(whole.initial_states(), None) is None:
        return
    explored = explore(whole, Limits(states=20_000))
    if not explored.complete:
        return
    interpreter = Interpreter(whole.instance)
    for number, verdict in enumerate(explored.verdicts):
        if whole.properties[number].property.mode is Mode.LEADS_TO:
            continue
        part = slice_for(whole, (number,))
        exploration = explore(part.system)
        assert exploration.states <= explored.states
        (found,) = exploration.verdicts
        assert type(found) is type(verdict)
        if isinstance(found, Refuted | Reached):
            assert isinstance(verdict, Refuted | Reached)
            assert len(found.run.steps) == len(verdict.run.steps)
            run = part.lift(found.run)
            states = [whole.assignment(values) for values in run.states]
            assert interpreter.is_initial(states[0])
            for place, taken in enumerate(run.steps):
                step = whole.steps[taken]
                outcome = interpreter.attempt(
                    states[place], step.action, step.arguments
                )
                assert outcome.after == states[place + 1]


@SLOW
@given(systems())
def test_slots_outside_the_cone_are_not_in_the_slice(drawn: Drawn) -> None:
    whole = ground(drawn.system(), drawn.scope)
    for number in range(len(whole.properties)):
        kept = {slot.entry for slot in slice_for(whole, (number,)).system.slots}
        assert kept == {whole.slots[n].entry for n in cone(whole, (number,))}
