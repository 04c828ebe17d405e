"""v6.8, with KVM's part from v6.16: a notifier for memory, callbacks for CPUs.

Memory is listed when TDX is initialised, from memblock. Afterwards no block
outside the list goes online. KVM initialises each CPU as it comes online, and
keeps the last CPU of a package online while a TD exists. kexec is configured out.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
    forall,
    implies,
    ite,
)
from tdxcheck.models.designs.v3 import (
    V3_DESIGN,
    begin,
    build_tdmrs,
    give_up,
    initialize_cpu,
    shut_down_cpu,
    undo,
)
from tdxcheck.models.kvm import TD_INIT, kvm_load, seamcall, td_create, vmxon_everywhere
from tdxcheck.models.module.initialization import sys_init, sys_lp_init
from tdxcheck.models.platform import (
    cpu_offline,
    cpu_online,
    crash_kexec,
    kexec,
    memory_online,
)
from tdxcheck.models.td import mng_create
from tdxcheck.spec.events import (
    CPU_OFFLINE,
    CPU_ONLINE,
    CRASH_KEXEC,
    KEXEC,
    MEMORY_ONLINE,
    TD_CREATE,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    Kvm,
    Presence,
    SysInitResult,
    Td,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.sources import K6_16, L6_8, PULL_6_8

CPU_ENABLE = (L6_8.at("tdx_cpu_enable()"), K6_16.at("tdx_online_cpu()"))
ALL_PACKAGES = (
    "TDX requires all packages to have an online CPU. "
    "Delete all TDs in order to offline all CPUs of a package."
)
NO_KEXEC = Refusal(Told.ENOSYS, detail="KEXEC_CORE", log="")


# Memory.


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=MEMORY_ONLINE,
    sources=(L6_8.at("tdx_memory_notifier()"),),
)
def memory_online_if_listed(host: Host, block: Block) -> None:
    """The administrator onlines {block}, which TDX does not exclude."""
    host.require(host.in_service())
    host.require(host.memory[block] == Presence.OFFLINE)
    host.require(~host.memory_hotplug_locked())
    host.require(
        host.tdx_list_is_empty() | host.tdx_memory[block],
        otherwise=Refusal(Told.EPERM, detail="NOTIFY_BAD"),
    )
    host.memory[block] = Presence.ONLINE


# CPUs.


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=CPU_ONLINE,
    sources=CPU_ENABLE,
)
def cpu_online_known(host: Host, cpu: Cpu) -> None:
    """The administrator onlines {cpu}, where KVM has nothing to do but VMXON."""
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.initializing())
    host.require((host.kvm == Kvm.UNLOADED) | host.lp_init_done[cpu])
    host.cpu[cpu] = Presence.ONLINE


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST, Kind.BRING_UP},
    event=CPU_ONLINE,
    sources=CPU_ENABLE,
)
def cpu_online_first(
    host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample
) -> None:
    """The administrator onlines {cpu}: KVM does VMXON and TDH.SYS.LP.INIT there."""
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.initializing())
    host.require((host.kvm == Kvm.LOADED) & ~host.lp_init_done[cpu])
    host.require(host.healthy(shortage, sample))
    answer = host.answer(sys_lp_init, cpu, sample, ~shortage)
    host.require(answer == Status.TDX_SUCCESS, otherwise=Told.EIO)
    host.lp_init_done[cpu] = True
    host.cpu[cpu] = Presence.ONLINE
    seamcall(host, sys_lp_init, cpu, sample, ~shortage)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=CPU_OFFLINE,
    sources=(K6_16.at("tdx_offline_cpu()"),),
)
def cpu_offline_unless_last(host: Host, cpu: Cpu) -> None:
    """The administrator offlines {cpu}, whose package has another if a TD needs it."""
    host.require(host.in_service())
    host.require(host.online(cpu))
    host.require(host.another_cpu_online(cpu), otherwise=Told.EBUSY)
    host.require(~host.initializing())
    host.require(
        (host.kvm == Kvm.UNLOADED)
        | ~host.hkid_in_use()
        | ~host.last_online_cpu_of_package(cpu),
        otherwise=Refusal(Told.EBUSY, log=ALL_PACKAGES),
    )
    host.private_dirty[cpu] = False
    host.cpu[cpu] = Presence.OFFLINE


# KVM's bring-up: VMXON and the CPU callbacks first, then tdx_enable().


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    sources=(K6_16.at("tdx_bringup()"),),
)
def kvm_load_begins(host: Host) -> None:
    """The administrator loads KVM with tdx=1: VMXON on every online CPU."""
    host.require(host.kvm_may_load())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(~host.initializing())
    vmxon_everywhere(host)
    host.kvm = Kvm.LOADING


@action(actor=Actor.KVM, kinds={Kind.BRING_UP}, sources=CPU_ENABLE)
def enable_module(host: Host, cpu: Cpu, sample: Sample) -> None:
    """KVM enables the first CPU: TDH.SYS.INIT on {cpu}, whose result is kept."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.sys_init_result == SysInitResult.NOT_CALLED)
    host.require(host.online(cpu))
    host.require(host.healthy(False, sample))
    answer = seamcall(host, sys_init, cpu, sample)
    host.sys_init_result = ite(
        answer == Status.TDX_SUCCESS, SysInitResult.SUCCEEDED, SysInitResult.FAILED
    )


