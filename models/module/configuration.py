"""TDH.SYS.CONFIG, TDH.SYS.KEY.CONFIG, TDH.SYS.TDMR.INIT: what makes memory usable."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from tdxcheck.checker.language import (
    Action,
    Kind,
    Refusal,
    Term,
    action,
    count,
    implies,
    ite,
)
from tdxcheck.checker.language.terms import Const
from tdxcheck.models.module.dispatch import YES, dispatch, lock
from tdxcheck.spec.interleaving import Place
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import (
    FIRST_LAYOUT,
    HkidState,
    Layout,
    Module,
    Status,
    SysState,
)
from tdxcheck.spec.sources import MODULE_1_5

CONFIG_SOURCES = (MODULE_1_5.at("tdh_sys_config.c"),)
KEY_CONFIG_SOURCES = (MODULE_1_5.at("tdh_sys_key_config.c"),)
TDMR_INIT_SOURCES = (MODULE_1_5.at("tdh_sys_tdmr_init.c"),)


class KeyFault(Enum):
    """What PCONFIG says when it is asked to program the module's key."""

    NONE = "none"
    TABLE_BUSY = "the key table is busy"
    NO_ENTROPY = "not enough entropy"
    FATAL = "anything else"


NO_KEY_FAULT: Final[Term[KeyFault]] = Const(KeyFault.NONE)
GOOD_LIST: Final[Term[Status]] = Const(Status.TDX_SUCCESS)
# Any, because a parameter of sort S takes every term of that sort.
ANY_LAYOUT: Final[Any] = FIRST_LAYOUT


def _check_config(
    module: Module,
    cpu: Cpu,
    array_valid: Term[bool],
    count_valid: Term[bool],
    hkid_valid: Term[bool],
    rax_valid: Term[bool],
) -> None:
    """The checks that come before the KeyID is reserved."""
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    lock(module, cpu)
    pending = module.sys_state == SysState.SYSINIT_DONE
    module.require(pending, Status.TDX_SYS_CONFIG_NOT_PENDING)
    module.require(module.lps_suffice(), Status.TDX_SYS_CONFIG_NOT_PENDING)
    module.require(array_valid, Refusal(Status.TDX_OPERAND_INVALID, "RCX"))
    module.require(count_valid, Refusal(Status.TDX_OPERAND_INVALID, "RDX"))
    module.require(hkid_valid, Refusal(Status.TDX_OPERAND_INVALID, "R8"))


def _has_mappings(module: Module, cpu: Cpu) -> None:
    """The LP was initialised, as far as a caller's step depends on it: where the call
    is refused before, it does not."""
    passes = (module.sys_state == SysState.SYSINIT_DONE) & module.lps_suffice()
    module.require(implies(passes, module.lp_initialized[cpu]))


def _reserve(module: Module, hkid: Hkid) -> None:
    """Make the KeyID the module's own; an earlier one stays reserved all the same."""
    module.kot[hkid] = HkidState.RESERVED
    module.global_hkid.update(lambda each: each == hkid)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=CONFIG_SOURCES)
def sys_config(
    module: Module,
    cpu: Cpu,
    hkid: Hkid,
    layout: Layout = ANY_LAYOUT,
    verdict: Term[Status] = GOOD_LIST,
    array_valid: Term[bool] = YES,
    count_valid: Term[bool] = YES,
    hkid_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.CONFIG on {cpu}: take {layout} as the TDMRs, and {hkid} as the KeyID.

    The verdict on the list depends on addresses that the caller knows. A list
    that is refused is CONFIG_REFUSED: that reserves the KeyID. On an LP that
    never was initialised the call ends in sys_config_hang.
    """
    _check_config(module, cpu, array_valid, count_valid, hkid_valid, rax_valid)
    _has_mappings(module, cpu)
    module.require(verdict == Status.TDX_SUCCESS)
    _reserve(module, hkid)
    module.layout = layout
    module.tdmr_progress.update(lambda tdmr: Const(0))
    module.key_configured.update(lambda package: Const(False))
    module.sys_state = SysState.SYSCONFIG_DONE


def _config_refused(status: Status) -> Action:
    """The refusal of a list of TDMRs with this status."""
    this_status: Term[Status] = Const(status)

    @action(
        name=f"sys_config_refused_{status.name}",
        kinds={Kind.SEAMCALL},
        success=status,
        sources=CONFIG_SOURCES,
    )
    def sys_config_refused(
        module: Module,
        cpu: Cpu,
        hkid: Hkid,
        verdict: Term[Status] = this_status,
        array_valid: Term[bool] = YES,
        count_valid: Term[bool] = YES,
        hkid_valid: Term[bool] = YES,
        rax_valid: Term[bool] = YES,
    ) -> None:
        """TDH.SYS.CONFIG on {cpu} refuses the TDMRs, but has reserved {hkid}."""
        _check_config(module, cpu, array_valid, count_valid, hkid_valid, rax_valid)
        _has_mappings(module, cpu)
        module.require(verdict == status)
        _reserve(module, hkid)

    return sys_config_refused


CONFIG_REFUSED: Final = MappingProxyType(
    {
        status: _config_refused(status)
        for status in (
            Status.TDX_OPERAND_INVALID,
            Status.TDX_INVALID_TDMR,
            Status.TDX_NON_ORDERED_TDMR,
            Status.TDX_NON_ORDERED_RESERVED_IN_TDMR,
            Status.TDX_INVALID_RESERVED_IN_TDMR,
            Status.TDX_INVALID_PAMT,
            Status.TDX_PAMT_OVERLAP,
            Status.TDX_PAMT_OUTSIDE_CMRS,
            Status.TDX_TDMR_OUTSIDE_CMRS,
        )
    }
)
"""TDH.SYS.CONFIG of a list with a defect, by the status that it is refused with."""


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_HANG,
    sources=CONFIG_SOURCES,
)
def sys_config_hang(
    module: Module,
    cpu: Cpu,
    hkid: Hkid,
    array_valid: Term[bool] = YES,
    count_valid: Term[bool] = YES,
    hkid_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.CONFIG on {cpu}, which has no mappings of its own, does not return."""
    _check_config(module, cpu, array_valid, count_valid, hkid_valid, rax_valid)
    module.require(~module.lp_initialized[cpu])
    _reserve(module, hkid)


def _check_key_config(module: Module, cpu: Cpu, rax_valid: Term[bool]) -> None:
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    lock(module, cpu)
    pending = module.sys_state == SysState.SYSCONFIG_DONE
    module.require(pending, Status.TDX_SYS_KEY_CONFIG_NOT_PENDING)
    done = module.key_configured[module.lp_package[cpu]]
    module.require(~done, Status.TDX_KEY_CONFIGURED)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=KEY_CONFIG_SOURCES)
