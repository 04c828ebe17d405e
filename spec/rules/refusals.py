"""The mission's own rules: what is not supported is refused, never silent.

One rule for each concern, all of one form: while the kernel offers TDX, an event
that would break it is refused with an error that the requester sees, and changes
nothing. An event that TDX has been turned off for is no longer unsupported.
"""

from __future__ import annotations

from tdxcheck.checker.language import Severity, Term, forall, implies, invariant
from tdxcheck.spec.events import (
    CPU_HOT_REMOVE,
    CPU_OFFLINE,
    CPU_ONLINE,
    KEXEC_LOAD,
    MEMORY_HOT_REMOVE,
    MEMORY_ONLINE,
)
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.sources import DH_0624, DH_1459, K6_16, L6_8, SEED, TDX_RST

C9 = (SEED.at("controlled incompatibility"),)


@invariant(severity=Severity.GUEST, sources=(*C9, L6_8.at("tdx_memory_notifier()")))
def hotplugged_memory_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, onlining DRAM outside the TDMRs is refused, visibly."""
    return forall(
        Block,
        lambda block: implies(
            host.tdx_in_use()
            & host.is_dram(block)
            & ~host.in_tdmr[block]
            & ~host.impossible(MEMORY_ONLINE, block),
            host.refuses_visibly(MEMORY_ONLINE, block),
        ),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(*C9, TDX_RST.at("Physical memory hotplug"), DH_0624.at("no BUG()")),
)
def memory_removal_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, taking away memory of a TDMR is refused, visibly."""
    return forall(
        Block,
        lambda block: implies(
            host.tdx_in_use()
            & host.in_tdmr[block]
            & ~host.impossible(MEMORY_HOT_REMOVE, block),
            host.refuses_visibly(MEMORY_HOT_REMOVE, block),
        ),
    )


@invariant(severity=Severity.MACHINE, sources=(*C9, TDX_RST.at("CPU hotplug")))
def unverified_cpu_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, onlining a CPU that firmware did not verify is refused."""
    return forall(
        Cpu,
        lambda cpu: implies(
            host.tdx_in_use() & ~host.counted[cpu] & ~host.impossible(CPU_ONLINE, cpu),
            host.refuses_visibly(CPU_ONLINE, cpu),
        ),
    )


@invariant(severity=Severity.SERVICE, sources=(*C9, TDX_RST.at("CPU hotplug")))
def cpu_removal_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, taking away a verified CPU is refused, visibly."""
    return forall(
        Cpu,
        lambda cpu: implies(
            host.tdx_in_use()
            & host.counted[cpu]
            & ~host.impossible(CPU_HOT_REMOVE, cpu),
            host.refuses_visibly(CPU_HOT_REMOVE, cpu),
        ),
    )


@invariant(severity=Severity.SERVICE, sources=(*C9, K6_16.at("tdx_offline_cpu()")))
def stranding_cpu_offline_is_refused(host: Host) -> Term[bool]:
    """While a TD holds a KeyID, a package's last CPU cannot go offline, visibly."""
    return forall(
        Cpu,
        lambda cpu: implies(
            host.tdx_in_use()
            & host.hkid_in_use()
            & host.last_online_cpu_of_package(cpu)
            & ~host.impossible(CPU_OFFLINE, cpu),
            host.refuses_visibly(CPU_OFFLINE, cpu),
        ),
    )


@invariant(severity=Severity.MACHINE, sources=(*C9, DH_1459.at("on kexec")))
def unsafe_kexec_is_refused(host: Host) -> Term[bool]:
    """On parts with the partial-write erratum, kexec with TDX in use is refused.

    The next kernel takes the PAMT and the TDs' pages for free memory. A write to them
    of less than a cache line poisons the line, and the next read of it is a machine
    check: the new kernel dies some time later, at a place that explains nothing.

    Where private memory is reset, or a module that can be is disabled, before another
    kernel runs, there is nothing unsafe to refuse. A module that an update has left
    cannot be, and has left all of its memory private.
    """
    accepted = implies(host.update_failed(), host.disable_undoes_shutdown)
    disabled = host.disables_module & host.module_has_disable & accepted
    made_safe = host.resets_private_memory | disabled
    return implies(
        (host.tdx_in_use() | host.update_failed())
        & host.partial_write_erratum
        & ~made_safe
        & ~host.impossible(KEXEC_LOAD),
        host.refuses_visibly(KEXEC_LOAD),
    )


REFUSALS = (
    hotplugged_memory_is_refused,
    memory_removal_is_refused,
    unverified_cpu_is_refused,
    cpu_removal_is_refused,
    stranding_cpu_offline_is_refused,
    unsafe_kexec_is_refused,
)
