"""The reference interpreter: steps, refusals, answers and reactions, by hand."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from tdxcheck.checker.language import (
    Action,
    Event,
    Index,
    Initial,
    Int,
    Kind,
    Map,
    Reaction,
    Refusal,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    forall,
    implies,
    initial,
    invariant,
    ite,
    step_rule,
)
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter, Outcome, Taken


class Cpu(Index):
    """A processor."""


class Told(Enum):
    DONE = "done"
    BUSY = "busy"
    COLD = "cold"
    LATE = "late"


class Host(State):
    online = Map(Cpu, bool, False)
    chosen = Var(Cpu)
    level = Var(Int(0, 2), 0)
    shut = Var(bool, frozen=True)


PRESS = Event("press", "Somebody presses {cpu}.", (Cpu,))


@action(event=PRESS, kinds={Kind.REQUEST})
def press(host: Host, cpu: Cpu) -> None:
    """Press {cpu}."""
    host.require(~host.shut)
    host.require(~host.online[cpu], Told.BUSY)
    cold = Refusal(Told.COLD, "level", log="cold", visible=False)
    host.require(host.level > 0, cold)
    host.require(host.level < 2, ite(host.chosen == cpu, Told.LATE, Told.BUSY))
    host.online[cpu] = True


@action(success=Told.DONE)
def heat(host: Host) -> None:
    """Heat."""
    host.require(~host.shut)
    host.require(host.level < 2, Refusal(Told.LATE, "too hot"))
    host.require(host.online[host.chosen], Refusal(Told.COLD, "the chosen one"))
    host.level = host.level + 1


@action()
def calls(host: Host) -> None:
    """Have it heated, and turn the chosen one off."""
    answer = host.call(heat)
    host.online[host.chosen] = answer != Told.DONE


@action()
def swaps(host: Host) -> None:
    """Give all the opposite, and let the level count those that are on."""
    before = count(Cpu, lambda cpu: host.online[cpu])
    host.online.update(lambda cpu: ~host.online[cpu])
    host.level = before


@action()
def overflows(host: Host) -> None:
    """Leave the range of the level."""
    host.level = host.level + 1


ACTIONS = (press, heat, calls, swaps, overflows)


def interpreter(*initials: Initial, **settings: Any) -> Interpreter:
    named = {getattr(Host, name): value for name, value in settings.items()}
    system = TransitionSystem("host", "A host.", Host, ACTIONS, (), initials, named)
    return Interpreter(Instance(system, {Cpu: 2}))


def state(
    online: tuple[bool, bool] = (False, False),
    chosen: int = 0,
    level: int = 0,
    shut: bool = False,
) -> Assignment:
    return {
        (Host.online, (0,)): online[0],
        (Host.online, (1,)): online[1],
        (Host.chosen, ()): chosen,
        (Host.level, ()): level,
        (Host.shut, ()): shut,
    }


def attempt(before: Assignment, rule: Action, *arguments: Any) -> Outcome:
    return interpreter().attempt(before, rule, arguments)


def told(outcome: Outcome) -> tuple[Any, str]:
    return outcome.answer, outcome.detail


def test_a_step_changes_what_it_assigns_and_nothing_else() -> None:
    before = state(level=1, chosen=1)
    outcome = attempt(before, press, 1)
    assert outcome.after == state((False, True), level=1, chosen=1)
    assert outcome.guard is None
    assert outcome.refusal is None
    assert before == state(level=1, chosen=1)


def test_effects_read_the_state_before_the_step() -> None:
    outcome = attempt(state((True, False), level=2), swaps)
    assert outcome.after == state((False, True), level=1)


@pytest.mark.parametrize(
    ("before", "guard", "answer"),
    [
        (state((True, False), shut=True), 0, (None, "")),
        (state((True, False), level=0), 1, (Told.BUSY, "")),
        (state(level=0), 2, (Told.COLD, "level")),
        (state(level=2, chosen=0), 3, (Told.LATE, "")),
        (state(level=2, chosen=1), 3, (Told.BUSY, "")),
    ],
)
def test_the_first_guard_that_fails_is_told(
    before: Assignment, guard: int, answer: tuple[Any, str]
) -> None:
    outcome = attempt(before, press, 0)
    assert outcome.after is None
    assert outcome.guard is press.guards[guard]
    assert outcome.refusal is press.guards[guard].refusal
    assert told(outcome) == answer


@pytest.mark.parametrize(
    ("before", "answer", "level", "online"),
    [
        (state((True, False), level=1), (Told.DONE, ""), 2, False),
        (state((True, False), level=2), (Told.LATE, "too hot"), 2, True),
        (state((False, True), level=2), (Told.LATE, "too hot"), 2, True),
        (state((False, True), level=0), (Told.COLD, "the chosen one"), 0, True),
    ],
)
def test_a_call_is_answered_by_the_first_check_that_fails(
    before: Assignment, answer: tuple[Any, str], level: int, online: bool
) -> None:
    outcome = attempt(before, calls)
    assert told(outcome) == answer
    assert outcome.after is not None
    assert outcome.after[Host.level, ()] == level
    assert outcome.after[Host.online, (0,)] == online


def test_a_caller_cannot_do_what_its_callee_cannot_be_asked() -> None:
    outcome = attempt(state(shut=True), calls)
    assert outcome.after is None
    assert outcome.guard is not None
    assert outcome.refusal is None


def test_a_callable_action_answers_by_itself() -> None:
    assert attempt(state((True, False)), heat).answer is Told.DONE
    assert told(attempt(state(), heat)) == (Told.COLD, "the chosen one")
    assert attempt(state(), swaps).answer is None


def test_an_effect_outside_its_bound_is_an_error() -> None:
    with pytest.raises(SpecificationError, match="level cannot become 3") as caught:
        attempt(state(level=2), overflows)
    assert caught.value.location.text == "host.level = host.level + 1"


def test_initial_states_are_all_that_nothing_forbids() -> None:
    @initial
    def open_if_first(host: Host) -> Term[bool]:
        """The first is chosen only of an open host."""
        return forall(Cpu, lambda cpu: implies(host.shut, host.chosen != cpu)) | (
            ~host.shut
        )

    free = interpreter()
    assert list(free.initial_states()) == [
        state(chosen=chosen, shut=shut) for chosen in (0, 1) for shut in (False, True)
    ]
    assert list(interpreter(shut=True).initial_states()) == [
        state(chosen=chosen, shut=True) for chosen in (0, 1)
    ]
    limited = interpreter(open_if_first)
    assert list(limited.initial_states()) == [state(chosen=0), state(chosen=1)]
    assert free.is_initial(state(chosen=1, shut=True))
    assert not free.is_initial(state(level=1))
    assert not limited.is_initial(state(shut=True))
    assert not interpreter(shut=True).is_initial(state())


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (state(level=1), {Reaction.ACCEPTED}),
        (state((True, True)), {Reaction.REFUSED, Reaction.REFUSED_VISIBLY}),
        (state(level=0), {Reaction.REFUSED, Reaction.REFUSED_WITH_REASON}),
        (state(shut=True), {Reaction.IMPOSSIBLE}),
    ],
)
def test_a_host_reacts_to_an_event_in_one_way(
    before: Assignment, expected: set[Reaction]
) -> None:
    judge = interpreter()
    found = {r for r in Reaction if judge.reaction(before, PRESS, (0,), r)}
    assert found == expected


@step_rule()
def only_the_chosen_is_pressed(before: Host, step: Step, after: Host) -> Term[bool]:
    """A press is of the chosen one, and leaves it on."""
    return implies(
        step.is_(PRESS), step.at(before.chosen) & after.online[before.chosen]
    )


@step_rule()
def heating_succeeds(before: Host, step: Step, after: Host) -> Term[bool]:
    """Whoever has it heated is told that it was done."""
    return implies(step.is_(calls), step.answers(Told.DONE))


@step_rule()
def steps_are_requests(before: Host, step: Step, after: Host) -> Term[bool]:
    """Every step is somebody's request."""
    return step.is_(Kind.REQUEST)


