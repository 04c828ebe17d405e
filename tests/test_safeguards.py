"""What a reader of the C code could take out: that some rule sees it gone."""

from __future__ import annotations

import pytest

from tdxcheck.checker.catalogue import Outcome
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.verdict import Refuted
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.machine import MACHINE
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.host import Host as HostState
from tdxcheck.spec.host import MemoryKind
from tests.hosts import SMALL, judged, started


@pytest.mark.parametrize(
    ("key", "safeguard", "rule"),
    [
        ("v6.8", "calls_sys_init_once", "calls_come_in_order"),
        ("v6.8", "calls_lp_init_once", "a_cpu_may_come_back"),
        ("v6.8", "enables_cpus_first", "calls_come_in_order"),
        ("v6.8", "keys_each_package_once", "calls_come_in_order"),
        ("v6.8", "keys_packages_first", "calls_come_in_order"),
        ("v6.8", "completes_every_tdmr", "tdx_in_use_is_complete"),
        ("v6.8", "gives_up_for_good", "calls_come_in_order"),
        ("v6.8", "leaves_tds_a_keyid", "a_keyid_is_left_for_tds"),
        ("v6.8", "keeps_own_keyid_from_tds", "a_td_can_run"),
        ("v6.8", "leaves_low_memory_out", "a_td_can_run"),
        ("v6.8", "checks_processor", "the_processor_serves_tdx"),
        ("v6.8", "checks_module_for_kvm", "the_module_serves_kvm"),
        ("v6.8", "does_without_a_lost_notifier", "td_memory_lies_in_tdmrs"),
        ("v6.8", "retries_no_entropy", "a_shortage_of_entropy_is_not_final"),
        ("v6.8", "serializes_keyid_calls", "nothing_holds_an_ended_td_back"),
        ("v6.8", "flushes_vcpus_of_ended_tds", "nothing_holds_an_ended_td_back"),
        ("v6.8", "writes_back_before_freeing", "nothing_holds_an_ended_td_back"),
        ("v6.8", "flushes_given_pages", "td_memory_keeps_its_owner"),
        ("v6.8", "leaks_tds_of_lost_keyids", "ended_tds_leave_no_lines"),
        ("v6.8", "tracks_removed_pages", "td_calls_come_in_order"),
        ("v6.8", "flushes_removed_pages", "ended_tds_leave_no_lines"),
        ("v6.8", "flushes_reclaimed_pages", "ended_tds_leave_no_lines"),
        ("v6.8", "leaks_pages_held_back", "ended_tds_leave_no_lines"),
        ("v6.8", "resets_reclaimed_pages", "freed_pamt_is_not_poisoned"),
        ("v6.8", "serializes_initialization", "calls_come_in_order"),
        ("v6.8", "serializes_key_config", "calls_do_not_collide"),
        ("v6.8", "keys_tds_once_per_package", "calls_come_in_order"),
        ("v6.8", "flushes_migrating_vcpus", "a_vcpu_runs_where_it_is_put"),
        ("v6.18", "releases_only_held_locks", "memory_hotplug_lock_is_balanced"),
        ("v6.18", "marks_cache_of_seamcalls", "no_private_line_survives_kexec"),
        ("v6.18", "flushes_when_seamcalls_end", "kexec_never_hangs"),
        ("v7.2", "counts_vmx_users", "kexec_leaves_the_module_disabled"),
        ("v7.2", "retries_disable", "kexec_leaves_the_module_disabled"),
        ("v7.2", "disables_module_in_panic", "kexec_leaves_the_module_disabled"),
        ("v7.2", "disables_in_vmx_operation", "kexec_leaves_the_module_disabled"),
        ("v7.2", "stops_cpus_before_disabling", "kexec_never_hangs"),
        ("v7.2", "flushes_after_disabling", "no_private_line_survives_kexec"),
        ("v7.2", "offers_update_only_if_tds_survive", "tds_keep_what_they_need"),
        ("v7.2", "checks_update_file", "only_good_files_are_installed"),
        ("v7.2", "reads_handoff_version", "what_is_handed_over_is_read"),
        ("v7.2", "runs_finished_tds_only", "td_calls_come_in_order"),
        ("v7.2", "stops_the_machine", "an_update_calls_what_is_there"),
        ("v7.2", "updates_in_lock_step", "an_update_calls_what_is_there"),
        ("v7.2", "serializes_installs", "an_update_calls_what_is_there"),
        ("v7.2", "installs_as_update", "an_update_can_succeed"),
    ],
)
def test_a_rule_sees_that_it_is_gone(key: str, safeguard: str, rule: str) -> None:
    expected = CATALOGUE.design(key).expected
    assert rule not in expected, "a rule that is broken anyhow sees nothing"
    gone = outcome_of(judged(f"{key}-without-{safeguard}", rule))
    assert gone is Outcome.REFUTED


