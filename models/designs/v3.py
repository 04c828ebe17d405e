"""v3, 2022-04-06: KVM initialises TDX when it needs it; nothing checks hotplug.

Of the events that break TDX none is refused: CPUs, memory and devices come and
go as on any Linux. Any error of an initialisation ends in TDH.SYS.LP.SHUTDOWN on
every CPU, for good.

The module is that of today: to 1.5 LP.SHUTDOWN is a call without effect. To 1.0, of
v3's time, it was the end of the module, whatever its state. The call TDH.SYS.INFO
itself, which tells the CMRs, is taken to succeed.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Term,
    TransitionSystem,
    action,
    forall,
    implies,
)
from tdxcheck.models.initialization import (
    COMMON,
    allocate_pamt,
    free_pamt,
    may_initialize,
    proceed,
)
from tdxcheck.models.kvm import KVM, seamcall
from tdxcheck.models.module.initialization import sys_init, sys_lp_init
from tdxcheck.models.old_module import lp_shutdown
from tdxcheck.models.platform import BOOT, PLATFORM
from tdxcheck.spec.host import Actor, Host, Kvm, MemoryKind, Presence, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.rules import RULES
from tdxcheck.spec.sources import V3, V3_TREE


def detected(host: Host) -> Term[bool]:
    """Every CPU that is present came up, and read the same SEAMRR as the others.

    A hot-added CPU that went offline again is taken for one that never came up.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            host.detects_tdx_on_every_cpu & (host.cpu[cpu] != Presence.ABSENT),
            host.counted[cpu] | (host.online(cpu) & host.seamrr_valid[cpu]),
        ),
    )


@action(
    actor=Actor.KERNEL,
    sources=(V3_TREE.at("tdx_detect_cpu(), seamrr_enabled(), __tdx_detect()"),),
)
def find_no_tdx(host: Host) -> None:
    """KVM asks for TDX, and there is none: some CPU never came up, or disagrees."""
    host.require(host.kvm == Kvm.LOADED)
    host.require(host.tdx == Tdx.UNINITIALIZED)
    host.require(~detected(host))
    host.tdx = Tdx.DISABLED