def sys_key_config(
    module: Module,
    cpu: Cpu,
    fault: Term[KeyFault] = NO_KEY_FAULT,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.KEY.CONFIG on {cpu}: program the module's key into its package.

    The last package makes the module ready. Any other fault is sys_key_config_fatal.
    """
    _check_key_config(module, cpu, rax_valid)
    module.require(
        fault != KeyFault.TABLE_BUSY, Refusal(Status.TDX_OPERAND_BUSY, "KET")
    )
    module.require(fault != KeyFault.NO_ENTROPY, Status.TDX_KEY_GENERATION_FAILED)
    module.require(fault != KeyFault.FATAL)
    # Never false: a package is counted here once, when its bit is set.
    module.require(module.n_init_pkgs < count(Package, lambda package: YES))
    last = module.n_init_pkgs + 1 == module.n_pkgs()
    module.sys_state = ite(last, SysState.SYS_READY, module.sys_state)
    module.key_configured[module.lp_package[cpu]] = True
    module.n_init_pkgs = module.n_init_pkgs + 1


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_FATAL,
    sources=KEY_CONFIG_SOURCES,
)
def sys_key_config_fatal(
    module: Module,
    cpu: Cpu,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.KEY.CONFIG on {cpu}, where PCONFIG fails for good: TDX shuts down."""
    _check_key_config(module, cpu, rax_valid)
    module.key_configured[module.lp_package[cpu]] = True
    module.seam_ready = False


def _check_tdmr_init(
    module: Module,
    cpu: Cpu,
    tdmr: Tdmr,
    base_valid: Term[bool],
    rax_valid: Term[bool],
) -> None:
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    invalid = Refusal(Status.TDX_OPERAND_INVALID, "RCX")
    module.require(base_valid, invalid)
    module.require(module.tdmr_configured(tdmr), invalid)
    free = module.can_lock_tdmr(cpu, tdmr)
    module.require(free, Refusal(Status.TDX_OPERAND_BUSY, "RCX"))
    module.mark(Place.TDMR_LOCKED)
    complete = module.tdmr_complete(tdmr)
    module.require(~complete, Status.TDX_TDMR_ALREADY_INITIALIZED)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=TDMR_INIT_SOURCES)
def sys_tdmr_init(
    module: Module,
    cpu: Cpu,
    tdmr: Tdmr,
    base_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.TDMR.INIT on {cpu}: initialise the next batch of {tdmr}'s PAMT."""
    _check_tdmr_init(module, cpu, tdmr, base_valid, rax_valid)
    module.require(module.lp_initialized[cpu])
    module.tdmr_progress[tdmr] = module.tdmr_progress[tdmr] + 1


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_HANG,
    sources=TDMR_INIT_SOURCES,
)
def sys_tdmr_init_hang(
    module: Module,
    cpu: Cpu,
    tdmr: Tdmr,
    base_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.TDMR.INIT on {cpu}, which has no mappings of its own, does not return."""
    _check_tdmr_init(module, cpu, tdmr, base_valid, rax_valid)
    module.require(~module.lp_initialized[cpu])
