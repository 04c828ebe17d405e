"""Grounding, by examples worked out by hand: it is what all the engines share."""

from __future__ import annotations

from typing import Any

import pytest

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.terms import FALSE, TRUE, Node, evaluate
from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    SpecificationError,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    exists,
    forall,
    initial,
    invariant,
    ite,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.terms import Element
from tests.lights import Cpu, Host, Light, grounded, numbers, state


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


class Flag(Index):
    """A flag of its own."""


class Flagged(State):
    level = Var(Int(0, 3), 0)
    up = Map(Flag, bool)


FLAGS = 20
"""What is shared by the branches makes two to the power of these cases."""


def test_an_effect_whose_branches_share_much_is_bounded_all_the_same() -> None:
    def rises(state: Flagged) -> Term[Any]:
        value: Term[Any] = state.level + 1
        for number in range(FLAGS):
            flag = Element(Flag, number)
            value = ite(state.up[flag], value, ite(state.level == 0, value, 0))
        return value

    @action()
    def kept(state: Flagged) -> None:
        """Rise as far as there is room."""
        state.require(state.level < 3)
        state.level = rises(state)

    @action()
    def loose(state: Flagged) -> None:
        """Rise for ever."""
        state.level = rises(state)

    scope: Scope = {Flag: FLAGS}
    assert ground(TransitionSystem("kept", "K.", Flagged, (kept,)), scope).steps
    with pytest.raises(SpecificationError, match="level can leave"):
        ground(TransitionSystem("loose", "L.", Flagged, (loose,)), scope)
