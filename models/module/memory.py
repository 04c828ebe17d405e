"""Leaves that take a page: what they find out about the module's own state.

TDs are not modelled. Of a leaf on a TD's page there is the way to its first page:
whether the address can be one, whether its block is initialised, and what the page
is. That is also all that a leaf can find wrong before there is a TD.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import Action, Kind, Refusal, Term, action, exists, ite
from tdxcheck.models.module.configuration import TDMR_INIT_SOURCES, sys_tdmr_init
from tdxcheck.models.module.dispatch import INVALID_RAX, YES, dispatch
from tdxcheck.spec.machine import Cpu, Hkid, Tdmr
from tdxcheck.spec.module import HkidState, Page, Pages, PageType, Status
from tdxcheck.spec.sources import MODULE_1_5

PAGE_SOURCES = (MODULE_1_5.at("helpers.c, check_and_lock_explicit_4k_private_hpa()"),)
CREATE_SOURCES = (MODULE_1_5.at("tdh_mng_create.c"),)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=TDMR_INIT_SOURCES)
def sys_tdmr_init_pages(
    module: Pages,
    cpu: Cpu,
    tdmr: Tdmr,
    base_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.TDMR.INIT on {cpu}, with what becomes of the pages of the batch."""
    layout = module.layout
    batch = module.tdmr_progress[tdmr] + 1

    def page_type(page: Page) -> Term[PageType]:
        same = module.page_tdmr[layout, page] == tdmr
        fresh = ite(module.page_reserved[layout, page], PageType.RSVD, PageType.NDA)
        done_now = same & (module.page_batch[layout, page] == batch)
        return ite(done_now, fresh, module.page_type[page])

    new_type = page_type
    sys_tdmr_init.rule(module, cpu, tdmr, base_valid, rax_valid)
    module.page_type.update(new_type)


