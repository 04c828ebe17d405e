"""The SEAMCALLs of an initialisation, in the form that v3 and v6.8 share.

What differs (when it begins, which memory is listed, what a failure undoes) is
in the designs. A call that fails sends the kernel to Tdx.UNDOING.
"""

from __future__ import annotations

from typing import Any, Final

from tdxcheck.checker.language import Kind, Term, action, all_of, implies, ite, one_of
from tdxcheck.checker.language.terms import Element
from tdxcheck.models.kvm import seamcall, to_be_made_again
from tdxcheck.models.module.configuration import (
    CONFIG_REFUSED,
    KeyFault,
    sys_config,
    sys_key_config,
    sys_key_config_fatal,
    sys_tdmr_init,
)
from tdxcheck.models.module.dispatch import YES, dispatch
from tdxcheck.models.module.initialization import sys_init, sys_lp_init
from tdxcheck.spec.host import (
    Actor,
    Host,
    MemoryKind,
    Presence,
    Running,
    SysInitResult,
    Tdx,
)
from tdxcheck.spec.machine import Cpu, Hkid, Tdmr
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.sources import L6_8, MODULE_1_5, V3, V3_TREE, V7

GLOBAL_HKID: Final[Any] = Element(Hkid, 0)
"""The first private KeyID, which both designs take for the module."""

INIT_SOURCES = (V3.at("16/21 to 18/21"), L6_8.at("init_tdx_module()"))


def proceed(host: Host, answer: Term[Status], then: Tdx) -> Term[Tdx]:
    """On success the next stage; else what was done is undone."""
    failed = ite(to_be_made_again(host, answer), host.tdx, Tdx.UNDOING)
    return ite(answer == Status.TDX_SUCCESS, then, failed)


def may_initialize(host: Host) -> Term[bool]:
    """No initialisation was tried, or one that failed keeps this kernel from none.

    Where nobody waits for anybody a second caller begins in the midst of the first's.
    """
    failed = host.tdx == Tdx.ERROR
    amid = one_of(host.tdx, Tdx.STARTED, Tdx.BUILT, Tdx.CONFIGURED)
    return (
        (host.tdx == Tdx.UNINITIALIZED)
        | (failed & ~host.gives_up_for_good)
        | (amid & ~host.serializes_initialization)
    )


def remembered(host: Host, answer: Term[Status]) -> Term[SysInitResult]:
    """What is kept of the one call of TDH.SYS.INIT: its failure too, for good."""
    failed = ite(
        to_be_made_again(host, answer), SysInitResult.NOT_CALLED, SysInitResult.FAILED
    )
    return ite(answer == Status.TDX_SUCCESS, SysInitResult.SUCCEEDED, failed)


def call_sys_init(host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample) -> None:
    """TDH.SYS.INIT on the first CPU that is enabled, whose result is kept."""
    again = ~host.calls_sys_init_once & ~host.lp_init_done[cpu]
    result = host.sys_init_result
    host.require(
        (result == SysInitResult.NOT_CALLED)
        | (again & (result == SysInitResult.SUCCEEDED))
    )
    host.require(host.online(cpu))
    host.require(host.healthy(sample) & (host.faults | ~shortage))
    answer = seamcall(host, sys_init, cpu, sample, ~shortage)
    host.sys_init_result = remembered(host, answer)


def call_lp_init(
    host: Host, cpu: Cpu, shortage: Term[bool], sample: Sample
) -> Term[bool]:
    """TDH.SYS.LP.INIT on a CPU that is enabled: whether the kernel goes on."""
    host.require(host.sys_init_result == SysInitResult.SUCCEEDED)
    host.require(host.online(cpu))
    host.require(~host.lp_init_done[cpu] | ~host.calls_lp_init_once)
    host.require(host.healthy(sample) & (host.faults | ~shortage))
    answer = seamcall(host, sys_lp_init, cpu, sample, ~shortage)
    done = answer == Status.TDX_SUCCESS
    host.lp_init_done[cpu] = done
    return done | to_be_made_again(host, answer)


