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
from tdxcheck.spec.events import CPU_OFFLINE
from tdxcheck.spec.fairness import (
    an_initialization_goes_on,
    entropy_comes_back,
    stopped_cpus_go_on,
    the_end_of_a_td_goes_on,
)
from tdxcheck.spec.host import Host, MemoryKind, Presence, Running, Td, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.sources import K6_16, SEED, TDX_RST, V3


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


@leads_to(
    fair=(an_initialization_goes_on, entropy_comes_back),
    severity=Severity.SERVICE,
    sources=(V3.at("00/21"),),
)
def initialization_ends(host: Host) -> tuple[Term[bool], Term[bool]]:
    """Initialising TDX ends: in use, or given up.

    A kernel that does so as it boots, or finds that it must do without, comes to it.
    """
    begun = host.initializing() | host.booting()
    return begun, ~begun


@leads_to(
    fair=(the_end_of_a_td_goes_on, stopped_cpus_go_on),
    severity=Severity.GUEST,
    sources=(K6_16.at("tdx_mmu_release_hkid()"),),
)
def a_td_can_be_torn_down(host: Host) -> tuple[Term[bool], Term[bool]]:
    """A TD that is to end does: its KeyID is free again, as long as KVM offers TDX.

    A TD that never ends keeps its KeyID and every page it has: KVM frees neither while
    the KeyID is assigned. There are few KeyIDs, and without one no TD can be created.

    That the KeyID is lost counts as an end here, and is told by no_hkid_is_leaked.
    """
    running = host.kvm_offers_tdx() | host.updating()
    ending = running & host.hkid_in_use() & ~host.hkid_leaked
    return ending, ~ending


@leads_to(
    fair=(the_end_of_a_td_goes_on, stopped_cpus_go_on),
    severity=Severity.SERVICE,
    sources=(K6_16.at("tdx_offline_cpu()"),),
)
def a_cpu_held_for_a_td_is_let_go(host: Host) -> tuple[Term[bool], Term[bool]]:
    """A CPU that may not go offline because of a TD may when the TD has ended.

    The administrator is told to delete all TDs first. Where that does not help, no
    package can be emptied of its CPUs, -EBUSY, until the machine is rebooted.

    The very last CPU of the machine stays in any case. Nothing is said of a CPU that
    stays while a KeyID is lost, or after an update that failed.
    """
    running = (host.tdx_in_use() | host.updating()) & ~host.hkid_leaked

    def held(cpu: Cpu) -> Term[bool]:
        refused = host.refuses(CPU_OFFLINE, cpu)
        return running & refused & host.another_cpu_online(cpu)

    return exists(Cpu, held), ~exists(Cpu, held)


SERVICE = (
    a_td_can_run,
    memory_can_be_added_while_tdx_is_off,
    kexec_is_possible,
    the_host_never_stops,
    initialization_ends,
    a_td_can_be_torn_down,
    a_cpu_held_for_a_td_is_let_go,
)