def holds(rule: Any, before: Assignment, action_: Action, *arguments: Any) -> bool:
    outcome = attempt(before, action_, *arguments)
    assert outcome.after is not None
    taken = Taken(action_, arguments, outcome.answer)
    return interpreter().holds(rule.condition, before, taken, outcome.after)


def test_step_rules_speak_of_the_step_and_both_states() -> None:
    pressed = state(level=1)
    assert holds(only_the_chosen_is_pressed, pressed, press, 0)
    assert not holds(only_the_chosen_is_pressed, pressed, press, 1)
    assert holds(only_the_chosen_is_pressed, pressed, swaps)
    assert holds(heating_succeeds, state((True, False)), calls)
    assert not holds(heating_succeeds, state(), calls)
    assert holds(steps_are_requests, pressed, press, 0)
    assert not holds(steps_are_requests, pressed, swaps)


def test_answers_are_of_calls_only() -> None:
    @step_rule()
    def done(before: Host, step: Step, after: Host) -> Term[bool]:
        """A call is answered with DONE."""
        return step.answers(Told.DONE)

    assert holds(done, state((True, False)), calls)
    assert not holds(done, state((True, False)), heat)


def test_conditions_are_evaluated_with_arithmetic() -> None:
    @invariant()
    def rule(host: Host) -> Term[bool]:
        """Those online are one more than the level, less two."""
        online = count(Cpu, lambda cpu: host.online[cpu])
        return (online == host.level + 1 - 2) & (host.level - 3 < 0)

    judge = interpreter()
    assert judge.holds(rule.condition, state((False, False), level=1))
    assert judge.holds(rule.condition, state((False, True), level=2))
    assert not judge.holds(rule.condition, state((False, False), level=0))
