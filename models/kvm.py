"""KVM's part: loading it, and running one TD from creation to its end.

v3 had no KVM for TDX in tree; the steps are those of v6.16, whose order the
module dictates. After an update of the module that failed KVM makes its calls as ever,
since it never asks again whether TDX is in use: each is refused, the TD is marked as
broken, and its end loses its KeyID, and with it every page that it has.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    Term,
    action,
    exists,
    forall,
    implies,
    one_of,
)
from tdxcheck.models.td import (
    mem_page_aug,
    mem_page_aug_low,
    mem_page_remove,
    mng_create,
    mng_key_config,
    mng_key_freeid,
    mng_vpflushdone,
    phymem_cache_wb,
    vp_enter,
)
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.events import KVM_LOAD, TD_CREATE, TD_END
from tdxcheck.spec.host import Actor, Host, Kvm, Running, Td, Tdx, Told
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import K6_16, KVM_6_19
from tdxcheck.spec.update import Build

TD_INIT = (K6_16.at("__tdx_td_init()"),)
RELEASE = (K6_16.at("tdx_mmu_release_hkid()"),)


def seamcall(
    host: Host,
    leaf: object,
    cpu: Cpu,
    *arguments: object,
    marks: Term[bool] | None = None,
) -> Term[Status]:
    """A kernel's SEAMCALL: the module's answer.

    A second kernel notes that it made one; a kernel that flushes only marked
    caches marks the CPU's, if the wrapper that this call goes by `marks` it.
    """
    marks = host.marks_cache_of_seamcalls if marks is None else marks
    marked = host.marked[cpu] | (host.flushes_only_marked_caches & marks)
    answer: Term[Status] = host.call(leaf, cpu, *arguments)
    host.seamcall_made = one_of(host.running, Running.SECOND, Running.CRASH)
    host.marked[cpu] = marked
    return answer


def to_be_made_again(host: Host, answer: Term[Status]) -> Term[bool]:
    """The call met a shortage of entropy, and is made again until that has passed.

    The kernel tries ten times. A shortage that outlasts them is an error like any
    other, and so is any to a kernel that tries once.
    """
    short = answer == Status.TDX_RND_NO_ENTROPY
    return host.retries_no_entropy & host.shortages_pass & short


def meets(host: Host, shortage: Term[bool]) -> Term[bool]:
    """The call may end with a shortage of entropy, or there is none."""
    passes = host.retries_no_entropy & host.shortages_pass
    return (host.faults & ~passes) | ~shortage


def may_meet_another(host: Host, contended: Term[bool]) -> Term[bool]:
    """The call may find the KeyIDs' table locked by a call for another TD."""
    return (host.faults & ~host.serializes_keyid_calls) | ~contended


def flushed_in_callback(host: Host, flushed: Term[bool]) -> None:
    """Caches are written back in a callback of CPU hotplug, which can be preempted."""
    host.assertion_failed = host.assertion_failed | splat(host, flushed)


def splat(host: Host, flushed: Term[bool]) -> Term[bool]:
    """Such a flush asserts that preemption is off, and leaves a splat in the log.

    The callback runs in a thread that is bound to its CPU.
    """
    asserts = host.flushes_when_seamcalls_end & ~host.flushes_with_preemption
    return flushed & asserts


def vmxon_everywhere(host: Host) -> None:
    """VMXON on every CPU: now, or as the first thing when it comes online."""
    host.vmx_on.fill(host.turns_vmx_on_first)


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST}, event=KVM_LOAD)
def kvm_load(host: Host) -> None:
    """The administrator loads KVM, which does VMXON on every online CPU."""
    host.require(host.kvm_may_load())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(~host.initializing())
    vmxon_everywhere(host)
    host.kvm = Kvm.LOADED


def unload(host: Host, warned: Term[bool]) -> None:
    """KVM is unloaded; or it finds on the way that it has been before, and warns."""
    host.require(host.kvm_is_loaded())
    host.require(~host.initializing() & ~host.updating())
    host.require(host.td == Td.NONE)
    core = one_of(host.tdx, Tdx.INITIALIZED, Tdx.UPDATE_FAILED)
    stays = host.initializes_at_boot & core
    on, installed = host.vmx_on, host.callbacks_installed
    flushed = host.tdx_in_use() & host.flushes_after_vp_flush
    host.assertion_failed = host.assertion_failed | warned | splat(host, flushed)
    host.vmx_on.update(lambda c: on[c] & stays & host.counts_vmx_users)
    host.callbacks_installed = installed & stays
    host.kvm = Kvm.UNLOADED


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST})
def kvm_unload(host: Host) -> None:
    """The administrator unloads KVM, with no TD left: VMXOFF, if the core allows."""
    unload(host, host.never())


