"""v6.8, with KVM's part from v6.16: a notifier for memory, callbacks for CPUs.

Memory is listed when TDX is initialised, from memblock. Afterwards no block
outside the list goes online. KVM initialises each CPU as it comes online, and
keeps the last CPU of a package online while a TD exists. kexec is configured out.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Refusal, Term, action, implies, ite, one_of
from tdxcheck.models.designs.v3 import (
    V3_DESIGN,
    begin,
    build_tdmrs,
    give_up,
    initialize_cpu,
    shut_down_cpu,
    undo,
)
from tdxcheck.models.initialization import (
    call_lp_init,
    call_sys_init,
    empty_list,
    free_pamt,
    list_present_memory,
    may_initialize,
)
from tdxcheck.models.kvm import (
    flushed_in_callback,
    kvm_load,
    meets,
    seamcall,
    vmxon_everywhere,
)
from tdxcheck.models.module.dispatch import YES
from tdxcheck.models.module.initialization import sys_lp_init
from tdxcheck.models.old_module import sys_rd_of_1_0
from tdxcheck.models.platform import cpu_online
from tdxcheck.spec.events import CPU_ONLINE, KVM_LOAD
from tdxcheck.spec.host import (
    Actor,
    Host,
    Kvm,
    Presence,
    Running,
    SysInitResult,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.sources import BRING_UP_FIX, K6_16, L6_8

CPU_ENABLE = (L6_8.at("tdx_cpu_enable()"), K6_16.at("tdx_online_cpu()"))


# CPUs.


def not_entered(answer: Term[Status]) -> Term[Told]:
    """What a SEAMCALL that has not entered the module becomes, with no line logged."""
    fault = ite(answer == Status.GP, Told.EOPNOTSUPP, Told.EACCES)
    return ite(answer == Status.VMFAIL_INVALID, Told.ENODEV, fault)


def known(host: Host, cpu: Cpu) -> Term[bool]:
    """The kernel remembers TDH.SYS.LP.INIT on the CPU, and makes no call there."""
    return host.lp_init_done[cpu] & host.calls_lp_init_once


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
    host.require(~host.cpu_hotplug_locked())
    host.require(~host.callbacks_installed | known(host, cpu))
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
    """The administrator onlines {cpu}: KVM does VMXON and TDH.SYS.LP.INIT there.

    The call is made on a CPU that is refused for it, too, and leaves nothing. As a
    refusal is no step, rules of steps do not see it.
    """
    host.require(host.in_service())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.cpu_hotplug_locked())
    host.require(host.callbacks_installed & ~known(host, cpu))
    called = host.sys_init_result != SysInitResult.NOT_CALLED
    host.require(called)
    host.require(host.sys_init_result == SysInitResult.SUCCEEDED, otherwise=Told.EIO)
    host.require(host.healthy(sample) & meets(host, shortage))
    answer = host.answer(sys_lp_init, cpu, sample, ~shortage)
    done = answer == Status.TDX_SUCCESS
    entered = ~one_of(answer, Status.UD, Status.GP, Status.VMFAIL_INVALID)
    checked = host.refuses_cpus_without_lp_init
    host.require(implies(checked, entered), otherwise=Refusal(not_entered(answer)))
    host.require(
        implies(checked, done),
        otherwise=Refusal(
            Told.EIO, log="SEAMCALL (0x0000000000000023) failed: 0x[status]"
        ),
    )
    host.lp_init_done[cpu] = done
    host.cpu[cpu] = Presence.ONLINE
    seamcall(host, sys_lp_init, cpu, sample, ~shortage)


# KVM's bring-up: VMXON and the CPU callbacks first, then tdx_enable().


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KVM_LOAD,
    sources=(K6_16.at("tdx_bringup()"),),
)
def kvm_load_begins(host: Host) -> None:
    """The administrator loads KVM with tdx=1: VMXON on every online CPU."""
    host.require(host.kvm_may_load())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(~host.initializing())
    vmxon_everywhere(host)
    host.callbacks_installed = True
    host.kvm = Kvm.LOADING


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KVM_LOAD,
    sources=(K6_16.at("tdx_bringup(), success_disable_tdx"),),
)
def kvm_load_declining_tdx(host: Host) -> None:
    """The administrator loads KVM, which sees that it must do without TDX: VMXON.

    The kernel has hidden it since boot, the processor lacks what KVM's TDX needs, or
    KVM's own parameters say so: tdx=0, or enable_virt_at_load=0, which keeps VMX off.
    """
    host.require(host.in_service())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(~host.initializing())
    served = host.processor_serves() & host.kvm_is_asked_for_tdx()
    host.require(host.hidden_at_boot() | ~served)
    host.require(implies(host.running == Running.SECOND, host.runs_same_code()))
    host.require(host.bears_missing_tdx, otherwise=Told.ENODEV)
    host.vmx_on.fill(~host.vmx_is_for_guests_only)
    host.kvm = Kvm.WITHOUT_TDX


@action(actor=Actor.KVM, kinds={Kind.BRING_UP}, sources=CPU_ENABLE)
def enable_module(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """KVM enables the first CPU: TDH.SYS.INIT on {cpu}, whose result is kept."""
    host.require(host.kvm == Kvm.LOADING)
    call_sys_init(host, cpu, shortage, sample)


@action(actor=Actor.KVM, kinds={Kind.BRING_UP}, sources=CPU_ENABLE)
def enable_cpu(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """KVM enables a CPU: TDH.SYS.LP.INIT on {cpu}."""
    on = host.vmx_on
    host.require(host.kvm == Kvm.LOADING)
    goes_on = call_lp_init(host, cpu, shortage, sample)
    host.callbacks_installed = goes_on
    host.kvm = ite(goes_on, Kvm.LOADING, Kvm.UNLOADED)
    flushed_in_callback(host, ~goes_on)
    host.vmx_on.update(lambda c: on[c] & goes_on)


@action(actor=Actor.KVM, sources=(K6_16.at("__tdx_bringup()"), L6_8.at("tdx_enable()")))
def kvm_load_fails(host: Host) -> None:
    """KVM gives TDX up, as a failure is remembered; so it does not load: VMXOFF.

    It loads all the same, without TDX, where there is no module, -ENODEV: then the
    first SEAMCALL was not entered, and no other ever will be.
    """
    absent, on = ~host.seam_ready & host.bears_missing_tdx, host.vmx_on
    host.require(host.kvm == Kvm.LOADING)
    host.require(
        (host.sys_init_result == SysInitResult.FAILED)
        | (
            host.every_online_cpu_initialized()
            & one_of(host.tdx, Tdx.ERROR, Tdx.DISABLED)
            & ~may_initialize(host)
        )
    )
    host.kvm = ite(absent, Kvm.WITHOUT_TDX, Kvm.UNLOADED)
    host.callbacks_installed = False
    host.vmx_on.update(lambda c: on[c] & absent)
    flushed_in_callback(host, YES)


@action(
    actor=Actor.KERNEL,
    sources=(L6_8.at("tdx_enable(), build_tdx_memlist(), construct_tdmrs()"),),
)
def list_memory(host: Host) -> None:
    """The kernel lists all memory that memblock knows, and builds TDMRs and PAMTs."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(may_initialize(host))
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    host.require(host.module_is_1_5 | ~host.asks_by_sys_rd)
    host.require(implies(host.refuses_rbp_clobber, host.module_keeps_rbp))
    list_present_memory(host)