def writes_on_failure(host: Host, cpu: Cpu, failed: Term[bool]) -> None:
    """What a TDH.SYS.CONFIG that fails leaves of the PAMT, where A12 is denied."""
    writes = failed & host.failed_config_writes_pamt
    written, dirty = host.pamt_written, host.private_dirty[cpu]
    host.pamt_written = written | writes
    host.private_dirty[cpu] = dirty | writes


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure(host: Host, cpu: Cpu) -> None:
    """The kernel hands over its TDMRs: TDH.SYS.CONFIG on {cpu}, then WBINVD."""
    host.require(host.tdx == Tdx.BUILT)
    host.require(host.online(cpu))
    host.require(host.tdx_memory_is_convertible())
    host.require(implies(host.checks_cmrs, host.found_in_cmrs()))
    listed, accepted = host.tdx_memory, host.in_tdmr
    answer = host.answer(sys_config, cpu, GLOBAL_HKID)
    host.in_tdmr.update(
        lambda block: ite(answer == Status.TDX_SUCCESS, listed[block], accepted[block])
    )
    flushed = host.flushes_before_key_config & (answer == Status.TDX_SUCCESS)
    dirty, cpus = host.pamt_dirty, host.cpu
    host.pamt_dirty.update(
        lambda c: dirty[c] & ~(flushed & (cpus[c] == Presence.ONLINE))
    )
    writes_on_failure(host, cpu, answer != Status.TDX_SUCCESS)
    host.tdx = proceed(host, answer, Tdx.CONFIGURED)
    seamcall(host, sys_config, cpu, GLOBAL_HKID)


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure_outside_cmrs(host: Host, cpu: Cpu) -> None:
    """The kernel hands over TDMRs with memory outside CMRs: TDH.SYS.CONFIG on {cpu}."""
    host.require(host.tdx == Tdx.BUILT)
    host.require(host.online(cpu))
    host.require(~host.tdx_memory_is_convertible())
    host.require(~host.checks_cmrs)
    writes_on_failure(host, cpu, all_of(True))
    host.tdx = Tdx.UNDOING
    refused = CONFIG_REFUSED[Status.TDX_TDMR_OUTSIDE_CMRS]
    seamcall(host, refused, cpu, GLOBAL_HKID)


@action(
    actor=Actor.KERNEL,
    sources=(V3.at("11/21, e820_check_against_cmrs()"), V7.at("10/20")),
)
def reject_outside_cmrs(host: Host) -> None:
    """The kernel finds memory outside CMRs in its list, and gives up building TDMRs.

    Or it finds a gap in their table: "Firmware bug: invalid CMR(s) among valid CMRs."
    """
    host.require(host.tdx == Tdx.BUILT)
    host.require(~host.found_in_cmrs())
    host.require(host.checks_cmrs)
    host.tdx = Tdx.UNDOING


@action(
    actor=Actor.KERNEL,
    kinds={Kind.FAULT},
    sources=(V3_TREE.at("construct_tdmrs()"), L6_8.at("construct_tdmrs()")),
)
def building_fails(host: Host) -> None:
    """The kernel cannot build its TDMRs: no memory for a PAMT, or too many areas.

    No room in one piece is -ENOMEM. More TDMRs or reserved areas than the module
    takes is -ENOSPC, and -E2BIG in v3 (B10).
    """
    host.require(host.tdx == Tdx.BUILT)
    host.tdx = Tdx.UNDOING


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure_key(host: Host, cpu: Cpu, fault: Term[KeyFault]) -> None:
    """The kernel programs the global key: TDH.SYS.KEY.CONFIG on {cpu}."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    done = host.key_configured[host.package_of[cpu]]
    host.require(~done | ~host.keys_each_package_once)
    host.require(fault != KeyFault.FATAL)
    host.require(host.faults | (fault == KeyFault.NONE))
    answer = seamcall(host, sys_key_config, cpu, fault)
    host.tdx = proceed(host, answer, Tdx.CONFIGURED)


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.TDX_SYS_BUSY,
    sources=(MODULE_1_5.at("tdh_sys_key_config.c, tdx_locks.h"),),
)
def sys_key_config_contended(host: Host, cpu: Cpu) -> None:
    """TDH.SYS.KEY.CONFIG on {cpu}, while another package has the same call under way.

    The module waits for no lock.
    """
    dispatch(host, cpu, before_ready=True, rax_valid=YES)


@action(actor=Actor.KERNEL, kinds={Kind.FAULT}, sources=INIT_SOURCES)
def configure_key_at_once(host: Host, cpu: Cpu) -> None:
    """The kernel programs the global key in every package at once: {cpu} is too late.

    Its TDH.SYS.KEY.CONFIG finds another's under way, and that is an error like any.
    """
    host.require(host.faults & ~host.serializes_key_config)
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(~host.key_configured[host.package_of[cpu]])
    seamcall(host, sys_key_config_contended, cpu)
    host.tdx = Tdx.UNDOING


@action(actor=Actor.KERNEL, kinds={Kind.FAULT}, sources=INIT_SOURCES)
def configure_key_fatal(host: Host, cpu: Cpu) -> None:
    """PCONFIG fails for good in TDH.SYS.KEY.CONFIG on {cpu}: the module is dead.

    The CPU shuts down inside the module, and the kernel waits for it for ever.
    """
    host.require(host.faults)
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(~host.key_configured[host.package_of[cpu]])
    seamcall(host, sys_key_config_fatal, cpu)
    host.running = Running.STUCK


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def initialize_tdmr(host: Host, cpu: Cpu, tdmr: Tdmr) -> None:
    """The kernel has the PAMT written: TDH.SYS.TDMR.INIT of {tdmr} on {cpu}."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(host.every_package_keyed() | ~host.keys_packages_first)
    host.require(host.tdmr_configured(tdmr) & ~host.tdmr_complete(tdmr))
    written, dirty = host.pamt_written, host.private_dirty[cpu]
    answer = seamcall(host, sys_tdmr_init, cpu, tdmr)
    host.pamt_written = written | (answer == Status.TDX_SUCCESS)
    host.private_dirty[cpu] = dirty | (answer == Status.TDX_SUCCESS)
    host.tdx = proceed(host, answer, Tdx.CONFIGURED)


