"""Suspend, hibernation and reboot: power goes, or a reset comes, and so the module.

A machine that is reset begins anew, as firmware hands it over: its run ends there. So
only a reboot that tells the module first is a step of every machine; up to v7.1 none
does, and from v7.2 on an emergency reboot does not either. In a sleep the processors
leave VMX operation and find it again, as KVM, or from v7.1 on the core kernel, sees to:
that TDX is lost in it comes before.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
)
from tdxcheck.models.disable import sys_disable, sys_disable_interrupted
from tdxcheck.spec.events import HIBERNATE, REBOOT, SUSPEND
from tdxcheck.spec.host import Actor, Host, Kvm, Running, Td, Tdx, Told
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.sources import ACPI_SLEEP, DISABLE_V3, L6_8, TDX_RST


def reset_module(host: Host) -> None:
    """Power goes: the module and its TDs are lost, and no cache keeps a line."""
    host.seam_ready = False
    host.private_dirty.fill(False)
    host.pamt_dirty.fill(False)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=SUSPEND,
    sources=(
        TDX_RST.at("S3"),
        L6_8.at("tdx_init()"),
        ACPI_SLEEP.at("acpi_suspend_enter()"),
    ),
)
def suspend(host: Host) -> None:
    """The administrator suspends the machine to memory, and wakes it up again.

    A kernel that has turned TDX off, as it can hibernate, suspends as ever. The log
    line of the refusal is from boot.
    """
    host.require(host.suspend)
    host.require(host.in_service())
    host.require(~host.initializing())
    host.require(
        ~host.refuses_s3 | host.hidden_at_boot(),
        otherwise=Refusal(
            Told.ENOSYS,
            log="Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
        ),
    )
    reset_module(host)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=HIBERNATE,
    sources=(TDX_RST.at("hibernation"), L6_8.at("tdx_init()")),
)
def hibernate(host: Host) -> None:
    """The administrator hibernates the machine: the kernel wakes up where it was."""
    host.require(host.hibernation)
    host.require(host.in_service())
    host.require(~host.initializing())
    reset_module(host)


def disables_for_shutdown(host: Host, cpu: Cpu) -> None:
    """On the way to another kernel, or to a reset, the module is disabled by {cpu}."""
    host.require(host.running == Running.FIRST)
    host.require(host.disables_module & (host.tdx == Tdx.INITIALIZED))
    host.require(host.in_service() | host.disabling)
    host.require(host.online(cpu))


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=REBOOT,
    sources=(DISABLE_V3.at("tdx_shutdown()"),),
)
def reboot_disabling(host: Host, cpu: Cpu) -> None:
    """The administrator reboots the machine: TDH.SYS.DISABLE on {cpu}, then reset.

    Every guest has been shut down before, and no image for kexec is loaded.
    """
    host.require(host.reboots)
    host.require((host.td == Td.NONE) & (host.kvm == Kvm.UNLOADED))
    host.require(~host.kexec_loaded)
    disables_for_shutdown(host, cpu)
    host.running = Running.RESET
    host.tdx = Tdx.UNINITIALIZED
    host.kvm = Kvm.UNLOADED
    host.disabling = False
    host.call(sys_disable, cpu, host.disables_in_vmx_operation)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=REBOOT,
    sources=(DISABLE_V3.at("tdx_shutdown(), syscore"),),
)
def emergency_reboot(host: Host, cpu: Cpu) -> None:
    """The machine is rebooted in an emergency, by {cpu}: nothing is shut down.

    No CPU is stopped and no syscore operation runs; that is recalled.
    """
    host.require(host.emergency_reboots)
    host.require(host.running == Running.FIRST)
    host.require(host.online(cpu))
    host.running = Running.RESET
    host.kvm = Kvm.UNLOADED
    host.disabling = False


@action(actor=Actor.KERNEL, sources=(DISABLE_V3.at("tdx_shutdown(), retries"),))
def disable_again(host: Host, cpu: Cpu, busy: Term[bool]) -> None:
    """The kernel meets an interrupt or a busy module: TDH.SYS.DISABLE again, on {cpu}.

    It does so without bound, with every other CPU stopped.
    """
    host.require(host.faults & host.module_has_disable)
    host.require(host.retries_disable)
    host.require(host.kexec_loaded)
    disables_for_shutdown(host, cpu)
    host.disabling = True
    host.call(sys_disable_interrupted, cpu, busy)
