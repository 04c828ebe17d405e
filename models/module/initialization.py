"""TDH.SYS.INIT, TDH.SYS.LP.INIT, and the leaves that only tell: INFO, RD, RDALL."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import (
    Action,
    Kind,
    Refusal,
    Term,
    action,
    ite,
)
from tdxcheck.models.module.dispatch import (
    NOMINAL,
    YES,
    dispatch,
    lock,
    share_lock,
    since_1_5,
)
from tdxcheck.spec.machine import Cpu, Package
from tdxcheck.spec.module import Module, Sample, Status, SysState
from tdxcheck.spec.sources import MODULE_1_5

INVALID_RCX = Refusal(Status.TDX_OPERAND_INVALID, "RCX")
SYS_INIT_SOURCES = (MODULE_1_5.at("tdh_sys_init.c"),)
LP_INIT_SOURCES = (MODULE_1_5.at("tdh_sys_lp_init.c"),)


def _no_entropy(module: Module) -> Term[Status]:
    return ite(
        module.entropy_shortage_is_busy, Status.TDX_SYS_BUSY, Status.TDX_RND_NO_ENTROPY
    )


def _check_sys_init(
    module: Module,
    cpu: Cpu,
    attributes_valid: Term[bool],
    rax_valid: Term[bool],
) -> None:
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    lock(module, cpu)
    module.require(attributes_valid, INVALID_RCX)
    pending = module.sys_state == SysState.SYSINIT_PENDING
    module.require(pending, Status.TDX_SYS_INIT_NOT_PENDING)


def _accept_platform(module: Module, sample: Sample) -> None:
    defect = module.init_check[sample]
    module.require(defect == Status.TDX_SUCCESS, defect)


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=SYS_INIT_SOURCES)
def sys_init(
    module: Module,
    cpu: Cpu,
    sample: Sample = NOMINAL,
    entropy: Term[bool] = YES,
    attributes_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.INIT on {cpu}: check the platform and take it as the reference.

    Of a platform that makes no sense it is sys_init_fatal.
    """
    _check_sys_init(module, cpu, attributes_valid, rax_valid)
    module.require(module.init_check[sample] != Status.MODULE_FATAL)
    _accept_platform(module, sample)
    module.require(entropy, _no_entropy(module))
    module.sys_state = SysState.SYSINIT_DONE
    module.reference = sample


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_FATAL,
    sources=SYS_INIT_SOURCES,
)
def sys_init_without_seamdb(
    module: Module,
    cpu: Cpu,
    sample: Sample = NOMINAL,
    attributes_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.INIT on {cpu}, where the SEAM database gives no reference: fatal."""
    _check_sys_init(module, cpu, attributes_valid, rax_valid)
    _accept_platform(module, sample)
    module.seam_ready = False


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.MODULE_FATAL,
    sources=SYS_INIT_SOURCES,
)
def sys_init_fatal(
    module: Module,
    cpu: Cpu,
    sample: Sample = NOMINAL,
    attributes_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.INIT on {cpu}, where what CPUID tells does not fit together: fatal."""
    _check_sys_init(module, cpu, attributes_valid, rax_valid)
    module.require(module.init_check[sample] == Status.MODULE_FATAL)
    module.seam_ready = False


def _check_lp_init(
    module: Module,
    cpu: Cpu,
    sample: Sample,
    entropy: Term[bool],
    rax_valid: Term[bool],
) -> None:
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    share_lock(module, cpu)
    pending = module.sys_state == SysState.SYSINIT_DONE
    started = module.sys_state != SysState.SYSINIT_PENDING
    late = ~module.wants_every_lp & started
    module.require(pending | late, Status.TDX_SYS_LP_INIT_NOT_PENDING)
    module.require(~module.lp_initialized[cpu], Status.TDX_SYS_LP_INIT_DONE)
    module.require(entropy | ~module.lp_init_draws_entropy, _no_entropy(module))
    defect = module.lp_check[module.reference, sample]
    module.require(defect == Status.TDX_SUCCESS, defect)


def _late_defect(
    module: Module, sample: Sample, package: Term[Package]
) -> Term[Status]:
    return ite(
        module.package_supported[package],
        module.lp_check_late[module.reference, sample],
        Status.TDX_INVALID_PKG_ID,
    )


def _initialize_lp(
    module: Module, cpu: Cpu, sample: Sample, package: Term[Package]
) -> None:
    module.require(_late_defect(module, sample, package) == Status.TDX_SUCCESS)
    module.lp_initialized[cpu] = True
    module.lp_package[cpu] = package


@action(kinds={Kind.SEAMCALL}, success=Status.TDX_SUCCESS, sources=LP_INIT_SOURCES)
def sys_lp_init(
    module: Module,
    cpu: Cpu,
    sample: Sample = NOMINAL,
    entropy: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.LP.INIT on {cpu}: compare it with the reference and initialise it.

    An LP that is found wrong after its package was recorded is
    LP_INIT_REFUSED_LATE; one that reads a package other than its own is
    sys_lp_init_misread.
    """
    _check_lp_init(module, cpu, sample, entropy, rax_valid)
    module.require(~module.package_misread[sample])
    _initialize_lp(module, cpu, sample, module.package_of[cpu])


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.TDX_SUCCESS,
    sources=LP_INIT_SOURCES,
)
def sys_lp_init_misread(
    module: Module,
    cpu: Cpu,
    package: Package,
    sample: Sample = NOMINAL,
    entropy: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.LP.INIT on {cpu}, which reads that it is in {package}."""
    _check_lp_init(module, cpu, sample, entropy, rax_valid)
    module.require(module.package_misread[sample])
    _initialize_lp(module, cpu, sample, package)


def _lp_init_refused(status: Status) -> Action:
    """The refusal with this status that records the LP's package all the same."""

    @action(
        name=f"sys_lp_init_refused_{status.name}",
        kinds={Kind.SEAMCALL, Kind.FAULT},
        success=status,
        sources=LP_INIT_SOURCES,
    )
    def sys_lp_init_refused(
        module: Module,
        cpu: Cpu,
        package: Package,
        sample: Sample = NOMINAL,
        entropy: Term[bool] = YES,
        rax_valid: Term[bool] = YES,
    ) -> None:
        """TDH.SYS.LP.INIT refuses {cpu}, but has recorded that it is in {package}."""
        _check_lp_init(module, cpu, sample, entropy, rax_valid)
        own = package == module.package_of[cpu]
        module.require(own | module.package_misread[sample])
        module.require(_late_defect(module, sample, package) == status)
        module.lp_package[cpu] = package

    return sys_lp_init_refused


LP_INIT_REFUSED_LATE: Final = MappingProxyType(
    {
        status: _lp_init_refused(status)
        for status in (
            Status.TDX_INVALID_PKG_ID,
            Status.TDX_INCONSISTENT_CPUID_FIELD,
            Status.TDX_INCONSISTENT_MSR,
        )
    }
)
"""The refusals of an LP that come after its package was recorded."""


def _tell(module: Module, cpu: Cpu, rax_valid: Term[bool]) -> None:
    dispatch(module, cpu, before_ready=True, rax_valid=rax_valid)
    module.require(module.lp_initialized[cpu], Status.TDX_SYS_LP_INIT_NOT_DONE)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_sys_info.c"),),
)
def sys_info(
    module: Module,
    cpu: Cpu,
    size_valid: Term[bool] = YES,
    buffer_valid: Term[bool] = YES,
    slots_valid: Term[bool] = YES,
    cmrs_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.INFO on {cpu}: tell the module's properties and the CMRs."""
    _tell(module, cpu, rax_valid)
    module.require(buffer_valid, INVALID_RCX)
    module.require(size_valid, Refusal(Status.TDX_OPERAND_INVALID, "RDX"))
    module.require(cmrs_valid, Refusal(Status.TDX_OPERAND_INVALID, "R8"))
    module.require(slots_valid, Refusal(Status.TDX_OPERAND_INVALID, "R9"))


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_sys_rd.c"),),
)
def sys_rd(module: Module, cpu: Cpu, rax_valid: Term[bool] = YES) -> None:
    """TDH.SYS.RD on {cpu}: tell one field."""
    since_1_5(module)
    _tell(module, cpu, rax_valid)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_sys_rdall.c"),),
)
def sys_rdall(
    module: Module,
    cpu: Cpu,
    buffer_valid: Term[bool] = YES,
    field_valid: Term[bool] = YES,
    rax_valid: Term[bool] = YES,
) -> None:
    """TDH.SYS.RDALL on {cpu}: tell all fields."""
    since_1_5(module)
    _tell(module, cpu, rax_valid)
    module.require(buffer_valid, Refusal(Status.TDX_OPERAND_INVALID, "RDX"))
    module.require(field_valid, Status.TDX_METADATA_FIELD_ID_INCORRECT)
