"""The assumptions that claims rest on, each a switch of the configuration.

A claim that is judged without one of them has its switches open: nothing is known.
Without one that denies something, what it denies stands.

What Linux relies on, and where that is checked or can be denied:

| | Linux relies on | Here |
|---|---|---|
| A1 | memory above 1 MiB that it lists lies in CMRs | rule `tdmrs_lie_in_cmrs` |
| A2 | the allocator owns no memory outside the list | rule `td_memory_lies_in_tdmrs` |
| A3 | the first MiB never reaches the allocator | `low-memory-is-given-out` denies it |
| A4 | memblock is kept, and follows hotplug | `memblock-forgets-hotplug` denies it |
| A5 | no block spans two entries of the list | `blocks-span-entries` denies it |
| A6 | nobody but the module writes the PAMT | `stray-writes` denies it |
| A7 | no TD gets the module's KeyID | `tds-get-the-global-keyid` denies it |
| A8 | there are two private KeyIDs | `one-private-keyid` denies it |
| A9 | each package has a CPU when keys are programmed | rule `keyed_before_tdmr_init` |
| A10 | no SEAMCALL before LP.INIT, but for a harmless one | \
rule `seamcall_needs_vmxon_and_lp_init`, claim A10 |
| A11 | a flush of the CPUs online flushes all that matters | \
rule `pamt_is_clean_when_written` |
| A12 | a TDH.SYS.CONFIG that fails wrote no PAMT | \
`failed-config-writes-pamt` denies it |

Each stands unless it is denied: `models/denials.py` has the words for that, and
`models/relied_upon.py` says what comes of it.
"""

from __future__ import annotations

from tdxcheck.checker.catalogue import Assumption, Expectation
from tdxcheck.spec.environment import Integrity
from tdxcheck.spec.handover import NextKernel
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DH_1122,
    DISABLE_V3,
    DW_0428,
    K6_16,
    KDUMP_RST,
    KEXEC_V4,
    KEXEC_V7,
    KH_0427,
    LOADER_1_5,
    MODULE_1_5,
    PREEMPTION,
    PULL_6_18,
    TDX_RST,
    UPDATE_V10,
    V3,
    V3_TREE,
    V5,
    V13,
)

NO_MEMORY_HOTPLUG = Assumption(
    "no-memory-hotplug",
    "Nobody hot-adds or hot-removes memory.",
    {Host.memory_hotplug: False, Host.memory_hot_remove: False},
    (KH_0427.at("on documentation"), V3.at("21/21")),
)
NO_DEVICE_MEMORY = Assumption(
    "no-device-memory",
    "Nobody uses an NVDIMM or a CXL device as memory.",
    {Host.persistent_memory: False, Host.cxl_memory: False},
    (KH_0427.at("on documentation"), V3.at("21/21")),
)
NO_CPU_HOTPLUG = Assumption(
    "no-cpu-hotplug",
    "Nobody hot-adds or hot-removes CPUs.",
    {Host.cpu_hotplug: False, Host.cpu_hot_remove: False},
    (KH_0427.at("on documentation"), V3.at("21/21")),
)
FIRMWARE_KEEPS_MEMORY = Assumption(
    "firmware-keeps-memory",
    "Firmware does not hot-remove memory.",
    {Host.memory_hot_remove: False},
    (TDX_RST.at("Physical memory hotplug"),),
)
FIRMWARE_KEEPS_CPUS = Assumption(
    "firmware-keeps-cpus",
    "Firmware does not hot-remove CPUs.",
    {Host.cpu_hot_remove: False},
    (TDX_RST.at("CPU hotplug"),),
)
UNVERIFIED_CPUS_ARE_SHUT_OUT = Assumption(
    "unverified-cpus-are-shut-out",
    "A SEAMCALL on a CPU that firmware did not verify is #GP.",
    {Host.unverified_cpus_enter_seam: False},
    (V13.at("00/22 (LP.INIT on a hot-added CPU would fail)"),),
)
NO_ERRATUM = Assumption(
    "no-partial-write-erratum",
    "The machine has not the partial-write erratum.",
    {Host.partial_write_erratum: False},
    (KEXEC_V4.at("cover letter"), BASE_SPEC.at("ch. 16.2")),
)
# What kexec hands over.

