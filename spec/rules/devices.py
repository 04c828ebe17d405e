"""Rules of NVDIMM and CXL: a device's memory, which is in no TDMR."""

from __future__ import annotations

from tdxcheck.checker.language import Severity, Term, forall, implies, invariant
from tdxcheck.spec.events import MEMORY_ONLINE, ZONE_DEVICE
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Block
from tdxcheck.spec.rules.refusals import C9
from tdxcheck.spec.sources import CXL_2024, V7


@invariant(severity=Severity.GUEST, sources=(*C9, CXL_2024.at("RFC")))
def device_memory_is_refused(host: Host) -> Term[bool]:
    """While TDX is in use, onlining an NVDIMM or CXL device is refused, visibly."""
    return forall(
        Block,
        lambda block: implies(
            host.tdx_in_use()
            & ~host.is_dram(block)
            & ~host.in_tdmr[block]
            & ~host.impossible(MEMORY_ONLINE, block),
            host.refuses_visibly(MEMORY_ONLINE, block),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(V7.at("10/20, reply of Dan Williams 2022-11-23"),),
)
def zone_device_memory_is_never_refused(host: Host) -> Term[bool]:
    """Mapping a device's memory without giving it to the allocator is never refused.

    ZONE_DEVICE memory never becomes a page of a TD: TDX has nothing to say there.
    """
    return forall(
        Block,
        lambda block: implies(
            ~host.impossible(ZONE_DEVICE, block), ~host.refuses(ZONE_DEVICE, block)
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(CXL_2024.at("arch_check_hotplug_memory_range()"),),
)
def added_device_memory_can_go_online(host: Host) -> Term[bool]:
    """While TDX is in use, a device's memory that was taken may go online, too.

    A device that is refused only then lies idle as memory blocks that nobody can
    use, and the administrator has no word of why.
    """
    return forall(
        Block,
        lambda block: implies(
            host.tdx_in_use()
            & ~host.is_dram(block)
            & ~host.impossible(MEMORY_ONLINE, block),
            ~host.refuses(MEMORY_ONLINE, block),
        ),
    )


DEVICES = (
    device_memory_is_refused,
    zone_device_memory_is_never_refused,
    added_device_memory_can_go_online,
)
