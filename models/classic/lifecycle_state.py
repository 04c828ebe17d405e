"""The state of the TDX host in miniature, and what it is like when it begins."""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    Var,
    all_of,
    exists,
    forall,
    initial,
)


class Cpu(Index):
    """A logical processor."""

    label = "CPU"


class Block(Index):
    """A memory block."""

    label = "block"


class Module(Enum):
    """How far the TDX module has come."""

    ABSENT = 0
    LOADED = 1
    SYSINIT = 2
    SYSCONFIG = 3
    READY = 4
    SHUTDOWN = 5
    FATAL = 6


class Kernel(Enum):
    """What the kernel holds of TDX."""

    UNINITIALIZED = 0
    INITIALIZED = 1
    FAILED = 2


class Presence(Enum):
    """Whether a CPU or a block is there, and in use."""

    ABSENT = 0
    OFFLINE = 1
    ONLINE = 2


class Memory(Enum):
    """What a block is of."""

    BOOT = 0
    ADDED = 1
    PMEM = 2


class Host(State):
    module = Var(Module, Module.ABSENT)
    kernel = Var(Kernel, Kernel.UNINITIALIZED)
    kexeced = Var(bool, False)
    own = Var(bool, False)
    """It was this kernel that initialised the module."""

    called_after_failure = Var(bool, False)
    """A SEAMCALL was made by a kernel whose initialisation has failed."""

    cpu = Map(Cpu, Presence)
    verified = Map(Cpu, bool)
    """Firmware has checked the CPU at boot."""

    lp_init = Map(Cpu, bool, False)

    block = Map(Block, Presence)
    memory = Map(Block, Memory, Memory.BOOT)
    covered = Map(Block, bool, False)
    """The block lies in a TDMR."""

    private = Map(Block, bool, False)

    def uninitialized(self) -> Term[bool]:
        return self.kernel == Kernel.UNINITIALIZED

    def configured(self) -> Term[bool]:
        """What is online is in use by the module, or is about to be."""
        under_way = all_of(
            self.uninitialized(), self.own, self.module == Module.SYSCONFIG
        )
        return (self.kernel == Kernel.INITIALIZED) | under_way

    def is_running(self) -> Term[bool]:
        return (self.module == Module.READY) & (self.kernel == Kernel.INITIALIZED)

    def can_configure(self) -> Term[bool]:
        return all_of(
            self.module == Module.SYSINIT,
            self.uninitialized(),
            self.own,
        )

    def note_call(self) -> None:
        """A SEAMCALL is made."""
        failed = self.kernel == Kernel.FAILED
        self.called_after_failure = self.called_after_failure | failed


@initial
def cpus_that_are_there_are_verified(host: Host) -> Term[bool]:
    """Firmware has checked the CPUs that are there at boot."""
    return forall(
        Cpu, lambda cpu: host.verified[cpu] == (host.cpu[cpu] != Presence.ABSENT)
    )


@initial
def a_cpu_is_online(host: Host) -> Term[bool]:
    """Some CPU is online: it runs the kernel."""
    return exists(Cpu, lambda cpu: host.cpu[cpu] == Presence.ONLINE)
