"""TDH.SYS.SHUTDOWN and TDH.SYS.UPDATE, and the loading of an image between them."""

from __future__ import annotations

from typing import Any, Final

from tdxcheck.checker.language import Kind, Refusal, Term, action, ite
from tdxcheck.checker.language.terms import Const
from tdxcheck.models.module.dispatch import NO, YES, dispatch, lock, since_1_5
from tdxcheck.spec.interleaving import Place
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import (
    FIRST_PACKAGE,
    FIRST_VERSION,
    Handoff,
    HandoffVersion,
    HkidState,
    Module,
    Status,
    SysState,
)
from tdxcheck.spec.sources import MODULE_1_5, MODULE_1_5_34

# Any, because a parameter of sort S takes every term of that sort.
OLDEST: Final[Any] = FIRST_VERSION
SHUTDOWN_SOURCES = (
    MODULE_1_5.at("tdh_sys_shutdown.c"),
    MODULE_1_5_34.at("tdh_sys_shutdown.c"),
)
UPDATE_SOURCES = (MODULE_1_5.at("tdh_sys_update.c"),)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=SHUTDOWN_SOURCES)
def sys_shutdown(
    module: Module,
    cpu: Cpu,
    version: HandoffVersion = OLDEST,
    version_valid: Term[bool] = YES,
    others_outside: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
    compatible: Term[bool] = YES,
    avoids_sensitive: Term[bool] = NO,
) -> None:
    """TDH.SYS.SHUTDOWN on {cpu}: stop the module, leaving its state to the next.

    An LP on which a TD runs is inside, too: `others_outside` says that there is none.
    `compatible` is false where a TD is being built or migrated and RCX says to avoid
    that, by a bit (`avoids_sensitive`) which is part of the version to older modules.
    What a module leaves that does not preserve TDs is assumed: no KeyID in use.
    """
    since_1_5(module)
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    writable = module.handoff_version_writable[version]
    bit_known = module.can_avoid_sensitive_updates | ~avoids_sensitive
    valid = version_valid & writable & bit_known
    module.require(valid, Refusal(Status.TDX_OPERAND_INVALID, "RCX"))
    lock(module, cpu)
    module.mark(Place.SHUTDOWN_TENTATIVE)
    alone = others_outside & module.is_alone(cpu)
    module.require(alone, Status.TDX_SYS_BUSY)
    module.require(compatible, Status.TDX_UPDATE_COMPATIBILITY_SENSITIVE)
    module.sys_state = SysState.SYS_SHUTDOWN
    module.handoff = Handoff.VALID
    module.handoff_version = version
    module.handoff_size_right = True
    module.handoff_key_configured.update(lambda package: module.key_configured[package])
    preserved = module.preserves_tds
    module.handoff_kot.update(
        lambda hkid: ite(preserved, module.kot[hkid], HkidState.FREE)
    )
    module.handoff_global_hkid.update(lambda hkid: module.global_hkid[hkid])
    module.handoff_layout = module.layout
    module.handoff_tdmr_progress.update(lambda tdmr: module.tdmr_progress[tdmr])


def _check_update(module: Module, cpu: Cpu, rax_valid: Term[bool]) -> None:
    since_1_5(module)
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    lock(module, cpu)
    module.require(
        (module.sys_state == SysState.SYSINIT_DONE) & module.lps_suffice(),
        Status.TDX_SYS_STATE_INCORRECT,
    )
    valid = module.handoff == Handoff.VALID
    readable = module.handoff_version_readable[module.handoff_version]
    module.require(valid & readable, Status.TDX_SYS_INVALID_HANDOFF)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=UPDATE_SOURCES)
def sys_update(
    module: Module,
    cpu: Cpu,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.UPDATE on {cpu}: go on where the image before this one stopped."""
    _check_update(module, cpu, rax_valid)
    module.require(module.handoff_size_right)
    module.key_configured.update(lambda package: module.handoff_key_configured[package])
    module.kot.update(lambda hkid: module.handoff_kot[hkid])
    module.global_hkid.update(lambda hkid: module.handoff_global_hkid[hkid])
    module.layout = module.handoff_layout
    module.tdmr_progress.update(lambda tdmr: module.handoff_tdmr_progress[tdmr])
    module.handoff = Handoff.NONE
    module.sys_state = SysState.SYS_READY


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_FATAL,
    sources=UPDATE_SOURCES,
)
def sys_update_fatal(
    module: Module,
    cpu: Cpu,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.UPDATE on {cpu}, with handoff data of a wrong size: TDX shuts down."""
    _check_update(module, cpu, rax_valid)
    module.require(~module.handoff_size_right)
    module.seam_ready = False


def load(module: Module, keep_handoff: Term[bool]) -> None:
    """What an image starts with: all data cleared, save perhaps the handoff."""
    module.seam_ready = True
    module.sys_state = SysState.SYSINIT_PENDING
    module.lp_initialized.update(lambda each: Const(False))
    module.lp_shut_down.update(lambda each: Const(False))
    module.lp_package.update(lambda each: FIRST_PACKAGE)
    module.n_init_pkgs = 0
    module.key_configured.update(lambda each: Const(False))
    module.kot.update(lambda each: Const(HkidState.FREE))
    module.global_hkid.update(lambda each: Const(False))
    module.tdmr_progress.update(lambda each: Const(0))
    module.handoff = ite(keep_handoff, module.handoff, Handoff.NONE)


@action(kinds={Kind.FIRMWARE}, sources=(MODULE_1_5.at("tdx_global_data.h"),))
def module_loaded(module: Module, keep_handoff: Term[bool]) -> None:
    """An image is loaded: the module's data is cleared, save perhaps the handoff."""
    load(module, keep_handoff)


@action(kinds={Kind.FAULT})
def handoff_header_overwritten(
    module: Module,
    version: HandoffVersion,
    valid: Term[bool],
    size_right: Term[bool],
) -> None:
    """Somebody writes the header of the handoff data."""
    module.handoff = ite(valid, Const(Handoff.VALID), Handoff.INVALID)
    module.handoff_version = version
    module.handoff_size_right = size_right