@action(actor=Actor.KVM, kinds={Kind.BRING_UP}, sources=CPU_ENABLE)
def enable_cpu(host: Host, cpu: Cpu, sample: Sample) -> None:
    """KVM enables a CPU: TDH.SYS.LP.INIT on {cpu}."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.sys_init_result == SysInitResult.SUCCEEDED)
    host.require(host.online(cpu))
    host.require(~host.lp_init_done[cpu])
    host.require(host.healthy(False, sample))
    answer = seamcall(host, sys_lp_init, cpu, sample)
    done = answer == Status.TDX_SUCCESS
    on = host.vmx_on
    host.lp_init_done[cpu] = done
    host.kvm = ite(done, Kvm.LOADING, Kvm.UNLOADED)
    host.vmx_on.update(lambda c: on[c] & done)


@action(actor=Actor.KVM, sources=(K6_16.at("__tdx_bringup()"), L6_8.at("tdx_enable()")))
def kvm_load_fails(host: Host) -> None:
    """KVM does not load: an earlier failure is remembered; VMXOFF on every CPU."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(
        (host.sys_init_result == SysInitResult.FAILED)
        | (host.every_online_cpu_initialized() & host.given_up())
    )
    host.kvm = Kvm.UNLOADED
    host.vmx_on.fill(False)


@action(
    actor=Actor.KERNEL,
    sources=(L6_8.at("tdx_enable(), build_tdx_memlist(), construct_tdmrs()"),),
)
def list_memory(host: Host) -> None:
    """The kernel lists all memory that memblock knows, and builds TDMRs and PAMTs."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.UNINITIALIZED)
    host.require(host.every_online_cpu_initialized())
    there = host.memory
    host.tdx_memory.update(lambda block: there[block] != Presence.ABSENT)
    host.pamt_allocated = True
    host.tdx = Tdx.BUILT


@action(actor=Actor.KERNEL, sources=(L6_8.at("init_tdx_module(), error path"),))
def undo_and_give_up(host: Host) -> None:
    """The initialisation failed: PAMTs reset and freed, the list emptied, for good."""
    host.require(host.tdx == Tdx.UNDOING)
    host.pamt_allocated = False
    host.tdx_memory.fill(False)
    host.tdx = Tdx.ERROR
    host.kvm = Kvm.UNLOADED
    host.vmx_on.fill(False)


@action(actor=Actor.KVM, sources=(K6_16.at("__tdx_bringup()"),))
def kvm_loaded(host: Host) -> None:
    """KVM is loaded, and offers TDX."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.every_online_cpu_initialized())
    host.kvm = Kvm.LOADED


@action(actor=Actor.KVM, event=TD_CREATE, sources=TD_INIT)
def td_create_if_all_packages(host: Host, cpu: Cpu, shortage: Term[bool]) -> None:
    """KVM creates a TD, every package having a CPU online: TDH.MNG.CREATE on {cpu}."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.NONE)
    host.require(host.online(cpu))
    host.require(host.faults | ~shortage)
    host.require(
        forall(
            Package,
            lambda p: implies(host.package_present(p), host.package_has_online_cpu(p)),
        ),
        otherwise=Refusal(
            Told.EIO,
            log="All packages need to have online CPU to create TD. "
            "Online CPU and retry.",
        ),
    )
    seamcall(host, mng_create, cpu, ~shortage)


# kexec.


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=(PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),),
)
def kexec_configured_out(host: Host, cpu: Cpu) -> None:
    """The administrator asks for kexec on {cpu}, which this kernel does not have."""
    host.require(host.online(cpu))
    host.require(host.never(), otherwise=NO_KEXEC)


@action(
    actor=Actor.KERNEL,
    event=CRASH_KEXEC,
    sources=(PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),),
)
def crash_without_kexec(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu}; there is no crash kernel."""
    host.require(host.online(cpu))
    host.require(host.never(), otherwise=NO_KEXEC)


V6_8 = V3_DESIGN.variant(
    "v6.8",
    "List memory at initialisation; refuse other memory and stranding; no kexec.",
    replaced={
        memory_online: memory_online_if_listed,
        cpu_online: cpu_online_known,
        cpu_offline: cpu_offline_unless_last,
        kexec: kexec_configured_out,
        crash_kexec: crash_without_kexec,
        kvm_load: kvm_load_begins,
        begin: enable_module,
        initialize_cpu: enable_cpu,
        build_tdmrs: list_memory,
        td_create: td_create_if_all_packages,
        undo: undo_and_give_up,
    },
    removed=(shut_down_cpu, give_up),
    added=(cpu_online_first, kvm_load_fails, kvm_loaded),
    settings={Host.init_locks_memory_hotplug: True},
    sources=(L6_8.at("whole file"), K6_16.at("tdx_bringup() to tdx_offline_cpu()")),
)
