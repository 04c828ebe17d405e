"""Rules of the module's initialisation."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    any_of,
    exists,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.events import MACHINE_CHECK
from tdxcheck.spec.host import Host, Running
from tdxcheck.spec.machine import Block, Cpu, Hkid, Package
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import (
    BASE_SPEC,
    K6_16,
    L6_8,
    L6_18,
    MODULE_1_5,
    V3,
    VMXON_V3,
)
from tdxcheck.spec.steps import asks_in_vain, panics_in_update


@step_rule(
    severity=Severity.SERVICE,
    sources=(V3.at("17/21, undo of init_tdx_module()"), L6_8.at("tdx_enable()")),
)
def no_seamcall_after_failed_init(before: Host, step: Step, after: Host) -> Term[bool]:
    """Once initialising TDX has failed for good, the kernel makes no SEAMCALL.

    A kernel that has given up has returned the PAMT and forgotten its TDMRs; it
    can no longer know what a call would do to memory that it has handed out. What a
    machine check asks is excepted where it is refused; an answer comes from the PAMT.
    """
    calls = step.is_(Kind.SEAMCALL) & ~asks_in_vain(step)
    return implies(before.given_up(), ~calls)


@invariant(
    severity=Severity.SERVICE,
    sources=(BASE_SPEC.at("ch. 4.1"), MODULE_1_5.at("tdh_sys_key_config.c")),
)
def keyed_before_tdmr_init(host: Host) -> Term[bool]:
    """No TDMR is initialised before every package has the global key.

    TDH.SYS.TDMR.INIT writes the PAMT with the global KeyID; a package without
    its key could not read what another package wrote. A module that is being
    updated has forgotten which packages have it until TDH.SYS.UPDATE.
    """
    return implies(host.pamt_written & host.module_configured(), host.module_keyed())


OUT_OF_ORDER = (
    Status.TDX_SYS_INIT_NOT_PENDING,
    Status.TDX_SYS_LP_INIT_NOT_PENDING,
    Status.TDX_SYS_LP_INIT_DONE,
    Status.TDX_SYS_KEY_CONFIG_NOT_PENDING,
    Status.TDX_KEY_CONFIGURED,
    Status.TDX_TDMR_ALREADY_INITIALIZED,
)
"""What the module answers to a call whose time has not come, or is over."""


@step_rule(
    severity=Severity.SERVICE,
    sources=(MODULE_1_5.at("tdx_vmm_dispatcher.c"), L6_8.at("tdx_enable()")),
)
def calls_come_in_order(before: Host, step: Step, after: Host) -> Term[bool]:
    """A kernel makes the module's calls in the order that it demands, each part once.

    The module refuses a call whose time has not come, or is over, and to Linux that
    refusal is the end of TDX until reboot.

    That an LP is offline that was never initialised, or every LP of a package, is no
    mistake of the kernel's, though TDH.SYS.CONFIG or TDH.SYS.TDMR.INIT is refused for
    it. Nor is it one of a kernel that kexec has started that it was not the first, or
    of one that panics. That nobody should call a module that an update has left is
    another rule.
    """
    bare = exists(
        Package,
        lambda p: before.package_counted[p] & ~before.package_has_online_cpu(p),
    )
    missing = exists(
        Cpu,
        lambda c: before.counted[c] & ~before.lp_initialized[c] & ~before.online(c),
    )
    early = any_of(
        step.answers(Status.TDX_SYS_CONFIG_NOT_PENDING) & ~missing,
        step.answers(Status.TDX_SYS_NOT_READY)
        & ~step.is_(MACHINE_CHECK)
        & ~panics_in_update(before, step)
        & before.module_is_1_5
        & ~bare,
    )
    wrong = any_of(*(step.answers(status) for status in OUT_OF_ORDER))
    first = (before.running == Running.FIRST) & ~before.update_failed()
    return implies(first, ~wrong & ~early)


@step_rule(
    severity=Severity.SERVICE,
    sources=(MODULE_1_5.at("tdx_locks.h, tdh_sys_key_config.c"), V3.at("17/21")),
)
def calls_do_not_collide(before: Host, step: Step, after: Host) -> Term[bool]:
    """While a kernel initialises TDX none of its calls finds another under way.

    The module waits for nobody: it answers TDX_SYS_BUSY, and the kernel gives up.
    Module 1.0 says the same of a shortage of entropy, which is another rule's matter.
    """
    busy = step.answers(Status.TDX_SYS_BUSY) & ~before.entropy_shortage_is_busy
    first = before.running == Running.FIRST
    return implies(first & before.initializing(), ~busy)


@invariant(
    severity=Severity.SERVICE,
    sources=(MODULE_1_5.at("tdh_sys_tdmr_init.c"), BASE_SPEC.at("ch. 4.1")),
)
def tdx_in_use_is_complete(host: Host) -> Term[bool]:
    """While TDX is in use, every TDMR of the module is initialised to its end.

    Until then the module refuses the pages in the rest of it, and the TD is killed
    that was to have one.
    """
    first = host.running == Running.FIRST
    used = host.tdx_in_use() & first & host.seam_ready
    return implies(used, host.every_tdmr_complete())


@invariant(
    severity=Severity.SERVICE,
    sources=(L6_8.at("tdx_init(), too few private KeyIDs available"),),
)
def a_keyid_is_left_for_tds(host: Host) -> Term[bool]:
    """TDX is used only where a TD can have a KeyID: the module takes one itself."""
    return implies(host.tdx_in_use(), ~host.faces(Obstacle.ONE_KEYID))


@invariant(
    severity=Severity.MACHINE,
    sources=(K6_16.at("tdx_bringup()"), VMXON_V3.at("tdx_enable()")),
)
def the_processor_serves_tdx(host: Host) -> Term[bool]:
    """TDX is used only with a processor that has what Linux's TDX code uses.

    Without MOVDIR64B nothing clears a page that was private; without self-snoop no
    caches agree on one that is used with two KeyIDs.
    """
    return implies(host.tdx_in_use(), ~host.faces(Obstacle.PROCESSOR))


@step_rule(
    severity=Severity.MACHINE,
    sources=(MODULE_1_5.at("tdh_sys_config.c"), BASE_SPEC.at("ch. 4.1")),
)
def configuration_is_final(before: Host, step: Step, after: Host) -> Term[bool]:
    """The module's configuration never changes once it is accepted.

    Which memory is in TDMRs, and where the PAMT lies, holds until the module is
    disabled: every copy that a kernel keeps relies on it.
    """
    same_memory = forall(
        Block, lambda block: before.in_tdmr[block] == after.in_tdmr[block]
    )
    same_key = forall(
        Hkid, lambda hkid: before.global_hkid[hkid] == after.global_hkid[hkid]
    )
    same_tdmrs = before.layout == after.layout
    configured = before.module_configured() & after.module_configured()
    return implies(configured, same_memory & same_key & same_tdmrs)


@invariant(
    severity=Severity.MACHINE,
    sources=(V3.at("17/21, undo of init_tdx_module()"), L6_8.at("init_tdx_module()")),
)
def pamt_is_not_in_the_allocator(host: Host) -> Term[bool]:
    """The page allocator never owns the PAMT while the module may use it.

    The module may use it from TDH.SYS.CONFIG on, until the kernel has given up
    and makes no call any more. A page that the allocator hands out meanwhile is
    written by both.
    """
    return implies(host.module_may_use_pamt(), host.pamt_allocated)


@invariant(severity=Severity.MACHINE, sources=(L6_18.at("check_features()"),))
def no_module_clobbers_rbp(host: Host) -> Term[bool]:
    """TDX is used only with a module that leaves the kernel's RBP alone.

    An older module returns from TDH.VP.ENTER with another RBP: the kernel's
    frame pointer is gone.
    """
    return implies(host.tdx_in_use(), host.module_keeps_rbp)


@invariant(severity=Severity.GUEST, sources=(K6_16.at("__tdx_bringup()"),))
def the_module_serves_kvm(host: Host) -> Term[bool]:
    """KVM offers TDs only with a module that has all that KVM needs for them."""
    return implies(host.tdx_in_use(), host.module_enumerates_topology)


INITIALIZATION = (
    no_seamcall_after_failed_init,
    calls_come_in_order,
    calls_do_not_collide,
    tdx_in_use_is_complete,
    a_keyid_is_left_for_tds,
    the_processor_serves_tdx,
    keyed_before_tdmr_init,
    configuration_is_final,
    pamt_is_not_in_the_allocator,
    no_module_clobbers_rbp,
    the_module_serves_kvm,
)
