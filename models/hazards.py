"""What breaks where something taken for granted is not so, as claims to be judged.

Each denies one thing; the same question is asked with nothing denied, too. Few CPUs
and blocks are enough. What Linux relies on by number is in `models/relied_upon.py`.
"""

from __future__ import annotations

from typing import Final

from tdxcheck.checker.catalogue import (
    HOLDS,
    Assumption,
    Claim,
    Expectation,
    Sizes,
)
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.system import Property
from tdxcheck.models import assumptions as given
from tdxcheck.models import denials as denied
from tdxcheck.spec import hazards as at_stake
from tdxcheck.spec.rules.availability import (
    boot_devices_are_not_refused,
    no_assertion_fails,
    no_event_crashes_the_kernel,
    only_answers_are_remembered,
)
from tdxcheck.spec.rules.caches import (
    ended_tds_leave_no_lines,
    freed_pamt_is_not_poisoned,
)
from tdxcheck.spec.rules.coverage import (
    td_memory_lies_in_tdmrs,
)
from tdxcheck.spec.rules.cpus import (
    only_verified_cpus_run_tdx,
    seamcall_needs_vmxon_and_lp_init,
)
from tdxcheck.spec.rules.kexec import no_private_line_survives_kexec
from tdxcheck.spec.rules.service import a_td_can_run
from tdxcheck.spec.rules.update import no_measurement_is_corrupted
from tdxcheck.spec.sources import (
    BASE_SPEC,
    CXL_2024,
    DISABLE_V3,
    DW_0428,
    K6_16,
    KDUMP_RST,
    KEXEC_V4,
    KEXEC_V7,
    KH_0503,
    L6_8,
    L7_2,
    L7_DEVELOPMENT,
    MCE_MASK,
    MEMMAP,
    MODULE_1_5,
    PREEMPTION,
    TDX_RST,
    UPDATE_V10,
    V3,
    V3_TREE,
    V5,
    V6,
    V7,
    V8,
    V13,
    V15,
    VMXON_V3,
)

SMALL: Final[Sizes] = {"cpus": 2, "packages": 1, "blocks": 2}
MOVABLE: Final[Sizes] = {"cpus": 2, "packages": 1, "blocks": 4}
HOT_CPU: Final[Sizes] = {"cpus": 3, "packages": 1, "blocks": 1}
EVERY_KIND: Final[Sizes] = {"cpus": 1, "packages": 1, "blocks": 7}


def hazard(
    key: str,
    statement: str,
    design: str,
    stake: Property,
    *assumptions: Assumption,
    source: Source,
    breaks: str = "",
    bug: str = "",
    sizes: Sizes = SMALL,
) -> Claim:
    """A claim that holds all the same, or that `breaks` for the reason given."""
    expected = Expectation(note=breaks, bug=bug, sources=(source,)) if breaks else HOLDS
    return Claim(key, statement, design, stake, assumptions, expected, (source,), sizes)