OWN_CPU_IS_FLUSHED = Assumption(
    "own-cpu-is-flushed",
    "kexec writes back the caches of the CPU that it starts from.",
    {Host.flushes_own_cpu: True},
    (KEXEC_V7.at("2/7"), KH_0427.at("on the cache flush")),
)
OTHER_CPUS_ARE_FLUSHED = Assumption(
    "other-cpus-are-flushed",
    "kexec writes back the caches of the CPUs that it stops.",
    {Host.flushes_other_cpus: True},
    (KEXEC_V7.at("2/7"), KH_0427.at("on the cache flush")),
)
OFFLINE_CPUS_ARE_FLUSHED = Assumption(
    "offline-cpus-are-flushed",
    "A CPU that goes offline has its caches written back.",
    {Host.flushes_offlined_cpus: True},
    (DISABLE_V3.at("2/5, on play_dead"), KH_0427.at("on the cache flush")),
)
EVERY_CPU_IS_FLUSHED = Assumption(
    "every-cpu-is-flushed",
    "The caches of every CPU are written back: of the one that starts kexec, of those "
    "that it stops, and of those offline.",
    {
        **OWN_CPU_IS_FLUSHED.settings,
        **OTHER_CPUS_ARE_FLUSHED.settings,
        **OFFLINE_CPUS_ARE_FLUSHED.settings,
    },
    (KEXEC_V7.at("2/7"), KH_0427.at("on the cache flush")),
)
FLUSH_COMES_LAST = Assumption(
    "flush-comes-last",
    "A CPU's caches are written back after its last SEAMCALL: after TDH.SYS.DISABLE, "
    "and where it goes offline after TDH.VP.FLUSH.",
    {Host.flushes_after_disabling: True, Host.flushes_offlined_cpus: True},
    (DISABLE_V3.at("tdx_shutdown(), tdx_shutdown_cpu()"), KEXEC_V7.at("3/7")),
)
NO_PANIC = Assumption(
    "no-panic",
    "The kernel does not panic: no CPU is stopped by NMI, past every flush.",
    {Host.panics: False},
    (KEXEC_V4.at("cover letter, on kdump"),),
)
EVERY_CPU_STOPS = Assumption(
    "every-cpu-stops",
    "kexec waits until every other CPU has stopped: no vCPU of a TD runs any more.",
    {Host.kexec_stops_every_cpu: True},
    (PULL_6_18.at("kexec"), KH_0427.at("on the second kernel")),
)
MODULE_RESTS = Assumption(
    "module-rests",
    "The module does nothing but answer SEAMCALLs.",
    {Host.module_works_by_itself: False},
    (KH_0427.at("on the second kernel"),),
)
NO_PRIVATE_DEVICES = Assumption(
    "no-private-devices",
    "No device writes to private memory.",
    {Host.devices_hold_private_memory: False},
    (KH_0427.at("on the second kernel"),),
)
MODULE_SURVIVES = Assumption(
    "module-survives-kexec",
    "kexec leaves the module as it is: it still refuses TDH.SYS.INIT.",
    {Host.module_survives_kexec: True},
    (KEXEC_V4.at("cover letter"), KH_0427.at("on the second kernel")),
)
NO_TD_IS_LEFT = Assumption(
    "no-td-is-left",
    "Every TD has ended before kexec: no page but the PAMT's is private.",
    {Host.tds_end_before_kexec: True},
    (V3.at("00/21, on kexec"),),
)

# What the next kernel is.

