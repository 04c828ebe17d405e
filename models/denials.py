"""What Linux relies on, and others do, denied: each assumption says that it is not so.

`models/assumptions.py` has the table of what Linux relies on. Where a claim is judged
without one of these, what it denies stands.
"""

from __future__ import annotations

from tdxcheck.checker.catalogue import Assumption
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DH_1122,
    DISABLE_V3,
    K6_16,
    L6_8,
    MCE_MASK,
    MEMMAP,
    MODULE_1_5,
    V3,
    V3_TREE,
    V5,
    V6,
    V13,
    VIRT_AT_LOAD,
)

# What Linux relies on.

LOW_MEMORY_IS_GIVEN_OUT = Assumption(
    "low-memory-is-given-out",
    "The page allocator owns the first MiB, which no list of TDX memory has (not A3).",
    {Host.low_memory_reserved: False},
    (L6_8.at("build_tdx_memlist()"),),
    denies=True,
)
MEMBLOCK_FORGETS_HOTPLUG = Assumption(
    "memblock-forgets-hotplug",
    "memblock does not know of memory that was added after boot (not A4).",
    {Host.memblock_follows_hotplug: False},
    (L6_8.at("build_tdx_memlist()"),),
    denies=True,
)
BLOCKS_SPAN_ENTRIES = Assumption(
    "blocks-span-entries",
    "Every block spans two entries of the list, as over a node's boundary (not A5).",
    {Host.straddles_entries: True},
    (DH_1122.at("on build_tdx_memory()"), L6_8.at("is_tdx_memory()")),
    denies=True,
)
BLOCKS_SPAN_CMRS = Assumption(
    "blocks-span-cmrs",
    "Every block spans two CMRs that touch each other.",
    {Host.straddles_cmrs: True},
    (DH_1122.at("on build_tdx_memory()"),),
    denies=True,
)
STRAY_WRITES = Assumption(
    "stray-writes",
    "A bug or a device writes to memory that TDX owns (not A6).",
    {Host.stray_writes: True},
    (BASE_SPEC.at("ch. 16.2.4"),),
    denies=True,
)
TDS_GET_THE_GLOBAL_KEYID = Assumption(
    "tds-get-the-global-keyid",
    "KVM's pool of KeyIDs begins with the module's own (not A7).",
    {Host.keeps_own_keyid_from_tds: False},
    (MODULE_1_5.at("tdh_mng_create.c"),),
    denies=True,
)
ONE_PRIVATE_KEYID = Assumption(
    "one-private-keyid",
    "Firmware leaves a single private KeyID (not A8).",
    {Host.obstacle: Obstacle.ONE_KEYID},
    (L6_8.at("tdx_init(), too few private KeyIDs available"),),
    denies=True,
)
NOBODY_OPTS_IN = Assumption(
    "nobody-opts-in",
    "The kernel's command line has no tdx_host=on, and KVM's parameters no tdx=1.",
    {Host.tdx_is_opted_into: False},
    (V3.at("20/21, tdx_host=on"), K6_16.at("tdx_bringup(), tdx=1")),
    denies=True,
)
VMX_IS_FOR_GUESTS_ONLY = Assumption(
    "vmx-is-for-guests-only",
    "KVM is told to turn VMX on for guests only: kvm.enable_virt_at_load=0.",
    {Host.vmx_is_for_guests_only: True},
    (VIRT_AT_LOAD.at("commit message"),),
    denies=True,
)
XAPIC_IS_USED = Assumption(
    "xapic-is-used",
    "The platform lets the kernel use the local APICs by MMIO.",
    {Host.xapic: True},
    (V6.at("tdx_init(), x2apic_enabled()"),),
    denies=True,
)
CMRS_HAVE_GAPS = Assumption(
    "cmrs-have-gaps",
    "Firmware leaves an empty slot among the CMRs.",
    {Host.cmrs_have_gaps: True},
    (V3_TREE.at("sanitize_cmrs()"), MODULE_1_5.at("tdh_sys_init.c")),
    denies=True,
)
FAILED_CONFIG_WRITES_PAMT = Assumption(
    "failed-config-writes-pamt",
    "A TDH.SYS.CONFIG that fails has written part of the PAMT (not A12).",
    {Host.failed_config_writes_pamt: True},
    (L6_8.at("init_tdx_module(), error path"),),
    denies=True,
)

# Of the platform, and of the kernels.