@action(actor=Actor.KVM, event=TD_CREATE, sources=TD_INIT)
def td_create(host: Host, cpu: Cpu, shortage: Term[bool]) -> None:
    """KVM creates a TD: TDH.MNG.CREATE on {cpu}.

    Without entropy the module has cleared the page all the same, with its own key; the
    line with the TD's UUID it has cleared in the cache. KVM frees the page as it is.

    That the call may find the KeyIDs' table locked by one for another TD is left out:
    a creation that fails so leaves nothing behind.
    """
    host.require(host.kvm_offers_tdx())
    host.require(host.td == Td.NONE)
    host.require(~host.faces(Obstacle.ONE_KEYID))
    host.require(host.online(cpu))
    host.require(meets(host, shortage))
    host.require(
        implies(
            host.creates_tds_on_all_packages,
            forall(
                Package,
                lambda p: implies(
                    host.package_present(p), host.package_has_online_cpu(p)
                ),
            ),
        ),
        otherwise=Refusal(
            Told.EIO,
            log="All packages need to have online CPU to create TD. "
            "Online CPU and retry.",
        ),
    )
    private, unflushed = host.private_page_in_allocator, host.td_page_unflushed
    answer = seamcall(host, mng_create, cpu, ~shortage)
    short = answer == Status.TDX_RND_NO_ENTROPY
    left = short & ~host.failed_creation_is_cleared
    host.private_page_in_allocator = private | left
    host.td_page_unflushed = unflushed | left


@action(actor=Actor.KVM, sources=TD_INIT)
def td_configure_key(host: Host, cpu: Cpu, shortage: Term[bool]) -> None:
    """KVM programs the TD's key into a package: TDH.MNG.KEY.CONFIG on {cpu}.

    Without entropy it answers TDX_KEY_GENERATION_FAILED, which is tried once only: KVM
    then ends the TD.
    """
    host.require(host.kvm_offers_tdx())
    host.require(host.td == Td.HKID_ASSIGNED)
    host.require(host.online(cpu))
    done = host.td_key_configured[host.package_of[cpu]]
    host.require(~done | ~host.keys_tds_once_per_package)
    host.require(host.faults | ~shortage)
    seamcall(host, mng_key_config, cpu, ~shortage)


@action(actor=Actor.KVM, sources=(K6_16.at("__tdx_td_init(), misc_cg_try_charge()"),))
def td_create_uncharged(host: Host) -> None:
    """KVM creates no TD: the charge to its cgroup fails, the KeyID is given back."""
    host.require(host.tdx_in_use())
    host.require(host.faults)
    host.require(host.td == Td.NONE)
    host.require(host.keeps_a_cpu_per_package & ~host.counts_hkids_exactly)
    host.require(host.hkid_miscount == 0)
    host.hkid_miscount = -1


