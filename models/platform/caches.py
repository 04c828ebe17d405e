"""Caches, owner bits and poison: what hardware makes of lines that two have written.

A cache writes a modified line back whenever it likes. What a line of private memory
then says is not what its present owner has put there; what a line of the PAMT says
no longer bears the module's mark.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, action, exists, implies, ite, one_of
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.td import page_rdmd
from tdxcheck.spec.environment import Integrity
from tdxcheck.spec.events import MACHINE_CHECK
from tdxcheck.spec.host import Actor, Host, Running, Td
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.sources import (
    BASE_SPEC,
    FLUSH_EARLY,
    KEXEC_V4,
    KEXEC_V7,
    L6_8,
    L6_18,
    MCE_MASK,
    MODULE_1_5,
    V3,
)

# Lines that are written back late.


@action(
    actor=Actor.HARDWARE,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 9.8, 16.2.4"), KEXEC_V7.at("2/7")),
)
def evict_private_line(host: Host, cpu: Cpu) -> None:
    """{cpu} writes a private line back, over what the new owner has put there."""
    handed_over = host.next_kernel_owns_memory() & host.stale_private_line[cpu]
    freed = host.freed_pamt_exists() & host.private_dirty[cpu]
    host.require(handed_over | freed)
    host.require(~host.overwritten)
    host.overwritten = True


@action(
    actor=Actor.HARDWARE,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 4.1, 16.2.4"), V3.at("17/21")),
)
def evict_pamt_line(host: Host, cpu: Cpu) -> None:
    """{cpu} writes an old line of the kernel's back, over what the module wrote."""
    host.require(host.module_may_use_pamt() & host.pamt_written)
    host.require(host.pamt_dirty[cpu])
    host.require(~host.pamt_spoilt)
    host.pamt_spoilt = True


