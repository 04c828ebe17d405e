"""The designs do what their policy tables say, and no more states than they should."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.engines.diagrams.judge import Survey, survey
from tdxcheck.checker.engines.visiting import explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.language import Event
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Reaction
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.events import (
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
    KEXEC_LOAD,
    MEMORY_HOT_ADD,
    MEMORY_HOT_REMOVE,
    MEMORY_OFFLINE,
    MEMORY_ONLINE,
    SUSPEND,
    TD_CREATE,
    ZONE_DEVICE,
)
from tdxcheck.spec.handover import NextKernel
from tdxcheck.spec.host import Host as HostState
from tdxcheck.spec.host import Tdx
from tests.hosts import (
    ACCEPTED,
    FULL,
    NEVER,
    SMALL,
    TOLD,
    V6_8,
    Host,
    Steps,
    instance,
    started,
)

DESIGNS = [design.key for design in CATALOGUE.designs]
DISTINCT = [key for key in DESIGNS if key not in ("rfc-v2", "document-only", "v6")]


def surveyed(made: Instance) -> Survey:
    return survey(ground(made.system, made.scope))


@pytest.mark.parametrize(
    ("key", "states", "transitions"),
    [
        ("v3", 837550080, 4996114944),
        ("v6.8", 7471104, 50356224),
        ("v7.2", 584119728, 2968814352),
    ],
)
def test_as_many_states_as_before(key: str, states: int, transitions: int) -> None:
    """Any change of meaning shows here, even one that keeps every verdict."""
    found = surveyed(instance(key, SMALL))
    assert (found.states, found.transitions) == (states, transitions)


FEW: Mapping[Any, Any] = {
    HostState.faults: False,
    HostState.module_present: True,
    HostState.module_is_1_5: True,
    HostState.next_kernel: NextKernel.SAME,
    HostState.obstacle: Obstacle.NONE,
    HostState.shortages_pass: True,
}
"""Few enough machines for their states to be visited one by one."""


@pytest.mark.parametrize("key", ["v6.8", "v6.18", "v7.1"])
def test_states_are_counted_one_by_one(key: str) -> None:
    made = instance(key, SMALL, FEW)
    # What is counted does not depend on the rules.
    made = replace(made, system=replace(made.system, properties=()))
    found = explore(ground(made.system, made.scope))
    counted = surveyed(made)
    assert (found.states, found.transitions) == (counted.states, counted.transitions)


def test_documentation_changes_no_transition() -> None:
    v3, document_only = (CATALOGUE.design(k).system for k in ("v3", "document-only"))
    assert v3.actions == document_only.actions
    assert v3.settings == document_only.settings


@pytest.mark.parametrize("key", DISTINCT)
def test_verdicts_are_the_expected_ones(key: str) -> None:
    expected = CATALOGUE.design(key).expected
    made = instance(key, FULL)
    for rule, verdict in zip(
        made.system.properties, surveyed(made).verdicts, strict=True
    ):
        known = expected.get(rule.name)
        wanted = known.outcome if known else Outcome.HOLDS
        assert outcome_of(verdict) is wanted, rule.name


def test_no_expectation_is_about_an_unknown_rule() -> None:
    rules = {rule.id for rule in CATALOGUE.rules}
    for design in CATALOGUE.designs:
        assert set(design.expected) <= rules, design.key


def test_every_rule_says_something_of_some_design() -> None:
    """No rule is vacuous, or holds, of all designs alike."""
    for rule in CATALOGUE.rules:
        outcomes = {
            known.outcome if (known := design.expected.get(rule.id)) else Outcome.HOLDS
            for design in CATALOGUE.designs
        }
        assert outcomes != {Outcome.VACUOUS}, rule.id


def test_no_variable_is_unused() -> None:
    assert cases_of(CATALOGUE, CATALOGUE.designs[:1], {})


def test_every_property_and_action_cites_a_source_or_says_what_it_is() -> None:
    for rule in CATALOGUE.rules:
        if rule.property.mode is not Mode.DEADLOCK_FREE:
            assert rule.property.sources, rule.id
    for design in CATALOGUE.designs:
        for action in design.system.actions:
            assert action.sources or action.event or not action.calls, action.name


POLICIES: Mapping[str, Sequence[Reaction]] = {
    # hot-add, online hot-added, online NVDIMM, ZONE_DEVICE, removal,
    # online hot-added CPU, offline with a TD, kexec image, S3
    "v3": (*[ACCEPTED] * 9,),
    "kh-approach1": (TOLD, NEVER, NEVER, *[ACCEPTED] * 6),
    "v5": (TOLD, NEVER, NEVER, *[ACCEPTED] * 2, NEVER, *[ACCEPTED] * 3),
    "v7": (TOLD, NEVER, NEVER, TOLD, *[ACCEPTED] * 5),
    "v9": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 6),
    "v13": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 2, TOLD, TOLD, ACCEPTED, ACCEPTED),
    "v6.8": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 2, TOLD, TOLD, TOLD, TOLD),
    "hotadd-precheck": (TOLD, NEVER, NEVER, *[ACCEPTED] * 2, TOLD, TOLD, TOLD, TOLD),
    "v6.18": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 2, TOLD, TOLD, TOLD, TOLD),
    "v7.1": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 2, TOLD, TOLD, TOLD, TOLD),
    "v7.2": (ACCEPTED, TOLD, TOLD, *[ACCEPTED] * 2, TOLD, TOLD, ACCEPTED, TOLD),
}
"""While TDX is in use, on a machine with the partial-write erratum."""
TD: Steps = (("td_create", 0), ("td_configure_key", 0), ("td_configure_key", 1))
EVENTS: Sequence[tuple[Steps, Event, tuple[int, ...]]] = (
    ((), MEMORY_HOT_ADD, (1,)),
    ((("memory_hot_add", 1),), MEMORY_ONLINE, (1,)),
    ((("device_as_memory", 2),), MEMORY_ONLINE, (2,)),
    ((), ZONE_DEVICE, (2,)),
    ((("memory_offline", 3),), MEMORY_HOT_REMOVE, (3,)),
    ((("cpu_hot_add", 2),), CPU_ONLINE, (2,)),
    (TD, CPU_OFFLINE, (1,)),
    ((), KEXEC_LOAD, ()),
    ((), SUSPEND, ()),
)


@pytest.mark.parametrize("key", POLICIES)
def test_the_policy_tables(key: str) -> None:
    """What is told to whom, row by row of the tables of each design's policy."""
    for (before, event, numbers), wanted in zip(EVENTS, POLICIES[key], strict=True):
        host = started(key)
        reaction = NEVER
        if all(host.try_(name, *arguments) for name, *arguments in before):
            reaction = host.reacts(event, *numbers)
        assert reaction is wanted, event.name


