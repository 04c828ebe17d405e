"""The machine as firmware hands it over, and Linux looking at it."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Refusal,
    Term,
    action,
    exists,
    forall,
    implies,
    initial,
    ite,
)
from tdxcheck.spec.events import (
    BOOT_SCAN,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    MemoryKind,
    Presence,
    Running,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.sources import (
    V5,
)

CPU_IGNORED = "[BIOS bug]: Platform doesn't support ACPI CPU hotplug.  New CPU ignored."


@initial
def cpus_at_boot(host: Host) -> Term[bool]:
    """The CPUs that firmware verified are online; no other CPU is there yet."""
    return forall(
        Cpu,
        lambda cpu: (
            host.cpu[cpu] == ite(host.counted[cpu], Presence.ONLINE, Presence.ABSENT)
        ),
    )


@initial
def seamrr_at_boot(host: Host) -> Term[bool]:
    """Firmware has set SEAMRR up on the CPUs that it verified, and on no other.

    That a SEAMCALL anywhere else is #GP is what Linux relies on; whether every
    platform does so for a hot-added CPU was not established.
    """
    return forall(
        Cpu,
        lambda cpu: (
            host.seamrr_valid[cpu]
            == (host.counted[cpu] | host.unverified_cpus_enter_seam)
        ),
    )


@initial
def module_at_boot(host: Host) -> Term[bool]:
    """The module can be entered if firmware has loaded one."""
    return host.seam_ready == host.module_present


@initial
def packages_at_boot(host: Host) -> Term[bool]:
    """Firmware counted the packages of the CPUs that it verified."""
    return forall(
        Package,
        lambda package: (
            host.package_counted[package]
            == exists(Cpu, lambda c: host.counted[c] & (host.package_of[c] == package))
        ),
    )


@initial
def memory_at_boot(host: Host) -> Term[bool]:
    """Boot DRAM is online; other memory is not there yet, or is only a device."""
    return forall(
        Block,
        lambda block: (
            host.memory[block]
            == ite(
                host.memory_kind[block] == MemoryKind.BOOT_DRAM,
                Presence.ONLINE,
                Presence.ABSENT,
            )
        ),
    )


BOOT = (
    cpus_at_boot,
    seamrr_at_boot,
    module_at_boot,
    packages_at_boot,
    memory_at_boot,
)


@action(
    actor=Actor.KERNEL,
    event=BOOT_SCAN,
    sources=(V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),),
)
def boot_scan(host: Host, cpu: Cpu) -> None:
    """Linux boots, and meets {cpu} in the list of CPUs that firmware gives it."""
    host.require(host.running == Running.FIRST)
    host.require(host.tdx == Tdx.UNINITIALIZED)
    host.require(host.counted[cpu])
    host.require(
        implies(host.refuses_acpi_cpus, host.leaves_boot_devices_alone),
        otherwise=Refusal(Told.EINVAL, log=CPU_IGNORED),
    )