@action(
    actor=Actor.KERNEL,
    kinds={Kind.BRING_UP},
    sources=(V3_TREE.at("init_tdx_module()"),),
)
def begin(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """KVM asks for TDX, and the kernel begins: TDH.SYS.INIT on {cpu}."""
    host.require(host.kvm == Kvm.LOADED)
    host.require(may_initialize(host))
    host.require(detected(host))
    host.require(host.online(cpu))
    host.require(host.healthy(sample) & (host.faults | ~shortage))
    answer = seamcall(host, sys_init, cpu, sample, ~shortage)
    host.tdx = proceed(host, answer, Tdx.STARTED)


@action(
    actor=Actor.KERNEL,
    kinds={Kind.BRING_UP},
    sources=(V3_TREE.at("tdx_module_init_cpus()"),),
)
def initialize_cpu(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """The kernel initialises the module on a CPU: TDH.SYS.LP.INIT on {cpu}."""
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.online(cpu))
    host.require(~host.lp_init_done[cpu] | ~host.calls_lp_init_once)
    host.require(host.healthy(sample) & (host.faults | ~shortage))
    answer = seamcall(host, sys_lp_init, cpu, sample, ~shortage)
    host.lp_init_done[cpu] = answer == Status.TDX_SUCCESS
    host.tdx = proceed(host, answer, Tdx.STARTED)


def is_boot_memory(host: Host, block: Block) -> Term[bool]:
    """The block is memory in the map of boot.

    In the e820 map legacy PMEM is memory, too; in memblock it is not.
    """
    kind, legacy = host.memory_kind, host.lists_legacy_pmem
    return (kind[block] == MemoryKind.BOOT_DRAM) | (
        (kind[block] == MemoryKind.LEGACY_PMEM) & legacy
    )


@action(
    actor=Actor.KERNEL,
    sources=(
        V3.at("11/21 to 14/21"),
        V3_TREE.at("construct_tdmrs(), e820_entry_is_ram()"),
    ),
)
def build_tdmrs(host: Host) -> None:
    """The kernel builds TDMRs from the memory map of boot, and allocates their PAMTs.

    In the map legacy PMEM is memory, too, if it comes from the e820 table.
    """
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    host.tdx_memory.update(lambda block: is_boot_memory(host, block))
    allocate_pamt(host)
    host.tdx = Tdx.BUILT


@action(actor=Actor.KERNEL, sources=(V3_TREE.at("init_tdx_module(), error path"),))
def undo(host: Host) -> None:
    """The initialisation failed: the kernel frees the PAMTs."""
    host.require(host.tdx == Tdx.UNDOING)
    free_pamt(host)
    host.tdx = Tdx.STOPPING


@action(
    actor=Actor.KERNEL,
    kinds={Kind.BRING_UP},
    sources=(V3.at("06/21"), V3_TREE.at("shutdown_tdx_module()")),
)
def shut_down_cpu(host: Host, cpu: Cpu) -> None:
    """The kernel shuts the module down on a CPU: TDH.SYS.LP.SHUTDOWN on {cpu}."""
    host.require(host.shuts_module_down)
    host.require(host.tdx == Tdx.STOPPING)
    host.require(host.online(cpu))
    seamcall(host, lp_shutdown, cpu)


@action(actor=Actor.KERNEL, sources=(V3_TREE.at("shutdown_tdx_module()"),))
def give_up(host: Host) -> None:
    """The kernel gives up TDX: TDX_MODULE_SHUTDOWN, until reboot."""
    host.require(host.tdx == Tdx.STOPPING)
    host.tdx = Tdx.ERROR


V3_DESIGN = TransitionSystem(
    name="v3",
    summary="Initialise when KVM asks; check no hotplug; shut down on any error.",
    state=Host,
    actions=(
        *PLATFORM,
        *KVM,
        find_no_tdx,
        begin,
        initialize_cpu,
        build_tdmrs,
        *COMMON,
        undo,
        shut_down_cpu,
        give_up,
    ),
    properties=RULES,
    initial=BOOT,
    outside=frozenset({Actor.ADMINISTRATOR, Actor.FIRMWARE, Actor.HARDWARE}),
    settings={
        Host.detects_tdx_on_every_cpu: True,
        Host.waits_for_opt_in: True,
        Host.checks_processor: True,
        Host.leaves_tds_a_keyid: True,
        Host.keeps_own_keyid_from_tds: True,
        Host.gives_up_for_good: True,
        Host.serializes_initialization: True,
        Host.calls_lp_init_once: True,
        Host.enables_cpus_first: True,
        Host.keys_each_package_once: True,
        Host.serializes_key_config: True,
        Host.keys_packages_first: True,
        Host.completes_every_tdmr: True,
        Host.locks_cpu_hotplug_for_tds: True,
        Host.keys_tds_once_per_package: True,
        Host.flushes_migrating_vcpus: True,
        Host.serializes_keyid_calls: True,
        Host.flushes_vcpus_of_ended_tds: True,
        Host.resumes_write_back: True,
        Host.writes_back_before_freeing: True,
        Host.flushes_given_pages: True,
        Host.tracks_removed_pages: True,
        Host.flushes_removed_pages: True,
        Host.flushes_reclaimed_pages: True,
        Host.resets_reclaimed_pages: True,
        Host.leaks_pages_held_back: True,
        Host.leaks_tds_of_lost_keyids: True,
        Host.lists_legacy_pmem: True,
        Host.bears_acpi_removal: True,
        Host.flushes_offlined_cpus: True,
        Host.checks_cmrs: True,
        Host.leaves_low_memory_out: True,
        Host.shuts_module_down: True,
        Host.locks_cpu_hotplug: True,
        Host.turns_vmx_on_first: True,
        Host.flushes_before_key_config: True,
        Host.flushes_before_freeing_pamt: True,
        Host.flushes_after_failed_config: True,
        Host.flushes_other_cpus: True,
    },
    sources=(V3.at("00/21 to 21/21"),),
)