MEMORY = (
    hazard(
        "soft-reserved",
        "Without hotplug and devices, v3 gives TDs only memory of TDMRs.",
        "v3",
        td_memory_lies_in_tdmrs,
        given.NO_MEMORY_HOTPLUG,
        given.NO_DEVICE_MEMORY,
        given.SOFT_RESERVED_STAYS_A_DEVICE,
        source=V3_TREE.at("e820_entry_is_ram()"),
        sizes=EVERY_KIND,
    ),
    hazard(
        "B5-soft-reserved",
        "What v5 refuses is memory that TDX could not use.",
        "v5",
        at_stake.convertible_devices_may_be_used,
        given.SOFT_RESERVED_IS_CONVERTIBLE,
        breaks="soft-reserved memory in a CMR cannot come back to the kernel",
        bug="B5",
        source=DW_0428.at("on soft-reserved memory"),
        sizes=EVERY_KIND,
    ),
    hazard(
        "soft-reserved-v7",
        "What v7 refuses is memory that TDX could not use.",
        "v7",
        at_stake.convertible_devices_may_be_used,
        given.SOFT_RESERVED_IS_CONVERTIBLE,
        source=V7.at("10/20, arch_add_memory()"),
        sizes=EVERY_KIND,
    ),
    hazard(
        "soft-reserved-approach2",
        "Memory that was added from CMRs before TDX is initialised lies in TDMRs.",
        "kh-approach2-corrected",
        td_memory_lies_in_tdmrs,
        given.SOFT_RESERVED_IS_CONVERTIBLE,
        source=KH_0503.at("approach 2, corrected"),
        sizes=EVERY_KIND,
    ),
    hazard(
        "memmap",
        "The notifier sees memory before anything uses it.",
        "v6.8",
        at_stake.no_other_memory_is_used,
        denied.MEMMAP_ON_MEMORY,
        breaks="the struct pages of added memory lie in it before it goes online",
        source=MEMMAP.at("on memmap_on_memory"),
    ),
    hazard(
        "memmap-precheck",
        "A check when memory is added comes before anything uses it.",
        "hotadd-precheck",
        at_stake.no_other_memory_is_used,
        denied.MEMMAP_ON_MEMORY,
        source=CXL_2024.at("arch_check_hotplug_memory_range()"),
    ),
    hazard(
        "B2",
        "v5 notices memory that goes, on a platform that has no memory hotplug.",
        "v5",
        at_stake.removed_memory_is_met_with_bug,
        denied.MEMORY_ATTRIBUTE_ONLY,
        breaks="the removal of memory asks for the attribute of CPUs",
        bug="B2",
        source=V5.at("03/22"),
        sizes=MOVABLE,
    ),
    hazard(
        "B2-cpu",
        "v5 bears that memory goes, on a platform that has memory hotplug.",
        "v5",
        at_stake.memory_that_may_go_is_let_go,
        denied.CPU_ATTRIBUTE_ONLY,
        breaks="the removal of memory asks for the attribute of CPUs",
        bug="B2",
        source=V5.at("03/22"),
        sizes=MOVABLE,
    ),
)

POISON = (
    hazard(
        "B36",
        "A TD's machine check leaves no poison behind.",
        "v6.18",
        freed_pamt_is_not_poisoned,
        denied.STRAY_WRITES,
        denied.ADDRESS_IS_NOT_MASKED,
        given.NO_ERRATUM,
        breaks="another page is taken out of use, by an address with a KeyID in it",
        bug="B36",
        source=MCE_MASK.at("whole patch"),
    ),
    hazard(
        "poison",
        "v3 bears what its own failed initialisation has left behind.",
        "v3",
        no_event_crashes_the_kernel,
        denied.POISON_IS_READ,
        breaks="the kernel reads poison in a page of the freed PAMT",
        source=BASE_SPEC.at("ch. 16.2.3"),
    ),
    hazard(
        "vmcore",
        "Without the erratum the next kernel may read private memory.",
        "v6.18",
        at_stake.private_memory_may_be_read,
        given.NO_ERRATUM,
        source=KEXEC_V4.at("cover letter"),
    ),
    hazard(
        "vmcore-keys",
        "So may one that uses keys with integrity.",
        "v6.18",
        at_stake.private_memory_may_be_read,
        given.NO_ERRATUM,
        given.KEYS_WITH_INTEGRITY,
        breaks="with cryptographic integrity, the MAC of another key is poison",
        source=BASE_SPEC.at("ch. 16.2.3"),
    ),
)

