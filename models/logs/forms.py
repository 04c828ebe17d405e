"""What Linux hosts print of TDX: every line known, with the kernels that print it.

Distribution kernels carry lines of trees that were never merged; where their wording
is known from logs only, the citation is the collection of logs.
"""

from __future__ import annotations

from typing import Final

from tdxcheck.models.logs.families import (
    ALL,
    BY_CALLER,
    BY_CORE,
    BY_KVM,
    EARLY,
    LATE,
    OF_2022,
    V5_ERA,
)
from tdxcheck.models.logs.form import Origin, Role, core, other
from tdxcheck.spec.sources import (
    DPAMT_V6,
    ISSUES,
    L6_8,
    L6_18,
    L7,
    TREE_6_2,
    V3,
    V3_TREE,
    V5,
    V7,
    VERSION_V2,
)

BOOT_LINES: Final = (
    core(
        "keyids", Role.FIRMWARE, "firmware gives TDX the KeyIDs [{start}, {end})",
        ALL, L6_8.at("tdx_init()"),
        "BIOS enabled: private KeyID range [{start:u}, {end:u})",
        "BIOS enabled: private KeyID range: [{start:u}, {end:u})",
        "TDX private KeyID range: [{start:u}, {end:u})",
    ),
    core(
        "enabled_by_bios", Role.FIRMWARE, "firmware has enabled TDX",
        V5_ERA, V5.at("01/22"), "TDX enabled by BIOS",
    ),
    core(
        "seamrr", Role.FIRMWARE, "SEAMRR is enabled", V5_ERA, V5.at("01/22"),
        "SEAMRR enabled",
    ),
    core(
        "seamrr_off", Role.FAILURE, "firmware has not set SEAMRR up",
        OF_2022, V3_TREE.at("detect_seam()"),
        "SEAMRR base is not configured by BIOS",
        "SEAMRR is not enabled by BIOS",
        "SEAMRR not enabled",
        "Inconsistent SEAMRR configuration by BIOS",
        "Inconsistent TDX KeyID configuration among packages by BIOS",
    ),
    core(
        "few_keyids", Role.FAILURE, "firmware left TDX fewer than two private KeyIDs",
        ALL, L6_8.at("tdx_init()"),
        "initialization failed: too few private KeyIDs available",
        "Number of TDX private KeyIDs too small: {count:u}",
    ),
    core(
        "hibernation", Role.FAILURE,
        "the kernel can hibernate, and so does without TDX: boot with nohibernate",
        BY_KVM | BY_CORE, L6_8.at("tdx_init(), hibernation_available()"),
        "initialization failed: Hibernation support is enabled",
    ),
    core(
        "no_notifier", Role.FAILURE, "the memory notifier could not be registered",
        LATE, L6_8.at("tdx_init()"),
        "initialization failed: register_memory_notifier() failed ({errno:i})",
    ),
    core(
        "s3_off", Role.NOTE, "suspend to memory (S3) is off while TDX is on",
        BY_KVM | BY_CORE, L6_8.at("tdx_init()"), "Disable ACPI S3",
    ),
    core(
        "kexec_off", Role.NOTE, "kexec is off while TDX is on",
        frozenset(), ISSUES.at("6.6 tree of a distribution"), "Disable Kexec",
    ),
    core(
        "bios_off", Role.FAILURE,
        "SEAMCALL met #GP: firmware has not enabled TDX on this CPU",
        BY_CALLER, TREE_6_2.at("seamcall()"),
        "not enabled by BIOS", "TDX is not enabled by BIOS", "TDX not enabled by BIOS",
    ),
    core(
        "no_module", Role.FAILURE, "firmware has loaded no TDX module",
        ALL, L6_8.at("try_init_module_global()"),
        "module not loaded", "module is not loaded", "TDX module is not loaded",
        "TDX-Module not loaded",
    ),
    core(
        "no_seamldr", Role.FAILURE, "firmware has loaded no P-SEAMLDR",
        OF_2022, V3_TREE.at("detect_p_seamldr()"),
        "P-SEAMLDR is not loaded", "Failed to detect P-SEAMLDR",
    ),
    core(
        "not_supported", Role.FAILURE, "the platform does not support TDX",
        BY_CORE, L7.at("tdx_enable()"), "TDX not supported by the host platform",
    ),
    core(
        "cpu_lacks", Role.FAILURE, "the processor or the kernel lacks {what}",
        BY_CORE, L7.at("tdx_enable()"), "{what:w} is required for TDX",
    ),
)  # fmt: skip