NEXT_KERNEL_IGNORES_TDX = Assumption(
    "next-kernel-ignores-tdx",
    "The kernel that is started does not use TDX.",
    {Host.next_kernel: NextKernel.IGNORES_TDX},
    (KH_0427.at("on the second kernel"),),
)
NEXT_KERNEL_STOPS = Assumption(
    "next-kernel-stops",
    "The kernel that is started makes no SEAMCALL after one that failed.",
    {Host.next_kernel: NextKernel.CONFORMS},
    (KH_0427.at("on the second kernel"),),
)
NEXT_KERNEL_IS_OLD = Assumption(
    "next-kernel-is-old",
    "The kernel that is started is of v3's time, and shuts TDX down after a failure.",
    {Host.next_kernel: NextKernel.OLD},
    (V3.at("06/21"),),
)
NEXT_KERNEL_IS_THE_SAME = Assumption(
    "next-kernel-is-the-same",
    "The kernel that is started is the same again.",
    {Host.next_kernel: NextKernel.SAME},
    (KH_0427.at("on the second kernel"),),
)
NOTHING_IS_TAKEN_OVER = Assumption(
    "nothing-is-taken-over",
    "The next kernel's first SEAMCALL is TDH.SYS.INIT: it uses no module as it is.",
    {Host.next_kernel_takes_over: False},
    (KH_0427.at("on the second kernel"), V3.at("00/21, on kexec")),
)
NOTHING_IS_INSTALLED = Assumption(
    "nothing-is-installed",
    "The next kernel has the P-SEAMLDR install no module over the one that it found.",
    {Host.next_kernel_installs: False},
    (LOADER_1_5.at("seamldr_install.c, scenario LOAD"),),
)
TAKEN_OVER_WITH_SAME_MAP = Assumption(
    "taken-over-with-same-map",
    "A kernel that takes the module over has the memory map of the first.",
    {Host.next_kernel_takes_over: True, Host.next_kernel_maps_alike: True},
    (V3.at("00/21, on kexec"),),
)
TAKEN_OVER_WITH_PAMT = Assumption(
    "taken-over-with-pamt",
    "A kernel that takes the module over keeps the PAMT's pages reserved.",
    {Host.next_kernel_takes_over: True, Host.next_kernel_reserves_pamt: True},
    (V3.at("00/21, on kexec"),),
)
NO_INTEGRITY = Assumption(
    "no-integrity",
    "The next kernel uses KeyID 0, which checks no integrity.",
    {Host.shared_keys_with_integrity: False},
    (KEXEC_V4.at("cover letter"), BASE_SPEC.at("ch. 16.2")),
)
CRASH_KERNEL_STAYS = Assumption(
    "crash-kernel-stays-in-reservation",
    "The crash kernel uses only memory that was reserved for it at boot.",
    {Host.crash_kernel_stays_in_reservation: True},
    (KEXEC_V4.at("cover letter"),),
)
CRASH_KERNEL_HAS_ONE_CPU = Assumption(
    "crash-kernel-has-one-cpu",
    "The crash kernel is started with nr_cpus=1 or maxcpus=1, as is usual.",
    {Host.crash_kernel_has_one_cpu: True},
    (KDUMP_RST.at("architecture-specific options; notes on nr_cpus"),),
)

# CPUs that go and come, and power.

