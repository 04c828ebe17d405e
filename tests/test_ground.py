"""Grounding, by examples worked out by hand: it is what all the engines share."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.terms import (
    FALSE,
    TRUE,
    Node,
    Slot,
    Terms,
    evaluate,
    support,
    walk,
)
from tdxcheck.checker.language import (
    Action,
    Event,
    Index,
    Initial,
    Int,
    Kind,
    Map,
    Map2,
    Property,
    Refusal,
    SpecificationError,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    exists,
    forall,
    implies,
    initial,
    invariant,
    ite,
    reachable,
    step_rule,
)


class Cpu(Index):
    """A processor."""

    label = "CPU"


class Light(Enum):
    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Told(Enum):
    DONE = "done"
    BUSY = "busy"
    LATE = "late"


class Host(State):
    light = Var(Light, Light.RED)
    level = Var(Int(-1, Cpu), 0)
    online = Map(Cpu, bool)
    chosen = Var(Cpu)
    other = Var(Cpu)
    owner = Map2(Cpu, Cpu, bool)
    fixed = Var(bool, True)


SOMETHING = Event("something", "Something happens to {cpu}.", (Cpu,))


def grounded(
    *rules: Action | Property | Initial, scope: int = 2, **settings: Any
) -> GroundSystem:
    system = TransitionSystem(
        "host",
        "A host.",
        Host,
        tuple(rule for rule in rules if isinstance(rule, Action)),
        tuple(rule for rule in rules if isinstance(rule, Property)),
        tuple(rule for rule in rules if isinstance(rule, Initial)),
        {getattr(Host, name): value for name, value in settings.items()},
    )
    return ground(system, {Cpu: scope})


def numbers(system: GroundSystem) -> dict[str, int]:
    return {slot.name: slot.number for slot in system.slots}


def state(system: GroundSystem, **values: int) -> dict[int, int]:
    """Values for slots by name, with `_0` for `[CPU 0]`; 0 for those not named."""
    named = numbers(system)
    found = dict.fromkeys(named.values(), 0)
    for name, value in values.items():
        name, *indices = name.split("_")
        entry = ", ".join(f"CPU {index}" for index in indices)
        found[named[f"{name}[{entry}]" if indices else name]] = value
    return found


def of_invariant(system: GroundSystem) -> Node:
    return system.properties[0].conditions[0]


@action()
def changes(host: Host, cpu: Cpu) -> None:
    """Change everything that can change, at {cpu}."""
    host.light = Light.GREEN
    host.level = 1
    host.online[cpu] = ~host.online[cpu]


def test_slots_are_the_entries_with_more_than_one_value() -> None:
    system = grounded(changes)
    assert list(numbers(system)) == [
        "light",
        "level",
        "online[CPU 0]",
        "online[CPU 1]",
        "chosen",
        "other",
        "owner[CPU 0, CPU 0]",
        "owner[CPU 0, CPU 1]",
        "owner[CPU 1, CPU 0]",
        "owner[CPU 1, CPU 1]",
    ]
    assert [(s.term.low, s.term.high, s.start) for s in system.slots[:5]] == [
        (0, 2, 0),
        (-1, 2, 0),
        (0, 1, None),
        (0, 1, None),
        (0, 1, None),
    ]
    assert system.constants == {(Host.fixed, ()): True}
    assert system.initial_count() == 2**8


def test_a_sort_of_one_element_leaves_no_choice() -> None:
    system = grounded(changes, scope=1)
    assert list(numbers(system)) == [
        "light",
        "level",
        "online[CPU 0]",
        "owner[CPU 0, CPU 0]",
    ]


def test_settings_fix_what_was_free_and_fold() -> None:
    @invariant()
    def rule(host: Host) -> Term[bool]:
        """The chosen one is online."""
        return host.online[host.chosen]

    system = grounded(changes, rule, chosen=1)
    assert "chosen" not in numbers(system)
    assert of_invariant(system) is system.slots[numbers(system)["online[CPU 1]"]].term
    system = grounded(rule, online=lambda cpu: cpu == 1, chosen=1)
    assert of_invariant(system) is TRUE


def test_what_no_step_changes_is_constant_through_others() -> None:
    """`level` depends on `light`, which no step changes: both are constant."""

    @action()
    def rule(host: Host) -> None:
        """Raise the level in green light."""
        host.level = ite(host.light == Light.GREEN, 1, host.level)

    @invariant()
    def low(host: Host) -> Term[bool]:
        """The level is low."""
        return host.level == 0

    system = grounded(rule, low)
    assert system.steps[0].updates == {}
    assert of_invariant(system) is TRUE


def test_what_some_step_changes_is_not_constant() -> None:
    @action()
    def turns(host: Host) -> None:
        """Turn the light green."""
        host.light = Light.GREEN

    @action()
    def rule(host: Host) -> None:
        """Raise the level in green light."""
        host.level = ite(host.light == Light.GREEN, 1, host.level)

    system = grounded(turns, rule)
    assert [set(step.updates) for step in system.steps] == [{0}, {1}]


def test_a_step_that_is_possible_nowhere_is_left_out() -> None:
    @action()
    def rule(host: Host, cpu: Cpu, light: Term[Light]) -> None:
        """Turn on {cpu} in {light}."""
        host.require(light == Light.AMBER)
        host.require(host.chosen == cpu)
        host.online[cpu] = True

    system = grounded(rule)
    assert [step.arguments for step in system.steps] == [
        (0, Light.AMBER),
        (1, Light.AMBER),
    ]
    assert [step.number for step in system.steps] == [0, 1]

    @action()
    def never(host: Host) -> None:
        """Do what contradicts itself."""
        host.require(host.online[host.chosen])
        host.require(~host.online[host.chosen])

    assert grounded(never).steps == ()


def test_every_choice_of_arguments_is_a_step() -> None:
    @action()
    def rule(host: Host, cpu: Cpu, light: Term[Light], on: Term[bool]) -> None:
        """Set {cpu} to {on} and {light}."""
        host.online[cpu] = on
        host.light = light

    system = grounded(rule)
    assert len(system.steps) == 2 * 3 * 2
    assert str(system.steps[0]) == "Set CPU 0 to no and RED."
    assert str(system.steps[-1]) == "Set CPU 1 to yes and GREEN."


def test_quantifiers_and_counts_are_over_all_elements() -> None:
    @invariant()
    def rule(host: Host) -> Term[bool]:
        """Most are online, and each owns itself or is owned."""
        return (count(Cpu, lambda cpu: host.online[cpu]) > 1) & forall(
            Cpu,
            lambda cpu: (
                host.owner[cpu, cpu]
                | exists(Cpu, lambda by: host.owner[by, cpu] & (by != cpu))
            ),
        )

    system = grounded(rule, scope=3)
    condition = of_invariant(system)
    owned = {"owner_0_0": 1, "owner_1_1": 1, "owner_0_2": 1}
    assert evaluate(condition, state(system, online_0=1, online_2=1, **owned))
    assert not evaluate(condition, state(system, online_2=1, **owned))
    assert not evaluate(
        condition, state(system, online_0=1, online_1=1, online_2=1, owner_0_0=1)
    )


class Empty(State):
    online = Map(Cpu, bool)


def test_an_empty_sort_makes_all_true_and_some_false() -> None:
    @invariant()
    def every(state: Empty) -> Term[bool]:
        """All are online."""
        return forall(Cpu, lambda cpu: state.online[cpu])

    @invariant()
    def some(state: Empty) -> Term[bool]:
        """Some is online."""
        return exists(Cpu, lambda cpu: state.online[cpu])

    system = TransitionSystem("empty", "Nothing.", Empty, (), (every, some))
    rules = ground(system, {Cpu: 0}).properties
    assert [rule.conditions[0] for rule in rules] == [TRUE, FALSE]


def test_a_computed_index_reads_the_entry_it_means() -> None:
    @invariant()
    def rule(host: Host) -> Term[bool]:
        """The chosen one owns the other."""
        return host.owner[host.chosen, host.other]

    system = grounded(rule)
    condition = of_invariant(system)
    for chosen in (0, 1):
        for other in (0, 1):
            for owner in ("owner_0_0", "owner_0_1", "owner_1_0", "owner_1_1"):
                values = state(system, chosen=chosen, other=other, **{owner: 1})
                meant = owner == f"owner_{chosen}_{other}"
                assert evaluate(condition, values) == meant


def test_a_computed_index_assigns_the_entry_it_means() -> None:
    @action()
    def rule(host: Host) -> None:
        """Turn the chosen one on."""
        host.online[host.chosen] = True

    system = grounded(rule)
    (step,) = system.steps
    named = numbers(system)
    assert set(step.updates) == {named["online[CPU 0]"], named["online[CPU 1]"]}
    for chosen in (0, 1):
        values = state(system, chosen=chosen)
        after = [
            evaluate(step.updates[named[f"online[CPU {n}]"]], values) for n in (0, 1)
        ]
        assert after == [chosen == 0, chosen == 1]


def test_filling_and_updating_assign_every_entry() -> None:
    @action()
    def fills(host: Host) -> None:
        """Turn all on."""
        host.online.fill(True)

    @action()
    def updates(host: Host) -> None:
        """Turn on what owns itself, and turn ownership round."""
        host.online.update(lambda cpu: host.owner[cpu, cpu])
        host.owner.update(lambda one, two: host.owner[two, one])

    system = grounded(fills, updates)
    named = numbers(system)
    fill, update = system.steps
    assert fill.updates == {named["online[CPU 0]"]: TRUE, named["online[CPU 1]"]: TRUE}
    owner = [
        [system.slots[named[f"owner[CPU {a}, CPU {b}]"]].term for b in (0, 1)]
        for a in (0, 1)
    ]
    assert update.updates == {
        named["online[CPU 0]"]: owner[0][0],
        named["online[CPU 1]"]: owner[1][1],
        named["owner[CPU 0, CPU 1]"]: owner[1][0],
        named["owner[CPU 1, CPU 0]"]: owner[0][1],
    }


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


def test_initial_states_satisfy_the_conditions_in_order() -> None:
    @initial
    def one_online(host: Host) -> Term[bool]:
        """Exactly one is online: the chosen one."""
        return (count(Cpu, lambda cpu: host.online[cpu]) == 1) & host.online[
            host.chosen
        ]

    system = grounded(one_online, other=0, owner=lambda one, two: False)
    assert list(numbers(system)) == ["online[CPU 0]", "online[CPU 1]", "chosen"]
    assert list(system.initial_states()) == [(0, 1, 1), (1, 0, 0)]


def test_assignments_are_converted_there_and_back() -> None:
    system = grounded(changes)
    values = (2, -1, 1, 0, 1, 0, 0, 1, 1, 0)
    named = system.assignment(values)
    assert named[Host.light, ()] is Light.GREEN
    assert named[Host.level, ()] == -1
    assert named[Host.online, (0,)] is True
    assert named[Host.fixed, ()] is True
    assert named[Host.chosen, ()] == 1
    assert system.values(named) == values


class Narrow(State):
    only = Var(Int(2, 2), 2)
    free = Var(Int(1, 1))


def test_a_variable_of_one_value_can_become_no_other() -> None:
    @action()
    def changes_only(state: Narrow) -> None:
        """Change what has one value."""
        state.only = state.only + 1

    @action()
    def changes_free(state: Narrow) -> None:
        """Change what has one value."""
        state.free = state.only

    @action()
    def keeps(state: Narrow) -> None:
        """Change nothing."""
        state.only = state.free + 1

    for rule in (changes_only, changes_free):
        with pytest.raises(SpecificationError, match="can leave"):
            ground(TransitionSystem("narrow", "N.", Narrow, (rule,)), {})
    assert ground(TransitionSystem("narrow", "N.", Narrow, (keeps,)), {}).slots == ()


make = Terms()
X = make.slot(0, 0, 1, boolean=True)
Y = make.slot(1, 0, 1, boolean=True)
N = make.slot(2, -2, 3, boolean=False)
M = make.slot(3, 4, 6, boolean=False)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (make.not_(make.not_(X)), X),
        (make.and_([X, TRUE, X]), X),
        (make.and_([X, make.not_(X)]), FALSE),
        (make.or_([X, Y, make.not_(Y)]), TRUE),
        (make.or_([]), FALSE),
        (make.and_([]), TRUE),
        (make.and_([X, FALSE]), FALSE),
        (make.or_([X, FALSE]), X),
        (make.eq(X, X), TRUE),
        (make.eq(N, M), FALSE),
        (make.eq(X, FALSE), make.not_(X)),
        (make.eq(TRUE, X), X),
        (make.lt(N, M), TRUE),
        (make.lt(M, N), FALSE),
        (make.lt(N, N), FALSE),
        (make.lt(N, make.number(4)), TRUE),
        (make.lt(N, make.number(-2)), FALSE),
        (make.add(make.number(2), make.number(-3)), make.number(-1)),
        (make.sub(make.number(2), make.number(5)), make.number(-3)),
        (make.add(N, make.number(0)), N),
        (make.sub(N, make.number(0)), N),
        (make.ite(TRUE, N, M), N),
        (make.ite(FALSE, N, M), M),
        (make.ite(X, N, N), N),
        (make.ite(X, TRUE, Y), make.or_([X, Y])),
        (make.ite(X, FALSE, Y), make.and_([make.not_(X), Y])),
        (make.ite(X, Y, TRUE), make.or_([make.not_(X), Y])),
        (make.ite(X, Y, FALSE), make.and_([X, Y])),
        (make.eq(make.ite(X, N, make.number(9)), make.number(9)), make.not_(X)),
    ],
)
def test_terms_are_simplified(term: Node, expected: Node) -> None:
    assert term is expected


def test_ranges_of_terms_hold_every_value() -> None:
    for term in (
        make.add(N, M),
        make.sub(N, M),
        make.sub(M, N),
        make.ite(X, N, M),
        make.add(make.sub(N, make.number(3)), make.ite(Y, M, make.number(-7))),
    ):
        values = {
            evaluate(term, {0: x, 1: y, 2: n, 3: m})
            for x in (0, 1)
            for y in (0, 1)
            for n in range(-2, 4)
            for m in range(4, 7)
        }
        assert (term.low, term.high) == (min(values), max(values))


def test_walking_visits_each_term_once_children_first() -> None:
    both = make.and_([X, Y])
    term = make.ite(both, make.add(N, M), M)
    seen = list(walk(term, both))
    assert len(seen) == len(set(map(id, seen))) == 7
    assert seen.index(both) < seen.index(term)
    assert {node for node in seen if isinstance(node, Slot)} == {X, Y, N, M}
    assert support(term, X) == {0, 1, 2, 3}
