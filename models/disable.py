"""TDH.SYS.DISABLE: the module forgets everything, and can be initialised again.

No module source that was read has this leaf: what it does is taken from Linux's
description of it. Which states it accepts, and what it leaves of the keys, was
not established; the model takes the best reading: it is accepted by a module that is
ready, as any leaf is that the dispatcher knows. Whether by one that was shut down, too,
is `disable_undoes_shutdown`. It leaves private lines in
caches, which the kernel flushes afterwards, in the same step here.

Source: LKML 2026-04-02, Fuller TDX kexec support v3.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Refusal, Term, action
from tdxcheck.models.module.dispatch import YES, enter
from tdxcheck.spec.host import Host, Td
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Handoff, HkidState, Status, SysState
from tdxcheck.spec.sources import DISABLE_V3
from tdxcheck.spec.update import Build


def _check(host: Host, cpu: Cpu) -> None:
    enter(host, cpu, YES)
    down = host.sys_state == SysState.SYS_SHUTDOWN
    accepted = host.disable_undoes_shutdown & host.module_has_disable
    host.require(~down | accepted, Status.TDX_SYS_SHUTDOWN)
    ready = host.sys_state == SysState.SYS_READY
    host.require(ready | down, Status.TDX_SYS_NOT_READY)
    host.require(host.module_has_disable, Refusal(Status.TDX_OPERAND_INVALID, "RAX"))


@action(
    kinds={Kind.SEAMCALL, Kind.FAULT},
    success=Status.TDX_INTERRUPTED_RESUMABLE,
    sources=(DISABLE_V3.at("tdx_shutdown(), retries"),),
)
def sys_disable_interrupted(host: Host, cpu: Cpu, busy: Term[bool]) -> None:
    """TDH.SYS.DISABLE on {cpu} makes progress, or meets a busy module, and returns."""
    _check(host, cpu)
    host.require(~busy, Status.TDX_SYS_BUSY)


@action(
    kinds={Kind.SEAMCALL},
    success=Status.TDX_SUCCESS,
    sources=(DISABLE_V3.at("cover letter, tdx_shutdown()"),),
)
def sys_disable(host: Host, cpu: Cpu, in_vmx_operation: Term[bool] = YES) -> None:
    """TDH.SYS.DISABLE on {cpu}: give back and clear all memory, forget every key."""
    host.require(in_vmx_operation, Status.UD)
    _check(host, cpu)
    no = host.never()
    host.sys_state = SysState.SYSINIT_PENDING
    host.lp_initialized.update(lambda c: no)
    host.key_configured.update(lambda package: no)
    host.n_init_pkgs = 0
    host.kot.update(lambda hkid: HkidState.FREE)
    host.global_hkid.update(lambda hkid: no)
    host.tdmr_progress.update(lambda tdmr: 0)
    host.handoff = Handoff.NONE
    host.handoff_kot.update(lambda hkid: HkidState.FREE)
    host.handoff_global_hkid.update(lambda hkid: no)
    host.handoff_key_configured.update(lambda package: no)
    host.handoff_tdmr_progress.update(lambda tdmr: 0)
    host.pamt_written = False
    host.in_tdmr.update(lambda block: no)
    host.td = Td.NONE
    host.td_build = Build.NONE
    host.td_key_configured.update(lambda package: no)
    host.vcpu_on.update(lambda c: no)


def disable_succeeds(host: Host, cpu: Cpu) -> Term[bool]:
    """On the way to another kernel, the module accepts TDH.SYS.DISABLE from the CPU."""
    answer = host.answer(sys_disable, cpu, host.disables_in_vmx_operation)
    return answer == Status.TDX_SUCCESS
