"""v7.1, 2026: the core kernel owns VMX, and initialises TDX while it boots.

At subsys_initcall every online CPU does VMXON and TDH.SYS.LP.INIT; the callbacks
that keep a package's last CPU online belong to the core. There is one attempt:
KVM finds TDX initialised, or does without. That VMXON fails, or finds VMX in use, is
left out: TDX is then given up at boot, and later the CPU stays offline.

A crash kernel of the same code boots in the same way: no stored tdx.c asks whether it
is one. A module in use refuses its TDH.SYS.INIT. One that waits for it is initialised.
With one CPU, as is usual for a crash kernel (crash-kernel-has-one-cpu), it comes as far
as TDH.SYS.CONFIG, which wants every LP. That its memory is its reservation alone is not
looked into.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Term,
    action,
    exists,
    implies,
    ite,
)
from tdxcheck.models.designs.v6_8 import (
    enable_cpu,
    enable_module,
    kvm_checks_fail,
    kvm_load_begins,
    kvm_load_declining_tdx,
    kvm_load_fails,
    kvm_loaded,
    list_memory,
    read_metadata_in_vain,
    undo_and_give_up,
)
from tdxcheck.models.designs.v6_18 import V6_18, reject_module
from tdxcheck.models.initialization import (
    call_lp_init,
    call_sys_init,
    empty_list,
    free_pamt,
    let_go_of_memory_lock,
    list_present_memory,
)
from tdxcheck.models.kvm import flushed_in_callback, seamcall, vmxon_everywhere
from tdxcheck.models.old_module import sys_rd_of_1_0
from tdxcheck.spec.events import KVM_LOAD
from tdxcheck.spec.host import Actor, Host, Kvm, Running, SysInitResult, Tdx, Told
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Sample
from tdxcheck.spec.sources import L7, VMXON_V2, VMXON_V3

BOOT_INIT = (VMXON_V3.at("tdx_enable()"), L7.at("tdx_enable(), tdx_online_cpu()"))


def tries_tdx(host: Host) -> Term[bool]:
    """This kernel initialises TDX when it boots, be it to write a crash dump only."""
    first = host.running == Running.FIRST
    offered = ~host.hidden_at_boot() & host.processor_serves()
    return offered & (first | host.runs_same_code())


@action(actor=Actor.KERNEL, sources=BOOT_INIT)
def boot_begins(host: Host) -> None:
    """The kernel boots, and takes TDX: VMXON on every online CPU, then callbacks."""
    host.require(host.booting())
    host.require(tries_tdx(host))
    vmxon_everywhere(host)
    host.callbacks_installed = True
    host.tdx = Tdx.STARTED


@action(actor=Actor.KERNEL, sources=(L7.at("tdx_init(), hibernation_available()"),))
def boot_declines(host: Host) -> None:
    """The kernel boots without TDX: it could hibernate, or knows nothing of TDX."""
    host.require(host.booting())
    host.require(~tries_tdx(host))
    host.tdx = Tdx.DISABLED


@action(actor=Actor.KERNEL, kinds={Kind.BRING_UP}, sources=BOOT_INIT)
def boot_module(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """The kernel enables the first CPU: TDH.SYS.INIT on {cpu}, whose result is kept."""
    host.require(host.tdx == Tdx.STARTED)
    call_sys_init(host, cpu, shortage, sample)


@action(actor=Actor.KERNEL, kinds={Kind.BRING_UP}, sources=BOOT_INIT)
def boot_cpu(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """The kernel enables a CPU: TDH.SYS.LP.INIT on {cpu}."""
    host.require(host.tdx == Tdx.STARTED)
    goes_on = call_lp_init(host, cpu, shortage, sample)
    host.tdx = ite(goes_on, Tdx.STARTED, Tdx.STOPPING)


@action(actor=Actor.KERNEL, sources=BOOT_INIT)
def boot_without_tdx(host: Host) -> None:
    """A CPU or the module was not enabled: callbacks removed, VMXOFF, TDX given up."""
    clobbers = host.module_is_1_5 & ~host.module_keeps_rbp
    started = host.tdx == Tdx.STARTED
    enabled = host.every_online_cpu_initialized()
    rejected = started & enabled & host.refuses_rbp_clobber & clobbers
    host.require(
        (host.tdx == Tdx.STOPPING)
        | (started & (host.sys_init_result == SysInitResult.FAILED))
        | rejected
    )
    let_go_of_memory_lock(host, ~rejected)
    some = exists(Cpu, lambda c: host.lp_init_done[c] & host.online(c))
    flushed_in_callback(host, some & ~host.flushes_after_vp_flush)
    host.tdx = Tdx.ERROR
    host.callbacks_installed = False
    host.vmx_on.fill(False)


@action(actor=Actor.KERNEL, sources=(L7.at("get_tdx_sys_info()"),))
def read_metadata_in_vain_at_boot(host: Host, cpu: Cpu) -> None:
    """The kernel asks a module 1.0 for its limits: TDH.SYS.RD on {cpu}, in vain."""
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.online(cpu))
    host.require(host.lp_init_done[cpu] & host.every_online_cpu_initialized())
    host.require(~host.module_is_1_5)
    seamcall(host, sys_rd_of_1_0, cpu)
    host.tdx = Tdx.STOPPING


@action(actor=Actor.KERNEL, sources=(L7.at("init_tdx_module()"),))
def list_memory_at_boot(host: Host) -> None:
    """The kernel lists all memory that memblock knows, and builds TDMRs and PAMTs."""
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    host.require(exists(Cpu, lambda c: host.lp_init_done[c]))
    host.require(host.module_is_1_5)
    host.require(implies(host.refuses_rbp_clobber, host.module_keeps_rbp))
    list_present_memory(host)


@action(actor=Actor.KERNEL, sources=(L7.at("init_tdx_module(), error path"),))
def undo_at_boot(host: Host) -> None:
    """The initialisation failed: PAMTs reset and freed, callbacks removed, VMXOFF."""
    host.require(host.tdx == Tdx.UNDOING)
    free_pamt(host)
    empty_list(host)
    flushed_in_callback(host, ~host.flushes_after_vp_flush)
    host.tdx = Tdx.ERROR
    host.callbacks_installed = False
    host.vmx_on.fill(False)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KVM_LOAD,
    sources=(VMXON_V3.at("16/16, tdx_hardware_setup(), tdx_get_sysinfo()"),),
)
def kvm_load_on_core(host: Host) -> None:
    """The administrator loads KVM, which finds TDX initialised and complete.

    With a module that lacks what KVM needs it does not load: of all errors it bears
    only -ENODEV, that there is no TDX.
    """
    host.require(host.in_service())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.kvm_is_asked_for_tdx())
    host.require(
        host.module_enumerates_topology | ~host.checks_module_for_kvm,
        otherwise=Told.EINVAL,
    )
    host.vmx_on.fill(host.turns_vmx_on_first)
    host.kvm = Kvm.LOADED


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KVM_LOAD,
    sources=(VMXON_V2.at("3/7, reply of Chao Gao 2025-12-09"), VMXON_V3.at("11/16")),
)
def kvm_load_without_tdx(host: Host) -> None:
    """The administrator loads KVM, which finds no TDX, and does without: VMXON."""
    on = host.vmx_on
    host.require(host.in_service())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require((host.tdx != Tdx.INITIALIZED) | ~host.kvm_is_asked_for_tdx())
    host.require(host.bears_missing_tdx, otherwise=Told.ENODEV)
    host.vmx_on.update(lambda c: on[c] | ~host.vmx_is_for_guests_only)
    host.kvm = Kvm.WITHOUT_TDX


V7_1 = V6_18.variant(
    "v7.1",
    "The core kernel owns VMX, and initialises TDX once, while it boots.",
    replaced={
        kvm_load_begins: kvm_load_on_core,
        kvm_load_declining_tdx: kvm_load_without_tdx,
        enable_module: boot_module,
        enable_cpu: boot_cpu,
        list_memory: list_memory_at_boot,
        undo_and_give_up: undo_at_boot,
        reject_module: boot_without_tdx,
        read_metadata_in_vain: read_metadata_in_vain_at_boot,
    },
    removed=(kvm_load_fails, kvm_loaded, kvm_checks_fail),
    added=(boot_begins, boot_declines),
    settings={
        Host.initializes_at_boot: True,
        Host.requires_virtualization_at_load: False,
        Host.counts_vmx_users: True,
        Host.silences_emergency_callback: True,
        Host.forgets_failed_vcpus: True,
        Host.counts_hkids_exactly: True,
    },
    unneeded={
        Host.gives_up_for_good: "TDX is initialised at boot, and nobody asks again.",
        Host.serializes_initialization: "boot has one thread, which is the only one "
        "to initialise TDX.",
        Host.propagates_bring_up_errors: "KVM initialises nothing: what it lacks is "
        "found before it has anything to undo.",
    },
    sources=(VMXON_V3.at("whole series"), L7.at("whole file")),
)
