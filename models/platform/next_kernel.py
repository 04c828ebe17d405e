"""What a kernel does that kexec started, where it is not the first one's design again.

It finds a module that no longer waits for TDH.SYS.INIT; where the module does wait,
the machine is as at boot, and so is the kernel. What a kernel of the same design does
are that design's own steps, but for its panic.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Term,
    action,
    exists,
    ite,
    one_of,
)
from tdxcheck.models.disable import sys_disable
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.initialization import sys_init
from tdxcheck.models.old_module import lp_shutdown
from tdxcheck.models.platform.kexec import leave_in_panic
from tdxcheck.models.seamldr import seamldr_install, seamldr_install_completes
from tdxcheck.spec.events import CRASH_KEXEC
from tdxcheck.spec.handover import NextKernel, Writer
from tdxcheck.spec.host import Actor, Host, Kvm, Running, Td, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DISABLE_V3,
    KEXEC_V4,
    KH_0427,
    LOADER_1_5,
    V3,
)

RELOAD = (LOADER_1_5.at("seamldr_install.c, scenario LOAD"), V3.at("00/21, on kexec"))


def other_kernel_runs(host: Host, *kinds: NextKernel) -> None:
    """A kernel of one of these kinds runs, and has booted."""
    host.require(host.running == Running.SECOND)
    host.require(one_of(host.next_kernel, *kinds))
    host.require(one_of(host.tdx, Tdx.UNINITIALIZED, Tdx.DISABLED))


@action(
    actor=Actor.SECOND_KERNEL,
    kinds={Kind.BRING_UP},
    sources=(KH_0427.at("on the second kernel"),),
)
def next_kernel_tries_tdx(host: Host, cpu: Cpu) -> None:
    """The next kernel, in VMX operation, asks for TDX: TDH.SYS.INIT on {cpu}."""
    other_kernel_runs(host, NextKernel.CONFORMS, NextKernel.OLD)
    host.require(host.online(cpu) & host.vmx_on[cpu])
    host.require(~host.seamcall_made)
    seamcall(host, sys_init, cpu)


@action(actor=Actor.SECOND_KERNEL, sources=(V3.at("19/21, on VMXON"),))
def next_kernel_turns_vmx_on(host: Host) -> None:
    """The next kernel does VMXON on every CPU: its administrator loads KVM."""
    other_kernel_runs(host, NextKernel.CONFORMS, NextKernel.OLD)
    host.require(~exists(Cpu, lambda c: host.vmx_on[c]))
    host.vmx_on.fill(True)


@action(
    actor=Actor.SECOND_KERNEL,
    kinds={Kind.BRING_UP},
    sources=(V3.at("06/21, shutdown of the module after an error"),),
)
def next_kernel_shuts_down(host: Host, cpu: Cpu) -> None:
    """The next kernel, of v3's time, goes on: TDH.SYS.LP.SHUTDOWN on {cpu}."""
    other_kernel_runs(host, NextKernel.OLD)
    host.require(host.online(cpu) & host.vmx_on[cpu])
    host.require(host.seamcall_made)
    seamcall(host, lp_shutdown, cpu)


@action(
    actor=Actor.SECOND_KERNEL,
    sources=(V3.at("00/21, on kexec"), BASE_SPEC.at("ch. 4.1")),
)
def next_kernel_takes_over(host: Host, unlisted: Block) -> None:
    """The next kernel uses the module as it finds it, with a memory list of its own.

    Where the memory maps differ, {unlisted} is in only one of the two kernels' lists.
    """
    host.require(host.next_kernel_takes_over)
    host.require(host.running == Running.SECOND)
    host.require(host.in_service())
    host.require(host.module_configured() & (host.tdx != Tdx.INITIALIZED))
    configured, alike = host.in_tdmr, host.next_kernel_maps_alike
    host.tdx_memory.update(
        lambda b: ite(~alike & (b == unlisted), ~configured[b], configured[b])
    )
    host.pamt_allocated = host.next_kernel_reserves_pamt
    host.vmx_on.fill(True)
    host.tdx = Tdx.INITIALIZED
    host.kvm = Kvm.LOADED


def installs(host: Host, cpu: Cpu) -> None:
    """The next kernel calls the P-SEAMLDR, which asks for no module to be shut down."""
    host.require(host.next_kernel_installs)
    host.require(host.running == Running.SECOND)
    host.require(host.in_service())
    host.require(host.online(cpu) & host.vmx_on[cpu])


@action(actor=Actor.SECOND_KERNEL, sources=RELOAD)
def next_kernel_installs(host: Host, cpu: Cpu) -> None:
    """The next kernel is to load an image: SEAMLDR.INSTALL on {cpu}, not the last."""
    installs(host, cpu)
    seamcall(host, seamldr_install, cpu)


@action(actor=Actor.SECOND_KERNEL, sources=RELOAD)
def next_kernel_installs_image(host: Host, cpu: Cpu) -> None:
    """The next kernel loads an image, by SEAMLDR.INSTALL on {cpu}, the last LP.

    It waits for TDH.SYS.INIT; the memory of the old PAMT and of TDs stays private.
    """
    installs(host, cpu)
    seamcall(host, seamldr_install_completes, cpu, host.never())


@action(
    actor=Actor.SECOND_KERNEL,
    event=CRASH_KEXEC,
    sources=(
        DISABLE_V3.at("native_machine_crash_shutdown()"),
        KH_0427.at("on the second kernel"),
    ),
)
def next_kernel_panics(host: Host, cpu: Cpu) -> None:
    """The next kernel, the same again, panics on {cpu}: TDH.SYS.DISABLE, whatever.

    It asks for no more than the first does, and not what has become of TDX: neither
    that TDH.SYS.INIT has failed, nor whose memory the module holds. That an image for
    the crash was loaded is taken for granted. Followed is the panic of a CPU in VMX
    operation: on any other the call is #UD.
    """
    host.require(host.panics & host.disables_module_in_panic)
    host.require((host.running == Running.SECOND) & host.runs_same_code())
    host.require(host.online(cpu) & host.vmx_on[cpu])
    disabled = host.answer(sys_disable, cpu) == Status.TDX_SUCCESS
    leave_in_panic(host, cpu, disabled)
    host.seamcall_made = True
    host.call(sys_disable, cpu)


@action(
    actor=Actor.HARDWARE,
    kinds={Kind.HARDWARE},
    sources=(KH_0427.at("on the second kernel"), KEXEC_V4.at("cover letter")),
)
def written_unasked(host: Host, by: Term[Writer]) -> None:
    """Memory is written with a private key though the kernel that runs made no call."""
    running = exists(Cpu, lambda c: host.vcpu_on[c]) & (host.td == Td.KEYS_CONFIGURED)
    possible = ite(
        by == Writer.MODULE,
        host.module_works_by_itself,
        ite(
            by == Writer.VCPU,
            ~host.kexec_stops_every_cpu & running,
            host.devices_hold_private_memory & host.hkid_in_use(),
        ),
    )
    host.require(one_of(host.running, Running.SECOND, Running.CRASH))
    host.require(host.inherited_module & host.seam_ready)
    host.require(possible)
    host.require(~host.written_privately)
    host.written_privately = True


NEXT_KERNEL = (
    next_kernel_turns_vmx_on,
    next_kernel_tries_tdx,
    next_kernel_shuts_down,
    next_kernel_takes_over,
    next_kernel_installs,
    next_kernel_installs_image,
    next_kernel_panics,
    written_unasked,
)
"""What other kernels than the first one's design do after kexec."""
