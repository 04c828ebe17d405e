"""Rules of suspend and hibernation, which reset the module behind the kernel's back."""

from __future__ import annotations

from tdxcheck.checker.language import Severity, Term, implies, invariant
from tdxcheck.spec.events import SUSPEND
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import L6_8, TDX_RST


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


POWER = (suspend_is_refused, tdx_in_use_has_a_module)