LAST_CPUS_STAY = Assumption(
    "last-cpus-stay",
    "Nobody takes the last CPU of a package offline.",
    {Host.last_cpus_go_offline: False},
    (K6_16.at("tdx_offline_cpu()"),),
)
VCPUS_ARE_LET_GO = Assumption(
    "vcpus-are-let-go",
    "Before a CPU goes offline, TDH.VP.FLUSH lets its vCPUs go.",
    {Host.flushes_vcpus_of_offlined_cpus: True},
    (K6_16.at("tdx_disable_virtualization_cpu()"),),
)
LP_INIT_PERSISTS = Assumption(
    "lp-init-persists",
    "To the module a CPU stays initialised while it is offline.",
    {Host.lp_init_survives_offline: True},
    (MODULE_1_5.at("tdh_sys_lp_init.c"), TDX_RST.at("CPU hotplug")),
)
LPS_MAY_COME_LATE = Assumption(
    "lps-may-come-late",
    "The module is configured though an LP was never initialised, and takes "
    "TDH.SYS.LP.INIT there later. No version that was read does.",
    {Host.wants_every_lp: False},
    (TDX_RST.at("CPU hotplug"), MODULE_1_5.at("tdh_sys_config.c, tdh_sys_lp_init.c")),
    known={
        design: {
            "seamcall_needs_vmxon_and_lp_init": Expectation(
                note="a second kernel that panics on a CPU that was never initialised "
                "has the module disabled there",
                sources=(DISABLE_V3.at("native_machine_crash_shutdown()"),),
            )
        }
        for design in ("v7.2", "dpamt")
    },
)
VMXON_IS_REDONE = Assumption(
    "vmxon-is-redone",
    "VMXON is done again on a CPU that comes back.",
    {Host.vmxon_when_online: True},
    (V3.at("00/21, CPU hotplug"),),
)
NO_SLEEP = Assumption(
    "no-sleep",
    "The machine is neither suspended nor hibernated.",
    {Host.suspend: False, Host.hibernation: False},
    (TDX_RST.at("S3"), TDX_RST.at("hibernation")),
)
LEGACY_PMEM_IS_CONVERTIBLE = Assumption(
    "legacy-pmem-is-convertible",
    "What the e820 map or memmap=! calls legacy PMEM lies in a CMR.",
    {Host.legacy_pmem_convertible: True},
    (V3.at("11/21"),),
)
NO_FAULTS = Assumption(
    "no-faults",
    "No SEAMCALL meets a shortage of entropy, a busy key table or a bad register.",
    {Host.faults: False},
)


SOFT_RESERVED_STAYS_A_DEVICE = Assumption(
    "soft-reserved-stays-a-device",
    "Nobody gives soft-reserved memory to the kernel.",
    {Host.soft_reserved_as_memory: False},
    (V3_TREE.at("e820_entry_is_ram()"),),
)
SOFT_RESERVED_IS_CONVERTIBLE = Assumption(
    "soft-reserved-is-convertible",
    "Soft-reserved memory lies in a CMR.",
    {Host.soft_reserved_convertible: True},
    (DW_0428.at("on soft-reserved memory"),),
)
ACCESS_CONTROL_ONLY = Assumption(
    "access-control-only",
    "Memory has no integrity: mixing KeyIDs is never a machine check.",
    {Host.integrity: Integrity.ACCESS_CONTROL},
    (MODULE_1_5.at("loader_data.h, helpers.c"), KEXEC_V4.at("cover letter")),
)
KEYS_WITH_INTEGRITY = Assumption(
    "keys-with-integrity",
    "The next kernel uses shared keys that check integrity, not KeyID 0 alone.",
    {Host.shared_keys_with_integrity: True},
    (BASE_SPEC.at("ch. 16.2.3"),),
)

LOADER_COUNTS_ALL_LPS = Assumption(
    "loader-counts-all-lps",
    "An installation by the P-SEAMLDR takes every LP that MCHECK counted.",
    {Host.loader_counts_all_lps: True},
    (LOADER_1_5.at("seamldr_install.c"),),
)
LOADER_COUNTS_ONLINE_LPS = Assumption(
    "loader-counts-online-lps",
    "An installation by the P-SEAMLDR takes only the LPs that are online.",
    {Host.loader_counts_all_lps: False},
    (UPDATE_V10.at("18/25, on all CPUs"),),
)
ONLY_THE_VERSION_IS_REFRESHED = Assumption(
    "only-the-version-is-refreshed",
    "After an update the kernel reads the version again, and no feature or limit.",
    {Host.refreshes_version_only: True},
    (UPDATE_V10.at("21/25"),),
)
DISABLE_UNDOES_SHUTDOWN = Assumption(
    "disable-undoes-shutdown",
    "TDH.SYS.DISABLE is accepted by a module that a failed update has left shut down.",
    {Host.disable_undoes_shutdown: True},
    (DISABLE_V3.at("cover letter"),),
)

