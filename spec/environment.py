"""What kernels take for granted of the machine, of firmware and of themselves.

Each is a switch that stands as Linux relies on it; the assumptions that deny one
are in `models/denials.py`, and `models/assumptions.py` has the table of all of it. What
becomes of memory when a hazard comes true is the state below.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import Int, Map, State, Var
from tdxcheck.spec.machine import Block


class Integrity(Enum):
    """How the memory controller tells that a line was written by somebody else."""

    CRYPTOGRAPHIC = "an owner bit and a MAC (Ci)"
    LOGICAL = "an owner bit (Li)"
    ACCESS_CONTROL = "access control only: nothing is detected"


class Obstacle(Enum):
    """What makes TDX of no use, or unsafe, on a machine that offers it."""

    NONE = "nothing"
    ONE_KEYID = "a single private KeyID, which the module takes"
    NO_NOTIFIER = "the memory notifier cannot be registered"
    PROCESSOR = "no MOVDIR64B, self-snoop, XSAVE, APICv or the like"


class Environment(State):
    """What is taken for granted, and what becomes of memory where it is not so."""

    integrity = Var(Integrity, frozen=True)
    soft_reserved_convertible = Var(bool, frozen=True)
    """What firmware calls specific-purpose memory lies in a CMR."""
    soft_reserved_as_memory = Var(bool, True, frozen=True)
    """The administrator gives such memory to the kmem driver."""
    memmap_on_memory = Var(bool, False, frozen=True)
    """The struct pages of hot-added memory lie in that memory itself."""

    module_wants_clean_pages = Var(bool, True, frozen=True)
    """No line of a page may be in a cache when a TD is given it."""

    low_memory_reserved = Var(bool, True, frozen=True)
    """A3: the page allocator never owns the first MiB."""
    memblock_follows_hotplug = Var(bool, True, frozen=True)
    """A4: memblock is kept after boot, and knows what was added since."""
    straddles_entries = Map(Block, bool, False, frozen=True)
    """A5 denied: the block spans two entries of the kernel's list."""
    straddles_cmrs = Map(Block, bool, False, frozen=True)
    """The block spans two CMRs, with no hole between them."""
    stray_writes = Var(bool, False, frozen=True)
    """A6 denied: a bug or a device writes to memory that TDX owns."""
    obstacle: Var[Obstacle] = Var(Obstacle, frozen=True)
    """What the kernel finds at boot that it must do without TDX for, if anything."""
    tdx_is_opted_into = Var(bool, True, frozen=True)
    """The administrator has asked for TDX: by tdx_host=on, or later by KVM's tdx=1."""
    vmx_is_for_guests_only = Var(bool, False, frozen=True)
    """KVM is to leave VMX to others while no guest runs: enable_virt_at_load=0."""
    xapic = Var(bool, False, frozen=True)
    """The local APICs are used by MMIO: a platform with TDX is locked to x2APIC."""
    cmrs_have_gaps = Var(bool, False, frozen=True)
    """An empty slot stands among the CMRs, which the module skips."""
    failed_creation_is_cleared = Var(bool, True, frozen=True)
    """Nothing private is left of a TDH.MNG.CREATE that met no entropy.

    Module 1.5.01 has then written the page, and KVM frees it as it is."""
    shortages_pass = Var(bool, frozen=True)
    """A shortage of entropy passes within the ten tries that a kernel may make."""
    failed_config_writes_pamt = Var(bool, False, frozen=True)
    """A12 denied: a TDH.SYS.CONFIG that fails has written part of the PAMT."""

    acpi_cpu_attribute = Var(bool, True, frozen=True)
    """The kernel holds that the platform has no ACPI CPU hotplug."""
    acpi_memory_attribute = Var(bool, True, frozen=True)
    """The same of ACPI memory hotplug; TDX sets both."""
    shared_keys_with_integrity = Var(bool, False, frozen=True)
    """The next kernel uses shared keys other than KeyID 0, which check integrity."""
    machine_check_address_masked = Var(bool, True, frozen=True)
    """The kernel masks the KeyID out of the address of a TD's machine check."""
    poison_is_read = Var(bool, False, frozen=True)
    """What holds poison is read: a machine check of the kernel itself."""

    overwritten = Var(bool, False)
    """A line of an earlier owner was written back over memory of the present one."""
    pamt_spoilt = Var(bool, False)
    """A line of the PAMT was last written without the module's key."""
    td_spoilt = Var(bool, False)
    """A line of the TD's memory was last written without the TD's key."""
    td_poisoned = Var(bool, False)
    """The TD has read such a line: a machine check, of which it dies."""
    memmap_inside = Map(Block, bool, False)
    """The kernel keeps the struct pages of the block, which was added, in itself."""
    memory_lock_miscount = Var(Int(-1, 0), 0)
    """By how much the count of memory hotplug's readers is wrong."""
