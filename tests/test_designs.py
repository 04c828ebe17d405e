"""The designs do what their policy tables say, and no more states than they should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.engines.explicit import Exploration, explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.language import Action, Event
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Reaction
from tdxcheck.checker.language.validate import validate
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.events import (
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
    KEXEC,
    MEMORY_HOT_ADD,
    MEMORY_HOT_REMOVE,
    MEMORY_OFFLINE,
    MEMORY_ONLINE,
    TD_CREATE,
)
from tdxcheck.spec.host import Host as HostState
from tdxcheck.spec.host import Tdx

SMALL: Mapping[str, int] = {"cpus": 3, "packages": 2, "blocks": 3}
DESIGNS = [design.key for design in CATALOGUE.designs]

ACCEPTED, TOLD = Reaction.ACCEPTED, Reaction.REFUSED_VISIBLY


def instance(key: str, sizes: Mapping[str, int]) -> Instance:
    setup = CATALOGUE.machine.setup(sizes)
    system = CATALOGUE.design(key).system
    settings = {**system.settings, **setup.settings}
    return Instance(replace(system, settings=settings), setup.scope)


@cache
def explored(key: str) -> Exploration:
    made = instance(key, SMALL)
    return explore(ground(made.system, made.scope))


@pytest.mark.parametrize(
    ("key", "states", "transitions", "depth"),
    [("v3", 208_242, 1_476_114, 36), ("v6.8", 13_104, 76_594, 24)],
)
def test_as_many_states_as_before(
    key: str, states: int, transitions: int, depth: int
) -> None:
    """Any change of meaning shows here, even one that keeps every verdict."""
    found = explored(key)
    assert (found.states, found.transitions, found.depth) == (
        states,
        transitions,
        depth,
    )


def test_documentation_changes_no_transition() -> None:
    v3, document_only = (CATALOGUE.design(k).system for k in ("v3", "document-only"))
    assert v3.actions == document_only.actions
    assert v3.settings == document_only.settings


@pytest.mark.parametrize("key", ["v3", "v6.8"])
def test_verdicts_are_the_expected_ones(key: str) -> None:
    """On the small machine, which has no second block of boot memory to remove."""
    expected = CATALOGUE.design(key).expected
    for rule, verdict in zip(
        CATALOGUE.design(key).system.properties, explored(key).verdicts, strict=True
    ):
        if rule.mode is Mode.LEADS_TO:
            continue
        known = expected.get(rule.name)
        wanted = known.outcome if known else Outcome.HOLDS
        if rule.name == "memory_removal_is_refused":
            wanted = Outcome.VACUOUS
        assert outcome_of(verdict) is wanted, rule.name


def test_no_variable_is_unused() -> None:
    validate(*(design.system for design in CATALOGUE.designs), *CATALOGUE.parts)


def test_every_property_and_action_cites_a_source_or_says_what_it_is() -> None:
    for rule in CATALOGUE.rules:
        if rule.property.mode is not Mode.DEADLOCK_FREE:
            assert rule.property.sources, rule.id
    for design in CATALOGUE.designs:
        for action in design.system.actions:
            assert action.sources or action.event or not action.calls, action.name


@cache
def first_state(key: str, sizes: tuple[tuple[str, int], ...]) -> Assignment:
    made = instance(key, dict(sizes))
    system = ground(made.system, made.scope)
    return system.assignment(next(system.initial_states()))


class Host:
    """A design in one state, driven by the names of its actions."""

    def __init__(self, key: str, sizes: Mapping[str, int]) -> None:
        self.instance = instance(key, sizes)
        self.interpreter = Interpreter(self.instance)
        self.state: Assignment = first_state(key, tuple(sorted(sizes.items())))

    def action(self, name: str) -> Action:
        return next(a for a in self.instance.system.actions if a.name == name)

    def take(self, name: str, *arguments: Any) -> None:
        action = self.action(name)
        usual = [
            tuple(given) + rest
            for given in [arguments]
            for rest in [
                c[len(given) :]
                for c in self.instance.choices(action)
                if c[: len(given)] == tuple(given)
            ]
        ]
        outcome = self.interpreter.attempt(self.state, action, usual[0])
        assert outcome.after is not None, (name, outcome.guard)
        self.state = outcome.after

    def reacts(self, event: Event, *numbers: int) -> Reaction:
        for reaction in (ACCEPTED, TOLD, Reaction.REFUSED):
            if self.interpreter.reaction(self.state, event, numbers, reaction):
                return reaction
        return Reaction.IMPOSSIBLE

    def told(self, name: str, *arguments: Any) -> str:
        outcome = self.interpreter.attempt(self.state, self.action(name), arguments)
        return str(outcome.answer.value) if outcome.answer else ""


START: Mapping[str, Sequence[tuple[Any, ...]]] = {
    "v3": (
        ("kvm_load",),
        ("begin", 0),
        ("initialize_cpu", 0),
        ("initialize_cpu", 1),
        ("build_tdmrs",),
        ("configure", 0),
        ("configure_key", 0),
        ("configure_key", 1),
        ("initialize_tdmr", 0, 0),
        ("finish",),
    ),
    "v6.8": (
        ("kvm_load_begins",),
        ("enable_module", 0),
        ("enable_cpu", 0),
        ("enable_cpu", 1),
        ("list_memory",),
        ("configure", 0),
        ("configure_key", 0),
        ("configure_key", 1),
        ("initialize_tdmr", 0, 0),
        ("finish",),
        ("kvm_loaded",),
    ),
}
"""The initialisation without a hitch, on two CPUs of two packages."""


def started(key: str) -> Host:
    host = Host(key, {"cpus": 3, "packages": 2, "blocks": 4})
    for name, *arguments in START[key]:
        host.take(name, *arguments)
    return host


@pytest.mark.parametrize(
    ("before", "event", "numbers", "v3", "v6_8"),
    [
        ([], MEMORY_HOT_ADD, (1,), ACCEPTED, ACCEPTED),
        ([("memory_hot_add", 1)], MEMORY_ONLINE, (1,), ACCEPTED, TOLD),
        ([("device_as_memory", 2)], MEMORY_ONLINE, (2,), ACCEPTED, TOLD),
        ([("memory_offline", 3)], MEMORY_ONLINE, (3,), ACCEPTED, ACCEPTED),
        ([], MEMORY_OFFLINE, (0,), TOLD, TOLD),
        ([("memory_offline", 3)], MEMORY_HOT_REMOVE, (3,), ACCEPTED, ACCEPTED),
        ([("cpu_hot_add", 2)], CPU_ONLINE, (2,), ACCEPTED, TOLD),
        ([], CPU_OFFLINE, (1,), ACCEPTED, ACCEPTED),
        ([("td_create", 0)], CPU_OFFLINE, (1,), ACCEPTED, TOLD),
        ([("cpu_offline", 1)], CPU_ONLINE, (1,), ACCEPTED, ACCEPTED),
        ([("cpu_offline", 1)], CPU_HOT_REMOVE, (1,), ACCEPTED, ACCEPTED),
        ([("cpu_offline", 1)], TD_CREATE, (), ACCEPTED, TOLD),
        ([], KEXEC, (0,), ACCEPTED, TOLD),
    ],
)
def test_events_while_tdx_is_in_use(
    before: Sequence[tuple[Any, ...]],
    event: Event,
    numbers: tuple[int, ...],
    v3: Reaction,
    v6_8: Reaction,
) -> None:
    """The policy tables of v3, and of v6.8 with KVM's part, row by row."""
    renamed = {
        "td_create": "td_create_if_all_packages",
        "cpu_offline": "cpu_offline_unless_last",
    }
    for key, expected in (("v3", v3), ("v6.8", v6_8)):
        host = started(key)
        for name, *arguments in before:
            known = {action.name for action in host.instance.system.actions}
            host.take(name if name in known else renamed[name], *arguments)
        assert host.reacts(event, *numbers) is expected, key


def test_what_the_requester_is_told() -> None:
    host = started("v6.8")
    host.take("memory_hot_add", 1)
    assert host.told("memory_online_if_listed", 1) == "-EPERM"
    host.take("cpu_hot_add", 2)
    assert host.told("cpu_online_first", 2, False, 0) == "-EIO"
    host.take("td_create_if_all_packages", 0)
    assert host.told("cpu_offline_unless_last", 1) == "-EBUSY"


def test_v6_8_lets_any_memory_online_before_tdx_is_initialised() -> None:
    host = Host("v6.8", {"cpus": 3, "packages": 2, "blocks": 4})
    host.take("memory_hot_add", 1)
    assert host.reacts(MEMORY_ONLINE, 1) is ACCEPTED
    host.take("memory_online_if_listed", 1)
    for name, *arguments in START["v6.8"][:5]:
        host.take(name, *arguments)
    host.take("configure_outside_cmrs", 0)
    assert host.state[HostState.tdx, ()] is Tdx.UNDOING
