"""Safeguards that no rule needs, on the default machine, and why."""

from __future__ import annotations

from collections.abc import Mapping

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.proposals import NEVER_USED
from tdxcheck.models.expected.table import Table
from tdxcheck.spec.sources import (
    DISABLE_V3,
    K6_16,
    KEXEC_V7,
    L6_8,
    MODULE_1_5,
    V3,
    V3_TREE,
    V5,
    V7,
    V8,
    VIRT_AT_LOAD,
    VMXON_V3,
)

SYS_CONFIG_JUDGES = Expectation(
    note="A1: TDH.SYS.CONFIG refuses the same memory, with the same end",
    sources=(L6_8.at("build_tdx_memlist(), config_tdx_module()"),),
)
NOBODY_ADDS = Expectation(
    note="TDX is initialised before anybody can add memory",
    sources=(VMXON_V3.at("tdx_enable()"),),
)
MASKED_BY_B1 = Expectation(
    note="B1 breaks the same rule: the CPU that starts kexec is not flushed",
    sources=(KEXEC_V7.at("2/7"),),
)
MASKED_BY_B16 = Expectation(
    note="B16 breaks the same rules, as soon",
    sources=(K6_16.at("__tdx_bringup()"),),
)
IN_ONE_PLACE = Expectation(
    note="add_memory_resource() refuses ACPI's memory, too",
    sources=(V5.at("05/22, reply of Dave Hansen 2022-06-24"),),
)
NEVER_INITIALIZED = Expectation(note=NEVER_USED.note, sources=NEVER_USED.sources)

DEAD_CPUS_WRITE_BACK = Expectation(
    note="a dead CPU writes its caches back, after every callback",
    sources=(DISABLE_V3.at("2/5, on play_dead"),),
)
FLUSHED_IN_TIME = Expectation(
    note="the flush in the callback comes after the CPU's last SEAMCALL",
    sources=(KEXEC_V7.at("tdx_disable_virtualization_cpu()"),),
)
BEFORE_ANYBODY = Expectation(
    note="TDX is initialised before a CPU can come or go",
    sources=(VMXON_V3.at("tdx_enable()"),),
)
CONFIG_WRITES_NOTHING = Expectation(
    note="A12: a TDH.SYS.CONFIG that fails has not written the PAMT",
    sources=(MODULE_1_5.at("tdh_sys_config.c"),),
)

MODULE_COUNTS = Expectation(
    note="TDH.SYS.CONFIG is refused, too, where an LP that firmware counted is missing",
    sources=(MODULE_1_5.at("tdh_sys_config.c"), V3_TREE.at("__tdx_detect()")),
)

PAMTS_POISON = Expectation(
    note="the PAMT of a failed initialisation is not reset, and breaks the same rule",
    sources=(V3_TREE.at("init_tdx_module(), error path"),),
)
KVM_CALLS_ALONE = Expectation(
    note="only KVM makes calls once TDX is initialised, and does VMXON itself",
    sources=(VMXON_V3.at("x86_virt_get_ref()"), DISABLE_V3.at("cover letter")),
)
ASKED_FOR = Expectation(
    note="the administrator has asked for TDX (tdx_host=on)",
    sources=(V3.at("20/21"),),
)
ASKED_OF_KVM = Expectation(
    note="the administrator has asked KVM for TDX (tdx=1)",
    sources=(K6_16.at("tdx_bringup(), tdx=1"),),
)
VMX_IS_KVMS = Expectation(
    note="KVM may have VMX as soon as it is loaded, which is the default",
    sources=(VIRT_AT_LOAD.at("commit message"),),
)
LOCKED_TO_X2APIC = Expectation(
    note="a platform with TDX is locked to x2APIC",
    sources=(V8.at("Kconfig: INTEL_TDX_HOST depends on X86_X2APIC"),),
)
SHUT_DOWN_IN_VAIN = Expectation(
    note="it frees nothing, and who has given TDX up makes no other call",
    sources=(V7.at("06/20, reply of Sean Christopherson 2022-11-22"),),
)
WITHOUT_DETECTION: Table = {
    "checks_cmrs": SYS_CONFIG_JUDGES,
    "flushes_after_failed_config": CONFIG_WRITES_NOTHING,
    "flushes_other_cpus": MASKED_BY_B1,
    "resets_reclaimed_pages": PAMTS_POISON,
}
WITH_SHUTDOWN: Table = {**WITHOUT_DETECTION, "shuts_module_down": SHUT_DOWN_IN_VAIN}
V3_REDUNDANT: Table = {
    **WITH_SHUTDOWN,
    "waits_for_opt_in": ASKED_FOR,
    "detects_tdx_on_every_cpu": MODULE_COUNTS,
}
OPTED_INTO: Table = {"waits_for_kvm_parameter": ASKED_OF_KVM}
V6_8_REDUNDANT: Table = {
    **OPTED_INTO,
    "requires_virtualization_at_load": VMX_IS_KVMS,
}
V13_REDUNDANT: Table = {**V6_8_REDUNDANT, "checks_cmrs": SYS_CONFIG_JUDGES}
B16_REDUNDANT: Table = {
    **V6_8_REDUNDANT,
    "checks_module_for_kvm": MASKED_BY_B16,
    "refuses_cpus_without_lp_init": MASKED_BY_B16,
    "keeps_a_cpu_per_package": MASKED_BY_B16,
    "creates_tds_on_all_packages": MASKED_BY_B16,
}
V7_2_REDUNDANT: Table = {
    **OPTED_INTO,
    "locks_memory_hotplug": NOBODY_ADDS,
    "locks_cpu_hotplug": BEFORE_ANYBODY,
}
FLUSHED_TWICE: Table = {
    "flushes_offlined_cpus": FLUSHED_IN_TIME,
    "flushes_after_vp_flush": DEAD_CPUS_WRITE_BACK,
}

