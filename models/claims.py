"""The claims of the seed thread, each with the assumptions it silently rests on."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Claim, Expectation
from tdxcheck.models.assumptions import (
    CRASH_KERNEL_STAYS,
    EVERY_CPU_IS_FLUSHED,
    FIRMWARE_KEEPS_CPUS,
    FIRMWARE_KEEPS_MEMORY,
    LEGACY_PMEM_IS_CONVERTIBLE,
    NEXT_KERNEL_IGNORES_TDX,
    NEXT_KERNEL_STOPS,
    NO_CPU_HOTPLUG,
    NO_DEVICE_MEMORY,
    NO_ERRATUM,
    NO_MEMORY_HOTPLUG,
)
from tdxcheck.spec.claims import (
    a_cpu_may_go_and_come,
    a_module_left_open_does_no_harm,
    kept_configurations_are_right,
    listed_memory_is_accepted,
    nothing_private_is_written_after_kexec,
    online_cpus_are_verified,
    the_manual_is_enough,
    the_next_kernel_cannot_use_tdx,
    the_next_kernel_is_unharmed,
    vmx_is_on_where_tdx_is,
    what_tdx_cannot_bear_is_refused,
)
from tdxcheck.spec.rules.availability import convertible_memory_may_return
from tdxcheck.spec.rules.kexec import next_kernel_stops_at_first_seamcall
from tdxcheck.spec.sources import (
    DH_0624,
    DH_1459,
    DISABLE_V3,
    K6_16,
    KH_0429,
    KH_0503,
    SEED,
    V3,
    VMXON_V3,
)

CLAIMS = (
    Claim(
        "C1",
        "If the next kernel never uses TDX, nothing writes memory with a private key.",
        "v3",
        nothing_private_is_written_after_kexec,
        (NEXT_KERNEL_IGNORES_TDX, EVERY_CPU_IS_FLUSHED),
        sources=(KH_0429.at("on the second kernel"),),
    ),
    Claim(
        "C2",
        "If the next kernel tries TDX, it fails at its first SEAMCALL and stops.",
        "v3",
        next_kernel_stops_at_first_seamcall,
        (NEXT_KERNEL_STOPS,),
        sources=(KH_0429.at("on the second kernel"),),
    ),
    Claim(
        "C3",
        "Anything worse that the next kernel meets is its own bug, or malice.",
        "v3",
        the_next_kernel_is_unharmed,
        (NEXT_KERNEL_STOPS, EVERY_CPU_IS_FLUSHED, NO_ERRATUM, CRASH_KERNEL_STAYS),
        sources=(KH_0429.at("on the second kernel"),),
    ),
    Claim(
        "C4",
        "Leaving the module open is acceptable: the next kernel cannot use TDX.",
        "v3",
        a_module_left_open_does_no_harm,
        (EVERY_CPU_IS_FLUSHED, NO_ERRATUM),
        sources=(V3.at("00/21, on kexec"),),
    ),
    Claim(
        "C5",
        "The next kernel could use TDX only by taking the old configuration over.",
        "v3",
        the_next_kernel_cannot_use_tdx,
        sources=(V3.at("00/21, on kexec"),),
    ),
    Claim(
        "C6",
        "Each kernel's copy of the module's configuration is right, or not used.",
        "v3",
        kept_configurations_are_right,
        sources=(DH_1459.at("on the configuration"),),
    ),
    Claim(
        "C7",
        "A manual is enough: whoever reads it does without hotplug and NVDIMMs.",
        "document-only",
        the_manual_is_enough,
        (NO_MEMORY_HOTPLUG, NO_DEVICE_MEMORY, NO_CPU_HOTPLUG),
        sources=(SEED.at("on documentation"),),
    ),
    Claim(
        "C8",
        "CPUs cannot physically be hot-added on machines with TDX.",
        "v3",
        online_cpus_are_verified,
        (NO_CPU_HOTPLUG,),
        sources=(V3.at("00/21"), DH_1459.at('on "cannot physically happen"')),
    ),
    Claim(
        "C9",
        "What TDX cannot bear is refused in a controlled way, or turns TDX off.",
        "v7.2",
        what_tdx_cannot_bear_is_refused,
        (FIRMWARE_KEEPS_MEMORY, FIRMWARE_KEEPS_CPUS, NO_ERRATUM),
        sources=(SEED.at("controlled incompatibility"), DH_0624.at("no BUG()")),
    ),
    Claim(
        "C10",
        "kexec needs no more than a flush of caches.",
        "v3",
        the_next_kernel_is_unharmed,
        (EVERY_CPU_IS_FLUSHED, NO_ERRATUM),
        sources=(KH_0429.at("on kexec"),),
    ),
    Claim(
        "C11",
        "Once TDX is initialised, any CPU may go offline and come back.",
        "v3",
        a_cpu_may_go_and_come,
        (NO_CPU_HOTPLUG,),
        Expectation(
            note="a package's last CPU strands a key, and any CPU a vCPU",
            bug="B28",
            sources=(K6_16.at("tdx_offline_cpu(), tdx_disable_virtualization_cpu()"),),
        ),
        sources=(V3.at("00/21, CPU hotplug"),),
    ),
    Claim(
        "C12-approach1",
        "To refuse every memory that is added refuses nothing that TDX can use.",
        "kh-approach1",
        convertible_memory_may_return,
        expected=Expectation(
            note="memory that was removed is TDX's own", sources=(KH_0503.at("B5"),)
        ),
        sources=(KH_0429.at("approach 1"),),
    ),
    Claim(
        "C12-approach2",
        "To refuse memory by CMRs and by status refuses nothing that TDX can use.",
        "kh-approach2",
        convertible_memory_may_return,
        expected=Expectation(
            note="once TDX is initialised everything is refused",
            bug="B5",
            sources=(KH_0503.at("on remove and re-add"),),
        ),
        sources=(KH_0429.at("approach 2"),),
    ),
    Claim(
        "C12-corrected",
        "To refuse memory by CMRs, then by TDMRs, refuses nothing that TDX can use.",
        "kh-approach2-corrected",
        convertible_memory_may_return,
        sources=(KH_0503.at("approach 2, corrected"),),
    ),
    Claim(
        "C13",
        "Legacy PMEM is memory underneath, and can always be given to TDX.",
        "v3",
        listed_memory_is_accepted,
        (LEGACY_PMEM_IS_CONVERTIBLE,),
        sources=(V3.at("14/21, e820_entry_is_ram()"),),
        sizes={"blocks": 5},
    ),
    Claim(
        "C14",
        "To shut the module down for kexec needs VMX on every CPU, which v3 has not.",
        "v3",
        vmx_is_on_where_tdx_is,
        expected=Expectation(note="KVM may be unloaded", sources=(V3.at("19/21"),)),
        sources=(V3.at("19/21, on shutdown"),),
    ),
    Claim(
        "C14-core",
        "To shut the module down for kexec needs VMX on every CPU, which v7.1 has.",
        "v7.1",
        vmx_is_on_where_tdx_is,
        sources=(VMXON_V3.at("cover letter"), DISABLE_V3.at("cover letter")),
    ),
)
"""Each on the design that it was made of; the words are ours."""