@pytest.mark.parametrize(
    ("key", "safeguard", "rule"),
    [
        ("v7.2", "silences_emergency_callback", "no_assertion_fails"),
        ("v7.1", "bears_missing_tdx", "kvm_loads_without_tdx"),
    ],
)
def test_a_rule_is_broken_sooner_without_it(
    key: str, safeguard: str, rule: str
) -> None:
    """B34 and B33 need no TDX: a kernel that does without it is enough."""
    lengths = []
    for each in (f"{key}-without-{safeguard}", key):
        found = judged(each, rule)
        assert isinstance(found, Refuted)
        lengths.append(len(found.run.steps))
    assert lengths == sorted(set(lengths))


@pytest.mark.parametrize("safeguard", ["resumes_write_back", "serializes_keyid_calls"])
def test_a_keyid_is_leaked_by_a_call_that_is_not_made_again(safeguard: str) -> None:
    """On a machine with one package, which nobody can strand."""
    sizes = {"cpus": 2, "packages": 1, "blocks": 1}
    for key, wanted in (("v6.8", False), (f"v6.8-without-{safeguard}", True)):
        quiet = {HostState.cpu_hotplug: False, HostState.cpu_hot_remove: False}
        found = judged(key, "no_hkid_is_leaked", sizes, quiet)
        assert isinstance(found, Refuted) is wanted, key


def test_a_shortage_that_lasts_is_final_and_one_that_passes_is_not() -> None:
    for rule, outcome in (
        ("a_shortage_of_entropy_is_not_final", Outcome.HOLDS),
        ("a_long_shortage_of_entropy_is_not_final", Outcome.REFUTED),
    ):
        assert outcome_of(judged("v6.8", rule)) is outcome, rule


@pytest.mark.parametrize("obstacle", Obstacle)
def test_what_stands_in_the_way_of_tdx_keeps_it_out(obstacle: Obstacle) -> None:
    for key in ("v6.8", "v7.1"):
        found = judged(key, "a_td_can_run", SMALL, {HostState.obstacle: obstacle})
        wanted = Outcome.HOLDS if obstacle is Obstacle.NONE else Outcome.REFUTED
        assert outcome_of(found) is wanted, key


def test_a_td_page_that_is_held_back_is_leaked() -> None:
    """It goes to nobody: neither poison nor a private line can come of it."""
    host = started("v6.8")
    for name, *arguments in (
        ("td_create", 0),
        ("td_configure_key", 0),
        ("td_configure_key", 1),
        ("td_stop", 0),
        ("td_write_back", 0),
        ("td_write_back", 1),
        ("td_free_key", 0, False, True),
    ):
        host.take(name, *arguments)
    assert not host.state[HostState.td_page_unflushed, ()]
    assert not host.state[HostState.private_page_in_allocator, ()]


@pytest.mark.parametrize(
    ("version", "key", "rule", "wanted"),
    [
        ("1.0", "v3", "a_td_can_run", Outcome.HOLDS),
        ("1.0", "v6.8", "a_td_can_run", Outcome.REFUTED),
        ("1.0", "v6.8", "a_shortage_of_entropy_is_not_final", Outcome.REFUTED),
        ("1.0", "v3", "calls_do_not_collide", Outcome.HOLDS),
        ("1.5.01", "v6.8", "a_shortage_of_entropy_is_not_final", Outcome.HOLDS),
        ("1.5.01", "v6.8", "a_td_can_run", Outcome.HOLDS),
        ("1.5.34", "v7.2", "no_measurement_is_corrupted", Outcome.HOLDS),
        ("2.0.08", "v7.2", "no_measurement_is_corrupted", Outcome.REFUTED),
        ("2.0.08", "dpamt", "td_pages_have_pamt_pages", Outcome.HOLDS),
        ("1.5.01", "dpamt", "td_pages_have_pamt_pages", Outcome.VACUOUS),
    ],
)
def test_a_design_meets_the_version_that_is_assumed(
    version: str, key: str, rule: str, wanted: Outcome
) -> None:
    settings = CATALOGUE.assumption(f"module-is-{version}").settings
    assert outcome_of(judged(key, rule, SMALL, settings)) is wanted


def test_the_matrix_is_of_a_machine_that_can_have_every_feature() -> None:
    sizes = MACHINE.large_enough()
    kind = MACHINE.setup(sizes).settings[HostState.memory_kind]
    kinds = {kind(block) for block in range(sizes["blocks"])}
    assert {MemoryKind.NVDIMM, MemoryKind.CXL} <= kinds
    default = MACHINE.setup({}).settings[HostState.memory_kind]
    assert MemoryKind.CXL not in map(default, range(MACHINE.sizes["blocks"]))
