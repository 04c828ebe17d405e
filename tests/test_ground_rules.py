"""Grounding of what is said of steps: calls, answers, events, premises."""

from __future__ import annotations

from tdxcheck.checker.ground.terms import FALSE, TRUE, evaluate, support
from tdxcheck.checker.language import (
    Kind,
    Property,
    Refusal,
    Step,
    Term,
    action,
    forall,
    implies,
    invariant,
    ite,
    reachable,
    step_rule,
)
from tests.lights import SOMETHING, Cpu, Host, Light, Told, grounded, numbers, state


@action(success=Told.DONE)
def turn_on(host: Host, cpu: Cpu) -> None:
    """Turn {cpu} on."""
    host.require(host.fixed)
    host.require(host.chosen == cpu)
    host.require(~host.online[cpu], Told.BUSY)
    host.require(host.light != Light.RED, Refusal(Told.LATE, visible=False))
    host.online[cpu] = True


@action()
def calls(host: Host, cpu: Cpu) -> None:
    """Have {cpu} turned on, and show how that went."""
    answer = host.call(turn_on, cpu)
    host.light = ite(answer == Told.DONE, Light.GREEN, Light.AMBER)


def test_a_call_takes_effect_only_where_it_is_accepted() -> None:
    system = grounded(calls)
    step = system.steps[0]
    named = numbers(system)
    chosen = system.slots[named["chosen"]].term
    guards = [guard for guard in step.guards if guard is not TRUE]
    assert [support(guard) for guard in guards] == [{chosen.number}]
    assert step.answer is not None
    for light, online, told in ((0, 0, 2), (0, 1, 1), (1, 1, 1), (1, 0, 0), (2, 0, 0)):
        values = state(system, light=light, online_0=online)
        assert evaluate(step.answer, values) == told
        after = evaluate(step.updates[named["light"]], values)
        assert after == (2 if told == 0 else 1)
        assert evaluate(step.updates[named["online[CPU 0]"]], values) == (
            online or told == 0
        )


def test_reactions_follow_the_first_guard_that_fails() -> None:
    @action(event=SOMETHING)
    def happens(host: Host, cpu: Cpu) -> None:
        """Something happens to {cpu}."""
        host.require(host.chosen == cpu)
        host.require(~host.online[cpu], Told.BUSY)
        late = Refusal(Told.LATE, log="too late", visible=False)
        host.require(host.light != Light.RED, late)
        host.online[cpu] = True

    @action()
    def turns(host: Host) -> None:
        """Turn the light green."""
        host.light = Light.GREEN

    def asked(name: str) -> Property:
        def rule(host: Host) -> Term[bool]:
            """Something would go so."""
            react = getattr(host, name)
            return forall(
                Cpu, lambda cpu: implies(host.other == cpu, react(SOMETHING, cpu))
            )

        return invariant()(rule)

    names = (
        "accepts",
        "refuses",
        "refuses_visibly",
        "refuses_with_reason",
        "impossible",
    )
    system = grounded(happens, turns, *map(asked, names))
    for values, expected in (
        (state(system, chosen=1), (0, 0, 0, 0, 1)),
        (state(system, online_0=1), (0, 1, 1, 0, 0)),
        (state(system, light=0), (0, 1, 0, 1, 0)),
        (state(system, light=2), (1, 0, 0, 0, 0)),
        (state(system, light=2, chosen=1, other=1, online_0=1), (1, 0, 0, 0, 0)),
    ):
        conditions = (rule.conditions[0] for rule in system.properties)
        assert tuple(evaluate(c, values) for c in conditions) == expected


def test_a_step_rule_is_of_the_state_before_each_step() -> None:
    @action(kinds={Kind.FAULT})
    def toggles(host: Host, cpu: Cpu) -> None:
        """Toggle {cpu}."""
        host.online[cpu] = ~host.online[cpu]

    @action()
    def rests(host: Host) -> None:
        """Do nothing."""

    @step_rule()
    def stays(before: Host, step: Step, after: Host) -> Term[bool]:
        """CPU 0 does not go off."""
        return forall(
            Cpu,
            lambda cpu: implies(
                step.at(cpu) & (cpu == before.chosen),
                implies(before.online[cpu], after.online[cpu]),
            ),
        )

    @step_rule()
    def is_fault(before: Host, step: Step, after: Host) -> Term[bool]:
        """Only faults and resting occur."""
        return step.is_(Kind.FAULT) | step.is_(rests)

    @step_rule()
    def is_toggling(before: Host, step: Step, after: Host) -> Term[bool]:
        """Only toggling occurs."""
        return step.is_(toggles)

    system = grounded(toggles, rests, stays, is_fault, is_toggling)
    first, faults, toggling = system.properties
    assert faults.conditions == (TRUE, TRUE, TRUE)
    assert toggling.conditions == (TRUE, TRUE, FALSE)
    assert first.conditions[2] is TRUE
    for cpu in (0, 1):
        for chosen in (0, 1):
            for online in (0, 1):
                values = state(system, chosen=chosen, **{f"online_{cpu}": online})
                broken = chosen == cpu and online
                assert evaluate(first.conditions[cpu], values) == (not broken)


def test_answers_are_those_of_the_call_that_a_step_makes() -> None:
    @step_rule()
    def done(before: Host, step: Step, after: Host) -> Term[bool]:
        """The call is answered with DONE."""
        return step.answers(Told.DONE)

    system = grounded(calls, turn_on, done)
    conditions = system.properties[0].conditions
    assert evaluate(conditions[0], state(system, light=1)) == 1
    assert evaluate(conditions[0], state(system, light=0)) == 0
    assert conditions[2:] == (FALSE, FALSE)


def test_premises_are_what_stands_before_the_arrows() -> None:
    @action()
    def turns(host: Host) -> None:
        """Turn the light green."""
        host.light = Light.GREEN

    @invariant()
    def nested(host: Host) -> Term[bool]:
        """In green light, whoever is chosen is online."""
        return implies(
            host.light == Light.GREEN,
            forall(Cpu, lambda c: implies(host.chosen == c, host.online[c])),
        )

    @invariant()
    def both(host: Host) -> Term[bool]:
        """Two rules in one."""
        return implies(host.light == Light.GREEN, host.online[host.chosen]) & implies(
            host.light == Light.AMBER, host.online[host.other]
        )

    @invariant()
    def plain(host: Host) -> Term[bool]:
        """No arrow."""
        return (host.light == Light.RED) | host.online[host.chosen]

    @reachable()
    def comes(host: Host) -> Term[bool]:
        """An arrow that is no premise."""
        return implies(host.light == Light.GREEN, host.fixed)

    system = grounded(turns, nested, both, plain, comes)
    premises = [rule.premises[0] for rule in system.properties]
    for light in (0, 1, 2):
        values = state(system, light=light)
        assert [evaluate(premise, values) for premise in premises] == [
            light == 2,
            light in (1, 2),
            True,
            True,
        ]
    assert premises[2:] == [TRUE, TRUE]
