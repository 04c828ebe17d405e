"""What must be possible: a host that is safe because nothing works is no host."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Severity,
    Term,
    deadlock_free,
    exists,
    leads_to,
    one_of,
    reachable,
)
from tdxcheck.spec.host import Host, MemoryKind, Presence, Running, Td, Tdx
from tdxcheck.spec.machine import Block
from tdxcheck.spec.sources import SEED, TDX_RST, V3


@reachable(severity=Severity.MODEL, sources=(V3.at("00/21"),))
def a_td_can_run(host: Host) -> Term[bool]:
    """A TD can be created and run."""
    return host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED)


@reachable(severity=Severity.MODEL, sources=(SEED.at("memory hotplug"),))
def memory_can_be_added_while_tdx_is_off(host: Host) -> Term[bool]:
    """Memory can be hot-added and onlined as long as TDX is not used."""
    unused = one_of(host.tdx, Tdx.UNINITIALIZED, Tdx.ERROR, Tdx.DISABLED)
    return unused & exists(
        Block,
        lambda block: (
            (host.memory_kind[block] == MemoryKind.HOT_PLUG_DRAM)
            & (host.memory[block] == Presence.ONLINE)
        ),
    )


@reachable(severity=Severity.MODEL, sources=(TDX_RST.at("Kexec()"),))
def kexec_is_possible(host: Host) -> Term[bool]:
    """A kernel can be loaded for kexec."""
    return host.kexec_loaded


@deadlock_free(severity=Severity.MODEL)
def the_host_never_stops(host: Host) -> Term[bool]:
    """Something can always happen next, unless the crash kernel runs, or none."""
    goes_on = Running.FIRST, Running.SECOND
    return ~one_of(host.running, *goes_on)


@leads_to(fair=(), severity=Severity.SERVICE, sources=(V3.at("00/21"),))
def initialization_ends(host: Host) -> tuple[Term[bool], Term[bool]]:
    """Initialising TDX ends: in use, or given up."""
    return host.initializing(), host.tdx_in_use() | host.given_up()


SERVICE = (
    a_td_can_run,
    memory_can_be_added_while_tdx_is_off,
    kexec_is_possible,
    the_host_never_stops,
    initialization_ends,
)
