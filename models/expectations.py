"""What is known to be wrong with each design; any other verdict is news."""

from __future__ import annotations

from collections.abc import Mapping

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.spec.sources import (
    K6_16,
    KEXEC_V7,
    PULL_6_8,
    SEED,
    TDX_RST,
    V3,
    V3_TREE,
)

NO_KEXEC = Expectation(
    Outcome.VACUOUS,
    "the kernel is built without kexec",
    (PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),),
)


def unchecked(concern: str) -> Expectation:
    """Refuted because v3 checks nothing of this kind: what the seed is about."""
    return Expectation(note="v3 does not check it", sources=(SEED.at(concern),))


V3_KNOWN: Mapping[str, Expectation] = {
    "pamt_is_not_in_the_allocator": Expectation(
        note="PAMTs are freed before TDH.SYS.LP.SHUTDOWN",
        sources=(V3_TREE.at("init_tdx_module(), error path"),),
    ),
    "td_memory_lies_in_tdmrs": Expectation(
        note="hot-added memory and NVDIMMs reach the allocator",
        sources=(SEED.at("memory hotplug"),),
    ),
    "no_td_is_killed_by_its_memory": Expectation(
        note="hot-added memory and NVDIMMs reach the allocator",
        sources=(SEED.at("memory hotplug"),),
    ),
    "seamcall_needs_vmxon_and_lp_init": Expectation(
        note="KVM uses a hot-added CPU", sources=(V3.at("21/21"),)
    ),
    "only_verified_cpus_run_tdx": Expectation(
        note="KVM uses a hot-added CPU", sources=(V3.at("21/21"),)
    ),
    "no_key_is_stranded": Expectation(
        note="B28: nothing keeps a package's last CPU online",
        sources=(K6_16.at("tdx_offline_cpu()"),),
    ),
    "no_private_line_survives_kexec": Expectation(
        note="B1: the CPU that starts kexec is not flushed",
        sources=(V3.at("19/21"), KEXEC_V7.at("2/7")),
    ),
    "next_kernel_is_not_poisoned": Expectation(
        note="private memory is not reset before kexec",
        sources=(KEXEC_V7.at("cover letter"),),
    ),
    "next_kernel_stops_at_first_seamcall": Expectation(
        note="v3 as second kernel calls TDH.SYS.LP.SHUTDOWN after the failure",
        sources=(V3.at("12/21"),),
    ),
    "hotplugged_memory_is_refused": unchecked("memory hotplug"),
    "device_memory_is_refused": unchecked("NVDIMM"),
    "memory_removal_is_refused": unchecked("memory hotplug"),
    "unverified_cpu_is_refused": unchecked("CPU hotplug"),
    "cpu_removal_is_refused": unchecked("CPU hotplug"),
    "stranding_cpu_offline_is_refused": unchecked("CPU hotplug"),
    "unsafe_kexec_is_refused": unchecked("kexec"),
}

DOCUMENT_ONLY_KNOWN = V3_KNOWN
"""The same code: a manual refuses nothing."""

V6_8_KNOWN: Mapping[str, Expectation] = {
    "no_seamcall_after_failed_init": Expectation(
        note="loading KVM again runs LP.INIT on a CPU that came online since",
        sources=(K6_16.at("tdx_online_cpu()"),),
    ),
    "no_key_is_stranded": Expectation(
        note="TD creation looks at packages with a CPU, not at those with a key",
        sources=(K6_16.at("__tdx_td_init()"), TDX_RST.at("CPU hotplug")),
    ),
    "memory_removal_is_refused": Expectation(
        note="left to firmware", sources=(TDX_RST.at("Physical memory hotplug"),)
    ),
    "cpu_removal_is_refused": Expectation(
        note="left to firmware", sources=(TDX_RST.at("CPU hotplug"),)
    ),
    "no_private_line_survives_kexec": NO_KEXEC,
    "next_kernel_is_not_poisoned": NO_KEXEC,
    "next_kernel_stops_at_first_seamcall": NO_KEXEC,
    "kexec_is_possible": Expectation(
        note="the kernel is built without kexec", sources=NO_KEXEC.sources
    ),
}
