"""A TDX host in miniature, parametric in its CPUs and memory blocks.

It is small to write down and large to visit: every CPU and every block multiplies the
states. So it is what the engines are measured on, by themselves and beside others.

The module is loaded, initialised, configured and made ready by the kernel, each of
which may fail. CPUs and blocks come and go. The machine may be booted into another
kernel by kexec, once, to which the module does not speak any more: it keeps its state,
and the new kernel has not initialised it.

With two CPUs and one block it has 5,774 states, with two of each 47,870, with three
and two 397,232, with three of each 3,442,088, with four of each 231,768,590. CPUs are
interchangeable and so are blocks; up to that, two of each make 14,558 states.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Term,
    TransitionSystem,
    action,
    exists,
    forall,
    implies,
    invariant,
    ite,
    one_of,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.lifecycle_state import (
    Block,
    Cpu,
    Host,
    Kernel,
    Memory,
    Module,
    Presence,
    a_cpu_is_online,
    cpus_that_are_there_are_verified,
)

__all__ = [
    "LIFECYCLE",
    "LPINIT_KERN",
    "MEM_ONLINE",
    "Block",
    "Cpu",
    "Host",
    "Presence",
    "no_call_after_a_failure",
    "online_cpus_are_initialized",
    "online_memory_is_covered",
    "scope",
]

# The module.


@action()
def load_ok(host: Host) -> None:
    """The module is loaded."""
    host.require(host.module == Module.ABSENT)
    host.module = Module.LOADED


@action()
def load_fail(host: Host) -> None:
    """The module is not loaded."""
    host.require(host.module == Module.ABSENT)
    host.kernel = Kernel.FAILED


@action()
def sysinit_ok(host: Host) -> None:
    """The kernel initialises the module."""
    host.require(host.uninitialized())
    host.require(host.module == Module.LOADED)
    host.note_call()
    host.module = Module.SYSINIT
    host.own = True


@action()
def sysinit_fail(host: Host) -> None:
    """The module refuses to be initialised, as it does if it already is."""
    host.require(host.uninitialized())
    host.require(
        one_of(
            host.module,
            Module.LOADED,
            Module.SYSINIT,
            Module.SYSCONFIG,
            Module.READY,
        )
    )
    host.note_call()
    host.kernel = Kernel.FAILED


@action()
def sysconfig_ok(host: Host) -> None:
    """The kernel gives the module the memory that is online."""
    host.require(host.can_configure())
    host.require(
        forall(
            Cpu,
            lambda cpu: implies(host.cpu[cpu] == Presence.ONLINE, host.lp_init[cpu]),
        )
    )
    host.require(
        forall(
            Block,
            lambda block: implies(
                host.block[block] == Presence.ONLINE,
                host.memory[block] == Memory.BOOT,
            ),
        )
    )
    host.note_call()
    host.module = Module.SYSCONFIG
    before = host.covered
    host.covered.update(
        lambda block: before[block] | (host.block[block] == Presence.ONLINE)
    )


@action()
def sysconfig_fail(host: Host) -> None:
    """The module refuses the memory."""
    host.require(host.can_configure())
    host.note_call()
    host.kernel = Kernel.FAILED


@action()
def sysconfig_fatal(host: Host) -> None:
    """The module breaks down over the memory."""
    host.require(host.can_configure())
    host.note_call()
    host.module = Module.FATAL
    host.kernel = Kernel.FAILED


@action()
def ready_ok(host: Host) -> None:
    """The module is ready."""
    host.require(host.uninitialized())
    host.require((host.module == Module.SYSCONFIG) & host.own)
    host.note_call()
    host.module = Module.READY
    host.kernel = Kernel.INITIALIZED


@action()
def ready_fail(host: Host) -> None:
    """The module does not become ready."""
    host.require(host.uninitialized())
    host.require((host.module == Module.SYSCONFIG) & host.own)
    host.note_call()
    host.kernel = Kernel.FAILED


@action()
def seam_fatal(host: Host) -> None:
    """The module breaks down."""
    host.require(host.module == Module.READY)
    host.module = Module.FATAL
    host.kernel = ite(host.kernel == Kernel.INITIALIZED, Kernel.FAILED, host.kernel)


@action()
def shutdown(host: Host) -> None:
    """The kernel shuts the module down, which loses everything."""
    host.require(host.is_running())
    host.note_call()
    host.module = Module.SHUTDOWN
    host.kernel = Kernel.FAILED
    host.own = False
    host.lp_init.fill(False)
    host.covered.fill(False)
    host.private.fill(False)


@action()
def kexec(host: Host) -> None:
    """The machine is booted into another kernel."""
    host.require(~host.kexeced & (host.module != Module.FATAL))
    host.kexeced = True
    host.kernel = Kernel.UNINITIALIZED
    host.own = False


# CPUs.


@action()
def lpinit_ok(host: Host, cpu: Cpu) -> None:
    """The kernel initialises the module on {cpu}."""
    host.require(host.uninitialized())
    host.require(host.module == Module.SYSINIT)
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(~host.lp_init[cpu] & host.verified[cpu])
    host.note_call()
    host.lp_init[cpu] = True


@action()
def lpinit_fail(host: Host, cpu: Cpu) -> None:
    """The module refuses to be initialised on {cpu}."""
    host.require(host.uninitialized())
    host.require(host.module == Module.SYSINIT)
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(~host.lp_init[cpu])
    host.note_call()
    host.kernel = Kernel.FAILED


@action()
def cpu_add(host: Host, cpu: Cpu) -> None:
    """{cpu} is added."""
    host.require(host.cpu[cpu] == Presence.ABSENT)
    host.cpu[cpu] = Presence.OFFLINE


@action()
def cpu_online(host: Host, cpu: Cpu) -> None:
    """{cpu} comes online, and the module is not told."""
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(~host.configured())
    host.cpu[cpu] = Presence.ONLINE


@action()
def cpu_online_with_lpinit(host: Host, cpu: Cpu) -> None:
    """{cpu} comes online, and the module is initialised on it."""
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.require(host.is_running() & host.verified[cpu])
    host.note_call()
    host.cpu[cpu] = Presence.ONLINE
    host.lp_init[cpu] = True


@action()
def cpu_offline(host: Host, cpu: Cpu) -> None:
    """{cpu} goes offline, and another stays."""
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(
        exists(
            Cpu,
            lambda other: (other != cpu) & (host.cpu[other] == Presence.ONLINE),
        )
    )
    host.cpu[cpu] = Presence.OFFLINE


@action()
def cpu_remove(host: Host, cpu: Cpu) -> None:
    """{cpu} is removed."""
    host.require(host.cpu[cpu] == Presence.OFFLINE)
    host.cpu[cpu] = Presence.ABSENT
    host.verified[cpu] = False
    host.lp_init[cpu] = False


# Memory.


@action()
def mem_add(host: Host, block: Block) -> None:
    """{block} is added."""
    host.require(host.block[block] == Presence.ABSENT)
    host.block[block] = Presence.OFFLINE
    host.memory[block] = Memory.ADDED


@action()
def mem_add_pm(host: Host, block: Block) -> None:
    """{block} is added, of persistent memory."""
    host.require(host.block[block] == Presence.ABSENT)
    host.block[block] = Presence.OFFLINE
    host.memory[block] = Memory.PMEM


@action()
def mem_online(host: Host, block: Block) -> None:
    """{block} comes online."""
    host.require(host.block[block] == Presence.OFFLINE)
    host.require(implies(host.configured(), host.covered[block]))
    host.block[block] = Presence.ONLINE


@action()
def mem_offline(host: Host, block: Block) -> None:
    """{block} goes offline."""
    host.require(host.block[block] == Presence.ONLINE)
    host.require(~host.private[block])
    host.block[block] = Presence.OFFLINE


@action()
def mem_remove(host: Host, block: Block) -> None:
    """{block} is removed."""
    host.require(host.block[block] == Presence.OFFLINE)
    host.block[block] = Presence.ABSENT
    host.memory[block] = Memory.BOOT
    host.covered[block] = False
    host.private[block] = False


@action()
def make_private(host: Host, block: Block) -> None:
    """{block} is given to a TD."""
    host.require(host.is_running())
    host.require(host.block[block] == Presence.ONLINE)
    host.require(host.covered[block] & ~host.private[block])
    host.note_call()
    host.private[block] = True


@action()
def reclaim(host: Host, block: Block) -> None:
    """{block} is taken back from its TD."""
    host.require(host.is_running())
    host.require(host.private[block])
    host.note_call()
    host.private[block] = False


# What is to hold.


@invariant()
def online_memory_is_covered(host: Host) -> Term[bool]:
    """While the kernel uses TDX, memory that is online lies in a TDMR."""
    return forall(
        Block,
        lambda block: implies(
            (host.kernel == Kernel.INITIALIZED)
            & (host.block[block] == Presence.ONLINE),
            host.covered[block],
        ),
    )


@invariant()
def no_call_after_a_failure(host: Host) -> Term[bool]:
    """A kernel whose initialisation has failed makes no SEAMCALL."""
    return ~host.called_after_failure


@invariant()
def online_cpus_are_initialized(host: Host) -> Term[bool]:
    """While the kernel uses TDX, the module is initialised on CPUs that are online."""
    return forall(
        Cpu,
        lambda cpu: implies(
            (host.kernel == Kernel.INITIALIZED) & (host.cpu[cpu] == Presence.ONLINE),
            host.lp_init[cpu],
        ),
    )


@invariant()
def private_memory_is_not_persistent(host: Host) -> Term[bool]:
    """Persistent memory is never private."""
    return forall(
        Block,
        lambda block: implies(host.private[block], host.memory[block] != Memory.PMEM),
    )


LIFECYCLE = TransitionSystem(
    name="lifecycle",
    summary="A TDX host in miniature.",
    state=Host,
    actions=(
        load_ok,
        load_fail,
        sysinit_ok,
        sysinit_fail,
        sysconfig_ok,
        sysconfig_fail,
        sysconfig_fatal,
        ready_ok,
        ready_fail,
        seam_fatal,
        shutdown,
        kexec,
        lpinit_ok,
        lpinit_fail,
        cpu_add,
        cpu_online,
        cpu_online_with_lpinit,
        cpu_offline,
        cpu_remove,
        mem_add,
        mem_add_pm,
        mem_online,
        mem_offline,
        mem_remove,
        make_private,
        reclaim,
    ),
    properties=(
        online_memory_is_covered,
        no_call_after_a_failure,
        online_cpus_are_initialized,
        private_memory_is_not_persistent,
    ),
    initial=(cpus_that_are_there_are_verified, a_cpu_is_online),
)


# Two that break a rule, each for want of one guard.


@action()
def mem_online_unchecked(host: Host, block: Block) -> None:
    """{block} comes online, whether or not the module knows it."""
    host.require(host.block[block] == Presence.OFFLINE)
    host.block[block] = Presence.ONLINE


MEM_ONLINE = LIFECYCLE.variant(
    "lifecycle-mem_online",
    "Any memory can come online.",
    replaced={mem_online: mem_online_unchecked},
)
"""Breaks `online_memory_is_covered` in 6 steps."""


@action()
def lpinit_unchecked(host: Host, cpu: Cpu) -> None:
    """The kernel initialises the module on {cpu}, whatever has failed before."""
    host.require(host.module == Module.SYSINIT)
    host.require(host.cpu[cpu] == Presence.ONLINE)
    host.require(~host.lp_init[cpu] & host.verified[cpu])
    host.note_call()
    host.lp_init[cpu] = True


LPINIT_KERN = LIFECYCLE.variant(
    "lifecycle-lpinit_kern",
    "The kernel goes on after a failure.",
    replaced={lpinit_ok: lpinit_unchecked},
)
"""Breaks `no_call_after_a_failure` in 4 steps."""


def scope(cpus: int, blocks: int) -> Scope:
    return {Cpu: cpus, Block: blocks}
