"""What is known to be wrong from v9 on: with later postings, and with mainline."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.handover import (
    ASKED_AT_MACHINE_CHECK,
    KEXEC_MUTEX_HANDOVER,
    V6_8_HANDOVER,
    V6_18_HANDOVER,
    V7_1_HANDOVER,
    V7_1_MENDED,
    V7_2_HANDOVER,
    V7_2_MENDED,
    WITH_KEXEC,
)
from tdxcheck.models.expected.handover import OLDER_MODULE as OLDER_MODULE_FAILS
from tdxcheck.models.expected.liveness import (
    V6_8_LIVENESS,
    V6_16_LIVENESS,
    V6_18_LIVENESS,
    V7_1_LETS_GO,
    V13_LIVENESS,
)
from tdxcheck.models.expected.proposals import (
    B1,
    ENTROPY,
    FLUSHED_LATE,
    KEY_TABLE,
    NOT_RESET_BEFORE_KEXEC,
    PAMT_NOT_RESET,
    RBP,
    V7_KNOWN,
    unchecked,
)
from tdxcheck.models.expected.table import Table, amended, vacuous
from tdxcheck.spec.sources import (
    ASM_TDX,
    BRING_UP_FIX,
    CXL_2024,
    DISABLE_V3,
    K6_16,
    L6_8,
    PULL_6_8,
    TDX_RST,
    V13,
    VMXON_V2,
)

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
TEN_TRIES = Expectation(
    note="the same call is tried ten times in a row, and then given up for good",
    sources=(ASM_TDX.at("sc_retry()"),),
)
NOT_ENTERED = Expectation(
    note="a SEAMCALL that is not entered, as on a hot-added CPU, is -EOPNOTSUPP, and "
    "logs nothing",
    sources=(L6_8.at("tdx_cpu_enable()"), V13.at("00/22, tdx_cpu_enable()")),
)
V6_8_KNOWN: Table = {
    "a_long_shortage_of_entropy_is_not_final": TEN_TRIES,
    "refused_memory_is_explained": EPERM_ALONE,
    "refused_cpus_are_explained": NOT_ENTERED,
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
    "kexec_leaves_the_module_disabled": NO_KEXEC,
    "kexec_is_possible": Expectation(note=NO_KEXEC.note, sources=NO_KEXEC.sources),
    **V6_8_HANDOVER,
    **V6_8_LIVENESS,
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
    holds=[*KEXEC_RULES_HOLD, "an_older_module_is_not_final"],
    kexec_never_hangs=FLUSHED_LATE,
    suspend_is_refused=S3_NOT_YET,
    tdx_in_use_has_a_module=S3_NOT_YET,
    unsafe_kexec_is_refused=vacuous(
        "private memory is reset before kexec", V13.at("17/22")
    ),
    **WITH_KEXEC,
    **V13_LIVENESS,
)
V10_KNOWN = amended(
    V13_KNOWN,
    a_shortage_of_entropy_is_not_final=ENTROPY,
    a_long_shortage_of_entropy_is_not_final=ENTROPY,
    freed_pamt_is_not_poisoned=PAMT_NOT_RESET,
    no_private_line_survives_kexec=B1,
    memory_is_not_overwritten=B1,
    next_kernel_is_not_poisoned=NOT_RESET_BEFORE_KEXEC,
    unsafe_kexec_is_refused=unchecked("kexec"),
)
V15_KNOWN = amended(
    V13_KNOWN,
    holds=["suspend_is_refused", "tdx_in_use_has_a_module", *V13_LIVENESS],
    an_older_module_is_not_final=OLDER_MODULE_FAILS,
)

MISCOUNT = Expectation(
    note="a failed cgroup charge takes one off the counter of KeyIDs",
    bug="B17",
    sources=(K6_16.at("__tdx_td_init()"), VMXON_V2.at("6/7")),
)
NOT_PASSED_ON = Expectation(
    note="KVM offers TDX though its callbacks are gone",
    bug="B16",
    sources=(K6_16.at("__tdx_bringup()"), BRING_UP_FIX.at("whole patch")),
)
CLEANED_UP_TWICE = Expectation(
    note="KVM that offers TDX though its callbacks are gone removes them once more "
    "when it is unloaded",
    bug="B16",
    sources=(K6_16.at("tdx_cleanup()"), BRING_UP_FIX.at("whole patch")),
)
V6_16_KNOWN = amended(
    V6_8_KNOWN,
    holds=(),
    no_assertion_fails=CLEANED_UP_TWICE,
    the_module_serves_kvm=NOT_PASSED_ON,
    cpu_offline_is_refused_for_a_td_only=MISCOUNT,
    somebody_watches_the_cpus=NOT_PASSED_ON,
    stranding_cpu_offline_is_refused=NOT_PASSED_ON,
    no_key_is_stranded=NOT_PASSED_ON,
    no_hkid_is_leaked=NOT_PASSED_ON,
    unverified_cpu_is_refused=NOT_PASSED_ON,
    only_verified_cpus_run_tdx=NOT_PASSED_ON,
    seamcall_needs_vmxon_and_lp_init=NOT_PASSED_ON,
    **V6_16_LIVENESS,
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
    **V6_18_LIVENESS,
)
V7_1_KNOWN = amended(
    V6_18_KNOWN,
    holds=[
        "cpu_offline_is_refused_for_a_td_only",
        "stranding_cpu_offline_is_refused",
        *V7_1_MENDED,
        *V7_1_LETS_GO,
    ],
    no_seamcall_after_failed_init=ASKED_AT_MACHINE_CHECK,
    **V7_1_HANDOVER,
)
OLDER_MODULE = Expectation(
    note="kexec goes on though an older module has no TDH.SYS.DISABLE, and none "
    "accepts it after an update that failed",
    bug="B25",
    sources=(DISABLE_V3.at("cover letter"),),
)
V7_2_KNOWN = amended(
    V7_1_KNOWN,
    holds=[*V7_2_MENDED, *V6_8_LIVENESS],
    next_kernel_is_not_poisoned=OLDER_MODULE,
    unsafe_kexec_is_refused=OLDER_MODULE,
    **V7_2_HANDOVER,
)