@action(actor=Actor.KERNEL, sources=(L6_8.at("get_tdx_tdmr_sysinfo()"),))
def read_metadata_in_vain(host: Host, cpu: Cpu) -> None:
    """The kernel asks a module 1.0 for its limits: TDH.SYS.RD on {cpu}, in vain."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.UNINITIALIZED)
    host.require(host.online(cpu))
    host.require(host.every_online_cpu_initialized())
    host.require(host.asks_by_sys_rd & ~host.module_is_1_5)
    seamcall(host, sys_rd_of_1_0, cpu)
    host.tdx = Tdx.ERROR


@action(actor=Actor.KERNEL, sources=(L6_8.at("init_tdx_module(), error path"),))
def undo_and_give_up(host: Host) -> None:
    """The initialisation failed: PAMTs reset and freed, the list emptied, for good."""
    host.require(host.tdx == Tdx.UNDOING)
    free_pamt(host)
    empty_list(host)
    host.tdx = Tdx.ERROR
    host.kvm = Kvm.UNLOADED
    host.callbacks_installed = False
    host.vmx_on.fill(False)
    flushed_in_callback(host, YES)


@action(actor=Actor.KVM, sources=(K6_16.at("__tdx_bringup()"),))
def kvm_loaded(host: Host) -> None:
    """KVM is loaded, and offers TDX."""
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    host.require(host.module_enumerates_topology | ~host.checks_module_for_kvm)
    host.kvm = Kvm.LOADED


@action(
    actor=Actor.KVM,
    sources=(K6_16.at("__tdx_bringup()"), BRING_UP_FIX.at("whole patch")),
)
def kvm_checks_fail(host: Host) -> None:
    """The module lacks what KVM needs: its CPU callbacks are removed again.

    Whether KVM then offers no TDX depends on the error being passed on.
    """
    passed_on = host.propagates_bring_up_errors
    on = host.vmx_on
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.INITIALIZED)
    host.require(host.every_online_cpu_initialized())
    host.require(host.checks_module_for_kvm & ~host.module_enumerates_topology)
    host.callbacks_installed = False
    host.vmx_on.update(lambda c: on[c] & ~passed_on)
    host.kvm = ite(passed_on, Kvm.UNLOADED, Kvm.LOADED)
    flushed_in_callback(host, passed_on)


V6_8 = V3_DESIGN.variant(
    "v6.8",
    "List memory at initialisation; refuse other memory and stranding; no kexec.",
    replaced={
        cpu_online: cpu_online_known,
        kvm_load: kvm_load_begins,
        begin: enable_module,
        initialize_cpu: enable_cpu,
        build_tdmrs: list_memory,
        undo: undo_and_give_up,
    },
    removed=(shut_down_cpu, give_up),
    added=(
        cpu_online_first,
        kvm_load_declining_tdx,
        kvm_load_fails,
        kvm_loaded,
        kvm_checks_fail,
        read_metadata_in_vain,
    ),
    settings={
        Host.shuts_module_down: False,
        Host.detects_tdx_on_every_cpu: False,
        Host.waits_for_opt_in: False,
        Host.waits_for_kvm_parameter: True,
        Host.requires_virtualization_at_load: True,
        Host.checks_cmrs: False,
        Host.flushes_after_failed_config: False,
        Host.asks_module_on_machine_check: True,
        Host.asks_by_sys_rd: True,
        Host.calls_sys_init_once: True,
        Host.calls_lp_init_once: True,
        Host.enables_cpus_first: True,
        Host.checks_module_for_kvm: True,
        Host.does_without_a_lost_notifier: True,
        Host.flushes_other_cpus: False,
        Host.locks_memory_hotplug: True,
        Host.refuses_onlining_outside_list: True,
        Host.refuses_cpus_without_lp_init: True,
        Host.keeps_a_cpu_per_package: True,
        Host.creates_tds_on_all_packages: True,
        Host.counts_hkids_exactly: True,
        Host.flushes_vcpus_of_offlined_cpus: True,
        Host.propagates_bring_up_errors: True,
        Host.bears_missing_tdx: True,
        Host.retries_no_entropy: True,
        Host.empties_list_on_failure: True,
        Host.resets_freed_pamt: True,
        Host.excludes_kexec: True,
        Host.refuses_s3: True,
        Host.gives_way_to_hibernation: True,
    },
    sources=(L6_8.at("whole file"), K6_16.at("tdx_bringup() to tdx_offline_cpu()")),
)