# What would mend a design, and is none of its own.

BOOT_DEVICES_ARE_LEFT_ALONE = Assumption(
    "boot-devices-are-left-alone",
    "What firmware lists at boot is not taken for hot-added.",
    {Host.leaves_boot_devices_alone: True},
    (V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),),
)
REMOVAL_ASKS_OF_MEMORY = Assumption(
    "removal-asks-of-memory",
    "Whether memory may go is asked of the attribute for memory.",
    {Host.memory_removal_tests_cpu_attribute: False},
    (V5.at("03/22"),),
)
TOUCHING_CMRS_COUNT_AS_ONE = Assumption(
    "touching-cmrs-count-as-one",
    "A range counts as convertible if CMRs hold all of it.",
    {Host.looks_at_one_cmr: False},
    (DH_1122.at("on build_tdx_memory()"),),
)
SENSITIVE_UPDATES_ARE_AVOIDED = Assumption(
    "sensitive-updates-are-avoided",
    "TDH.SYS.SHUTDOWN is told to refuse while a TD is built.",
    {Host.avoids_compat_sensitive_update: True},
    (UPDATE_V10.at("22/25"),),
)

FLUSH_MAY_BE_PREEMPTED = Assumption(
    "flush-may-be-preempted",
    "The flush of a CPU asks to stay on its CPU, not that preemption be off.",
    {Host.flushes_with_preemption: True},
    (PREEMPTION.at("whole patch"),),
)

ASSUMPTIONS = (
    NO_MEMORY_HOTPLUG,
    NO_DEVICE_MEMORY,
    NO_CPU_HOTPLUG,
    FIRMWARE_KEEPS_MEMORY,
    FIRMWARE_KEEPS_CPUS,
    UNVERIFIED_CPUS_ARE_SHUT_OUT,
    NO_ERRATUM,
    OWN_CPU_IS_FLUSHED,
    OTHER_CPUS_ARE_FLUSHED,
    OFFLINE_CPUS_ARE_FLUSHED,
    EVERY_CPU_IS_FLUSHED,
    FLUSH_COMES_LAST,
    NO_PANIC,
    EVERY_CPU_STOPS,
    MODULE_RESTS,
    NO_PRIVATE_DEVICES,
    MODULE_SURVIVES,
    NO_TD_IS_LEFT,
    NEXT_KERNEL_IGNORES_TDX,
    NEXT_KERNEL_STOPS,
    NEXT_KERNEL_IS_OLD,
    NEXT_KERNEL_IS_THE_SAME,
    NOTHING_IS_TAKEN_OVER,
    NOTHING_IS_INSTALLED,
    TAKEN_OVER_WITH_SAME_MAP,
    TAKEN_OVER_WITH_PAMT,
    NO_INTEGRITY,
    CRASH_KERNEL_STAYS,
    CRASH_KERNEL_HAS_ONE_CPU,
    LAST_CPUS_STAY,
    VCPUS_ARE_LET_GO,
    LP_INIT_PERSISTS,
    LPS_MAY_COME_LATE,
    VMXON_IS_REDONE,
    NO_SLEEP,
    LEGACY_PMEM_IS_CONVERTIBLE,
    NO_FAULTS,
    SOFT_RESERVED_STAYS_A_DEVICE,
    SOFT_RESERVED_IS_CONVERTIBLE,
    ACCESS_CONTROL_ONLY,
    KEYS_WITH_INTEGRITY,
    LOADER_COUNTS_ALL_LPS,
    LOADER_COUNTS_ONLINE_LPS,
    ONLY_THE_VERSION_IS_REFRESHED,
    DISABLE_UNDOES_SHUTDOWN,
    BOOT_DEVICES_ARE_LEFT_ALONE,
    REMOVAL_ASKS_OF_MEMORY,
    TOUCHING_CMRS_COUNT_AS_ONE,
    SENSITIVE_UPDATES_ARE_AVOIDED,
    FLUSH_MAY_BE_PREEMPTED,
)