@action(actor=Actor.KERNEL, kinds={Kind.FAULT, Kind.SEAMCALL}, sources=INIT_SOURCES)
def initialize_tdmr_breaks_off(host: Host, cpu: Cpu, tdmr: Tdmr) -> None:
    """TDH.SYS.TDMR.INIT of {tdmr} on {cpu} fails, with part of the PAMT written.

    No cause is known that a kernel must reckon with; its error path exists.
    """
    host.require(host.faults)
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(host.every_package_keyed())
    host.require(host.tdmr_configured(tdmr) & ~host.tdmr_complete(tdmr))
    host.require(host.answer(sys_tdmr_init, cpu, tdmr) == Status.TDX_SUCCESS)
    host.pamt_written = True
    host.private_dirty[cpu] = True
    marks = host.flushes_only_marked_caches & host.marks_cache_of_seamcalls
    host.marked[cpu] = host.marked[cpu] | marks
    host.tdx = Tdx.UNDOING


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def finish(host: Host) -> None:
    """The kernel has initialised TDX: "module initialized"."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.every_package_keyed())
    host.require(host.every_tdmr_complete() | ~host.completes_every_tdmr)
    host.tdx = Tdx.INITIALIZED


def free_pamt(host: Host) -> None:
    """After a failure: WBINVD on every online CPU, the PAMT cleared, its pages freed.

    From v6.8 on only if TDH.SYS.CONFIG had succeeded: else no key is there to write
    the PAMT with.
    """
    keyed = host.module_configured()
    flushed = host.flushes_before_freeing_pamt & (
        keyed | host.flushes_after_failed_config
    )
    dirty, cpus = host.private_dirty, host.cpu
    host.private_dirty.update(
        lambda c: dirty[c] & ~(flushed & (cpus[c] == Presence.ONLINE))
    )
    host.pamt_dirty.fill(False)
    private = host.pamt_written & ~(host.resets_freed_pamt & keyed)
    host.private_page_in_allocator = host.private_page_in_allocator | private
    host.pamt_allocated = False


def allocate_pamt(host: Host) -> None:
    """The PAMT's pages are the kernel's own, and any CPU's cache may hold them."""
    dirty, cpus = host.pamt_dirty, host.cpu
    host.pamt_allocated = True
    host.pamt_dirty.update(lambda c: dirty[c] | (cpus[c] == Presence.ONLINE))


def let_go_of_memory_lock(host: Host, held: Term[bool]) -> None:
    """put_online_mems() at the end of a failure, by a design that does not ask first.

    One that does only lets go of what it `held`.
    """
    miscount = host.memory_lock_miscount
    balanced = host.releases_only_held_locks | held
    host.memory_lock_miscount = ite(balanced, miscount, -1)


def list_present_memory(host: Host) -> None:
    """The kernel's list is what memblock knows: memory that is there, online or not."""
    there, kind = host.memory, host.memory_kind
    known = host.memblock_follows_hotplug
    host.tdx_memory.update(
        lambda block: (
            (there[block] != Presence.ABSENT)
            & (known | (kind[block] == MemoryKind.BOOT_DRAM))
        )
    )
    allocate_pamt(host)
    host.tdx = Tdx.BUILT


def empty_list(host: Host) -> None:
    """A failure empties the list, and with it opens memory hotplug again."""
    listed, kept = host.tdx_memory, ~host.empties_list_on_failure
    host.tdx_memory.update(lambda block: listed[block] & kept)


COMMON = (
    configure,
    configure_outside_cmrs,
    reject_outside_cmrs,
    building_fails,
    configure_key,
    configure_key_at_once,
    configure_key_fatal,
    initialize_tdmr,
    initialize_tdmr_breaks_off,
    finish,
)
