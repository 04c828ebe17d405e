"""The SEAMCALLs of an initialisation, in the form that v3 and v6.8 share.

What differs (when it begins, which memory is listed, what a failure undoes) is
in the designs. A call that fails sends the kernel to Tdx.UNDOING.
"""

from __future__ import annotations

from typing import Any, Final

from tdxcheck.checker.language import Kind, Term, action, ite
from tdxcheck.checker.language.terms import Element
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.configuration import (
    CONFIG_REFUSED,
    KeyFault,
    sys_config,
    sys_key_config,
    sys_key_config_fatal,
    sys_tdmr_init,
)
from tdxcheck.spec.host import Actor, Host, Tdx
from tdxcheck.spec.machine import Cpu, Hkid, Tdmr
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import L6_8, V3

GLOBAL_HKID: Final[Any] = Element(Hkid, 0)
"""The first private KeyID, which both designs take for the module."""

INIT_SOURCES = (V3.at("13/21 to 18/21"), L6_8.at("init_tdx_module()"))


def proceed(answer: Term[Status], then: Term[Tdx] | Tdx) -> Term[Tdx]:
    """On success the next stage; else what was done is undone."""
    return ite(answer == Status.TDX_SUCCESS, then, Tdx.UNDOING)


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure(host: Host, cpu: Cpu) -> None:
    """The kernel hands its TDMRs to the module: TDH.SYS.CONFIG on {cpu}."""
    host.require(host.tdx == Tdx.BUILT)
    host.require(host.online(cpu))
    host.require(host.tdx_memory_is_convertible())
    listed, accepted = host.tdx_memory, host.in_tdmr
    answer = host.answer(sys_config, cpu, GLOBAL_HKID)
    host.in_tdmr.update(
        lambda block: ite(answer == Status.TDX_SUCCESS, listed[block], accepted[block])
    )
    host.tdx = proceed(answer, Tdx.CONFIGURED)
    seamcall(host, sys_config, cpu, GLOBAL_HKID)


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure_outside_cmrs(host: Host, cpu: Cpu) -> None:
    """The kernel hands over TDMRs with memory outside CMRs: TDH.SYS.CONFIG on {cpu}."""
    host.require(host.tdx == Tdx.BUILT)
    host.require(host.online(cpu))
    host.require(~host.tdx_memory_is_convertible())
    host.tdx = Tdx.UNDOING
    refused = CONFIG_REFUSED[Status.TDX_TDMR_OUTSIDE_CMRS]
    seamcall(host, refused, cpu, GLOBAL_HKID)


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def configure_key(host: Host, cpu: Cpu, fault: Term[KeyFault]) -> None:
    """The kernel programs the global key: TDH.SYS.KEY.CONFIG on {cpu}."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(~host.key_configured[host.package_of[cpu]])
    host.require(fault != KeyFault.FATAL)
    host.require(host.faults | (fault == KeyFault.NONE))
    answer = seamcall(host, sys_key_config, cpu, fault)
    host.tdx = proceed(answer, Tdx.CONFIGURED)


@action(actor=Actor.KERNEL, kinds={Kind.FAULT}, sources=INIT_SOURCES)
def configure_key_fatal(host: Host, cpu: Cpu) -> None:
    """PCONFIG fails for good in TDH.SYS.KEY.CONFIG on {cpu}: the module is dead."""
    host.require(host.faults)
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(~host.key_configured[host.package_of[cpu]])
    seamcall(host, sys_key_config_fatal, cpu)
    host.tdx = Tdx.UNDOING


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def initialize_tdmr(host: Host, cpu: Cpu, tdmr: Tdmr) -> None:
    """The kernel has the PAMT written: TDH.SYS.TDMR.INIT of {tdmr} on {cpu}."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.online(cpu))
    host.require(host.every_package_keyed())
    host.require(host.tdmr_configured(tdmr) & ~host.tdmr_complete(tdmr))
    answer = seamcall(host, sys_tdmr_init, cpu, tdmr)
    host.tdx = proceed(answer, Tdx.CONFIGURED)


@action(actor=Actor.KERNEL, sources=INIT_SOURCES)
def finish(host: Host) -> None:
    """The kernel has initialised TDX: "module initialized"."""
    host.require(host.tdx == Tdx.CONFIGURED)
    host.require(host.every_package_keyed())
    host.require(host.every_tdmr_complete())
    host.tdx = Tdx.INITIALIZED


COMMON = (
    configure,
    configure_outside_cmrs,
    configure_key,
    configure_key_fatal,
    initialize_tdmr,
    finish,
)
