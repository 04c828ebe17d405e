"""TDX module 1.0, where it answers unlike 1.5.

It has no TDH.SYS.RD, and its TDH.SYS.LP.SHUTDOWN shuts the module down for good.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, action, ite
from tdxcheck.models.module.dispatch import NO, YES, enter
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Status, SysState
from tdxcheck.spec.sources import ISSUES, MODULE_1_0, MODULE_1_5


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(
        MODULE_1_0.at("tdx_vmm_dispatcher.c"),
        MODULE_1_5.at("tdh_sys_lp_shutdown.c"),
    ),
)
def lp_shutdown(host: Host, cpu: Cpu) -> None:
    """TDH.SYS.LP.SHUTDOWN on {cpu}: without effect on module 1.5, the end of 1.0."""
    enter(host, cpu, YES)
    kept = host.sys_state
    host.sys_state = ite(host.module_is_1_5, kept, SysState.SYS_SHUTDOWN)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(ISSUES.at("83, 331"),),
)
def sys_rd_of_1_0(host: Host, cpu: Cpu) -> None:
    """TDH.SYS.RD on {cpu}, a leaf that module 1.0 does not know."""
    enter(host, cpu, YES)
    host.require(NO, Status.TDX_SYS_NOT_READY)
