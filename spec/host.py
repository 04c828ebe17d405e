"""The state of a TDX host: the machine, the TDX module, a kernel and one TD.

Not modelled at this depth: single pages (a memory block, the PAMT and the TD's
memory are each one thing; of Dynamic PAMT there is one region of single pages), more
than one TD and more than one vCPU, and time.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Map,
    Term,
    Var,
    all_of,
    any_of,
    definition,
    exists,
    forall,
    implies,
    ite,
    one_of,
)
from tdxcheck.spec.dynamic_pamt import DynamicPamt
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.handover import Handover
from tdxcheck.spec.kernel import Kernel
from tdxcheck.spec.machine import Block, Cpu, Package, Tdmr
from tdxcheck.spec.module import FIRST_SAMPLE, Module, Sample, SysState
from tdxcheck.spec.platform import Platform
from tdxcheck.spec.update import Image, Updates
from tdxcheck.spec.vocabulary import (
    Actor,
    Kvm,
    MemoryKind,
    Presence,
    Running,
    SysInitResult,
    Td,
    Tdx,
    Told,
)

__all__ = [
    "Actor",
    "Host",
    "Kvm",
    "MemoryKind",
    "Presence",
    "Running",
    "SysInitResult",
    "Td",
    "Tdx",
    "Told",
]


class Host(DynamicPamt, Module, Platform, Kernel, Handover, Updates):
    """A host, whole."""

    pamt_written = Var(bool, False)
    """The module has begun to write the PAMT, with its private key."""
    in_tdmr = Map(Block, bool, False)
    """The block lies in a TDMR of the configuration that the module accepted."""

    @definition
    def tdx_in_use(self) -> Term[bool]:
        """The running kernel has initialised TDX, and KVM offers it."""
        offered = (self.tdx == Tdx.INITIALIZED) & (self.kvm == Kvm.LOADED)
        return offered & ~self.disabling

    @definition
    def kvm_is_loaded(self) -> Term[bool]:
        """KVM is loaded, with TDX or without."""
        return one_of(self.kvm, Kvm.LOADED, Kvm.WITHOUT_TDX)

    @definition
    def kvm_offers_tdx(self) -> Term[bool]:
        """KVM makes calls for TDs: it found TDX in use, and hears of no failure."""
        served = one_of(self.tdx, Tdx.INITIALIZED, Tdx.UPDATE_FAILED)
        return served & (self.kvm == Kvm.LOADED) & ~self.disabling

    @definition
    def given_up(self) -> Term[bool]:
        """The running kernel's initialisation of TDX has failed, for good."""
        barred = self.sys_init_result == SysInitResult.FAILED
        early = one_of(self.tdx, Tdx.UNINITIALIZED, Tdx.STARTED)
        return (self.tdx == Tdx.ERROR) | (barred & early)

    def healthy(self, sample: Sample) -> Term[bool]:
        """A call meets registers that are as they should be, or faults may happen.

        The register that may be otherwise is TSX_CTRL, unless it is cleared first.
        """
        usual = all_of(sample == FIRST_SAMPLE)
        return (self.faults & ~self.clears_tsx_control) | usual

    def in_service(self) -> Term[bool]:
        """A kernel runs that does more than write a crash dump, and has booted."""
        booted = implies(
            self.initializes_at_boot,
            one_of(
                self.tdx,
                Tdx.INITIALIZED,
                Tdx.ERROR,
                Tdx.DISABLED,
                Tdx.UPDATE_FAILED,
            ),
        )
        running = one_of(self.running, Running.FIRST, Running.SECOND)
        return running & booted & ~self.disabling

    @definition
    def updating(self) -> Term[bool]:
        """Every CPU is stopped for an update of the module: nothing else happens."""
        return self.tdx == Tdx.UPDATING

    @definition
    def updated(self) -> Term[bool]:
        """An update has ended well: TDX is in use with a new image."""
        return (self.image == Image.NEW) & (self.tdx == Tdx.INITIALIZED)

    @definition
    def update_failed(self) -> Term[bool]:
        """An update has failed after the old module was shut down."""
        return self.tdx == Tdx.UPDATE_FAILED

    @definition
    def module_touched(self) -> Term[bool]:
        """The module no longer waits for its first TDH.SYS.INIT."""
        return self.sys_state != SysState.SYSINIT_PENDING

    def hidden_at_boot(self) -> Term[bool]:
        """The kernel does without TDX: it lacks what that needs, or may hibernate.

        Or nobody has asked for it, where that is waited for.
        """
        hibernates = self.gives_way_to_hibernation & self.hibernation
        blind = self.does_without_a_lost_notifier & self.faces(Obstacle.NO_NOTIFIER)
        bare = self.leaves_tds_a_keyid & self.faces(Obstacle.ONE_KEYID)
        unasked = self.waits_for_opt_in & ~self.tdx_is_opted_into
        return any_of(
            hibernates, blind, bare, unasked, self.requires_x2apic & self.xapic
        )

    def processor_serves(self) -> Term[bool]:
        """The processor is fit for TDX, or the kernel does not look."""
        return ~self.checks_processor | ~self.faces(Obstacle.PROCESSOR)

    def kvm_is_asked_for_tdx(self) -> Term[bool]:
        """KVM's parameters ask for TDX and let it have VMX, or KVM does not look."""
        asked = ~self.waits_for_kvm_parameter | self.tdx_is_opted_into
        confined = self.requires_virtualization_at_load & self.vmx_is_for_guests_only
        return asked & ~confined

    def faces(self, obstacle: Obstacle) -> Term[bool]:
        return self.obstacle == obstacle

    @definition
    def kvm_may_load(self) -> Term[bool]:
        """This kernel may ask for TDX."""
        second = self.running == Running.SECOND
        return (
            self.in_service()
            & ~self.hidden_at_boot()
            & self.processor_serves()
            & self.kvm_is_asked_for_tdx()
            & implies(second, self.runs_same_code())
        )

    def never(self) -> Term[bool]:
        return all_of(False)

    @definition
    def tdx_list_is_empty(self) -> Term[bool]:
        """The kernel's list of TDX memory is empty: TDX is not initialised."""
        return forall(Block, lambda block: ~self.tdx_memory[block])

    @definition
    def tdx_memory_is_convertible(self) -> Term[bool]:
        """All memory that the kernel listed lies in CMRs, and so not below 1 MiB."""
        return self.leaves_low_memory_out & forall(
            Block, lambda b: implies(self.tdx_memory[b], self.convertible(b))
        )

    @definition
    def found_in_cmrs(self) -> Term[bool]:
        """All memory that the kernel listed looks convertible to it.

        Nothing does to one that takes a gap in the table of CMRs for a firmware bug.
        """
        whole = self.leaves_low_memory_out & ~self.cmrs_have_gaps
        return whole & forall(
            Block,
            lambda b: implies(
                self.tdx_memory[b],
                self.convertible(b) & ~(self.looks_at_one_cmr & self.straddles_cmrs[b]),
            ),
        )

    @definition
    def found_in_list(self, block: Block) -> Term[bool]:
        """One entry of the kernel's list holds the whole block."""
        return self.tdx_memory[block] & ~self.straddles_entries[block]

    @definition
    def package_present(self, package: Package) -> Term[bool]:
        """A CPU of the package is there, online or not."""
        return exists(
            Cpu,
            lambda c: (
                (self.cpu[c] != Presence.ABSENT) & (self.package_of[c] == package)
            ),
        )

    def cache_write_back_possible(self, cpu: Cpu) -> Term[bool]:
        """A package whose lines are not yet written back has this CPU online."""
        return self.online(cpu) & self.td_key_configured[self.package_of[cpu]]

    @definition
    def initializing(self) -> Term[bool]:
        """The running kernel is in the middle of initialising TDX."""
        return (self.kvm == Kvm.LOADING) | one_of(
            self.tdx, Tdx.STARTED, Tdx.BUILT, Tdx.CONFIGURED, Tdx.UNDOING, Tdx.STOPPING
        )

    @definition
    def booting(self) -> Term[bool]:
        """A kernel that initialises TDX as it boots has not yet come to that."""
        runs = one_of(self.running, Running.FIRST, Running.SECOND, Running.CRASH)
        return self.initializes_at_boot & runs & (self.tdx == Tdx.UNINITIALIZED)

    @definition
    def cpu_hotplug_locked(self) -> Term[bool]:
        """No CPU comes or goes: the kernel initialises TDX, or KVM makes or ends a TD.

        cpus_read_lock() is held from the check of the packages to the last key, and
        from TDH.VP.FLUSH until the KeyID is free, or lost.
        """
        held = self.locks_cpu_hotplug_for_tds & self.td_keys_change()
        return (self.locks_cpu_hotplug & self.initializing()) | held

    @definition
    def td_keys_change(self) -> Term[bool]:
        """KVM programs a TD's key in one package after another, or clears it there."""
        unkeyed = exists(
            Cpu,
            lambda c: self.online(c) & ~self.td_key_configured[self.package_of[c]],
        )
        midway = ((self.td == Td.HKID_ASSIGNED) & unkeyed) | (self.td == Td.BLOCKED)
        return self.tdx_in_use() & self.seam_ready & ~self.hkid_leaked & midway

    @definition
    def virtualization_has_a_user(self) -> Term[bool]:
        """KVM is there, or the core kernel, which has set up TDX or is about to."""
        core = self.initializes_at_boot & (self.tdx != Tdx.ERROR)
        return (self.kvm != Kvm.UNLOADED) | core

    @definition
    def memory_hotplug_locked(self) -> Term[bool]:
        """The kernel builds and configures TDMRs, with memory hotplug locked out."""
        return self.locks_memory_hotplug & one_of(
            self.tdx, Tdx.BUILT, Tdx.CONFIGURED, Tdx.UNDOING
        )

    @definition
    def hkids_counted(self) -> Term[bool]:
        """KVM's counter says that KeyIDs are in use."""
        miscounted = self.hkid_miscount != 0
        return (self.hkid_in_use() & ~miscounted) | (~self.hkid_in_use() & miscounted)

    @definition
    def hkids_seem_in_use(self) -> Term[bool]:
        """To the kernel some TD holds a KeyID."""
        return ite(self.counts_hkids_exactly, self.hkid_in_use(), self.hkids_counted())

    @definition
    def every_tdmr_complete(self) -> Term[bool]:
        """Every TDMR of the configuration is initialised to its end."""
        return forall(Tdmr, self.tdmr_complete)

    @definition
    def module_configured(self) -> Term[bool]:
        """The module has accepted a configuration and may use the PAMT."""
        return one_of(self.sys_state, SysState.SYSCONFIG_DONE, SysState.SYS_READY)

    @definition
    def module_keyed(self) -> Term[bool]:
        """The global key is programmed in every package that firmware counted."""
        return forall(
            Package, lambda p: implies(self.package_counted[p], self.key_configured[p])
        )

    def online(self, cpu: Cpu) -> Term[bool]:
        return self.cpu[cpu] == Presence.ONLINE

    @definition
    def package_has_online_cpu(self, package: Package) -> Term[bool]:
        """A CPU of the package is online."""
        return exists(Cpu, lambda c: self.online(c) & (self.package_of[c] == package))

    @definition
    def every_online_cpu_initialized(self) -> Term[bool]:
        """The kernel has run TDH.SYS.LP.INIT on every online CPU."""
        return forall(Cpu, lambda c: implies(self.online(c), self.lp_init_done[c]))

    @definition
    def every_package_keyed(self) -> Term[bool]:
        """Every package with an online CPU has its global key."""
        return forall(
            Cpu,
            lambda c: implies(self.online(c), self.key_configured[self.package_of[c]]),
        )

    @definition
    def module_may_use_pamt(self) -> Term[bool]:
        """The module holds a configuration, and its kernel may still call it."""
        return (
            self.module_configured()
            & self.seam_ready
            & ~self.given_up()
            & (self.running == Running.FIRST)
        )

    @definition
    def next_kernel_owns_memory(self) -> Term[bool]:
        """A kernel runs after kexec that uses memory the first one used."""
        return (self.running == Running.SECOND) | (
            (self.running == Running.CRASH) & ~self.crash_kernel_stays_in_reservation
        )

    @definition
    def freed_pamt_exists(self) -> Term[bool]:
        """The first kernel owns pages of a PAMT that the module has written."""
        return (
            (self.running == Running.FIRST) & self.pamt_written & ~self.pamt_allocated
        )

    @definition
    def kexec_flushes_late(self, cpu: Cpu) -> Term[bool]:
        """kexec from another CPU has this one flush its caches only as it stops."""
        wanted = implies(self.flushes_only_marked_caches, self.marked[cpu])
        late = self.flushes_other_cpus & ~self.flushes_when_seamcalls_end
        return self.online(cpu) & late & wanted

    def is_dram(self, block: Block) -> Term[bool]:
        return one_of(
            self.memory_kind[block], MemoryKind.BOOT_DRAM, MemoryKind.HOT_PLUG_DRAM
        )

    def device_is_used(self, block: Block) -> Term[bool]:
        """Devices of the block's kind are used as memory here."""
        is_cxl = self.memory_kind[block] == MemoryKind.CXL
        return ite(is_cxl, self.cxl_memory, self.persistent_memory)

    @definition
    def td_memory_available(self, block: Block) -> Term[bool]:
        """The page allocator may hand pages of the block to a TD."""
        return self.tdx_in_use() & (self.memory[block] == Presence.ONLINE)

    @definition
    def private_memory_exists(self) -> Term[bool]:
        """Memory outside the module was last written with a private key."""
        pamt_reset = self.resets_freed_pamt & ~self.pamt_allocated
        pamt = self.pamt_written & ~pamt_reset
        return pamt | self.hkid_in_use() | self.private_page_in_allocator

    def vcpu_held_elsewhere(self, cpu: Cpu) -> Term[bool]:
        """The TD's vCPU is associated with a CPU where TDH.VP.FLUSH cannot run."""
        return exists(Cpu, lambda c: self.vcpu_on[c] & ~(c == cpu) & ~self.online(c))

    def another_cpu_online(self, cpu: Cpu) -> Term[bool]:
        return exists(Cpu, lambda other: self.online(other) & ~(other == cpu))

    @definition
    def last_online_cpu_of_package(self, cpu: Cpu) -> Term[bool]:
        """No other CPU of the package is online."""
        return ~exists(
            Cpu,
            lambda other: (
                self.online(other)
                & ~(other == cpu)
                & (self.package_of[other] == self.package_of[cpu])
            ),
        )

    @definition
    def hkid_in_use(self) -> Term[bool]:
        """A TD holds a KeyID, whose keys and cache lines must one day be cleared."""
        return self.td != Td.NONE