PLATFORM = (
    hazard(
        "opt-in",
        "Who does not ask for TDX on the command line does not have it.",
        "v3",
        at_stake.tdx_is_initialized_where_it_is_asked_for,
        denied.NOBODY_OPTS_IN,
        source=V3.at("20/21, tdx_host=on"),
    ),
    hazard(
        "opt-in-v6.16",
        "Who does not ask KVM for TDX does not have it.",
        "v6.16",
        at_stake.tdx_is_initialized_where_it_is_asked_for,
        denied.NOBODY_OPTS_IN,
        source=K6_16.at("tdx_bringup(), tdx=1"),
    ),
    hazard(
        "opt-in-v7.1",
        "Who does not ask KVM for TDX does not have it.",
        "v7.1",
        at_stake.tdx_is_initialized_where_it_is_asked_for,
        denied.NOBODY_OPTS_IN,
        breaks="the core kernel initialises TDX as it boots, whoever is to use it",
        source=VMXON_V3.at("tdx_enable(), subsys_initcall()"),
    ),
    hazard(
        "virt-at-load",
        "KVM with TDX leaves VMX to others where it is told to.",
        "v6.16",
        at_stake.vmx_is_left_to_others,
        denied.VMX_IS_FOR_GUESTS_ONLY,
        source=K6_16.at("tdx_bringup(), enable_virt_at_load"),
    ),
    hazard(
        "virt-at-load-v7.1",
        "KVM with TDX leaves VMX to others where it is told to.",
        "v7.1",
        at_stake.vmx_is_left_to_others,
        denied.VMX_IS_FOR_GUESTS_ONLY,
        breaks="the core kernel does VMXON for TDX as it boots, and asks nobody",
        source=VMXON_V3.at("tdx_enable(), x86_virt_get_ref()"),
    ),
    hazard(
        "x2apic",
        "TDX is not used by a kernel that runs with the xAPIC.",
        "v6",
        at_stake.tdx_is_used_with_x2apic,
        denied.XAPIC_IS_USED,
        source=V6.at("tdx_init(), x2apic_enabled()"),
    ),
    hazard(
        "x2apic-v9",
        "TDX is not used by a kernel that runs with the xAPIC.",
        "v9",
        at_stake.tdx_is_used_with_x2apic,
        denied.XAPIC_IS_USED,
        breaks="x2APIC is to be built in, not to be on: platforms are locked to it",
        source=V8.at("Kconfig: INTEL_TDX_HOST depends on X86_X2APIC"),
    ),
    hazard(
        "cmr-gaps",
        "A TD runs though firmware has left an empty slot among the CMRs.",
        "v3",
        a_td_can_run,
        denied.CMRS_HAVE_GAPS,
        breaks="the kernel takes it for a firmware bug; to the module it is none",
        source=V3_TREE.at("sanitize_cmrs()"),
    ),
    hazard(
        "cmr-gaps-v15",
        "A TD runs though firmware has left an empty slot among the CMRs.",
        "v15",
        a_td_can_run,
        denied.CMRS_HAVE_GAPS,
        source=V15.at("cover letter"),
    ),
    hazard(
        "late-lps",
        "A CPU that was offline when TDX was initialised is initialised as it comes.",
        "v6.8",
        seamcall_needs_vmxon_and_lp_init,
        given.LPS_MAY_COME_LATE,
        given.NO_CPU_HOTPLUG,
        source=TDX_RST.at("CPU hotplug"),
    ),
    hazard(
        "late-lps-v9",
        "A CPU that was offline when TDX was initialised is initialised as it comes.",
        "v9",
        seamcall_needs_vmxon_and_lp_init,
        given.LPS_MAY_COME_LATE,
        given.NO_CPU_HOTPLUG,
        breaks="nobody looks at a CPU that comes online later",
        source=V13.at("00/22, changelog"),
    ),
    hazard(
        "crash-kernel",
        "A crash kernel does without TDX.",
        "v7.2",
        at_stake.a_crash_kernel_has_its_memory_for_the_dump,
        given.NEXT_KERNEL_IS_THE_SAME,
        breaks="it initialises TDX as any kernel does that boots, if the module waits "
        "for TDH.SYS.INIT, as after TDH.SYS.DISABLE in the panic",
        source=L7_DEVELOPMENT.at("tdx_enable(), subsys_initcall()"),
    ),
    hazard(
        "crash-kernel-of-one-cpu",
        "A crash kernel of one CPU does without TDX in the end.",
        "v7.2",
        at_stake.a_crash_kernel_has_its_memory_for_the_dump,
        given.CRASH_KERNEL_HAS_ONE_CPU,
        source=KDUMP_RST.at("architecture-specific options; notes on nr_cpus"),
    ),
    hazard(
        "hot-cpu",
        "A hot-added CPU never runs TDX, as it cannot enter the module.",
        "v6.8",
        only_verified_cpus_run_tdx,
        given.UNVERIFIED_CPUS_ARE_SHUT_OUT,
        source=V13.at("00/22 (LP.INIT on a hot-added CPU would fail)"),
        sizes=HOT_CPU,
    ),
    hazard(
        "reboot",
        "Every reboot leaves the module disabled.",
        "v7.2",
        at_stake.every_reboot_disables_the_module,
        denied.EMERGENCY_REBOOTS,
        breaks="an emergency reboot shuts nothing down",
        source=DISABLE_V3.at("tdx_shutdown(), syscore"),
    ),
    hazard(
        "failed-creation",
        "A TD's creation that fails leaves nothing private in the page allocator.",
        "v6.18",
        freed_pamt_is_not_poisoned,
        denied.FAILED_CREATION_FREES_PAGE,
        breaks="TDH.MNG.CREATE without entropy has written the page, which is freed",
        source=K6_16.at("__tdx_td_init(), free_tdr"),
    ),
    hazard(
        "failed-creation-lines",
        "A TD's creation that fails leaves no private line in a cache.",
        "v7.2",
        ended_tds_leave_no_lines,
        denied.FAILED_CREATION_FREES_PAGE,
        breaks="the module clears the TD's UUID in the cache, and nothing flushes it",
        source=MODULE_1_5.at("tdh_mng_create.c, generate_256bit_random()"),
    ),
)