OF_TDX_IN_USE = (
    "refuses_onlining_outside_list",
    "turns_vmx_on_first",
    "leaves_tds_a_keyid",
    "keeps_own_keyid_from_tds",
    "does_without_a_lost_notifier",
    "checks_processor",
    "gives_up_for_good",
    "keys_each_package_once",
    "serializes_key_config",
    "keys_packages_first",
    "completes_every_tdmr",
    "serializes_initialization",
    "locks_cpu_hotplug_for_tds",
    "keys_tds_once_per_package",
    "flushes_migrating_vcpus",
    "serializes_keyid_calls",
    "flushes_vcpus_of_ended_tds",
    "resumes_write_back",
    "writes_back_before_freeing",
    "flushes_given_pages",
    "tracks_removed_pages",
    "flushes_removed_pages",
    "flushes_reclaimed_pages",
    "resets_reclaimed_pages",
    "leaks_pages_held_back",
    "leaks_tds_of_lost_keyids",
    "leaves_low_memory_out",
    "flushes_before_key_config",
    "flushes_before_freeing_pamt",
    "flushes_offlined_cpus",
    "flushes_other_cpus",
)
"""What v8 has from designs that get further than TDH.SYS.CONFIG."""

REDUNDANT: Mapping[str, Table] = {
    "rfc-v2": V3_REDUNDANT,
    "v3": V3_REDUNDANT,
    "document-only": V3_REDUNDANT,
    "kh-approach1": V3_REDUNDANT,
    "kh-approach2": V3_REDUNDANT,
    "kh-approach2-corrected": V3_REDUNDANT,
    "v5": {
        **WITH_SHUTDOWN,
        "refuses_acpi_memory": IN_ONE_PLACE,
    },
    "v6": {**WITH_SHUTDOWN, "requires_x2apic": LOCKED_TO_X2APIC},
    "v7": {**WITH_SHUTDOWN, "requires_x2apic": LOCKED_TO_X2APIC},
    "v8": {
        **dict.fromkeys(OF_TDX_IN_USE, NEVER_INITIALIZED),
        "checks_cmrs": SYS_CONFIG_JUDGES,
        "flushes_after_failed_config": CONFIG_WRITES_NOTHING,
    },
    "v9": WITHOUT_DETECTION,
    "v10": {
        **V13_REDUNDANT,
        "flushes_other_cpus": MASKED_BY_B1,
        "resets_reclaimed_pages": PAMTS_POISON,
    },
    "v13": V13_REDUNDANT,
    "v15": V6_8_REDUNDANT,
    "v6.8": V6_8_REDUNDANT,
    "hotadd-precheck": B16_REDUNDANT,
    "kexec-mutex": B16_REDUNDANT,
    "v6.16": B16_REDUNDANT,
    "v6.18": {**V6_8_REDUNDANT, **FLUSHED_TWICE},
    "v7.1": {
        **FLUSHED_TWICE,
        **V7_2_REDUNDANT,
        "counts_vmx_users": KVM_CALLS_ALONE,
    },
    "v7.2": V7_2_REDUNDANT,
    "dpamt": V7_2_REDUNDANT,
}
"""By design and safeguard."""
