"""What Linux hosts print once TDX is set up: of KVM, of refusals, of machine checks."""

from __future__ import annotations

from typing import Final

from tdxcheck.models.logs.families import BY_CORE, BY_KVM, EARLY, LATE
from tdxcheck.models.logs.form import Origin, Role, core, kvm, other
from tdxcheck.spec.sources import (
    CPU_SPEC,
    CRASHES,
    CXL_2024,
    DISABLE_V3,
    K6_16,
    KEXEC_MUTEX,
    KEXEC_V7,
    KVM_V8,
    L6_8,
    TDX_RST,
    TREE_6_2,
    V5,
)

RUN_LINES: Final = (
    kvm(
        "kvm_ready", Role.RUN, "KVM offers TDX", frozenset(), TREE_6_2.at("KVM"),
        "TDX is supported", "live migration supported",
        "max servtds supported per user TD is {count:u}",
    ),
    kvm(
        "kvm_found", Role.FIRMWARE, "KVM finds TDX on the platform",
        EARLY, KVM_V8.at("009/103 tdx_hardware_setup()"),
        "TDX is supported. x86 phys bits {bits:u}",
        "TDX is supported. hkid start pos {bits:u}",
    ),
    kvm(
        "kvm_no_keyids", Role.FAILURE, "KVM finds no private KeyID",
        BY_KVM, K6_16.at("__tdx_bringup()"),
        "no TDX private KeyIDs available",
    ),
    kvm(
        "kvm_virt_at_load", Role.FAILURE,
        "KVM does without TDX: kvm.enable_virt_at_load is 0",
        BY_KVM, K6_16.at("tdx_bringup()"),
        "tdx requires kvm.enable_virt_at_load=1",
    ),
    other(
        "kvm_lacks", Role.FAILURE, Origin.ANY, "KVM does without TDX: {what} is off",
        BY_KVM | BY_CORE, K6_16.at("tdx_bringup()"),
        "kvm_intel: {what:w} is required for TDX",
        "kvm_intel: tdx: {what:w} is required for TDX",
        "{what:w} is required for TDX",
    ),
    other(
        "kvm_lacks_mmu", Role.FAILURE, Origin.ANY,
        "KVM does without TDX: its TDP MMU, MMIO caching or EPT A/D bits are off",
        BY_KVM | BY_CORE, K6_16.at("tdx_bringup()"),
        "TDP MMU and MMIO caching and EPT A/D bit is required for TDX",
    ),
    other(
        "kvm_lacks_early", Role.FAILURE, Origin.ANY,
        "KVM does without TDX: {what} is off",
        EARLY | {"v6.8"}, TREE_6_2.at("vt_hardware_setup()"),
        "TDX requires {what:t}. Please enable",
    ),
    other(
        "kvm_in_guest", Role.FAILURE, Origin.ANY,
        "KVM does without TDX: it runs in a virtual machine",
        EARLY | {"v6.8"}, TREE_6_2.at("vt_hardware_setup()"),
        "TDX requires baremetal",
    ),
    other(
        "kvm_disabled", Role.FAILURE, Origin.ANY,
        "KVM does without TDX: firmware has not enabled it",
        EARLY, KVM_V8.at("tdx_hardware_setup()"),
        "Cannot enable TDX on TDX disabled platform",
        "Cannot enable TDX with SEAMRR disabled",
    ),
    other(
        "kvm_no_ept", Role.FAILURE, Origin.ANY, "KVM does without TDX: EPT is off",
        EARLY, KVM_V8.at("tdx_hardware_setup()"),
        "Cannot enable TDX with EPT disabled",
    ),
    other(
        "kvm_vcpus", Role.FAILURE, Origin.ANY,
        "the module takes {most} vCPUs a TD, fewer than there are CPUs ({cpus})",
        BY_KVM | BY_CORE, K6_16.at("__tdx_bringup()"),
        "Disable TDX: MAX_VCPU_PER_TD ({most:u}) smaller than number of logical CPUs"
        " ({cpus:u})",
    ),
    other(
        "hkid_leaked", Role.RUN, Origin.ANY, "{call} failed: HKID {hkid} is leaked",
        BY_KVM | BY_CORE, K6_16.at("tdx_mmu_release_hkid()"),
        "{call:w} failed. HKID {hkid:u} is leaked",
    ),
)  # fmt: skip

