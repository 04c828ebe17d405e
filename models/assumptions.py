"""The assumptions that claims rest on, each a switch of the machine's."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Assumption
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import (
    BASE_SPEC,
    KEXEC_V4,
    KEXEC_V7,
    KH_0429,
    SEED,
    TDX_RST,
    V3,
    V13,
)

NO_MEMORY_HOTPLUG = Assumption(
    "no-memory-hotplug",
    "Nobody hot-adds or hot-removes memory.",
    {Host.memory_hotplug: False, Host.memory_hot_remove: False},
    (SEED.at("on documentation"), V3.at("21/21")),
)
NO_DEVICE_MEMORY = Assumption(
    "no-device-memory",
    "Nobody uses an NVDIMM or a CXL device as memory.",
    {Host.device_memory: False},
    (SEED.at("on documentation"), V3.at("21/21")),
)
NO_CPU_HOTPLUG = Assumption(
    "no-cpu-hotplug",
    "Nobody hot-adds or hot-removes CPUs.",
    {Host.cpu_hotplug: False, Host.cpu_hot_remove: False},
    (SEED.at("on documentation"), V3.at("21/21")),
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
EVERY_CPU_IS_FLUSHED = Assumption(
    "every-cpu-is-flushed",
    "kexec writes back the caches of every CPU, the one that it starts from included.",
    {Host.flushes_other_cpus: True, Host.flushes_own_cpu: True},
    (KEXEC_V7.at("2/7"), KH_0429.at("on the cache flush")),
)
NEXT_KERNEL_IGNORES_TDX = Assumption(
    "next-kernel-ignores-tdx",
    "The kernel that is started does not use TDX.",
    {Host.second_kernel_tries_tdx: False},
    (KH_0429.at("on the second kernel"),),
)
NEXT_KERNEL_STOPS = Assumption(
    "next-kernel-stops",
    "The kernel that is started makes no SEAMCALL after one that failed.",
    {Host.second_kernel_stops_at_failure: True},
    (KH_0429.at("on the second kernel"),),
)
CRASH_KERNEL_STAYS = Assumption(
    "crash-kernel-stays-in-reservation",
    "The crash kernel uses only memory that was reserved for it at boot.",
    {Host.crash_kernel_stays_in_reservation: True},
    (KEXEC_V4.at("cover letter"),),
)
LEGACY_PMEM_IS_CONVERTIBLE = Assumption(
    "legacy-pmem-is-convertible",
    "What the e820 map or memmap=! calls legacy PMEM lies in a CMR.",
    {Host.legacy_pmem_convertible: True},
    (V3.at("14/21"),),
)
NO_FAULTS = Assumption(
    "no-faults",
    "No SEAMCALL meets a shortage of entropy, a busy key table or a bad register.",
    {Host.faults: False},
)

ASSUMPTIONS = (
    NO_MEMORY_HOTPLUG,
    NO_DEVICE_MEMORY,
    NO_CPU_HOTPLUG,
    FIRMWARE_KEEPS_MEMORY,
    FIRMWARE_KEEPS_CPUS,
    UNVERIFIED_CPUS_ARE_SHUT_OUT,
    NO_ERRATUM,
    EVERY_CPU_IS_FLUSHED,
    NEXT_KERNEL_IGNORES_TDX,
    NEXT_KERNEL_STOPS,
    CRASH_KERNEL_STAYS,
    LEGACY_PMEM_IS_CONVERTIBLE,
    NO_FAULTS,
)
