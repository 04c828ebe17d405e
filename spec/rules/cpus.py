"""Rules of which CPUs make SEAMCALLs, and of keys that only some CPUs can clear."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    any_of,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.spec.events import MACHINE_CHECK
from tdxcheck.spec.host import Host, Kvm, Running
from tdxcheck.spec.machine import Cpu, Package
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import BASE_SPEC, K6_16, MODULE_1_5, TDX_RST, V3, V13
from tdxcheck.spec.steps import next_kernel_panics_in_vain, panics_in_update


@step_rule(
    severity=Severity.SERVICE,
    sources=(
        MODULE_1_5.at("tdx_vmm_dispatcher.c"),
        V3.at("00/21, CPU hotplug"),
        V13.at("00/22, tdx_cpu_enable()"),
    ),
)
def seamcall_needs_vmxon_and_lp_init(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A CPU makes SEAMCALLs only in VMX operation and after TDH.SYS.LP.INIT.

    Without VMXON the instruction is #UD. On an LP without LP.INIT the module has
    not set up its per-LP state: leaves that map memory do not return.
    TDH.SYS.INIT, TDH.SYS.LP.INIT, TDH.SYS.LP.SHUTDOWN and the P-SEAMLDR's calls
    need only VMXON; the first two are made on a CPU that is just coming online, too,
    and no other call on one that is not there. A machine check asks the module
    anywhere, and bears a refusal (A10), as a panic does in an update, or after kexec.
    That nobody should call a module that an update has left is another rule.
    """
    comes_online = step.is_(Kind.BRING_UP) & ~before.initializing() & ~before.updating()
    return forall(
        Cpu,
        lambda cpu: implies(
            step.is_(Kind.SEAMCALL) & ~step.is_(MACHINE_CHECK) & step.at(cpu),
            before.vmx_on[cpu]
            & (
                step.is_(Kind.BRING_UP)
                | step.is_(Kind.LOADER)
                | before.lp_initialized[cpu]
                | before.update_failed()
                | panics_in_update(before, step)
                | next_kernel_panics_in_vain(before, step)
            )
            & (before.online(cpu) | comes_online),
        ),
    )


