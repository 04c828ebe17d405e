"""What is known to be wrong with each design; any other verdict is news.

A table lists rules by name; each design's is stated as what it has other than the
design it comes from. Bug numbers are those of the sources' lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.language.source import Source
from tdxcheck.models.dynamic_pamt_expectations import WITHOUT_DYNAMIC_PAMT
from tdxcheck.models.known_handover import (
    ASKED_AT_MACHINE_CHECK,
    KEXEC_MUTEX_HANDOVER,
    NEVER_DISABLED,
    V3_HANDOVER,
    V6_8_HANDOVER,
    V6_18_HANDOVER,
    V7_1_MENDED,
    V7_2_MENDED,
    V7_HANDOVER,
    WITH_KEXEC,
)
from tdxcheck.models.update_expectations import (
    NOT_UPDATED,
    UPDATE_KNOWN,
    WITHOUT_UPDATE,
)
from tdxcheck.spec.rules import GROUPS, RULES
from tdxcheck.spec.sources import (
    BARE_ERRATUM,
    CXL_2024,
    DH_0624,
    DISABLE_V3,
    FLUSH_EARLY,
    K6_16,
    KEXEC_V4,
    KEXEC_V7,
    KH_0429,
    KH_0503,
    L6_8,
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
    V13,
    VMXON_V3,
)

Table: TypeAlias = Mapping[str, Expectation]


def amended(table: Table, holds: Iterable[str] = (), **known: Expectation) -> Table:
    """The table of a design that differs: some rules hold now, others do not."""
    return {rule: table[rule] for rule in table if rule not in set(holds)} | known


def vacuous(note: str, *sources: Source) -> Expectation:
    return Expectation(Outcome.VACUOUS, note, sources)


def unchecked(concern: str) -> Expectation:
    """Refuted because v3 checks nothing of this kind: what the seed is about."""
    return Expectation(note="v3 does not check it", sources=(SEED.at(concern),))


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
    sources=(L6_8.at("sc_retry()"), MODULE_1_5.at("tdh_sys_key_config.c")),
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
    "next_kernel_is_not_poisoned": Expectation(
        note="private memory is not reset before kexec",
        sources=(KEXEC_V4.at("cover letter"),),
    ),
    "next_kernel_stops_at_first_seamcall": Expectation(
        note="v3 as second kernel calls TDH.SYS.LP.SHUTDOWN after the failure",
        sources=(V3.at("08/21"),),
    ),
    "suspend_is_refused": S3_UNMENTIONED,
    "tdx_in_use_has_a_module": S3_UNMENTIONED,
    "hotplugged_memory_is_refused": unchecked("memory hotplug"),
    "device_memory_is_refused": unchecked("NVDIMM"),
    "memory_removal_is_refused": unchecked("memory hotplug"),
    "unverified_cpu_is_refused": unchecked("CPU hotplug"),
    "cpu_removal_is_refused": unchecked("CPU hotplug"),
    "stranding_cpu_offline_is_refused": unchecked("CPU hotplug"),
    "unsafe_kexec_is_refused": unchecked("kexec"),
    "a_shortage_of_entropy_is_not_final": ENTROPY,
    "a_busy_key_table_is_not_final": KEY_TABLE,
    "no_hkid_is_leaked": LAST_CPU,
    "somebody_watches_the_cpus": NO_CALLBACKS,
    "refused_memory_is_explained": vacuous(
        "no memory is refused", SEED.at("memory hotplug")
    ),
    **V3_HANDOVER,
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
    holds=["seamcall_needs_vmxon_and_lp_init"],
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
    holds=["td_memory_lies_in_tdmrs", "no_td_is_killed_by_its_memory"],
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
    "no_seamcall_after_failed_init",
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
    "disabling_ends",
}
V8_KNOWN: Table = {
    rule.name: NEVER_USED
    for rule in RULES
    if rule.name not in V8_MEANINGFUL and rule not in GROUPS["update"]
} | {
    "a_td_can_run": NEVER_WORKS,
    "a_reboot_can_leave_the_module_disabled": NEVER_WORKS,
    "kexec_never_hangs": FLUSHED_LATE,
}

# From v9 on.

EPERM_ALONE = Expectation(
    note="the notifier's refusal is -EPERM, and logs nothing",
    bug="B32",
    sources=(CXL_2024.at("on -EPERM alone"), L6_8.at("tdx_memory_notifier()")),
)
ADDED_IN_VAIN = Expectation(
    note="memory is added, and refused only when it is to go online",
    bug="B32",
    sources=(CXL_2024.at("RFC"), L6_8.at("tdx_memory_notifier()")),
)
V9_KNOWN = amended(
    V7_KNOWN,
    holds=[
        "pamt_is_not_in_the_allocator",
        "zone_device_memory_is_never_refused",
        "hotplugged_memory_is_refused",
        "device_memory_is_refused",
        "memory_hotplug_lock_is_balanced",
    ],
    refused_memory_is_explained=EPERM_ALONE,
    added_device_memory_can_go_online=ADDED_IN_VAIN,
    **WITH_KEXEC,
)

NO_KEXEC = vacuous(
    "the kernel is built without kexec",
    PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),
)
LATE_LP_INIT = Expectation(
    note="loading KVM again runs LP.INIT on a CPU that came online since",
    sources=(K6_16.at("tdx_online_cpu()"),),
)
LEFT_TO_FIRMWARE = Expectation(
    note="left to firmware",
    sources=(TDX_RST.at("Physical memory hotplug"), TDX_RST.at("CPU hotplug")),
)
REMOVED_PACKAGE = Expectation(
    note="TD creation looks at packages with a CPU, not at those with a key",
    sources=(K6_16.at("__tdx_td_init()"), TDX_RST.at("CPU hotplug")),
)
FREED_PAMT_READ = Expectation(
    note="after a failure KVM loads again, and a machine check has the module read "
    "the PAMT that was freed",
    sources=(L6_8.at("init_tdx_module(), paddr_is_tdx_private()"),),
)
V6_8_KNOWN: Table = {
    "refused_memory_is_explained": EPERM_ALONE,
    "no_private_line_survives_failure": FREED_PAMT_READ,
    "memory_is_not_overwritten": FREED_PAMT_READ,
    "added_device_memory_can_go_online": ADDED_IN_VAIN,
    "kexec_never_hangs": NO_KEXEC,
    "no_seamcall_after_failed_init": LATE_LP_INIT,
    "no_module_clobbers_rbp": RBP,
    "no_key_is_stranded": REMOVED_PACKAGE,
    "no_hkid_is_leaked": REMOVED_PACKAGE,
    "memory_removal_is_refused": LEFT_TO_FIRMWARE,
    "cpu_removal_is_refused": LEFT_TO_FIRMWARE,
    "a_busy_key_table_is_not_final": KEY_TABLE,
    "no_private_line_survives_kexec": NO_KEXEC,
    "next_kernel_is_not_poisoned": NO_KEXEC,
    "next_kernel_stops_at_first_seamcall": NO_KEXEC,
    "kexec_is_possible": Expectation(note=NO_KEXEC.note, sources=NO_KEXEC.sources),
    **V6_8_HANDOVER,
}
KEXEC_RULES_HOLD = (
    "no_private_line_survives_kexec",
    "next_kernel_is_not_poisoned",
    "next_kernel_stops_at_first_seamcall",
    "kexec_is_possible",
)
S3_NOT_YET = Expectation(
    note="suspend and hibernation are excluded only from v14 on",
    sources=(V13.at("00/22"), L6_8.at("tdx_init()")),
)
V13_KNOWN = amended(
    V6_8_KNOWN,
    holds=KEXEC_RULES_HOLD,
    kexec_never_hangs=FLUSHED_LATE,
    suspend_is_refused=S3_NOT_YET,
    tdx_in_use_has_a_module=S3_NOT_YET,
    unsafe_kexec_is_refused=vacuous(
        "private memory is reset before kexec", V13.at("17/22")
    ),
    **WITH_KEXEC,
)

MISCOUNT = Expectation(
    note="a failed cgroup charge takes one off the counter of KeyIDs",
    bug="B17",
    sources=(K6_16.at("__tdx_td_init()"), VMXON_V3.at("6/7")),
)
NOT_PASSED_ON = Expectation(
    note="KVM offers TDX though its callbacks are gone",
    bug="B16",
    sources=(K6_16.at("__tdx_bringup()"), VMXON_V3.at("base, __tdx_bringup()")),
)
V6_16_KNOWN = amended(
    V6_8_KNOWN,
    cpu_offline_is_refused_for_a_td_only=MISCOUNT,
    somebody_watches_the_cpus=NOT_PASSED_ON,
    stranding_cpu_offline_is_refused=NOT_PASSED_ON,
    no_key_is_stranded=NOT_PASSED_ON,
    no_hkid_is_leaked=NOT_PASSED_ON,
    unverified_cpu_is_refused=NOT_PASSED_ON,
    only_verified_cpus_run_tdx=NOT_PASSED_ON,
    seamcall_needs_vmxon_and_lp_init=NOT_PASSED_ON,
)
PRECHECKED = vacuous(
    "once memory is listed none is added, and what was before is listed",
    CXL_2024.at("arch_check_hotplug_memory_range()"),
)
HOTADD_PRECHECK_KNOWN = amended(
    V6_16_KNOWN,
    holds=["refused_memory_is_explained"],
    added_device_memory_can_go_online=PRECHECKED,
    hotplugged_memory_is_refused=PRECHECKED,
    device_memory_is_refused=PRECHECKED,
)
KEXEC_MUTEX_KNOWN = amended(
    V6_16_KNOWN,
    holds=[*KEXEC_RULES_HOLD, "kexec_never_hangs"],
    no_private_line_survives_kexec=FREED_PAMT_READ,
    **KEXEC_MUTEX_HANDOVER,
)
V6_18_KNOWN = amended(
    V6_8_KNOWN,
    holds=[*KEXEC_RULES_HOLD, "kexec_never_hangs", "no_module_clobbers_rbp"],
    cpu_offline_is_refused_for_a_td_only=MISCOUNT,
    stranding_cpu_offline_is_refused=MISCOUNT,
    **V6_18_HANDOVER,
)
V7_1_KNOWN = amended(
    V6_18_KNOWN,
    holds=[
        "cpu_offline_is_refused_for_a_td_only",
        "stranding_cpu_offline_is_refused",
        *V7_1_MENDED,
    ],
    no_seamcall_after_failed_init=ASKED_AT_MACHINE_CHECK,
)
OLDER_MODULE = Expectation(
    note="kexec goes on though an older module has no TDH.SYS.DISABLE",
    bug="B25",
    sources=(DISABLE_V3.at("cover letter"),),
)
V7_2_KNOWN = amended(
    V7_1_KNOWN,
    holds=V7_2_MENDED,
    next_kernel_is_not_poisoned=OLDER_MODULE,
    unsafe_kexec_is_refused=OLDER_MODULE,
)

BEFORE_UPDATES: Mapping[str, Table] = {
    "rfc-v2": V3_KNOWN,
    "v3": V3_KNOWN,
    "document-only": V3_KNOWN,
    "kh-approach1": APPROACH1_KNOWN,
    "kh-approach2": APPROACH2_KNOWN,
    "kh-approach2-corrected": APPROACH2_CORRECTED_KNOWN,
    "v5": V5_KNOWN,
    "v6": {**V3_KNOWN, "disabled_tdx_is_left_alone": NEVER_DISABLED},
    "v7": V7_KNOWN,
    "v8": V8_KNOWN,
    "v9": V9_KNOWN,
    "v13": V13_KNOWN,
    "v6.8": V6_8_KNOWN,
    "hotadd-precheck": HOTADD_PRECHECK_KNOWN,
    "kexec-mutex": KEXEC_MUTEX_KNOWN,
    "v6.16": V6_16_KNOWN,
    "v6.18": V6_18_KNOWN,
    "v7.1": V7_1_KNOWN,
}

WITH_WHOLE_PAMT: Mapping[str, Table] = {
    **{design: {**WITHOUT_UPDATE, **table} for design, table in BEFORE_UPDATES.items()},
    "v7.2": {**V7_2_KNOWN, **UPDATE_KNOWN},
}
EXPECTATIONS: Mapping[str, Table] = {
    **{d: {**table, **WITHOUT_DYNAMIC_PAMT} for d, table in WITH_WHOLE_PAMT.items()},
    "dpamt": {**V7_2_KNOWN, **NOT_UPDATED},
}
