"""What a kernel hands over to the next one, and what kind of kernel that is.

The switches of this file are what the claims about kexec rest on without saying so.
Those that are off, and open only where a claim is judged without its assumption, are
no facts: no source says that a machine or a kernel is so, and none that it is not.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import State, Term, Var


class NextKernel(Enum):
    """What kind of kernel kexec starts, as far as TDX is concerned.

    No rule that a kernel states today binds one that was released before it.
    """

    IGNORES_TDX = "makes no SEAMCALL"
    CONFORMS = "stops at the first SEAMCALL that fails"
    OLD = "of v3's time: when a SEAMCALL fails, it shuts TDX down"
    SAME = "the same again, with every path of its own to a SEAMCALL"


class Writer(Enum):
    """Who might write with a private key though no kernel asks for it."""

    MODULE = "the TDX module, by itself"
    VCPU = "a TD's vCPU on a CPU that was not stopped"
    DEVICE = "a device that private memory is mapped to"


class Handover(State):
    """How kexec is done, and what the kernel after it does."""

    written_privately = Var(bool, False)
    """Under the next kernel somebody wrote with a private key, unasked."""

    disabling = Var(bool, False)
    """TDH.SYS.DISABLE was interrupted, or refused as busy: it is made again."""

    # The machine and its administrator.

    module_survives_kexec = Var(bool, True, frozen=True)
    """kexec leaves the module in the state that it is in."""
    module_works_by_itself = Var(bool, False, frozen=True)
    """The module writes memory outside of SEAMCALLs."""
    devices_hold_private_memory = Var(bool, False, frozen=True)
    """A device may write to the private memory of a TD."""
    kexec_stops_every_cpu = Var(bool, True, frozen=True)
    """kexec waits until every other CPU has stopped."""
    tds_end_before_kexec = Var(bool, False, frozen=True)
    """No TD is left when kexec starts."""
    emergency_reboots = Var(bool, False, frozen=True)
    """The machine may be reset without a shutdown of the kernel."""
    panics = Var(bool, True, frozen=True)
    """The kernel may panic; it then stops CPUs by NMI, past every flush."""

    # The next kernel.

    next_kernel: Var[NextKernel] = Var(NextKernel, frozen=True)
    """What kexec starts, where the module is not as it was at boot."""
    next_kernel_takes_over = Var(bool, False, frozen=True)
    """It uses the module as it finds it, which no kernel is known to do."""
    next_kernel_installs = Var(bool, False, frozen=True)
    """It has the P-SEAMLDR load an image over the module that it found."""
    next_kernel_maps_alike = Var(bool, False, frozen=True)
    """It has the memory map of the first: mem=, memmap= and crashkernel= agree."""
    next_kernel_reserves_pamt = Var(bool, False, frozen=True)
    """It keeps the PAMT's pages out of its page allocator."""
    crash_kernel_has_one_cpu = Var(bool, False, frozen=True)
    """The crash kernel is started with nr_cpus=1 or maxcpus=1, as is usual."""
    crash_kernel_stays_in_reservation = Var(bool, True, frozen=True)
    """The crash kernel uses no memory but what was reserved for it at boot."""

    def runs_same_code(self) -> Term[bool]:
        """A kernel started by kexec is the first one's design again."""
        return self.next_kernel == NextKernel.SAME
