"""What is known to be wrong with the proposals of 2022, v3 to v8."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.handover import (
    NEVER_DISABLED,
    V3_HANDOVER,
    V7_HANDOVER,
)
from tdxcheck.models.expected.liveness import V3_LIVENESS
from tdxcheck.models.expected.table import Table, amended, vacuous
from tdxcheck.spec.rules import GROUPS, RULES
from tdxcheck.spec.sources import (
    ASM_TDX,
    BARE_ERRATUM,
    DH_0624,
    DH_1459,
    FLUSH_EARLY,
    K6_16,
    KEXEC_V4,
    KEXEC_V7,
    KH_0429,
    KH_0503,
    L6_18,
    MODULE_1_5,
    PULL_6_8,
    SEED,
    TDX_RST,
    V3,
    V3_TREE,
    V5,
    V7,
    V8,
)


def unchecked(concern: str) -> Expectation:
    """Refuted because nothing of this kind is checked: what the seed is about."""
    return Expectation(note="it is not checked", sources=(SEED.at(concern),))


KEXEC_UNCHECKED = Expectation(
    note="it is not checked", sources=(DH_1459.at("on kexec"),)
)

# v3 and what was made of it.

ALLOCATOR = Expectation(
    note="hot-added memory and NVDIMMs reach the allocator",
    sources=(SEED.at("memory hotplug"),),
)
HOT_ADDED_CPU = Expectation(note="KVM uses a hot-added CPU", sources=(V3.at("21/21"),))
PAMT_FREED = Expectation(
    note="PAMTs are freed before TDH.SYS.LP.SHUTDOWN",
    sources=(V3_TREE.at("init_tdx_module(), error path"),),
)
PAMT_NOT_RESET = Expectation(
    note="PAMTs are freed without MOVDIR64B",
    sources=(V3_TREE.at("init_tdx_module(), error path"), BARE_ERRATUM.at("MOVDIR64B")),
)
RBP = Expectation(
    note="modules without NO_RBP_MOD are used",
    bug="B29",
    sources=(L6_18.at("check_features()"),),
)
LAST_CPU = Expectation(
    note="nothing keeps a package's last CPU online",
    bug="B28",
    sources=(K6_16.at("tdx_offline_cpu()"),),
)
VCPU_LEFT = Expectation(
    note="nothing runs TDH.VP.FLUSH when a CPU goes offline",
    sources=(K6_16.at("tdx_disable_virtualization_cpu()"),),
)
NO_CALLBACKS = Expectation(
    note="nothing is asked before a CPU comes or goes",
    sources=(V3.at("21/21"), K6_16.at("tdx_online_cpu(), tdx_offline_cpu()")),
)
S3_UNMENTIONED = Expectation(
    note="suspend and hibernation are not looked at",
    sources=(V3.at("21/21"), TDX_RST.at("S3")),
)
ENTROPY = Expectation(
    note="a shortage of entropy is taken for a failure",
    bug="B11",
    sources=(V3.at("17/21"), PULL_6_8.at("no entropy error in common code")),
)
KEY_TABLE = Expectation(
    note="only TDX_RND_NO_ENTROPY is tried again, and KEY.CONFIG answers otherwise",
    sources=(ASM_TDX.at("sc_retry()"), MODULE_1_5.at("tdh_sys_key_config.c")),
)

NOT_RESET_BEFORE_KEXEC = Expectation(
    note="private memory is not reset before kexec",
    sources=(KEXEC_V4.at("cover letter"),),
)
KVM_UNMERGED = Expectation(
    note="no check of what KVM needs of the module is part of the series",
    sources=(V3.at("00/21"), K6_16.at("__tdx_bringup()")),
)
B1 = Expectation(
    note="the CPU that starts kexec is not flushed",
    bug="B1",
    sources=(V3.at("19/21"), KEXEC_V7.at("2/7")),
)
FLUSHED_LATE = Expectation(
    note="caches are written back only as kexec stops their CPUs",
    bug="B14",
    sources=(V3.at("19/21, stop_this_cpu()"), FLUSH_EARLY.at("commit message")),
)

V3_KNOWN: Table = {
    "pamt_is_not_in_the_allocator": PAMT_FREED,
    "freed_pamt_is_not_poisoned": PAMT_NOT_RESET,
    "no_module_clobbers_rbp": RBP,
    "td_memory_lies_in_tdmrs": ALLOCATOR,
    "no_td_is_killed_by_its_memory": ALLOCATOR,
    "seamcall_needs_vmxon_and_lp_init": HOT_ADDED_CPU,
    "only_verified_cpus_run_tdx": HOT_ADDED_CPU,
    "no_key_is_stranded": LAST_CPU,
    "no_vcpu_is_left_on_an_offline_cpu": VCPU_LEFT,
    "no_private_line_survives_kexec": B1,
    "memory_is_not_overwritten": B1,
    "kexec_never_hangs": FLUSHED_LATE,
    "next_kernel_is_not_poisoned": NOT_RESET_BEFORE_KEXEC,
    "next_kernel_stops_at_first_seamcall": Expectation(
        note="v3 as second kernel calls TDH.SYS.LP.SHUTDOWN after the failure",
        sources=(V3.at("06/21"),),
    ),
    "suspend_is_refused": S3_UNMENTIONED,
    "tdx_in_use_has_a_module": S3_UNMENTIONED,
    "hotplugged_memory_is_refused": unchecked("memory hotplug"),
    "device_memory_is_refused": unchecked("NVDIMM"),
    "memory_removal_is_refused": unchecked("memory hotplug"),
    "memory_stands_still_while_it_is_listed": unchecked("memory hotplug"),
    "unverified_cpu_is_refused": unchecked("CPU hotplug"),
    "cpu_removal_is_refused": unchecked("CPU hotplug"),
    "stranding_cpu_offline_is_refused": unchecked("CPU hotplug"),
    "unsafe_kexec_is_refused": KEXEC_UNCHECKED,
    "a_shortage_of_entropy_is_not_final": ENTROPY,
    "a_long_shortage_of_entropy_is_not_final": ENTROPY,
    "the_module_serves_kvm": KVM_UNMERGED,
    "a_busy_key_table_is_not_final": KEY_TABLE,
    "no_hkid_is_leaked": HOT_ADDED_CPU,
    "somebody_watches_the_cpus": NO_CALLBACKS,
    "refused_memory_is_explained": vacuous(
        "no memory is refused", SEED.at("memory hotplug")
    ),
    "refused_cpus_are_explained": vacuous("no CPU is refused", SEED.at("CPU hotplug")),
    "tdx_is_not_declined_needlessly": vacuous(
        "KVM always asks for TDX", V3.at("00/21")
    ),
    **V3_HANDOVER,
    **V3_LIVENESS,
}

# 2022: other proposals.

NEVER_ADDED = vacuous("no such memory is ever added", KH_0429.at("approach 1"))
REFUSED_ANYWAY = Expectation(
    note="memory is refused whether or not TDX is used",
    sources=(KH_0429.at("approach 1"), KH_0503.at("on remove and re-add")),
)
APPROACH1_KNOWN = amended(
    V3_KNOWN,
    holds=[
        "td_memory_lies_in_tdmrs",
        "no_td_is_killed_by_its_memory",
        "refused_memory_is_explained",
    ],
    hotplugged_memory_is_refused=NEVER_ADDED,
    device_memory_is_refused=NEVER_ADDED,
    added_device_memory_can_go_online=NEVER_ADDED,
    convertible_memory_may_return=REFUSED_ANYWAY,
    hotplug_opens_after_failure=REFUSED_ANYWAY,
    memory_can_be_added_while_tdx_is_off=REFUSED_ANYWAY,
)
OUTSIDE_CMRS = Expectation(
    note="memory outside CMRs is refused whether or not TDX is used",
    sources=(KH_0503.at("approach 2, corrected"),),
)
APPROACH2_KNOWN = amended(
    APPROACH1_KNOWN,
    holds=["memory_stands_still_while_it_is_listed"],
    convertible_memory_may_return=Expectation(
        note="once TDX is initialised memory that was removed cannot return",
        bug="B5",
        sources=(KH_0503.at("on remove and re-add"),),
    ),
    hotplug_opens_after_failure=OUTSIDE_CMRS,
    memory_can_be_added_while_tdx_is_off=OUTSIDE_CMRS,
    refused_memory_is_explained=Expectation(
        note="the proposal speaks of no line in the log",
        sources=(KH_0429.at("approach 2"),),
    ),
)
APPROACH2_CORRECTED_KNOWN = amended(
    APPROACH2_KNOWN,
    holds=["convertible_memory_may_return"],
)

BUG_ON_REMOVAL = Expectation(
    note="BUG() when firmware removes a device",
    bug="B4",
    sources=(DH_0624.at("no BUG()"), V5.at("02/22")),
)
V5_KNOWN = amended(
    APPROACH1_KNOWN,
    holds=["seamcall_needs_vmxon_and_lp_init", "refused_cpus_are_explained"],
    no_hkid_is_leaked=LAST_CPU,
    only_verified_cpus_run_tdx=vacuous("no CPU is ever added", V5.at("02/22")),
    unverified_cpu_is_refused=vacuous("no CPU is ever added", V5.at("02/22")),
    convertible_memory_may_return=vacuous(
        "no kernel survives the removal", V5.at("03/22")
    ),
    boot_devices_are_not_refused=Expectation(
        note="acpi_processor_add() also runs for what firmware lists at boot",
        bug="B3",
        sources=(V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),),
    ),
    no_event_crashes_the_kernel=BUG_ON_REMOVAL,
    disabled_tdx_is_left_alone=NEVER_DISABLED,
)

BEFORE_THE_LIST = vacuous(
    "once memory is listed none is added, and what was before is listed",
    V7.at("10/20"),
)
V7_KNOWN = amended(
    V3_KNOWN,
    holds=[
        "td_memory_lies_in_tdmrs",
        "no_td_is_killed_by_its_memory",
        "memory_stands_still_while_it_is_listed",
    ],
    hotplugged_memory_is_refused=BEFORE_THE_LIST,
    device_memory_is_refused=BEFORE_THE_LIST,
    added_device_memory_can_go_online=BEFORE_THE_LIST,
    disabled_tdx_is_left_alone=NEVER_DISABLED,
    zone_device_memory_is_never_refused=Expectation(
        note="arch_add_memory() also serves ZONE_DEVICE memory",
        bug="B6",
        sources=(V7.at("10/20, reply of Dan Williams 2022-11-23"),),
    ),
    refused_memory_is_explained=Expectation(
        note="arch_add_memory() answers -EINVAL and logs nothing",
        sources=(V7.at("10/20"),),
    ),
    memory_hotplug_lock_is_balanced=Expectation(
        note="an early failure lets go of a lock that was not yet taken",
        bug="B8",
        sources=(V7.at("10/20, init_tdx_module()"),),
    ),
    **V7_HANDOVER,
)

# v8 never initialises the module, so no rule of TDX in use has anything to say.

NEVER_WORKS = Expectation(
    note="the module demands TDH.SYS.INIT and TDH.SYS.LP.INIT",
    sources=(V8.at("00/16"), MODULE_1_5.at("tdh_sys_config.c")),
)
NEVER_USED = vacuous("TDX never comes into use", V8.at("00/16"))
V8_MEANINGFUL = {
    "calls_do_not_collide",
    "no_seamcall_after_failed_init",
    "ended_tds_leave_no_lines",
    "offline_cpus_hold_no_private_lines",
    "every_seamcall_marks_its_cache",
    "memory_stands_still_while_it_is_listed",
    "cpus_stand_still_while_tdx_is_initialized",
    "vmx_operation_ends_with_its_last_user",
    "no_callback_outlives_its_user",
    "nothing_holds_an_ended_td_back",
    "a_vcpu_runs_where_it_is_put",
    "freed_pamt_is_not_poisoned",
    "zone_device_memory_is_never_refused",
    "convertible_memory_may_return",
    "boot_devices_are_not_refused",
    "no_event_crashes_the_kernel",
    "cpu_offline_is_refused_for_a_td_only",
    "hotplug_opens_after_failure",
    "memory_hotplug_lock_is_balanced",
    "memory_can_be_added_while_tdx_is_off",
    "kexec_is_possible",
    "the_host_never_stops",
    "initialization_ends",
    "kvm_loads_without_tdx",
    "no_list_holds_a_failed_vcpu",
    "no_assertion_fails",
}
V8_KNOWN: Table = {
    rule.name: NEVER_USED
    for rule in RULES
    if rule.name not in V8_MEANINGFUL and rule not in GROUPS["update"]
} | {
    "a_td_can_run": NEVER_WORKS,
    "calls_come_in_order": NEVER_WORKS,
    "seamcall_needs_vmxon_and_lp_init": NEVER_WORKS,
    "only_verified_cpus_run_tdx": NEVER_WORKS,
    "a_reboot_can_leave_the_module_disabled": NEVER_WORKS,
    "kexec_never_hangs": FLUSHED_LATE,
}