INIT_LINES: Final = (
    other(
        "seamldr", Role.INIT, Origin.SEAMLDR, "a P-SEAMLDR is there",
        OF_2022, V3_TREE.at("detect_p_seamldr()"),
        "P-SEAMLDR: version {version:x}, vendor_id: {vendor:x}, build_date: {date:u},"
        " build_num {build:u}, major {major:u}, minor {minor:u}",
    ),
    core(
        "module_detected", Role.INIT, "a TDX module is there",
        OF_2022, V3_TREE.at("__tdx_detect()"), "TDX module detected",
    ),
    core(
        "module", Role.INIT, "TDX module {major}.{minor}, build {build} of {date}",
        EARLY | {"v6.8"}, TREE_6_2.at("__tdx_get_sysinfo()"),
        "TDX module: attributes {attributes:x}, vendor_id {vendor:x}, major_version"
        " {major:u}, minor_version {minor:u}, build_date {date:u}, build_num {build:u}",
        "TDX module: atributes {attributes:x}, vendor_id {vendor:x}, major_version"
        " {major:u}, minor_version {minor:u}, build_date {date:u}, build_num {build:u}",
        "TDX module: vendor_id {vendor:x}, major_version {major:u}, minor_version"
        " {minor:u}, build_date {date:u}, build_num {build:u}",
    ),
    core(
        "module_build", Role.INIT, "TDX module {version}, build {build} of {date}",
        frozenset(), ISSUES.at("415"),
        "TDX module {version:w}, build number {build:u}, build date {date:w}",
    ),
    core(
        "module_version", Role.INIT, "TDX module {version}",
        frozenset(), VERSION_V2.at("1/1"),
        "module version: {version:w}", "module verson: {version:w}",
    ),
    core(
        "module_version_7", Role.INIT, "TDX module {version}",
        frozenset({"v6.18"}) | BY_CORE, VERSION_V2.at("1/1"),
        "TDX module version: {version:w}", "TDX-Module version: {version:w}",
    ),
    core(
        "cmr", Role.INIT, "convertible memory [{start:#x}, {end:#x})",
        EARLY | {"v6.8"}, TREE_6_2.at("print_cmrs()"),
        "CMR: [{start:x}, {end:x})", "BIOS-CMR : [{start:x}, {end:x})",
        "BIOS-CMR: [{start:x}, {end:x})",
    ),
    core(
        "cmr_checked", Role.INIT, "the kernel takes [{start:#x}, {end:#x}) for a CMR",
        OF_2022 | V5_ERA, V3_TREE.at("sanitize_cmrs()"),
        "Kernel-sanitized-CMR : [{start:x}, {end:x})",
        "Kernel-checked-CMR : [{start:x}, {end:x})",
    ),
    core(
        "bad_cmrs", Role.FAILURE, "firmware's list of CMRs is not as it must be",
        OF_2022 | V5_ERA, V3_TREE.at("sanitize_cmrs()"),
        "Firmware bug: CMRs not in address ascending order",
        "Firmware bug: invalid CMR(s) among valid CMRs",
        "Firmware bug: No valid CMR",
    ),
    core(
        "outside_cmrs", Role.FAILURE, "memory [{start:#x}, {end:#x}) lies in no CMR",
        OF_2022 | V5_ERA, V7.at("10/20"),
        "[{start:x}, {end:x}) is not fully convertible memory",
        "Memory region [{start:x}, {end:x}) is not TDX convertible memorry",
        "Memory region [{start:x}, {end:x}) is not TDX convertible memory",
    ),
    core(
        "not_in_vmx", Role.FAILURE,
        "SEAMCALL met #UD: VMXON had not been done on the CPU",
        BY_CALLER, TREE_6_2.at("seamcall()"),
        "SEAMCALL failed: CPU {cpu:u} is not in VMX operation",
        "CPU is not in VMX operation", "not in VMX operation",
    ),
    core(
        "module_outdated", Role.FAILURE,
        "TDX_INCORRECT_CPUID_VALUE: the module does not know this processor",
        BY_CALLER, TREE_6_2.at("seamcall()"), "TDX module is outdated",
    ),
    other(
        "seamcall", Role.INIT, Origin.ANY, "SEAMCALL leaf {leaf} answered {status:#x}",
        frozenset(), L6_8.at("seamcall_err(), sc_retry_prerr()"),
        "SEAMCALL ({leaf:n}) failed: {status:n}",
        "SEAMCALL leaf {leaf:n} failed: {status:n}",
        "SEAMCALL failed: leaf: {leaf:n}, error: {status:n}",
        "SEAMCALL failed: leaf {leaf:n}, error {status:n}",
        "SEAMCALL failed: leaf {leaf:n}, rcx {rcx:n}, error {status:n}",
        "SEAMCALL failed: CPU {cpu:u}: leaf {leaf:n}, error {status:n}",
        "SEAMCALL {name:w} failed: {status:n}",
        "SEAMCALL[{name:w}] failed: {status:n}",
    ),
    core(
        "registers", Role.NOTE, "with RCX {rcx:#x}, RDX {rdx:#x}",
        frozenset(), L6_8.at("seamcall_err_ret()"),
        "RCX {rcx:n} RDX {rdx:n} R08 {r8:n}",
        "additional output: rcx {rcx:n}, rdx {rdx:n}, r8 {r8:n}",
        "SEAMCALL additional output: rcx {rcx:n}, rdx {rdx:n}",
    ),
    core(
        "tdmrs_exhausted", Role.FAILURE, "memory needs more TDMRs than there are",
        LATE, L6_8.at("fill_out_tdmrs()"),
        "initialization failed: TDMRs exhausted",
    ),
    core(
        "reserved_exhausted", Role.FAILURE,
        "TDMR [{start:#x}, {end:#x}) has more holes than reserved areas",
        LATE, L6_8.at("tdmr_add_rsvd_area()"),
        "initialization failed: TDMR [{start:x}, {end:x}): reserved areas exhausted",
    ),
    core(
        "tdmrs_short", Role.INIT, "{used} of {limit} TDMRs are used",
        LATE, L6_8.at("fill_out_tdmrs()"),
        "consumed TDMRs reaching limit: {used:u} used out of {limit:u}",
    ),
    core(
        "pamt_node", Role.INIT, "the PAMT of [{start:#x}, {end:#x}) is on node 0",
        LATE, L6_8.at("tdmr_get_nid()"),
        "TDMR [{start:x}, {end:x}): unable to find local NUMA node for PAMT"
        " allocation",
    ),
    core(
        "rbp", Role.FAILURE, "the TDX module clobbers RBP: update it",
        frozenset({"v6.18"}) | BY_CORE, L6_18.at("check_features()"),
        "frame pointer (RBP) clobber bug present, upgrade TDX module",
        "NO_RBP_MOD feature is not supported",
    ),
    core(
        "dynamic_pamt", Role.INIT, "Dynamic PAMT is on",
        frozenset({"dpamt"}), DPAMT_V6.at("10/11"), "Enable Dynamic PAMT",
    ),
    core(
        "pamt_kb", Role.INIT, "the PAMT takes {kb} KB",
        LATE, L6_8.at("init_tdx_module()"),
        "{kb:u} KB allocated for PAMT", "{kb:u} KBs allocated for PAMT",
        "{kb:u} KB? allocated for PAMT", "{kb:u} KB\N{REPLACEMENT CHARACTER} allocated"
        " for PAMT",
    ),
    core(
        "pamt_pages", Role.INIT, "the PAMT takes {pages} pages",
        EARLY, V5.at("15/22"), "{pages:u} pages allocated for PAMT",
    ),
    core(
        "initialized", Role.SUCCESS, "TDX is initialised",
        ALL - BY_CORE, L6_8.at("__tdx_enable()"),
        "module initialized", "TDX module initialized",
        "TDX module successfully initialized",
    ),
    core(
        "initialized_7", Role.SUCCESS, "TDX is initialised",
        BY_CORE, L7.at("tdx_enable()"), "TDX-Module initialized",
    ),
    core(
        "init_failed", Role.FAILURE, "the initialisation failed with {errno}",
        LATE - BY_CORE, L6_8.at("__tdx_enable()"),
        "module initialization failed ({errno:i})", "initialization failed ({errno:i})",
    ),
    core(
        "init_failed_7", Role.FAILURE, "the initialisation failed with {errno}",
        BY_CORE, L7.at("tdx_enable()"), "TDX-Module initialization failed ({errno:i})",
    ),
    other(
        "init_failed_caller", Role.FAILURE, Origin.KVM, "KVM got no TDX",
        frozenset(), ISSUES.at("83"), "Failed to initialize TDX module",
    ),
    core(
        "init_failed_3", Role.FAILURE, "the initialisation failed",
        OF_2022 | V5_ERA, V3.at("18/21"), "Failed to initialize TDX module",
    ),
)  # fmt: skip
