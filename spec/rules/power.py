"""Rules of suspend, hibernation and reboot, which end the module."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Severity,
    Term,
    implies,
    invariant,
    leads_to,
    reachable,
)
from tdxcheck.spec.events import SUSPEND
from tdxcheck.spec.fairness import disabling_is_not_interrupted_for_ever
from tdxcheck.spec.host import Host, Running
from tdxcheck.spec.module import SysState
from tdxcheck.spec.sources import DISABLE_V3, L6_8, TDX_RST


@invariant(severity=Severity.GUEST, sources=(TDX_RST.at("S3"), L6_8.at("tdx_init()")))
def suspend_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, suspending to memory is refused, visibly.

    The hardware resets TDX in S3: the module and every TD are lost.
    """
    return implies(
        host.tdx_in_use() & ~host.impossible(SUSPEND), host.refuses_visibly(SUSPEND)
    )


@invariant(
    severity=Severity.GUEST,
    sources=(TDX_RST.at("hibernation"), L6_8.at("tdx_init()")),
)
def tdx_in_use_has_a_module(host: Host) -> Term[bool]:
    """A kernel that offers TDX has a module behind it, which no sleep has reset."""
    return implies(host.tdx_in_use(), host.seam_ready)


@reachable(severity=Severity.MODEL, sources=(DISABLE_V3.at("tdx_shutdown()"),))
def a_reboot_can_leave_the_module_disabled(host: Host) -> Term[bool]:
    """A machine can be reset with its module disabled, all of its memory clear."""
    disabled = host.sys_state == SysState.SYSINIT_PENDING
    return (host.running == Running.RESET) & disabled & ~host.tdx_list_is_empty()


@leads_to(
    fair=(disabling_is_not_interrupted_for_ever,),
    severity=Severity.SERVICE,
    sources=(DISABLE_V3.at("tdx_shutdown(), retries"),),
)
def disabling_ends(host: Host) -> tuple[Term[bool], Term[bool]]:
    """TDH.SYS.DISABLE that was interrupted comes to an end.

    The kernel calls again for ever, with every other CPU stopped: that it ends is the
    module's promise of progress.
    """
    return host.disabling, ~host.disabling


POWER = (
    suspend_is_refused,
    tdx_in_use_has_a_module,
    a_reboot_can_leave_the_module_disabled,
    disabling_ends,
)
