"""The way into a leaf: what SEAMCALL and the module's dispatcher check first.

Operands that the lifecycle does not look into are truths: `rax_valid` and the like
say what the module finds when it checks them. They have defaults, so that a host
makes the usual call by naming the LP alone.

The marks are the places at which an LP can be stopped inside a leaf while others go
on; `models/module/interleaving.py` cuts leaves there.

Source: TDX module 1.5.01, tdx_vmm_dispatcher.c.
"""

from __future__ import annotations

from typing import Any, Final

from tdxcheck.checker.language import Kind, Refusal, Term, action
from tdxcheck.checker.language.terms import Const, Element
from tdxcheck.spec.interleaving import Place
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Module, Sample, Status, SysState
from tdxcheck.spec.sources import MODULE_1_0, MODULE_1_5

YES: Final[Term[bool]] = Const(True)
NO: Final[Term[bool]] = Const(False)
# Any, because a parameter of sort S takes every term of that sort.
NOMINAL: Final[Any] = Element(Sample, 0)

INVALID_RAX = Refusal(Status.TDX_OPERAND_INVALID, "RAX")


def dispatch(
    module: Module, cpu: Cpu, *, before_ready: bool, rax_valid: Term[bool]
) -> None:
    """The checks that every leaf but LP.SHUTDOWN begins with."""
    enter(module, cpu, rax_valid)
    running = module.state_shown() != SysState.SYS_SHUTDOWN
    module.require(running, Status.TDX_SYS_SHUTDOWN)
    if not before_ready:
        ready = module.state_shown() == SysState.SYS_READY
        module.require(ready, Status.TDX_SYS_NOT_READY)


def enter(module: Module, cpu: Cpu, rax_valid: Term[bool]) -> None:
    """What SEAMCALL checks, then no reserved bits, and a version that exists."""
    module.require(~module.lp_shut_down[cpu])
    module.require(module.vmx_on[cpu], Status.UD)
    module.require(module.seamrr_valid[cpu], Status.GP)
    module.require(module.seam_ready, Status.VMFAIL_INVALID)
    module.mark(Place.PRE_ENTRY, Place.ENTRY)
    module.require(rax_valid, INVALID_RAX)


def since_1_5(module: Module) -> None:
    """Of a leaf that is an `unknown_leaf` to module 1.0."""
    module.require(module.has_leaves_of_1_5)


def lock(module: Module, cpu: Cpu) -> None:
    """Take the global lock exclusively; nobody waits for it."""
    module.require(module.can_lock(cpu), Status.TDX_SYS_BUSY)
    module.mark(Place.LOCKED)


def share_lock(module: Module, cpu: Cpu) -> None:
    """Take the global lock together with others who share it; nobody waits for it."""
    module.require(module.can_share_lock(cpu), Status.TDX_SYS_BUSY)
    module.mark(Place.LOCKED_SHARED)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_sys_lp_shutdown.c"),),
)
def sys_lp_shutdown(module: Module, cpu: Cpu, rax_valid: Term[bool] = YES) -> None:
    """TDH.SYS.LP.SHUTDOWN on {cpu}: accepted in every state, without effect."""
    module.require(~module.lp_shutdown_is_final)
    enter(module, cpu, rax_valid)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_0.at("tdh_sys_lp_shutdown.c"),),
)
def sys_lp_shutdown_final(
    module: Module, cpu: Cpu, rax_valid: Term[bool] = YES
) -> None:
    """TDH.SYS.LP.SHUTDOWN on {cpu}: stop the module, and {cpu} from calling it."""
    module.require(module.lp_shutdown_is_final)
    enter(module, cpu, rax_valid)
    share_lock(module, cpu)
    module.sys_state = SysState.SYS_SHUTDOWN
    module.lp_shut_down[cpu] = True


@action(kinds={Kind.SEAMCALL}, sources=(MODULE_1_5.at("tdx_vmm_dispatcher.c"),))
def unknown_leaf(module: Module, cpu: Cpu, rax_valid: Term[bool] = YES) -> None:
    """A SEAMCALL with a leaf number that the module does not know, on {cpu}."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
    module.require(NO, INVALID_RAX)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(MODULE_1_5.at("tdh_mng_key_reclaimid.c"),),
)
def mng_key_reclaimid(module: Module, cpu: Cpu, rax_valid: Term[bool] = YES) -> None:
    """TDH.MNG.KEY.RECLAIMID on {cpu}: accepted once the module is ready, no effect."""
    dispatch(module, cpu, before_ready=False, rax_valid=rax_valid)