CANDIDATES = (
    hazard(
        "late-vp-flush",
        "A CPU that has gone offline leaves nothing private to the next kernel.",
        "v7.2",
        no_private_line_survives_kexec,
        denied.DEAD_CPUS_KEEP_THEIR_LINES,
        breaks="KVM's TDH.VP.FLUSH comes after TDX's flush of the CPU",
        bug="B37",
        source=DISABLE_V3.at("2/5, on play_dead"),
    ),
    hazard(
        "late-vp-flush-v6.18",
        "A CPU that has gone offline leaves nothing private to the next kernel.",
        "v6.18",
        no_private_line_survives_kexec,
        denied.DEAD_CPUS_KEEP_THEIR_LINES,
        source=KEXEC_V7.at("tdx_disable_virtualization_cpu()"),
    ),
    hazard(
        "remembered-answer",
        "What is remembered of TDH.SYS.INIT is an answer of the module's.",
        "v6.8",
        only_answers_are_remembered,
        denied.VMX_IS_OFF_AT_FIRST,
        breaks="the #UD of a CPU without VMX counts for all of them, until reboot",
        bug="B38",
        source=L6_8.at("try_init_module_global()"),
    ),
    hazard(
        "remembered-answer-v7.2",
        "What is remembered of TDH.SYS.INIT is an answer of the module's.",
        "v7.2",
        only_answers_are_remembered,
        denied.VMX_IS_OFF_AT_FIRST,
        breaks="the #UD of a CPU without VMX counts for all of them, until reboot",
        bug="B38",
        source=L7_2.at("try_init_module_global()"),
    ),
)
"""Somebody's readings of the code: what each design escapes them by, denied."""

MENDED = (
    hazard(
        "B2-mended",
        "v5 notices memory that goes, on a platform that has no memory hotplug.",
        "v5",
        at_stake.removed_memory_is_met_with_bug,
        denied.MEMORY_ATTRIBUTE_ONLY,
        given.REMOVAL_ASKS_OF_MEMORY,
        source=V5.at("03/22"),
        sizes=MOVABLE,
    ),
    hazard(
        "B3-mended",
        "v5 accepts the CPUs that firmware lists at boot.",
        "v5",
        boot_devices_are_not_refused,
        given.BOOT_DEVICES_ARE_LEFT_ALONE,
        source=V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),
    ),
    hazard(
        "B15-mended",
        "No flush of v7.2 finds itself where it does not expect to run.",
        "v7.2",
        no_assertion_fails,
        given.FLUSH_MAY_BE_PREEMPTED,
        source=PREEMPTION.at("whole patch"),
    ),
    hazard(
        "B21-mended",
        "No update of v7.2 corrupts the measurement of a TD that is being built.",
        "v7.2",
        no_measurement_is_corrupted,
        given.SENSITIVE_UPDATES_ARE_AVOIDED,
        source=UPDATE_V10.at("22/25"),
    ),
)
"""What a safeguard would do that no design has in the end."""

UNSETTLED = (
    hazard(
        "failed-update-kexec",
        "v7.2 leaves no private memory to the next kernel after an image was refused, "
        "or a panic before any was installed.",
        "v7.2",
        at_stake.a_module_that_was_shut_down_is_disabled,
        given.DISABLE_UNDOES_SHUTDOWN,
        source=DISABLE_V3.at("cover letter, tdx_shutdown()"),
    ),
)
"""What rests on something that no source says of the module, one way or the other."""

HAZARDS = (*MEMORY, *POISON, *PLATFORM, *CANDIDATES, *MENDED, *UNSETTLED)