def _check_page(
    module: Pages,
    register: str,
    page: Page,
) -> None:
    """The way to a page's PAMT entry; on an LP without mappings it has no end."""
    invalid = Refusal(Status.TDX_OPERAND_INVALID, register)
    outside = Refusal(Status.TDX_OPERAND_ADDR_RANGE_ERROR, register)
    module.require(module.page_valid[page], invalid)
    module.require(module.page_usable(page), outside)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_page_rdmd.c"),),
)
def phymem_page_rdmd(
    module: Pages, cpu: Cpu, page: Page, rax_valid: Term[bool] = YES
) -> None:
    """TDH.PHYMEM.PAGE.RDMD on {cpu}: tell the type of {page}."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    _check_page(module, "RCX", page)
    module.require(module.lp_initialized[cpu])


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_HANG,
    sources=(MODULE_1_5.at("tdh_phymem_page_rdmd.c"),),
)
def phymem_page_rdmd_hang(
    module: Pages, cpu: Cpu, page: Page, rax_valid: Term[bool] = YES
) -> None:
    """TDH.PHYMEM.PAGE.RDMD on {cpu}, which has no mappings, does not return."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    _check_page(module, "RCX", page)
    module.require(~module.lp_initialized[cpu])


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_phymem_page_wbinvd.c"),),
)
def phymem_page_wbinvd(
    module: Pages, cpu: Cpu, page: Page, rax_valid: Term[bool] = YES
) -> None:
    """TDH.PHYMEM.PAGE.WBINVD on {cpu}: write {page}, which is free, back to memory."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    _check_page(module, "RCX", page)
    module.require(module.lp_initialized[cpu])
    free = module.page_type[page] == PageType.NDA
    module.require(free, Refusal(Status.TDX_PAGE_METADATA_INCORRECT, "RCX"))


def _check_mng_create(
    module: Pages,
    cpu: Cpu,
    page: Page,
    hkid_valid: Term[bool],
    rax_valid: Term[bool],
) -> None:
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    module.require(hkid_valid, Refusal(Status.TDX_OPERAND_INVALID, "RDX"))
    _check_page(module, "RCX", page)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=CREATE_SOURCES)
def mng_create(
    module: Pages,
    cpu: Cpu,
    page: Page,
    hkid: Hkid,
    hkid_valid: Term[bool] = YES,
    kot_free: Term[bool] = YES,
    entropy: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.MNG.CREATE on {cpu}: make {page} the root of a new TD, which gets {hkid}."""
    _check_mng_create(module, cpu, page, hkid_valid, rax_valid)
    module.require(module.lp_initialized[cpu])
    module.require(
        module.page_type[page] == PageType.NDA,
        Refusal(Status.TDX_PAGE_METADATA_INCORRECT, "RCX"),
    )
    module.require(kot_free, Refusal(Status.TDX_OPERAND_BUSY, "KOT"))
    free = module.kot[hkid] == HkidState.FREE
    module.require(free, Status.TDX_HKID_NOT_FREE)
    module.require(entropy, Status.TDX_RND_NO_ENTROPY)
    module.kot[hkid] = HkidState.ASSIGNED
    module.page_type[page] = PageType.TDR


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_HANG,
    sources=CREATE_SOURCES,
)
def mng_create_hang(
    module: Pages,
    cpu: Cpu,
    page: Page,
    hkid_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.MNG.CREATE on {cpu}, which has no mappings of its own, does not return."""
    _check_mng_create(module, cpu, page, hkid_valid, rax_valid)
    module.require(~module.lp_initialized[cpu])


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_NO_HKID_READY_TO_WBCACHE,
    sources=(MODULE_1_5.at("tdh_phymem_cache_wb.c"),),
)
def phymem_cache_wb(
    module: Pages,
    cpu: Cpu,
    command_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.PHYMEM.CACHE.WB on {cpu}: start, with no KeyID that waits for it."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    module.require(command_valid, Refusal(Status.TDX_OPERAND_INVALID, "RCX"))
    flushed = exists(Hkid, lambda hkid: module.kot[hkid] == HkidState.FLUSHED)
    module.require(~flushed)


def _leaf_on_td_page(register: str) -> tuple[Action, Action]:
    """A leaf whose first page operand is a TD's page, in this register."""

    def check(
        module: Pages,
        cpu: Cpu,
        page: Page,
        leaf_version_valid: Term[bool],
        operand_valid: Term[bool],
        rax_valid: Term[bool],
    ) -> None:
        dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
        module.require(leaf_version_valid, INVALID_RAX)
        invalid = Refusal(Status.TDX_OPERAND_INVALID, register)
        module.require(operand_valid, invalid)
        _check_page(module, register, page)

    @action(
        name=f"leaf_on_td_page_{register}",
        kinds={Kind.SEAMCALL},
        sources=PAGE_SOURCES,
    )
    def leaf_on_td_page(
        module: Pages,
        cpu: Cpu,
        page: Page,
        leaf_version_valid: Term[bool] = YES,
        operand_valid: Term[bool] = YES,
        rax_valid: Term[bool] = YES,
    ) -> None:
        """A leaf on a TD's page is called on {cpu}, but {page} is no such page."""
        check(module, cpu, page, leaf_version_valid, operand_valid, rax_valid)
        module.require(module.lp_initialized[cpu])
        free = module.page_type[page] == PageType.NDA
        reserved = module.page_type[page] == PageType.RSVD
        wrong = Refusal(Status.TDX_PAGE_METADATA_INCORRECT, register)
        module.require(~(free | reserved), wrong)
        module.require(free)

    @action(
        name=f"leaf_on_td_page_hang_{register}",
        kinds={Kind.SEAMCALL, Kind.FAULT},
        success=Status.MODULE_HANG,
        sources=PAGE_SOURCES,
    )
    def leaf_on_td_page_hang(
        module: Pages,
        cpu: Cpu,
        page: Page,
        leaf_version_valid: Term[bool] = YES,
        operand_valid: Term[bool] = YES,
        rax_valid: Term[bool] = YES,
    ) -> None:
        """A leaf on a TD's page, on {cpu}, which has no mappings, does not return."""
        check(module, cpu, page, leaf_version_valid, operand_valid, rax_valid)
        module.require(~module.lp_initialized[cpu])

    return leaf_on_td_page, leaf_on_td_page_hang


LEAVES_ON_TD_PAGES: Final = MappingProxyType(
    {register: _leaf_on_td_page(register) for register in ("RCX", "RDX")}
)
"""The leaves on a TD's page, and their hang, by the register that names the page."""