FAILED_CREATION_FREES_PAGE = Assumption(
    "failed-creation-frees-page",
    "The page of a TDH.MNG.CREATE that met no entropy is freed as the module left it, "
    "written with its own key: so do module 1.5.01 and KVM.",
    {Host.failed_creation_is_cleared: False},
    (MODULE_1_5.at("tdh_mng_create.c"), K6_16.at("__tdx_td_init(), free_tdr")),
    denies=True,
)
UNVERIFIED_CPUS_ARE_LET_IN = Assumption(
    "unverified-cpus-are-let-in",
    "A SEAMCALL on a CPU that firmware did not verify enters the module.",
    {Host.unverified_cpus_enter_seam: True},
    (V13.at("00/22 (LP.INIT on a hot-added CPU would fail)"),),
    denies=True,
)
MEMMAP_ON_MEMORY = Assumption(
    "memmap-on-memory",
    "The struct pages of hot-added memory lie in that memory itself.",
    {Host.memmap_on_memory: True},
    (MEMMAP.at("on memmap_on_memory"),),
    denies=True,
)
MEMORY_ATTRIBUTE_ONLY = Assumption(
    "memory-attribute-only",
    "The platform has no ACPI memory hotplug, but may have that of CPUs.",
    {Host.acpi_memory_attribute: True, Host.acpi_cpu_attribute: False},
    (V5.at("03/22"),),
    denies=True,
)
CPU_ATTRIBUTE_ONLY = Assumption(
    "cpu-attribute-only",
    "The platform has no ACPI CPU hotplug, but may have that of memory.",
    {Host.acpi_memory_attribute: False, Host.acpi_cpu_attribute: True},
    (V5.at("03/22"),),
    denies=True,
)
ADDRESS_IS_NOT_MASKED = Assumption(
    "address-is-not-masked",
    "The address of a TD's machine check keeps its KeyID: another page is taken out.",
    {Host.machine_check_address_masked: False},
    (MCE_MASK.at("whole patch"),),
    denies=True,
)
POISON_IS_READ = Assumption(
    "poison-is-read",
    "What holds poison is read by the kernel that owns it: a machine check.",
    {Host.poison_is_read: True},
    (BASE_SPEC.at("ch. 16.2.3"),),
    denies=True,
)
DEAD_CPUS_KEEP_THEIR_LINES = Assumption(
    "dead-cpus-keep-their-lines",
    "A CPU that goes offline does not write its caches back when it is dead.",
    {Host.flushes_offlined_cpus: False},
    (DISABLE_V3.at("2/5, on play_dead"),),
    denies=True,
)
VMX_IS_OFF_AT_FIRST = Assumption(
    "vmx-is-off-at-first",
    "The kernel asks the module before it does VMXON, which no design does.",
    {Host.turns_vmx_on_first: False},
    (L6_8.at("try_init_module_global()"),),
    denies=True,
)
EMERGENCY_REBOOTS = Assumption(
    "emergency-reboots",
    "The machine is rebooted in an emergency, which shuts nothing down. That it passes "
    "by TDX's own shutdown is recalled.",
    {Host.emergency_reboots: True},
    (DISABLE_V3.at("tdx_shutdown(), syscore"),),
    denies=True,
)

DENIALS = (
    LOW_MEMORY_IS_GIVEN_OUT,
    MEMBLOCK_FORGETS_HOTPLUG,
    BLOCKS_SPAN_ENTRIES,
    BLOCKS_SPAN_CMRS,
    STRAY_WRITES,
    TDS_GET_THE_GLOBAL_KEYID,
    ONE_PRIVATE_KEYID,
    NOBODY_OPTS_IN,
    VMX_IS_FOR_GUESTS_ONLY,
    XAPIC_IS_USED,
    CMRS_HAVE_GAPS,
    FAILED_CONFIG_WRITES_PAMT,
    FAILED_CREATION_FREES_PAGE,
    UNVERIFIED_CPUS_ARE_LET_IN,
    MEMMAP_ON_MEMORY,
    MEMORY_ATTRIBUTE_ONLY,
    CPU_ATTRIBUTE_ONLY,
    ADDRESS_IS_NOT_MASKED,
    POISON_IS_READ,
    DEAD_CPUS_KEEP_THEIR_LINES,
    VMX_IS_OFF_AT_FIRST,
    EMERGENCY_REBOOTS,
)