@action(
    actor=Actor.HARDWARE,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 9.8, 16.2.4"), L6_18.at("tdx_clflush_page()")),
)
def evict_given_line(host: Host, cpu: Cpu) -> None:
    """{cpu} writes an old line of the kernel's back, over a page that a TD was given.

    Where the module sees to that itself, it does not ask for the flush.
    """
    host.require(host.module_wants_clean_pages & ~host.flushes_given_pages)
    host.require(host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    host.td_spoilt = True


@action(
    actor=Actor.MODULE,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 4.4.2, 16.2.3, 16.6"),),
)
def module_reads_poison(host: Host) -> None:
    """The module reads a line of the PAMT that lost its owner: TDX is dead.

    The LP shuts down, and every later SEAMCALL, on any LP, is VMfailInvalid. With
    access control only the module reads what is there, and does not notice.
    """
    host.require(host.pamt_spoilt)
    host.require(host.integrity != Integrity.ACCESS_CONTROL)
    host.require(host.tdx_in_use())
    host.require(host.seam_ready)
    host.seam_ready = False


@action(
    actor=Actor.KERNEL,
    kinds={Kind.FAULT},
    sources=(FLUSH_EARLY.at("commit message"), V3.at("19/21, stop_this_cpu()")),
)
def kexec_hangs(host: Host, cpu: Cpu) -> None:
    """kexec from {cpu} goes on while another CPU still writes its caches back.

    WBINVD as a CPU stops takes so long that kexec gives up waiting. That was seen
    of the flush of v6.18's series; that it is so of v3's and v13's is derived.
    """
    host.require(host.running == Running.FIRST)
    host.require(host.in_service())
    host.require(host.kexec_loaded)
    host.require(host.online(cpu))
    host.require(exists(Cpu, lambda c: ~(c == cpu) & host.kexec_flushes_late(c)))
    host.running = Running.HUNG


# Machine checks.


@action(
    actor=Actor.KERNEL,
    event=MACHINE_CHECK,
    sources=(L6_8.at("tdx_dump_mce_info(), paddr_is_tdx_private()"),),
)
def machine_check(host: Host, cpu: Cpu) -> None:
    """A memory error on {cpu}: TDH.PHYMEM.PAGE.RDMD there is asked whose page it was.

    Any error of the call means "not private". A kernel that does without TDX since boot
    does not ask. Nothing keeps one from a CPU that is stopped for an update. Of a
    second kernel's machine checks those are followed that come of poison, in VMX
    operation.
    """
    second = host.running == Running.SECOND
    follows = host.runs_same_code() & host.poisoned & host.vmx_on[cpu]
    host.require(host.asks_module_on_machine_check & ~host.hidden_at_boot())
    host.require(implies(second, follows))
    host.require(host.in_service() | host.updating())
    host.require(host.online(cpu))
    seamcall(host, page_rdmd, cpu, marks=host.marks_cache_of_page_rdmd)


@action(
    actor=Actor.KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2.3"),),
)
def read_poison(host: Host) -> None:
    """The kernel reads what holds poison: a machine check that it does not survive."""
    host.require(host.poison_is_read)
    host.require(host.poisoned)
    host.require(one_of(host.running, Running.FIRST, Running.SECOND))
    host.running = Running.NONE


@action(
    actor=Actor.SECOND_KERNEL,
    kinds={Kind.HARDWARE},
    sources=(KEXEC_V4.at("cover letter"), BASE_SPEC.at("ch. 16.2.3")),
)
def read_private_memory(host: Host) -> None:
    """The next kernel reads memory that is private by a key that checks its MAC.

    KeyID 0 has no integrity: such a read gives zeros, and poisons nothing.
    """
    host.require(host.shared_keys_with_integrity)
    host.require(host.integrity == Integrity.CRYPTOGRAPHIC)
    host.require(one_of(host.running, Running.SECOND, Running.CRASH))
    host.require(host.private_page_in_allocator)
    host.poisoned = True


# Writes that nobody should make.


@action(
    actor=Actor.KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2.4"), L6_8.at("is_pamt_page()")),
)
def stray_write_to_pamt(host: Host) -> None:
    """The kernel, or a device, writes a line of the PAMT."""
    host.require(host.stray_writes)
    host.require(host.module_may_use_pamt() & host.pamt_written)
    host.pamt_spoilt = True


@action(
    actor=Actor.KERNEL,
    kinds={Kind.HARDWARE},
    sources=(BASE_SPEC.at("ch. 16.2.4"),),
)
def stray_write_to_td(host: Host) -> None:
    """The kernel, or a device, writes a line of the TD's memory."""
    host.require(host.stray_writes)
    host.require(host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED))
    host.td_spoilt = True


@action(
    actor=Actor.HARDWARE,
    kinds={Kind.HARDWARE},
    sources=(
        MODULE_1_5.at("td_other_exits.c"),
        BASE_SPEC.at("ch. 16.5"),
        MCE_MASK.at("whole patch"),
    ),
)
def td_reads_poison(host: Host, cpu: Cpu) -> None:
    """The TD, on {cpu}, reads a line that lost its owner, and is marked fatal.

    The kernel takes the page out of use, by the address of the machine check. That
    another page is taken if its KeyID is left in, and the poison comes back to the
    allocator with the TD's memory, is recalled.
    """
    host.require(host.td_spoilt)
    host.require(host.integrity != Integrity.ACCESS_CONTROL)
    host.require(host.tdx_in_use() & (host.td == Td.KEYS_CONFIGURED))
    host.require(host.seam_ready & host.vcpu_on[cpu])
    poisoned = host.poisoned
    host.td_poisoned = True
    host.poisoned = ite(host.machine_check_address_masked, poisoned, True)


CACHES = (
    evict_private_line,
    evict_pamt_line,
    evict_given_line,
    module_reads_poison,
    kexec_hangs,
    machine_check,
    read_poison,
    read_private_memory,
    stray_write_to_pamt,
    stray_write_to_td,
    td_reads_poison,
)
