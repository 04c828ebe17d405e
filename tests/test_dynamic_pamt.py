"""Dynamic PAMT: what its leaves accept, and what tdx_pamt_get() and put() rest on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.visiting import explore
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.language import Action
from tdxcheck.checker.language.instance import Assignment
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.verdict import Refuted, Verdict
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.module.pamt import phymem_pamt_add, phymem_pamt_remove
from tdxcheck.models.td import mem_page_aug
from tdxcheck.spec.dynamic_pamt import PageUse, PairOwner
from tdxcheck.spec.host import Host, Td, Tdx
from tdxcheck.spec.module import SysState
from tdxcheck.spec.rules.dynamic_pamt import DYNAMIC_PAMT
from tests.hosts import Host as Driven
from tests.hosts import instance

UNCHANGED: Assignment = {}
SMALL = {"cpus": 2, "packages": 1, "blocks": 2}

START: Sequence[tuple[Any, ...]] = (
    ("boot_begins",),
    ("boot_module", 0),
    ("boot_cpu", 0),
    ("boot_cpu", 1),
    ("list_memory_and_count",),
    ("configure_dynamic", 0),
    ("configure_key", 0),
    ("configure_key", 1),
    ("initialize_tdmr", 0, 0),
    ("finish",),
    ("kvm_load_on_core",),
    ("td_create", 0),
    ("td_configure_key", 0),
    ("td_configure_key", 1),
)
GET_FIRST: Sequence[tuple[Any, ...]] = (
    ("pamt_get", 0),
    ("pamt_get_looks", 0),
    ("pamt_get_adds", 0, 0),
)
GET_SECOND: Sequence[tuple[Any, ...]] = (
    ("pamt_get", 1),
    ("pamt_get_looks", 1),
    ("pamt_get_counts", 1),
)


@cache
def running(key: str) -> Assignment:
    """The state of a host with a TD that has its keys, and no page yet."""
    host = Driven(key)
    for name, *arguments in START:
        host.take(name, *arguments)
    return host.state


def started(
    *steps: tuple[Any, ...], key: str = "dpamt", dynamic: bool = True
) -> Driven:
    """A host with a running TD, after these further steps."""
    host = Driven(key)
    host.state = running(key) | {(Host.dynamic_pamt, ()): dynamic}
    for name, *arguments in steps:
        host.take(name, *arguments)
    return host


def told(
    host: Driven, leaf: Action, changed: Assignment = UNCHANGED, **operands: Any
) -> str:
    """The status of a call with other than the usual operands, in a changed state."""
    usual: dict[str, object] = {"cpu": 0, "page": 0, "block": 0}
    arguments = tuple(
        operands.get(parameter.name, usual.get(parameter.name, True))
        for parameter in leaf.parameters
    )
    state = host.state | changed
    outcome = Interpreter(host.instance).attempt(state, leaf, arguments)
    assert outcome.answer
    return " ".join(filter(None, (outcome.answer.name, outcome.detail)))


# The module's leaves.

IN_ORDER: Sequence[tuple[dict[str, Any], str]] = (
    ({"rax_valid": False}, "TDX_OPERAND_INVALID RAX"),
    ({"region_valid": False}, "TDX_OPERAND_INVALID RCX"),
    ({"first_valid": False}, "TDX_OPERAND_INVALID RDX"),
    ({"first_in_tdmr": False}, "TDX_OPERAND_ADDR_RANGE_ERROR RDX"),
    ({"second_valid": False}, "TDX_OPERAND_INVALID R8"),
    ({"second_in_tdmr": False}, "TDX_OPERAND_ADDR_RANGE_ERROR R8"),
    ({"region_in_tdmr": False}, "TDX_OPERAND_ADDR_RANGE_ERROR RCX"),
    ({"region_unlocked": False}, "TDX_OPERAND_BUSY RCX"),
    ({"region_unsplit": False}, "TDX_HPA_RANGE_NOT_FREE RCX"),
    ({"first_free": False}, "TDX_PAGE_NOT_FREE RDX"),
    ({"second_free": False}, "TDX_PAGE_NOT_FREE R8"),
    ({"first_unused": False}, "TDX_PAGE_NOT_FREE RDX"),
    ({"second_unused": False}, "TDX_PAGE_NOT_FREE R8"),
    ({}, "TDX_SUCCESS"),
)


@pytest.mark.parametrize("number", range(len(IN_ORDER)))
def test_add_checks_its_operands_in_order(number: int) -> None:
    """The first thing that is wrong decides, whatever else is wrong behind it."""
    wrong: dict[str, Any] = {}
    for operands, _ in IN_ORDER[number:]:
        wrong |= operands
    assert told(started(), phymem_pamt_add, **wrong) == IN_ORDER[number][1]


@pytest.mark.parametrize("leaf", [phymem_pamt_add, phymem_pamt_remove])
def test_both_leaves_want_a_module_that_was_asked_for_dynamic_pamt(
    leaf: Action,
) -> None:
    off = started(dynamic=False)
    assert told(off, leaf, region_valid=False) == "TDX_OPERAND_INVALID RAX"
    early: Assignment = {(Host.sys_state, ()): SysState.SYSCONFIG_DONE}
    assert told(started(), leaf, early) == "TDX_SYS_NOT_READY"
    gone: Assignment = {(Host.seam_ready, ()): False}
    assert told(started(), leaf, gone) == "VMFAIL_INVALID"


def test_add_refuses_a_region_that_has_a_pair() -> None:
    host = started(*GET_FIRST)
    for page in (0, 1):
        assert told(host, phymem_pamt_add, page=page) == "TDX_HPA_RANGE_NOT_FREE RCX"


def test_remove_wants_a_pair_and_no_page_in_a_td() -> None:
    assert told(started(), phymem_pamt_remove) == "TDX_NO_PAMT_PAGE_PAIR RCX"
    host = started(*GET_FIRST)
    assert told(host, phymem_pamt_remove) == "TDX_SUCCESS"
    wrong: Sequence[tuple[dict[str, Any], str]] = (
        ({"region_valid": False}, "TDX_OPERAND_INVALID RCX"),
        ({"region_in_tdmr": False}, "TDX_OPERAND_ADDR_RANGE_ERROR RCX"),
        ({"region_unlocked": False}, "TDX_OPERAND_BUSY RCX"),
    )
    for operands, status in wrong:
        assert told(host, phymem_pamt_remove, **operands) == status
    host.take("td_add_counted_page", 0, 0, 0)
    assert told(host, phymem_pamt_remove) == "TDX_PAMT_PAGE_NOT_EMPTY"


def test_a_page_without_its_pair_is_refused_behind_one_outside_the_tdmrs() -> None:
    host = started()
    missing = "TDX_MISSING_PAMT_PAGE_PAIR R8"
    assert told(host, mem_page_aug, described=False) == missing
    outside = told(host, mem_page_aug, block=1, described=False)
    assert outside == "TDX_OPERAND_ADDR_RANGE_ERROR R8"


def test_without_the_flag_no_page_needs_a_pair() -> None:
    host = started(
        ("pamt_get", 0),
        ("td_add_counted_page", 0, 0, 0),
        dynamic=False,
    )
    assert host.state[Host.page_use, (0,)] is PageUse.IN_TD
    assert host.state[Host.pamt_count, ()] == 0
    host.take("td_return_page", 0)
    host.take("pamt_put_looks", 0)
    assert host.state == started(dynamic=False).state


def test_a_module_without_dynamic_pamt_is_used_all_the_same() -> None:
    sizes = {"cpus": 1, "packages": 1, "blocks": 1}
    made = instance("dpamt", sizes, {Host.module_has_dynamic_pamt: False})
    found = survey(ground(made.system, made.scope)).verdicts
    outcomes = {
        rule.name: outcome_of(verdict)
        for rule, verdict in zip(made.system.properties, found, strict=True)
    }
    assert outcomes["a_td_can_run"] is Outcome.HOLDS
    assert outcomes["no_td_is_killed_by_its_memory"] is Outcome.HOLDS
    for rule in DYNAMIC_PAMT[:-1]:
        assert outcomes[rule.name] is Outcome.VACUOUS
    assert outcomes["pamt_pages_can_be_given_back"] is Outcome.REFUTED


# The kernel's steps.


def seen(host: Driven) -> tuple[object, ...]:
    """The count, and the owner of each pair."""
    owners = [host.state[Host.pair_owner, (page,)] for page in (0, 1)]
    return (host.state[Host.pamt_count, ()], *owners)


def test_the_first_user_has_its_pair_added_and_the_last_has_it_removed() -> None:
    host = started(*GET_FIRST)
    allocator, dynamic = PairOwner.ALLOCATOR, PairOwner.DYNAMIC_PAMT
    assert seen(host) == (1, dynamic, allocator)
    for name, *arguments in GET_SECOND:
        host.take(name, *arguments)
    assert seen(host) == (2, dynamic, allocator)
    host.take("pamt_put_looks", 0)
    host.take("pamt_put_discounts", 0)
    assert seen(host) == (1, dynamic, allocator)
    host.take("pamt_put_looks", 1)
    host.take("pamt_put_removes", 0, 1)
    assert seen(host) == (0, PairOwner.PUTTER, allocator)
    assert host.state[Host.pair_private, (0,)]
    host.take("pamt_put_frees", 0)
    assert seen(host) == (0, allocator, allocator)
    assert not host.state[Host.pair_private, (0,)]


def test_the_lock_keeps_another_from_looking() -> None:
    begun = (("pamt_get", 0), ("pamt_get", 1), ("pamt_get_looks", 0))
    assert not started(*begun).try_("pamt_get_looks", 1)
    assert started(*begun, key="dpamt-without-locks_pamt").try_("pamt_get_looks", 1)


def test_no_update_begins_while_the_pamt_is_locked() -> None:
    machine: Assignment = {
        (Host.preserves_tds, ()): True,
        (Host.handoff_version_is_told, ()): True,
        (Host.update_file_is_good, ()): True,
        (Host.seamret_clears_vmcs, ()): False,
    }

    def begins(*steps: tuple[Any, ...], key: str = "dpamt") -> bool:
        host = started(*steps, key=key)
        host.state = host.state | machine
        return host.try_("update_begins", 0, True)

    locked = (("pamt_get", 0), ("pamt_get_looks", 0))
    assert not begins(*locked)
    assert begins(*locked, ("pamt_get_adds", 0, 0))
    assert begins(*locked, key="dpamt-without-locks_pamt")


def test_a_pair_that_cannot_be_added_is_freed() -> None:
    host = started(("pamt_get", 0), ("pamt_get_looks", 0), ("pamt_get_breaks_off", 0))
    assert host.state == started().state


def test_a_pair_that_cannot_be_removed_stays_counted_and_serves_the_next() -> None:
    host = started(*GET_FIRST, ("pamt_put_looks", 0), ("pamt_put_breaks_off", 0))
    stuck = (1, PairOwner.DYNAMIC_PAMT, PairOwner.ALLOCATOR)
    assert seen(host) == stuck
    for name, *arguments in GET_SECOND:
        host.take(name, *arguments)
    host.take("td_add_counted_page", 0, 0, 1)
    host.take("td_return_page", 1)
    host.take("pamt_put_looks", 1)
    host.take("pamt_put_discounts", 1)
    assert seen(host) == stuck


LOST: Assignment = {
    (Host.tdx, ()): Tdx.UPDATE_FAILED,
    (Host.sys_state, ()): SysState.SYS_SHUTDOWN,
}
"""The old module is shut down, and an update has failed."""


def test_after_a_failed_update_who_gets_a_first_page_is_told_so() -> None:
    host = started()
    host.state = host.state | LOST
    for name, *arguments in GET_FIRST:
        host.take(name, *arguments)
    assert host.state[Host.page_use, (0,)] is PageUse.FREE
    assert seen(host) == (0, PairOwner.ALLOCATOR, PairOwner.ALLOCATOR)
    assert not host.state[Host.pamt_lost, ()]


def test_after_a_failed_update_the_last_page_that_is_put_leaks_the_pair() -> None:
    host = started(*GET_FIRST)
    host.state = host.state | LOST
    for name, *arguments in GET_SECOND:
        host.take(name, *arguments)
    host.take("td_add_counted_page", 0, 0, 1)
    assert host.state[Host.page_use, (1,)] is PageUse.COUNTED, "no module takes it"
    host.take("pamt_put_looks", 1)
    host.take("pamt_put_discounts", 1)
    assert not host.state[Host.pamt_lost, ()]
    host.take("pamt_put_looks", 0)
    host.take("pamt_put_removes", 0, 0)
    assert host.state[Host.pamt_lost, ()]
    assert seen(host) == (1, PairOwner.DYNAMIC_PAMT, PairOwner.ALLOCATOR)


def test_after_a_failed_update_no_page_comes_back_from_a_td() -> None:
    host = started(*GET_FIRST, ("td_add_counted_page", 0, 0, 0))
    host.state = host.state | LOST
    assert not host.try_("td_return_page", 0)


def test_kvm_is_not_unloaded_while_it_has_a_page() -> None:
    none: Assignment = {(Host.td, ()): Td.NONE}
    host = started(*GET_FIRST)
    host.state = host.state | none
    assert not host.try_("kvm_unload_without_pages")
    host = started()
    host.state = host.state | none
    host.take("kvm_unload_without_pages")


def test_another_kernel_starts_without_pages_and_counts() -> None:
    host = started(
        *GET_FIRST, ("kexec_load",), ("crash_kexec_disabling_forgetting_pages", 0)
    )
    assert seen(host) == (0, PairOwner.ALLOCATOR, PairOwner.ALLOCATOR)
    assert not host.state[Host.dynamic_pamt, ()]


# The rules.


@cache
def verdicts(key: str) -> dict[str, Verdict]:
    made = instance(key, SMALL)
    found = survey(ground(made.system, made.scope)).verdicts
    names = [rule.name for rule in made.system.properties]
    return dict(zip(names, found, strict=True))


def test_the_design_keeps_every_rule_of_dynamic_pamt_but_one() -> None:
    found = verdicts("dpamt")
    lost = {"no_pamt_page_is_lost": Outcome.REFUTED}
    for rule in DYNAMIC_PAMT:
        wanted = lost.get(rule.name, Outcome.HOLDS)
        assert outcome_of(found[rule.name]) is wanted, rule.name


def test_it_keeps_what_v7_2_keeps() -> None:
    ours, theirs = verdicts("dpamt"), verdicts("v7.2")
    dynamic = {rule.name for rule in DYNAMIC_PAMT}
    different = {
        name for name in ours if outcome_of(ours[name]) is not outcome_of(theirs[name])
    }
    assert different == dynamic


BROKEN: Sequence[tuple[str, dict[str, int]]] = (
    (
        "locks_pamt",
        {
            "td_pages_have_pamt_pages": 18,
            "pamt_counts_are_exact": 18,
            "no_pamt_page_is_forgotten": 20,
            "no_td_is_killed_by_its_memory": 16,
        },
    ),
    (
        "resets_removed_pamt_pages",
        {"pamt_pages_go_back_empty_and_clean": 16, "freed_pamt_is_not_poisoned": 17},
    ),
    (
        "keeps_unremoved_pamt_pages",
        {"pamt_pages_have_one_owner": 15, "leaked_pamt_pages_are_not_reused": 16},
    ),
    (
        "counts_unremoved_pamt_pages",
        {
            "pamt_counts_are_exact": 15,
            "no_pamt_page_is_forgotten": 15,
            "no_td_is_killed_by_its_memory": 18,
        },
    ),
    (
        "refuses_onlining_outside_list",
        {
            "td_pages_have_a_count": 12,
            "td_memory_lies_in_tdmrs": 12,
            "hotplugged_memory_is_refused": 11,
            "no_td_is_killed_by_its_memory": 18,
        },
    ),
)


@pytest.mark.parametrize(
    ("safeguard", "broken"), BROKEN, ids=lambda each: str(each)[:9]
)
def test_what_breaks_without_a_safeguard(
    safeguard: str, broken: dict[str, int]
) -> None:
    """On two CPUs of one package, by runs of so many steps, and nothing else."""
    before, after = verdicts("dpamt"), verdicts(f"dpamt-without-{safeguard}")
    assert broken == {
        name: len(verdict.run.steps)
        for name, verdict in after.items()
        if isinstance(verdict, Refuted) and not isinstance(before[name], Refuted)
    }


def test_every_safeguard_of_its_own_is_taken_out() -> None:
    introduced = {s.name for s in CATALOGUE.design("dpamt").introduced}
    assert introduced == {name for name, _ in BROKEN[:-1]}


def test_the_explicit_engine_agrees() -> None:
    """On the rules of Dynamic PAMT, for a machine of one CPU that meets no fault."""
    made = instance(
        "dpamt",
        {"cpus": 1, "packages": 1, "blocks": 1},
        {Host.faults: False, Host.kexec: False, Host.hibernation: False},
    )
    whole = ground(made.system, made.scope)
    numbers = [
        number
        for number, rule in enumerate(made.system.properties)
        if rule in DYNAMIC_PAMT
    ]
    part = slice_for(whole, numbers).system
    by_sets, one_by_one = survey(part), explore(part)
    assert by_sets.states == one_by_one.states > 100
    assert by_sets.transitions == one_by_one.transitions
    assert [outcome_of(verdict) for verdict in by_sets.verdicts] == [
        outcome_of(verdict) for verdict in one_by_one.verdicts
    ]
