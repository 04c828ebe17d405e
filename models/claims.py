"""The claims of the seed thread, each with the assumptions it silently rests on."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Claim
from tdxcheck.models.assumptions import (
    CRASH_KERNEL_STAYS,
    EVERY_CPU_IS_FLUSHED,
    NEXT_KERNEL_IGNORES_TDX,
    NEXT_KERNEL_STOPS,
    NO_CPU_HOTPLUG,
    NO_DEVICE_MEMORY,
    NO_ERRATUM,
    NO_MEMORY_HOTPLUG,
)
from tdxcheck.spec.claims import (
    a_module_left_open_does_no_harm,
    nothing_private_is_written_after_kexec,
    online_cpus_are_verified,
    the_manual_is_enough,
    the_next_kernel_cannot_use_tdx,
    the_next_kernel_is_unharmed,
)
from tdxcheck.spec.rules.kexec import next_kernel_stops_at_first_seamcall
from tdxcheck.spec.sources import DH_1459, KH_0429, SEED, V3

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
)
"""Each on the design that it was made of; the words are ours."""
