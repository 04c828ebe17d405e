"""The family of machines that the designs are judged on.

The default machine has one of everything that ever broke a design: a CPU and
memory that firmware may hot-add, an NVDIMM, and, left open, the partial-write
erratum.
"""

from __future__ import annotations

from typing import Final

from tdxcheck.checker.catalogue import Feature, Machine, Setup, Sizes, UsageError
from tdxcheck.checker.language import (
    Term,
    all_of,
    exists,
    forall,
    implies,
    initial,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.spec.host import Host, MemoryKind
from tdxcheck.spec.machine import Block, Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import (
    Batch,
    HandoffVersion,
    Layout,
    Page,
    Sample,
    Status,
)
from tdxcheck.spec.rules.service import a_td_can_run

KINDS: Final = (
    MemoryKind.BOOT_DRAM,
    MemoryKind.HOT_PLUG_DRAM,
    MemoryKind.NVDIMM,
    MemoryKind.BOOT_DRAM,
    MemoryKind.LEGACY_PMEM,
    MemoryKind.CXL,
    MemoryKind.SOFT_RESERVED,
)
"""Of the blocks in turn; from the eighth on, boot DRAM."""

LARGEST: Final = 16


def build(sizes: Sizes) -> Setup:
    """The last CPU is hot-added, if there are three; the others are spread evenly."""
    cpus, packages, blocks = sizes["cpus"], sizes["packages"], sizes["blocks"]
    for name, number in sizes.items():
        if number > LARGEST:
            raise UsageError(f"--{name} {number}: at most {LARGEST} are modelled")
    verified = cpus - 1 if cpus > 2 else cpus
    if packages > verified:
        there = "is only 1 CPU" if verified == 1 else f"are only {verified} CPUs"
        raise UsageError(f"{packages} packages: there {there} at boot")
    scope: Scope = {
        Cpu: cpus,
        Package: packages,
        Block: blocks,
        Tdmr: 1,
        Hkid: 1,
        Layout: 1,
        Batch: 1,
        Sample: 2,
        HandoffVersion: 1,
        Page: 2,
    }
    kinds = [
        KINDS[b] if b < len(KINDS) else MemoryKind.BOOT_DRAM for b in range(blocks)
    ]
    return Setup(
        scope,
        {
            Host.counted: lambda cpu: cpu < verified,
            Host.package_of: lambda cpu: cpu % packages,
            Host.package_counted: True,
            Host.memory_kind: lambda block: kinds[block],
            Host.unmovable: lambda block: block == 0,
            Host.seamrr_valid: None,
            Host.seam_ready: None,
            Host.vmx_on: False,
            Host.tdmr_batches: 1,
            Host.init_check: lambda sample: (
                Status.TDX_INCORRECT_MSR_VALUE if sample else Status.TDX_SUCCESS
            ),
            Host.lp_check: lambda reference, sample: (
                Status.TDX_SUCCESS
                if sample == reference
                else Status.TDX_INCONSISTENT_MSR
            ),
        },
        _summary(cpus, verified, packages, kinds),
    )


def _summary(cpus: int, verified: int, packages: int, kinds: list[MemoryKind]) -> str:
    hot = f" ({cpus - verified} hot-added)" if cpus > verified else ""
    memory = ", ".join(f"{b} {kind.value}" for b, kind in enumerate(kinds))
    return (
        f"{cpus} CPU{'s' * (cpus > 1)}{hot}, {packages} package{'s' * (packages > 1)}, "
        f"blocks: {memory}"
    )


FEATURES = (
    Feature("memory-hotplug", "Firmware hot-adds memory.", Host.memory_hotplug),
    Feature("memory-removal", "Firmware hot-removes memory.", Host.memory_hot_remove),
    Feature("nvdimm", "An NVDIMM is used as memory.", Host.persistent_memory),
    Feature("cxl", "CXL is used as memory.", Host.cxl_memory, least={"blocks": 6}),
    Feature("cpu-hotplug", "Firmware hot-adds CPUs.", Host.cpu_hotplug),
    Feature("cpu-removal", "Firmware hot-removes CPUs.", Host.cpu_hot_remove),
    Feature("kexec", "The administrator uses kexec.", Host.kexec),
    Feature("suspend", "The machine is suspended to memory.", Host.suspend),
    Feature("hibernation", "The kernel can hibernate, and does.", Host.hibernation),
    Feature("erratum", "Partial writes poison memory.", Host.partial_write_erratum),
    Feature("faults", "SEAMCALLs meet passing faults.", Host.faults),
    Feature("sys-disable", "The module has TDH.SYS.DISABLE.", Host.module_has_disable),
    Feature("module-1.5", "The module is of version 1.5 or later.", Host.module_is_1_5),
    Feature(
        "crash-kernel-stays",
        "The crash kernel uses only its reservation.",
        Host.crash_kernel_stays_in_reservation,
    ),
    Feature(
        "topology-enum",
        "The module has all that KVM asks for.",
        Host.module_enumerates_topology,
    ),
    Feature("no-rbp-mod", "The module leaves RBP alone.", Host.module_keeps_rbp),
    Feature("runtime-update", "The module is updated.", Host.runtime_update),
    Feature(
        "several-packages",
        "The CPUs are on more than one package.",
        present={"packages": 2},
        absent={"packages": 1},
    ),
)


@initial
def the_kernel_lies_in_boot_dram(host: Host) -> Term[bool]:
    """Some block holds the kernel itself, and such a block is boot DRAM."""
    boot = MemoryKind.BOOT_DRAM
    return all_of(
        exists(Block, lambda block: host.unmovable[block]),
        forall(
            Block,
            lambda b: implies(host.unmovable[b], host.memory_kind[b] == boot),
        ),
    )


MACHINE = Machine(
    {"cpus": 4, "packages": 2, "blocks": 4},
    build,
    FEATURES,
    purpose=a_td_can_run,
    unbounded=(Cpu, Package, Block, Tdmr),
    common=(the_kernel_lies_in_boot_dram,),
)
