"""What becomes of a machine on which a runtime update of the module has failed.

It is to be rebooted, but it goes on. The old module is shut down, or none is there, or
a new one that was not set up. What KVM does is in `models/kvm.py`, and with Dynamic
PAMT in `models/pamt.py`: the same as ever. A panic ends an update as a failure does.

Source: Linux v7.2, tdx.c; KVM's part, and the modules', as each action names it.
"""

from __future__ import annotations

from typing import Any, Final

from tdxcheck.checker.language import Kind, Refusal, Term, action, implies
from tdxcheck.checker.language.terms import Element
from tdxcheck.models.disable import disable_succeeds, sys_disable_interrupted
from tdxcheck.models.initialization import remembered
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.initialization import sys_init, sys_rd
from tdxcheck.models.module.update import OLDEST, sys_shutdown
from tdxcheck.models.platform.kexec import leave, leave_in_panic
from tdxcheck.spec.events import CRASH_KEXEC, KEXEC, MODULE_UPDATE
from tdxcheck.spec.host import (
    Actor,
    Host,
    Presence,
    Running,
    SysInitResult,
    Td,
    Tdx,
    Told,
)
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Sample, Status
from tdxcheck.spec.sources import (
    CPU_SPEC,
    DISABLE_V3,
    L7_2,
    MODULE_1_5_34,
    SEAMLDR_7_2,
    TDX_HOST,
)
from tdxcheck.spec.update import Build

LEAD: Final[Any] = Element(Cpu, 0)
INIT: Final = (
    SEAMLDR_7_2.at("do_seamldr_install_module(), ack_state()"),
    L7_2.at("tdx_cpu_enable(), try_init_module_global()"),
)
DISABLE: Final = (
    DISABLE_V3.at("tdx_shutdown(), tdx_sys_disable()"),
    L7_2.at("tdx_enable(), register_syscore()"),
    MODULE_1_5_34.at("tdx_vmm_dispatcher.c"),
)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=MODULE_UPDATE,
    sources=(
        TDX_HOST.at("tdx_fw_write()"),
        SEAMLDR_7_2.at("seamldr_install_module()"),
        L7_2.at("tdx_module_shutdown(), get_tdx_sys_info_handoff()"),
    ),
)
def update_again(host: Host, cpu: Cpu) -> None:
    """The administrator updates the module once more, after an update that failed.

    The file in sysfs is still there, and the machine is stopped. But each update
    begins with TDH.SYS.RD on {cpu}, for the handoff version, and TDH.SYS.SHUTDOWN.
    The one is refused by a module that was shut down, is gone, or knows nothing of the
    LP; the other by a new module that was not set up. Then all goes on as it was.
    Rules of steps do not see the calls: a refusal is no step.
    """
    host.require(host.runtime_update)
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.update_failed())
    host.require(host.online(cpu) & (cpu == LEAD))
    host.require(host.update_file_is_good)
    told = host.answer(sys_rd, cpu)
    host.require(told != Status.VMFAIL_INVALID, otherwise=Refusal(Told.EINVAL))
    host.require(
        told == Status.TDX_SUCCESS,
        otherwise=Refusal(
            Told.EINVAL, log="SEAMCALL (0x0000000000000022) failed: 0x[status]"
        ),
    )
    host.require(
        host.answer(sys_shutdown, cpu, OLDEST) == Status.TDX_SUCCESS,
        otherwise=Refusal(
            Told.EINVAL, log="SEAMCALL (0x0000000000000034) failed: 0x[status]"
        ),
    )
    host.tdx = Tdx.UPDATING


@action(actor=Actor.KERNEL, kinds={Kind.BRING_UP}, sources=INIT)
def init_module_after_failed_update(host: Host, cpu: Cpu, sample: Sample) -> None:
    """{cpu} is to come online after a failed update: TDH.SYS.INIT there, once.

    Its result is kept. Where it failed no CPU comes online from now on.
    """
    host.require(host.in_service())
    host.require(host.update_failed())
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(host.callbacks_installed)
    host.require(host.sys_init_result == SysInitResult.NOT_CALLED)
    host.require(host.healthy(sample))
    answer = seamcall(host, sys_init, cpu, sample)
    host.sys_init_result = remembered(host, answer)


def lose_tds(host: Host) -> None:
    """Nobody knows the TDs and the PAMT any more; all that memory stays private."""
    host.pamt_written = False
    host.td = Td.NONE
    host.td_build = Build.NONE
    host.td_key_configured.fill(False)
    host.vcpu_on.fill(False)
    host.hkid_leaked = False


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=KEXEC,
    sources=DISABLE,
)
def kexec_after_failed_update(host: Host, cpu: Cpu) -> None:
    """The administrator starts another kernel: TDH.SYS.DISABLE on {cpu}, in vain.

    Whoever has once initialised TDX makes that call. Neither a module that was shut
    down accepts it, nor one that is gone, nor a new one that was not set up, which
    to the next kernel is as at boot: it initialises TDX, and all memory of the TDs and
    of the old PAMT is still private.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(host.disables_module & host.update_failed())
    host.require(implies(host.tds_end_before_kexec, ~host.hkid_in_use()))
    host.require(~disable_succeeds(host, cpu))
    leave(host, cpu, host.never())
    lose_tds(host)
    # Refused, it does not matter how far the call would have come.
    host.call(sys_disable_interrupted, cpu, host.never())


def panic_in_vain(host: Host, cpu: Cpu, where: Term[bool]) -> None:
    """The crash kernel is started, with the module as it was: TDs are lost."""
    host.require(host.panics)
    host.require(host.running == Running.FIRST)
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(host.disables_module_in_panic & where)
    host.require(~disable_succeeds(host, cpu))
    leave_in_panic(host, cpu, host.never())
    lose_tds(host)
    host.call(sys_disable_interrupted, cpu, host.never())


@action(actor=Actor.KERNEL, event=CRASH_KEXEC, sources=DISABLE)
def crash_kexec_after_failed_update(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu}: TDH.SYS.DISABLE there, in vain; the crash kernel."""
    panic_in_vain(host, cpu, host.update_failed())


@action(
    actor=Actor.KERNEL,
    event=CRASH_KEXEC,
    sources=(
        *DISABLE,
        SEAMLDR_7_2.at("do_seamldr_install_module(), ack_state()"),
        CPU_SPEC.at("SEAMCALL, operation"),
    ),
)
def crash_kexec_in_update(host: Host, cpu: Cpu) -> None:
    """The kernel panics on {cpu}, stopped for an update: TDH.SYS.DISABLE, in vain.

    A CPU that is stopped takes no interrupts; but a machine check, or an NMI of the
    watchdog's, comes at any step, and so does the NMI by which the one that panics
    stops the others. Who is in the module or the P-SEAMLDR takes it when the call
    returns; that the panic waits for him is assumed, as the steps here are whole.

    The module is shut down, cannot be entered while a session is open, or is new and
    not set up. The session stays open: the crash kernel makes no call to end it.
    """
    panic_in_vain(host, cpu, host.updating())


AFTER_FAILURE: Final = (
    update_again,
    init_module_after_failed_update,
    kexec_after_failed_update,
    crash_kexec_after_failed_update,
    crash_kexec_in_update,
)
