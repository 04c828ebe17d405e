"""Rules of the module's initialisation."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Block, Hkid
from tdxcheck.spec.sources import BASE_SPEC, L6_8, L6_18, MODULE_1_5, V3
from tdxcheck.spec.steps import asks_in_vain


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


INITIALIZATION = (
    no_seamcall_after_failed_init,
    keyed_before_tdmr_init,
    configuration_is_final,
    pamt_is_not_in_the_allocator,
    no_module_clobbers_rbp,
)