@pytest.mark.parametrize("key", ["v3", "v6.8", "v7.2"])
def test_events_that_no_design_minds(key: str) -> None:
    for before, event, numbers, wanted in (
        ((("memory_offline", 3),), MEMORY_ONLINE, (3,), ACCEPTED),
        ((), MEMORY_OFFLINE, (0,), TOLD),
        ((), CPU_OFFLINE, (1,), ACCEPTED),
        ((("cpu_offline", 1),), CPU_ONLINE, (1,), ACCEPTED),
        ((("cpu_offline", 1),), CPU_HOT_REMOVE, (1,), ACCEPTED),
    ):
        host = started(key)
        for name, *arguments in before:
            host.take(name, *arguments)
        assert host.reacts(event, *numbers) is wanted, event.name


def test_no_td_is_created_while_a_package_is_offline() -> None:
    for key, wanted in (("v3", ACCEPTED), ("v6.8", TOLD), ("v7.2", TOLD)):
        host = started(key)
        host.take("cpu_offline", 1)
        assert host.reacts(TD_CREATE) is wanted, key


def test_what_the_requester_is_told() -> None:
    host = started("v6.8")
    host.take("memory_hot_add", 1)
    assert host.told("memory_online", 1) == "-EPERM"
    host.take("cpu_hot_add", 2)
    # SEAMCALL is #GP on a CPU that firmware did not verify.
    assert host.told("cpu_online_first", 2, False, 0) == "-EOPNOTSUPP"
    assert host.told("suspend") == "-ENOSYS"
    host.take("td_create", 0)
    assert host.reacts(CPU_OFFLINE, 1) is NEVER, "cpus_read_lock() is held"
    host.take("td_configure_key", 0)
    host.take("td_configure_key", 1)
    assert host.told("cpu_offline", 1) == "-EBUSY"


def test_v6_8_lets_any_memory_online_before_tdx_is_initialised() -> None:
    host = Host("v6.8")
    host.take("memory_hot_add", 1)
    assert host.reacts(MEMORY_ONLINE, 1) is ACCEPTED
    host.take("memory_online", 1)
    for name, *arguments in V6_8[:5]:
        host.take(name, *arguments)
    host.take("configure_outside_cmrs", 0)
    assert host.state[HostState.tdx, ()] is Tdx.UNDOING


def test_a_lost_module_kills_no_td_by_its_memory_and_leaks_no_hkid() -> None:
    """What suspend took away is a matter of the rules of suspend alone."""
    host = started("v7")
    for name, *arguments in TD:
        host.take(name, *arguments)
    host.take("suspend")
    host.take("td_add_page", 0, 0)
    assert host.state[HostState.td_page_refused, ()] is False
    host.take("td_stop", 0)
    assert not host.holds("tdx_in_use_has_a_module")
    assert host.holds("no_hkid_is_leaked")


@pytest.mark.parametrize(("key", "event"), [("v6.8", SUSPEND), ("v6.18", KEXEC_LOAD)])
def test_what_gave_way_to_hibernation_refuses_nothing_for_tdx(
    key: str, event: Event
) -> None:
    for hibernation, wanted in ((True, ACCEPTED), (False, TOLD)):
        assert Host(key, hibernation=hibernation).reacts(event) is wanted


def test_a_kernel_that_cannot_build_tdmrs_keeps_neither_list_nor_pamt() -> None:
    host = Host("v6.8")
    for name, *arguments in V6_8[:5]:
        host.take(name, *arguments)
    host.take("building_fails")
    host.take("undo_and_give_up")
    assert host.state[HostState.tdx, ()] is Tdx.ERROR
    assert not host.state[HostState.pamt_allocated, ()]
    assert not any(host.state[HostState.tdx_memory, (block,)] for block in range(4))
    assert not host.state[HostState.pamt_written, ()]


@pytest.mark.parametrize(("key", "begins"), [("v3", False), ("v7", True)])
def test_v3_finds_no_tdx_with_a_cpu_that_never_came_up(key: str, begins: bool) -> None:
    host = Host(key)
    host.take("cpu_hot_add", 2)
    host.take("kvm_load")
    assert host.try_("begin", 0) is begins
    assert host.try_("find_no_tdx") is not begins
    assert (host.state[HostState.tdx, ()] is Tdx.DISABLED) is not begins
