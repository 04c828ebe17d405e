"""The SEAMCALLs that make and unmake a TD, as far as its KeyID and keys need them.

One TD stands for all, and its memory is not split into pages: `mem_page_aug`
asks for some page of a block. What is left out (vCPUs, TDCX, the Secure EPT)
adds refusals that depend on the TD alone.

Source: tdx-module 1.5.01, one file a leaf, as each action names it.
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
from tdxcheck.models.module.dispatch import YES, dispatch
from tdxcheck.spec.host import Host, Td
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import MODULE_1_5


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
    host.require(host.td == Td.NONE, Status.TDX_HKID_NOT_FREE)
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
def vp_enter(host: Host, cpu: Cpu) -> None:
    """TDH.VP.ENTER on {cpu}: the TD runs, and leaves private lines in the cache."""
    ready(host, cpu)
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)
    host.require(~host.vcpu_held_elsewhere(cpu), Status.TDX_VCPU_ASSOCIATED)
    host.private_dirty[cpu] = True
    host.vcpu_on.update(lambda c: c == cpu)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_page_rdmd.c"),),
)
def phymem_page_rdmd(host: Host, cpu: Cpu) -> None:
    """TDH.PHYMEM.PAGE.RDMD on {cpu}: whose page is it?"""
    ready(host, cpu)
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mem_page_aug.c, pamt_manager.c"),),
)
def mem_page_aug(host: Host, cpu: Cpu, block: Block) -> None:
    """TDH.MEM.PAGE.AUG on {cpu}: give the TD a page of {block}."""
    ready(host, cpu)
    host.require(
        host.in_tdmr[block], Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, "R8")
    )
    host.require(host.td == Td.KEYS_CONFIGURED, Status.TDX_TD_KEYS_NOT_CONFIGURED)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_vpflushdone.c"),),
)
def mng_vpflushdone(host: Host, cpu: Cpu) -> None:
    """TDH.MNG.VPFLUSHDONE on {cpu}: no vCPU of the TD runs any more."""
    ready(host, cpu)
    alive = one_of(host.td, Td.HKID_ASSIGNED, Td.KEYS_CONFIGURED)
    keyed = host.key_configured
    host.require(alive, Status.TDX_LIFECYCLE_STATE_INCORRECT)
    host.require(~host.vcpu_held_elsewhere(cpu), Status.TDX_FLUSHVP_NOT_DONE)
    host.td_key_configured.update(lambda package: keyed[package])
    host.vcpu_on.update(lambda c: host.never())
    host.td = Td.BLOCKED


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_cache_wb.c"),),
)
def phymem_cache_wb(host: Host, cpu: Cpu) -> None:
    """TDH.PHYMEM.CACHE.WB on {cpu}: write back the TD's lines in its package."""
    package = host.package_of[cpu]
    ready(host, cpu)
    host.require(host.td == Td.BLOCKED, Status.TDX_NO_HKID_READY_TO_WBCACHE)
    host.td_key_configured[package] = False


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_key_freeid.c"),),
)
def mng_key_freeid(host: Host, cpu: Cpu) -> None:
    """TDH.MNG.KEY.FREEID on {cpu}: the TD's KeyID is free again."""
    ready(host, cpu)
    host.require(host.td == Td.BLOCKED, Status.TDX_LIFECYCLE_STATE_INCORRECT)
    flushed = ~exists(Package, lambda p: host.td_key_configured[p])
    host.require(flushed, Status.TDX_WBCACHE_NOT_COMPLETE)
    host.td = Td.NONE