REFUSAL_LINES: Final = (
    other(
        "last_cpu", Role.REFUSAL, Origin.ANY,
        "a package's last CPU is not taken offline while a TD exists",
        BY_KVM | BY_CORE, K6_16.at("tdx_offline_cpu()"),
        "TDX requires all packages to have an online CPU",
    ),
    other(
        "td_refused", Role.REFUSAL, Origin.ANY,
        "no TD is created while a package has no CPU online",
        BY_KVM | BY_CORE, K6_16.at("__tdx_td_init()"),
        "All packages need to have online CPU to create TD",
    ),
    other(
        "kexec_refused", Role.REFUSAL, Origin.KEXEC,
        "no image for kexec is loaded: the partial-write erratum",
        frozenset({"v6.18", "v7.1"}), KEXEC_V7.at("machine_kexec_prepare()"),
        "Not allowed on platform with tdx_pw_mce bug",
    ),
    other(
        "kexec_excluded", Role.REFUSAL, Origin.KEXEC,
        "no image for kexec is loaded: TDX is initialised",
        frozenset({"kexec-mutex"}), KEXEC_MUTEX.at("kexec_load()"),
        "Disabled: TDX is enabled",
    ),
    core(
        "tdx_excluded", Role.FAILURE, "TDX is off for good: kexec's image came first",
        frozenset({"kexec-mutex"}), KEXEC_MUTEX.at("tdx_disable()"),
        "explicitly disabled",
    ),
    core(
        "disable_failed", Role.RUN, "TDH.SYS.DISABLE answered {status:#x}",
        frozenset({"v7.2", "dpamt"}), DISABLE_V3.at("tdx_sys_disable()"),
        "TDH.SYS.DISABLE failed: {status:n}",
    ),
    other(
        "acpi_memory_refused", Role.REFUSAL, Origin.ANY,
        "memory that firmware adds is ignored", frozenset({"v5"}), V5.at("03/22"),
        "Platform doesn't support ACPI memory hotplug. New memory device ignored",
    ),
    other(
        "acpi_cpu_refused", Role.REFUSAL, Origin.ANY,
        "a CPU that firmware adds is ignored", frozenset({"v5"}), V5.at("02/22"),
        "Platform doesn't support ACPI CPU hotplug. New CPU ignored",
    ),
    other(
        "acpi_removal", Role.HARDWARE, Origin.ANY,
        "firmware takes a device away: BUG()", frozenset({"v5"}), V5.at("02/22, 03/22"),
        "Platform doesn't support ACPI CPU hotplug. BUG()",
        "Platform doesn't support ACPI memory hotplug. BUG()",
    ),
    other(
        "memory_refused", Role.REFUSAL, Origin.ANY,
        "memory [{start:#x}, {end:#x}) is not added on a platform with TDX",
        frozenset({"v5", "kh-approach1"}), V5.at("05/22"),
        "Unable to add memory [{start:x}, {end:x}) on TDX enabled platform",
    ),
    other(
        "memory_prechecked", Role.REFUSAL, Origin.ANY,
        "memory is not added: not all of it is TDX memory",
        frozenset({"hotadd-precheck"}),
        CXL_2024.at("arch_check_hotplug_memory_range()"),
        "Reject hot-adding memory range: {start:x}-{end:x} for TDX compatibility",
        "Reject hot-adding memory range",
    ),
    other(
        "memory_failed", Role.REFUSAL, Origin.ANY, "hot-added memory was not taken",
        frozenset(), TDX_RST.at("Physical memory hotplug"),
        "add_memory failed", "acpi_memory_enable_device() error",
        "mapping{n:u}: {start:x}-{last:x} memory add failed",
        "kmem: probe of {device:w} failed with error {errno:i}",
        "probe with driver kmem failed with error {errno:i}",
        "Hotplug memory [{start:x}-{last:x}] exceeds maximum addressable",
    ),
    other(
        "online_failed", Role.REFUSAL, Origin.ANY,
        "memory [{start:#x}, {last:#x}] did not go online",
        frozenset(), L6_8.at("tdx_memory_notifier()"),
        "online_pages [mem {start:x}-{last:x}] failed",
    ),
    other(
        "machine_check", Role.HARDWARE, Origin.ANY,
        "a machine check met TDX private memory: the kernel wrote to it, or memory is"
        " broken", LATE, L6_8.at("tdx_dump_mce_info()"),
        "TDX private memory error",
    ),
    other(
        "machine_check_fatal", Role.HARDWARE, Origin.ANY,
        "a machine check was fatal, and whose memory it met is not said",
        frozenset(), CPU_SPEC.at("machine checks"),
        "Machine Check Exception:", "Kernel panic - not syncing: Fatal machine check",
        "Kernel panic - not syncing: Fatal local machine check",
        "Kernel panic - not syncing: Machine check",
    ),
    other(
        "crash", Role.CRASH, Origin.ANY, "the kernel has crashed: {what}",
        frozenset(), CRASHES.at("oops"),
        "kernel BUG at {what:t}", "BUG: unable to handle {what:t}", "Oops: {what:t}",
        "Kernel panic - not syncing: {what:t}",
    ),
    other(
        "call_trace", Role.CRASH, Origin.ANY,
        "the kernel tells where it was when something went wrong",
        frozenset(), CRASHES.at("oops"), "Call Trace:",
    ),
    other(
        "kexec_failed", Role.REFUSAL, Origin.ANY,
        "an image for kexec was not loaded: {why}",
        frozenset(), TDX_RST.at("Kexec()"),
        "kexec_load failed: {why:t}", "kexec_file_load failed: {why:t}",
    ),
    core(
        "guest", Role.GUEST, "this kernel is a TD",
        frozenset(), TDX_RST.at("TDX guest"),
        "Guest detected",
    ),
    other(
        "guest_features", Role.GUEST, Origin.ANY, "this kernel is a TD",
        frozenset(), TDX_RST.at("TDX guest"),
        "Memory Encryption Features active: Intel TDX",
        "Memory Encryption Features active: TDX",
    ),
)  # fmt: skip