@action(
    actor=Actor.KVM,
    sources=(K6_16.at("tdx_td_vcpu_init()"), KVM_6_19.at("creation that fails")),
)
def vcpu_create_fails(host: Host) -> None:
    """KVM creates no vCPU: it fails midway, with the vCPU in its CPU's list already."""
    host.require(host.tdx_in_use())
    host.require(host.faults)
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.flushes_vcpus_of_offlined_cpus & ~host.failed_vcpu_listed)
    host.failed_vcpu_listed = ~host.forgets_failed_vcpus


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_vcpu_run()"),))
def td_run(host: Host, cpu: Cpu) -> None:
    """KVM runs the TD: TDH.VP.ENTER on {cpu} leaves private lines in its cache.

    A vCPU that was elsewhere is first let go there by TDH.VP.FLUSH, if that CPU
    is online.
    """
    amid = host.updating() & (host.kvm == Kvm.LOADED) & ~host.stops_the_machine
    host.require(host.kvm_offers_tdx() | amid)
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require((host.td_build != Build.GOING_ON) | ~host.runs_finished_tds_only)
    host.require(host.online(cpu))
    flushed = host.flushes_migrating_vcpus
    seamcall(host, vp_enter, cpu, flushed, marks=host.marks_cache_of_vp_enter)


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_mem_page_aug()"),))
def td_add_page(host: Host, cpu: Cpu, block: Block) -> None:
    """KVM gives the TD a page that the allocator took from {block}, on {cpu}."""
    host.require(host.td_memory_available(block))
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.online(cpu))
    outside = host.td_page_refused
    answer = seamcall(host, mem_page_aug, cpu, block)
    host.td_page_refused = outside | (answer == Status.TDX_OPERAND_ADDR_RANGE_ERROR)


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_mem_page_aug()"),))
def td_add_low_page(host: Host, cpu: Cpu) -> None:
    """KVM gives the TD a page that the allocator took from the first MiB, on {cpu}."""
    host.require(~host.low_memory_reserved)
    host.require(host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    seamcall(host, mem_page_aug_low, cpu)
    host.td_page_refused = True


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_sept_drop_private_spte()"),))
def td_remove_page(host: Host, cpu: Cpu) -> None:
    """KVM takes a page from a TD that goes on, on {cpu}, and frees it.

    TDH.MEM.RANGE.BLOCK and TDH.MEM.TRACK come before, then TDH.MEM.PAGE.REMOVE,
    TDH.PHYMEM.PAGE.WBINVD by the TD's KeyID, and MOVDIR64B.
    """
    host.require(host.kvm_offers_tdx() & (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    private, unflushed = host.private_page_in_allocator, host.td_page_unflushed
    answer = seamcall(host, mem_page_remove, cpu, host.tracks_removed_pages)
    done = answer == Status.TDX_SUCCESS
    host.td_page_unflushed = unflushed | (done & ~host.flushes_removed_pages)
    host.private_page_in_allocator = private | (done & ~host.resets_reclaimed_pages)


def lose_keyid(host: Host, lost: Term[bool]) -> None:
    """The pages of the TD are leaked with its KeyID, or freed, private as they are."""
    freed = lost & ~host.leaks_tds_of_lost_keyids
    private, unflushed = host.private_page_in_allocator, host.td_page_unflushed
    host.private_page_in_allocator = private | freed
    host.td_page_unflushed = unflushed | freed


@action(actor=Actor.KVM, event=TD_END, sources=RELEASE)
def td_stop(host: Host, cpu: Cpu, contended: Term[bool]) -> None:
    """KVM ends the TD: TDH.VP.FLUSH, then TDH.MNG.VPFLUSHDONE on {cpu}.

    If a vCPU is still associated with a CPU the KeyID is kept, quietly, and nobody
    comes here again for the same TD. The call is contended if another TD is made or
    ended at the same time.
    """
    host.require(may_meet_another(host, contended))
    host.require(host.kvm_offers_tdx())
    host.require((host.td == Td.HKID_ASSIGNED) | (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    host.require(~host.hkid_leaked)
    flushed = host.flushes_vcpus_of_ended_tds
    answer = seamcall(host, mng_vpflushdone, cpu, flushed, ~contended)
    host.hkid_leaked = answer != Status.TDX_SUCCESS
    lose_keyid(host, answer != Status.TDX_SUCCESS)


@action(actor=Actor.KVM, event=TD_END, sources=RELEASE)
def td_write_back(host: Host, cpu: Cpu, interrupted: Term[bool]) -> None:
    """KVM writes back a package's lines: TDH.PHYMEM.CACHE.WB on {cpu}.

    An interrupted call is made again, up to ten thousand times; else the package is
    left as it is, and with it the KeyID. So it is where the module is lost.
    """
    host.require(~interrupted | (host.faults & ~host.resumes_write_back))
    host.require(host.kvm_offers_tdx())
    host.require(host.td == Td.BLOCKED)
    host.require(host.online(cpu))
    host.require(host.td_key_configured[host.package_of[cpu]])
    lost = host.hkid_leaked | interrupted | host.update_failed()
    seamcall(host, phymem_cache_wb, cpu, interrupted)
    host.hkid_leaked = lost
    lose_keyid(host, lost)


@action(actor=Actor.KVM, event=TD_END, sources=RELEASE)
def td_free_key(host: Host, cpu: Cpu, contended: Term[bool], held: Term[bool]) -> None:
    """KVM frees the TD's KeyID, then its pages: TDH.MNG.KEY.FREEID on {cpu}.

    A page goes back to the allocator after TDH.PHYMEM.PAGE.RECLAIM; the TDR's lines
    are flushed by TDH.PHYMEM.PAGE.WBINVD, and the page is cleared by MOVDIR64B, from
    v6.18 on where there is the erratum. One that the module holds back is leaked.
    """
    host.require(may_meet_another(host, contended))
    host.require(~held | host.faults)
    host.require(host.kvm_offers_tdx())
    host.require(host.td == Td.BLOCKED)
    host.require(host.online(cpu))
    host.require(~host.hkid_leaked)
    unwritten = exists(Cpu, lambda c: host.cache_write_back_possible(c))
    host.require(~unwritten | ~host.writes_back_before_freeing)
    private, unflushed = host.private_page_in_allocator, host.td_page_unflushed
    answer = seamcall(host, mng_key_freeid, cpu, ~contended)
    done = answer == Status.TDX_SUCCESS
    given = done & ~(held & host.leaks_pages_held_back)
    freed = ~done & ~host.leaks_tds_of_lost_keyids
    host.private_page_in_allocator = (
        private | freed | (given & (held | ~host.resets_reclaimed_pages))
    )
    host.td_page_unflushed = (
        unflushed | freed | (given & (held | ~host.flushes_reclaimed_pages))
    )
    host.hkid_leaked = ~done


KVM = (
    kvm_load,
    kvm_unload,
    td_create,
    td_create_uncharged,
    td_configure_key,
    vcpu_create_fails,
    td_run,
    td_add_page,
    td_add_low_page,
    td_remove_page,
    td_stop,
    td_write_back,
    td_free_key,
)
"""KVM with TDX, with every check that it ever had, each behind its safeguard."""
