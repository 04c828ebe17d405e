"""TDH.PHYMEM.PAMT.ADD and PAMT.REMOVE: the PAMT's pages for single pages.

Both are about one 2 MB region, by the address in RCX; ADD takes a pair of pages in
RDX and R8, and REMOVE returns it there. Leaf numbers 58 and 59: DPAMT-v6 03/11.

Source: TDX module 2.0.08, tdh_phymem_pamt_add.c and tdh_phymem_pamt_remove.c.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Refusal, Term, action, exists
from tdxcheck.checker.language.terms import Const
from tdxcheck.models.module.dispatch import INVALID_RAX, YES, dispatch
from tdxcheck.spec.dynamic_pamt import PageUse
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Page, Status
from tdxcheck.spec.sources import MODULE_2_0


def _enter(
    host: Host, cpu: Cpu, region_valid: Term[bool], rax_valid: Term[bool]
) -> None:
    """The checks that both leaves begin with."""
    dispatch(host, cpu, before_ready=False, rax_valid=rax_valid)
    host.require(host.dynamic_pamt, INVALID_RAX)
    host.require(region_valid, Refusal(Status.TDX_OPERAND_INVALID, "RCX"))


def _find(host: Host, region_in_tdmr: Term[bool], region_unlocked: Term[bool]) -> None:
    """The way to the region's PAMT entry, which is locked for the call."""
    outside = Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, "RCX")
    host.require(region_in_tdmr, outside)
    host.require(region_unlocked, Refusal(Status.TDX_OPERAND_BUSY, "RCX"))


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_2_0.at("tdh_phymem_pamt_add.c"),),
)
def phymem_pamt_add(
    host: Host,
    cpu: Cpu,
    page: Page,
    region_valid: Term[bool] = YES,
    first_valid: Term[bool] = YES,
    first_in_tdmr: Term[bool] = YES,
    second_valid: Term[bool] = YES,
    second_in_tdmr: Term[bool] = YES,
    region_in_tdmr: Term[bool] = YES,
    region_unlocked: Term[bool] = YES,
    region_unsplit: Term[bool] = YES,
    first_free: Term[bool] = YES,
    second_free: Term[bool] = YES,
    first_unused: Term[bool] = YES,
    second_unused: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.PHYMEM.PAMT.ADD on {cpu}: take the pair of {page} for the region.

    The region is `region_unsplit` if it is no 2 MB page of a TD's. That a page of
    the pair is `free` says that no TD has it, that it is `unused` that it is not in
    the PAMT of another region.
    """
    invalid, outside = Status.TDX_OPERAND_INVALID, Status.TDX_OPERAND_ADDR_RANGE_ERROR
    has_pair = exists(Page, lambda p: host.pair_in_use[p])
    _enter(host, cpu, region_valid, rax_valid)
    host.require(first_valid, Refusal(invalid, "RDX"))
    host.require(first_in_tdmr, Refusal(outside, "RDX"))
    host.require(second_valid, Refusal(invalid, "R8"))
    host.require(second_in_tdmr, Refusal(outside, "R8"))
    _find(host, region_in_tdmr, region_unlocked)
    host.require(
        ~has_pair & region_unsplit, Refusal(Status.TDX_HPA_RANGE_NOT_FREE, "RCX")
    )
    host.require(first_free, Refusal(Status.TDX_PAGE_NOT_FREE, "RDX"))
    host.require(second_free, Refusal(Status.TDX_PAGE_NOT_FREE, "R8"))
    host.require(first_unused, Refusal(Status.TDX_PAGE_NOT_FREE, "RDX"))
    host.require(second_unused, Refusal(Status.TDX_PAGE_NOT_FREE, "R8"))
    host.pair_in_use[page] = True
    host.pair_private[page] = True
    host.private_dirty[cpu] = True


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_2_0.at("tdh_phymem_pamt_remove.c"),),
)
def phymem_pamt_remove(
    host: Host,
    cpu: Cpu,
    region_valid: Term[bool] = YES,
    region_in_tdmr: Term[bool] = YES,
    region_unlocked: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.PHYMEM.PAMT.REMOVE on {cpu}: return the region's pair, as it is.

    That the details name the first page is arbitrary: it has 256 of the entries.
    """
    has_pair = exists(Page, lambda p: host.pair_in_use[p])
    empty = ~exists(Page, lambda p: host.page_use[p] == PageUse.IN_TD)
    _enter(host, cpu, region_valid, rax_valid)
    _find(host, region_in_tdmr, region_unlocked)
    host.require(has_pair, Refusal(Status.TDX_NO_PAMT_PAGE_PAIR, "RCX"))
    host.require(empty, Status.TDX_PAMT_PAGE_NOT_EMPTY)
    host.pair_in_use.update(lambda p: Const(False))
    host.private_dirty[cpu] = True
