"""The kernel that runs: what it knows and owns, and what its design is."""

from __future__ import annotations

from tdxcheck.checker.language import Int, Map, Var
from tdxcheck.spec.machine import Block, Cpu, Package
from tdxcheck.spec.safeguards import Safeguards
from tdxcheck.spec.vocabulary import Kvm, SysInitResult, Td, Tdx


class Kernel(Safeguards):
    """What the running kernel knows and owns, and the switches of its design."""

    tdx = Var(Tdx, Tdx.UNINITIALIZED)
    sys_init_result = Var(SysInitResult, SysInitResult.NOT_CALLED)
    lp_init_done = Map(Cpu, bool, False)
    """The kernel remembers that TDH.SYS.LP.INIT succeeded on this CPU."""
    kvm = Var(Kvm, Kvm.UNLOADED)
    tdx_memory = Map(Block, bool, False)
    """The block is in the kernel's list of TDX memory, hence in a TDMR it builds."""
    pamt_allocated = Var(bool, False)
    """The PAMT's pages are taken out of the page allocator."""
    seamcall_made = Var(bool, False)
    """The second kernel has made a SEAMCALL."""
    kexec_loaded = Var(bool, False)
    """An image for kexec is loaded."""
    marked = Map(Cpu, bool, False)
    """The kernel has marked the CPU's cache as one to be flushed."""
    callbacks_installed = Var(bool, False)
    """KVM or the core kernel is asked before a CPU comes or goes."""
    hkid_miscount = Var(Int(-1, 0), 0)
    """By how much KVM's counter of KeyIDs is wrong."""

    td = Var(Td, Td.NONE)
    td_key_configured = Map(Package, bool, False)
    """The TD's key is programmed in this package; when BLOCKED, not yet flushed."""
    td_page_refused = Var(bool, False)
    """The module refused a page as outside its TDMRs: the TD is killed."""
    vcpu_on = Map(Cpu, bool, False)
    """The TD's vCPU is associated with the CPU."""
    failed_vcpu_listed = Var(bool, False)
    """A vCPU whose creation has failed is in a CPU's list of vCPUs."""
    assertion_failed = Var(bool, False)
    """Code has found itself where it did not expect to run: a splat in the log."""
    td_page_unflushed = Var(bool, False)
    """A TD's page is back in the allocator, and caches may hold its private lines."""
    hkid_leaked = Var(bool, False)
    """The end of a TD has failed: its KeyID is in use for good."""

    lists_legacy_pmem = Var(bool, False, frozen=True)
    """Legacy PMEM is TDX memory to the kernel."""
    initializes_at_boot = Var(bool, False, frozen=True)
    """TDX is initialised before any device, administrator or KVM can interfere."""
    asks_by_sys_rd = Var(bool, False, frozen=True)
    """It asks for the module's limits by TDH.SYS.RD, which module 1.0 has not."""
    looks_at_one_cmr = Var(bool, False, frozen=True)
    """A range counts as convertible only if a single CMR holds it."""
    memory_removal_tests_cpu_attribute = Var(bool, False, frozen=True)
    """Whether memory may go is asked of the attribute for CPUs."""
    asks_module_on_machine_check = Var(bool, False, frozen=True)
    """The handler of a machine check asks the module whose page it was."""
    flushes_only_marked_caches = Var(bool, False, frozen=True)
    """kexec flushes the caches of those CPUs only that made a SEAMCALL."""