@step_rule(
    severity=Severity.MACHINE,
    sources=(TDX_RST.at("CPU hotplug"), BASE_SPEC.at("ch. 4.1"), V3.at("00/21")),
)
def only_verified_cpus_run_tdx(before: Host, step: Step, after: Host) -> Term[bool]:
    """TDX never uses a CPU that firmware did not verify at boot.

    MCHECK verified the CPUs that were there at boot. A CPU that was hot-added
    is outside what the module's security rests on: TDH.SYS.INIT and
    TDH.SYS.LP.INIT must not succeed there, and nothing else may be tried, except
    what a machine check asks, or a panic after kexec: it must not succeed either.
    """
    in_vain = next_kernel_panics_in_vain(before, step)
    return forall(
        Cpu,
        lambda cpu: implies(
            step.is_(Kind.SEAMCALL) & step.at(cpu) & ~before.counted[cpu],
            (step.is_(Kind.BRING_UP) | step.is_(MACHINE_CHECK) | in_vain)
            & ~step.answers(Status.TDX_SUCCESS),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(
        K6_16.at("tdx_offline_cpu()"),
        MODULE_1_5.at("tdh_phymem_cache_wb.c, tdh_mng_key_freeid.c"),
    ),
)
def no_key_is_stranded(host: Host) -> Term[bool]:
    """While a TD holds a KeyID, every package of the module has an online CPU.

    A TD's key is programmed, and its cache lines are written back, by a CPU of
    each package. Without one TDH.MNG.KEY.FREEID answers TDX_WBCACHE_NOT_COMPLETE
    and the KeyID is lost.
    """
    return forall(
        Package,
        lambda package: implies(
            (host.running == Running.FIRST)
            & host.hkid_in_use()
            & host.key_configured[package],
            host.package_has_online_cpu(package),
        ),
    )


@invariant(
    severity=Severity.GUEST,
    sources=(
        K6_16.at("tdx_disable_virtualization_cpu()"),
        MODULE_1_5.at("tdh_vp_flush.c, helpers.c"),
    ),
)
def no_vcpu_is_left_on_an_offline_cpu(host: Host) -> Term[bool]:
    """No vCPU of a TD stays associated with a CPU that is offline.

    Only TDH.VP.FLUSH on that very CPU can let it go: until then it runs nowhere
    else, and the TD cannot be torn down.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            (host.running == Running.FIRST) & host.hkid_in_use() & host.vcpu_on[cpu],
            host.online(cpu),
        ),
    )


@step_rule(
    severity=Severity.GUEST,
    sources=(
        MODULE_1_5.at("tdh_mng_vpflushdone.c, tdh_mng_key_freeid.c"),
        K6_16.at("tdx_mmu_release_hkid()"),
    ),
)
def nothing_holds_an_ended_td_back(before: Host, step: Step, after: Host) -> Term[bool]:
    """With every CPU online, the module refuses nothing that ends a TD.

    KVM does not ask again: what is refused leaves the TD its KeyID, and all of its
    pages are leaked, until reboot.

    It refuses where a vCPU is still associated with a CPU, where a package has not
    written its lines back, and where a call for another TD holds the KeyIDs' table.
    """
    complete = forall(Cpu, lambda c: implies(before.counted[c], before.online(c)))
    held = any_of(
        step.answers(Status.TDX_FLUSHVP_NOT_DONE),
        step.answers(Status.TDX_WBCACHE_NOT_COMPLETE),
        step.answers(Status.TDX_OPERAND_BUSY) & before.hkid_in_use(),
    )
    return implies((before.running == Running.FIRST) & complete, ~held)


@step_rule(
    severity=Severity.GUEST,
    sources=(
        MODULE_1_5.at("tdh_vp_enter.c, helpers.c"),
        K6_16.at("tdx_vcpu_load(), tdx_flush_vp_on_cpu()"),
    ),
)
def a_vcpu_runs_where_it_is_put(before: Host, step: Step, after: Host) -> Term[bool]:
    """With every CPU online, the module lets a vCPU run on whichever KVM puts it.

    A vCPU that is refused does not run, and the TD stands still for it.

    The module refuses one that is still associated with another CPU, until TDH.VP.FLUSH
    there.
    """
    complete = forall(Cpu, lambda c: implies(before.counted[c], before.online(c)))
    held = step.answers(Status.TDX_VCPU_ASSOCIATED)
    return implies((before.running == Running.FIRST) & complete, ~held)


TD_OUT_OF_ORDER = (
    Status.TDX_HKID_NOT_FREE,
    Status.TDX_LIFECYCLE_STATE_INCORRECT,
    Status.TDX_TD_KEYS_NOT_CONFIGURED,
    Status.TDX_OP_STATE_INCORRECT,
    Status.TDX_GPA_RANGE_NOT_BLOCKED,
)
"""What the module answers to a call for a TD whose time has not come, or is over."""


@step_rule(
    severity=Severity.GUEST,
    sources=(
        MODULE_1_5.at("tdh_mng_create.c"),
        MODULE_1_5.at("tdh_vp_enter.c, helpers.c"),
        MODULE_1_5.at("tdh_mem_page_remove.c, op_state_lookup.c"),
        K6_16.at("__tdx_td_init()"),
    ),
)
def td_calls_come_in_order(before: Host, step: Step, after: Host) -> Term[bool]:
    """KVM makes the calls for a TD in the order that the module demands.

    To KVM such a refusal is a bug of its own: the TD is created in vain, or killed.

    A TD takes a KeyID that is free; its key comes before its memory, that before its
    measurement, and all of it before it runs; what ends it comes last. A page is taken
    from a TD that can run once none of its vCPUs can see the page.
    """
    wrong = any_of(*(step.answers(status) for status in TD_OUT_OF_ORDER))
    first = before.running == Running.FIRST
    return implies(first & before.kvm_offers_tdx(), ~wrong)


@invariant(severity=Severity.GUEST, sources=(K6_16.at("tdx_mmu_release_hkid()"),))
def a_td_is_never_without_kvm(host: Host) -> Term[bool]:
    """While a TD holds a KeyID, KVM is loaded.

    Nobody else can end the TD, give its KeyID back, or have its pages again.
    """
    first = host.running == Running.FIRST
    return implies(first & host.hkid_in_use(), host.kvm == Kvm.LOADED)


def _same_cpus_online(before: Host, after: Host) -> Term[bool]:
    return forall(Cpu, lambda cpu: before.online(cpu) == after.online(cpu))


@step_rule(
    severity=Severity.PRECAUTION,
    sources=(V3.at("04/21, cpus_read_lock()"), K6_16.at("__tdx_bringup()")),
)
def cpus_stand_still_while_tdx_is_initialized(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """While a kernel initialises TDX no CPU comes or goes.

    It counts the CPUs, initialises each, has one of each package program the key, and
    flushes all of them: one that comes in between was left out, and one that goes may
    have been the only one of its package. TDH.SYS.CONFIG and TDH.SYS.TDMR.INIT are
    refused then, which to Linux is the end of TDX until reboot.
    """
    first = (before.running == Running.FIRST) & (after.running == Running.FIRST)
    goes_on = first & before.initializing() & after.initializing()
    return implies(goes_on, _same_cpus_online(before, after))


@step_rule(
    severity=Severity.PRECAUTION,
    sources=(K6_16.at("__tdx_td_init(), tdx_mmu_release_hkid(), cpus_read_lock()"),),
)
def cpus_stand_still_while_keys_change(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """While KVM programs a TD's key, or clears it, no CPU comes or goes.

    The packages are looked at once, before the first call: each must have a CPU online
    until the last one. That a package's last CPU stays while a KeyID is held is looked
    at by another check, in the callback; where there is none, nothing else prevents it.
    """
    first = (before.running == Running.FIRST) & (after.running == Running.FIRST)
    goes_on = first & before.td_keys_change() & after.td_keys_change()
    return implies(goes_on, _same_cpus_online(before, after))


CPUS = (
    seamcall_needs_vmxon_and_lp_init,
    only_verified_cpus_run_tdx,
    no_key_is_stranded,
    no_vcpu_is_left_on_an_offline_cpu,
    nothing_holds_an_ended_td_back,
    a_vcpu_runs_where_it_is_put,
    td_calls_come_in_order,
    a_td_is_never_without_kvm,
    cpus_stand_still_while_tdx_is_initialized,
    cpus_stand_still_while_keys_change,
)
