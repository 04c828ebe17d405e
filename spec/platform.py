"""The machine under a kernel: what is frozen of it, and what changes."""

from __future__ import annotations

from tdxcheck.checker.language import Map, Term, Var, any_of, definition
from tdxcheck.spec.environment import Environment
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.vocabulary import MemoryKind, Presence, Running


class Platform(Environment):
    """The machine: CPUs, memory, caches, and what firmware and errata do to them."""

    cpu = Map(Cpu, Presence)
    memory = Map(Block, Presence)
    memory_kind = Map(Block, MemoryKind, frozen=True)
    unmovable = Map(Block, bool, False, frozen=True)
    """The block holds the kernel itself, and cannot go offline."""

    legacy_pmem_convertible = Var(bool, frozen=True)
    """Legacy PMEM lies in a CMR, as boot DRAM does."""
    memory_hotplug = Var(bool, True, frozen=True)
    """Firmware hot-adds memory blocks."""
    memory_hot_remove = Var(bool, True, frozen=True)
    """Firmware hot-removes memory, convertible memory included."""
    cpu_hotplug = Var(bool, True, frozen=True)
    """Firmware hot-adds CPUs."""
    cpu_hot_remove = Var(bool, True, frozen=True)
    """Firmware hot-removes CPUs, verified ones included."""
    persistent_memory = Var(bool, True, frozen=True)
    """The administrator uses NVDIMMs and legacy PMEM as memory."""
    cxl_memory = Var(bool, True, frozen=True)
    """The administrator uses CXL devices as memory."""
    lp_init_survives_offline = Var(bool, True, frozen=True)
    """To the module a CPU stays initialised while it is offline."""
    vmxon_when_online = Var(bool, True, frozen=True)
    """VMXON is done again on a CPU that comes back."""
    last_cpus_go_offline = Var(bool, True, frozen=True)
    """The administrator may take the last CPU of a package offline."""
    unverified_cpus_enter_seam = Var(bool, False, frozen=True)
    """A SEAMCALL on a CPU that firmware did not verify enters the module."""
    partial_write_erratum = Var(bool, frozen=True)
    """A partial write to a private line poisons it (Sapphire, Emerald Rapids)."""
    kexec = Var(bool, True, frozen=True)
    """The administrator uses kexec, or loads a crash kernel."""
    suspend = Var(bool, True, frozen=True)
    """The administrator suspends the machine to memory (S3)."""
    reboots = Var(bool, frozen=True)
    """The administrator reboots the machine."""
    hibernation = Var(bool, frozen=True)
    """The kernel was booted so that it can hibernate, and the administrator does."""
    faults = Var(bool, True, frozen=True)
    """SEAMCALLs meet the faults that the module documents."""
    module_has_disable = Var(bool, frozen=True)
    """The module has TDH.SYS.DISABLE."""
    disable_undoes_shutdown = Var(bool, False, frozen=True)
    """TDH.SYS.DISABLE is accepted by a module that TDH.SYS.SHUTDOWN has shut down."""
    module_enumerates_topology = Var(bool, frozen=True)
    """The module has all that KVM asks for once TDX is initialised."""
    module_present = Var(bool, frozen=True)
    """Firmware has loaded a TDX module."""
    module_is_1_5 = Var(bool, frozen=True)
    """It is of version 1.5 or later, and has TDH.SYS.RD."""
    module_keeps_rbp = Var(bool, frozen=True)
    """The module can leave RBP alone when a TD exits (NO_RBP_MOD)."""

    private_dirty = Map(Cpu, bool, False)
    """The CPU's caches may hold modified lines of private memory."""
    pamt_dirty = Map(Cpu, bool, False)
    """They may hold modified lines of the PAMT's memory, written by the kernel."""

    running = Var(Running, Running.FIRST)
    stale_private_line = Map(Cpu, bool, False)
    """Such a line of the first kernel's is still there under the next kernel."""
    inherited_module = Var(bool, False)
    """The second kernel found the module no longer waiting for TDH.SYS.INIT."""
    private_page_in_allocator = Var(bool, False)
    """The kernel that runs uses memory that was last written with a private key."""
    poisoned = Var(bool, False)
    """Such memory holds poison."""

    @definition
    def convertible(self, block: Block) -> Term[bool]:
        """The block lies in a CMR: firmware checked it when it booted."""
        kind = self.memory_kind[block]
        return any_of(
            kind == MemoryKind.BOOT_DRAM,
            (kind == MemoryKind.LEGACY_PMEM) & self.legacy_pmem_convertible,
            (kind == MemoryKind.SOFT_RESERVED) & self.soft_reserved_convertible,
        )
