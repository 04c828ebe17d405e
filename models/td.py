"""The SEAMCALLs that make and unmake a TD, as far as its KeyID and keys need them.

One TD stands for all, and its memory is not split into pages: `mem_page_aug`
asks for some page of a block. What is left out (vCPUs, TDCX, the Secure EPT)
adds refusals that depend on the TD alone. A call that changes a TD's control
structures or the PAMT leaves private lines of them in the CPU's cache.

Source: tdx-module 1.5.01, one file a leaf, as each action names it; of a missing
PAMT page pair, helpers.c, non_shared_hpa_metadata_check_and_lock(), of a module with
Dynamic PAMT.
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
    ite,
    one_of,
)
from tdxcheck.models.module.dispatch import NO, YES, dispatch
from tdxcheck.spec.host import Host, Td
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.module import Status, SysState
from tdxcheck.spec.sources import L6_8, MODULE_1_5
from tdxcheck.spec.update import Build


def ready(host: Host, cpu: Cpu) -> None:
    """What the dispatcher checks before any leaf that handles TDs."""
    dispatch(host, cpu, before_ready=False, rax_valid=YES)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_create.c"),),
)
def mng_create(host: Host, cpu: Cpu, entropy: Term[bool] = YES) -> None:
    """TDH.MNG.CREATE on {cpu}: a new TD takes a KeyID that is free."""
    ready(host, cpu)
    free = (host.td == Td.NONE) & host.keeps_own_keyid_from_tds
    host.require(free, Status.TDX_HKID_NOT_FREE)
    host.require(entropy, Status.TDX_RND_NO_ENTROPY)
    host.td = Td.HKID_ASSIGNED
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_key_config.c"),),
)
def mng_key_config(host: Host, cpu: Cpu, entropy: Term[bool] = YES) -> None:
    """TDH.MNG.KEY.CONFIG on {cpu}: program the TD's key in the CPU's package."""
    package = host.package_of[cpu]
    others_done = forall(
        Package,
        lambda p: implies(
            host.key_configured[p] & ~(p == package), host.td_key_configured[p]
        ),
    )
    ready(host, cpu)
    host.require(host.td == Td.HKID_ASSIGNED, Status.TDX_LIFECYCLE_STATE_INCORRECT)
    host.require(~host.td_key_configured[package], Status.TDX_KEY_CONFIGURED)
    host.require(entropy, Status.TDX_KEY_GENERATION_FAILED)
    host.td = ite(others_done, Td.KEYS_CONFIGURED, Td.HKID_ASSIGNED)
    host.td_key_configured[package] = True
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_vp_enter.c"),),
)
def vp_enter(host: Host, cpu: Cpu, flushed: Term[bool] = YES) -> None:
    """TDH.VP.ENTER on {cpu}: the TD runs, and leaves private lines in the cache.

    A TD whose measurement is not complete does not run.
    """
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    host.require(host.td_build != Build.GOING_ON, Status.TDX_OP_STATE_INCORRECT)
    elsewhere = exists(Cpu, lambda c: host.vcpu_on[c] & ~(c == cpu))
    let_go = ~host.vcpu_held_elsewhere(cpu) & (flushed | ~elsewhere)
    host.require(let_go, Status.TDX_VCPU_ASSOCIATED)
    host.private_dirty[cpu] = True
    host.vcpu_on.update(lambda c: c == cpu)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mem_page_aug.c, pamt_manager.c"),),
)
def mem_page_aug(
    host: Host, cpu: Cpu, block: Block, described: Term[bool] = YES
) -> None:
    """TDH.MEM.PAGE.AUG on {cpu}: give the TD a page of {block}.

    The page is `described` if its 2 MB region has its PAMT pages.
    """
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    host.require(
        host.in_tdmr[block], Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, "R8")
    )
    host.require(described, Refusal(Status.TDX_MISSING_PAMT_PAGE_PAIR, "R8"))
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mem_page_remove.c"),),
)
def mem_page_remove(host: Host, cpu: Cpu, tracked: Term[bool] = YES) -> None:
    """TDH.MEM.PAGE.REMOVE on {cpu}: take a page from a TD, neither cleared nor flushed.

    A TD that can run must not see it any more: its page is `tracked` if
    TDH.MEM.RANGE.BLOCK, TDH.MEM.TRACK and an exit of each vCPU came before.
    """
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    built = host.td_build == Build.GOING_ON
    blocked = Refusal(Status.TDX_GPA_RANGE_NOT_BLOCKED, "RCX")
    host.require(tracked | built, blocked)
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mem_page_add.c, op_state_lookup.c"),),
)
def mem_page_add(host: Host, cpu: Cpu) -> None:
    """TDH.MEM.PAGE.ADD on {cpu}: a page of the TD's first memory, to be measured."""
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    host.td_build = Build.GOING_ON
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mr_finalize.c, op_state_lookup.c"),),
)
def mr_finalize(host: Host, cpu: Cpu) -> None:
    """TDH.MR.FINALIZE on {cpu}: the TD's measurement is complete, it may run."""
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    host.td_build = Build.NONE


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("pamt_manager.c"), L6_8.at("build_tdx_memlist()")),
)
def mem_page_aug_low(host: Host, cpu: Cpu) -> None:
    """TDH.MEM.PAGE.AUG on {cpu}: give the TD a page of the first MiB, in no TDMR."""
    ready(host, cpu)
    host.require(host.never(), Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, "R8"))


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_page_rdmd.c"),),
)
def page_rdmd(host: Host, cpu: Cpu) -> None:
    """TDH.PHYMEM.PAGE.RDMD on {cpu}: tell whose a page is, from the PAMT.

    On an LP without mappings the call has no end: see `models/module/memory.py`.
    """
    inside = host.vmx_on[cpu] & host.seamrr_valid[cpu] & host.seam_ready
    served = inside & (host.sys_state == SysState.SYS_READY) & host.pamt_written
    host.require(implies(served, host.lp_initialized[cpu]))
    ready(host, cpu)
    host.require(host.pamt_written, Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, "RCX"))
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_vpflushdone.c"),),
)
def mng_vpflushdone(
    host: Host, cpu: Cpu, flushed: Term[bool] = YES, alone: Term[bool] = YES
) -> None:
    """TDH.MNG.VPFLUSHDONE on {cpu}: no vCPU of the TD runs any more."""
    ready(host, cpu)
    host.require(alone, Refusal(Status.TDX_OPERAND_BUSY, "KOT"))
    alive = one_of(host.td, Td.HKID_ASSIGNED, Td.KEYS_CONFIGURED)
    keyed = host.key_configured
    host.require(alive, Status.TDX_LIFECYCLE_STATE_INCORRECT)
    associated = exists(Cpu, lambda c: host.vcpu_on[c])
    let_go = ~host.vcpu_held_elsewhere(cpu) & (flushed | ~associated)
    host.require(let_go, Status.TDX_FLUSHVP_NOT_DONE)
    host.td_key_configured.update(lambda package: keyed[package])
    host.vcpu_on.update(lambda c: host.never())
    host.td = Td.BLOCKED
    host.private_dirty[cpu] = True
    host.td_build = Build.NONE


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_cache_wb.c"),),
)
def phymem_cache_wb(host: Host, cpu: Cpu, interrupted: Term[bool] = NO) -> None:
    """TDH.PHYMEM.CACHE.WB on {cpu}: write back the TD's lines in its package."""
    package = host.package_of[cpu]
    ready(host, cpu)
    host.require(host.td == Td.BLOCKED, Status.TDX_NO_HKID_READY_TO_WBCACHE)
    host.require(~interrupted, Status.TDX_INTERRUPTED_RESUMABLE)
    host.td_key_configured[package] = False


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_key_freeid.c"),),
)
def mng_key_freeid(host: Host, cpu: Cpu, alone: Term[bool] = YES) -> None:
    """TDH.MNG.KEY.FREEID on {cpu}: the TD's KeyID is free again."""
    ready(host, cpu)
    host.require(host.td == Td.BLOCKED, Status.TDX_LIFECYCLE_STATE_INCORRECT)
    host.require(alone, Refusal(Status.TDX_OPERAND_BUSY, "KOT"))
    flushed = ~exists(Package, lambda p: host.td_key_configured[p])
    host.require(flushed, Status.TDX_WBCACHE_NOT_COMPLETE)
    host.td = Td.NONE
    host.private_dirty[cpu] = True
