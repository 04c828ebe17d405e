"""Rules of caches, keys and poison: who last wrote a line, and who reads it next.

The first four are about what might be written or read; the next two about what was.
Of a line that might be written back the first rule to break is the earlier one, and
so the stronger: no eviction is needed. What a machine check does then to a kernel is
in `models/hazards.py`, on a machine where poison is read.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.spec.events import CRASH_KEXEC, KEXEC, REBOOT
from tdxcheck.spec.host import Host, Running
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DISABLE_V3,
    K6_16,
    KEXEC_V7,
    L6_8,
    L6_18,
    V3,
    V13,
)


@invariant(
    severity=Severity.MACHINE,
    sources=(V3.at("17/21"), BASE_SPEC.at("ch. 4.1, step 7")),
)
def pamt_is_clean_when_written(host: Host) -> Term[bool]:
    """When the module writes the PAMT, no CPU's cache holds old lines of it.

    Written back later, such a line clears the module's ownership of it: the module
    reads poison, and TDX is dead until the machine is reset. A CPU that is offline
    then is clean only if it was flushed when it went (A11).
    """
    return implies(
        host.pamt_written & host.module_may_use_pamt(),
        forall(Cpu, lambda cpu: ~host.pamt_dirty[cpu]),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(V3.at("17/21"), L6_8.at("init_tdx_module(), error path")),
)
def no_private_line_survives_failure(host: Host) -> Term[bool]:
    """Once a failed initialisation has freed the PAMT, no cache holds lines of it.

    Written back later, such a line overwrites whatever the allocator has put there.
    """
    return implies(
        host.freed_pamt_exists(),
        forall(Cpu, lambda cpu: ~host.private_dirty[cpu]),
    )


@invariant(
    severity=Severity.PRECAUTION,
    sources=(
        DISABLE_V3.at("2/5, on play_dead"),
        L6_8.at("init_tdx_module(), error path"),
    ),
)
def offline_cpus_hold_no_private_lines(host: Host) -> Term[bool]:
    """No cache of a CPU that is offline holds private lines.

    Every flush that comes later reaches the CPUs that are online alone (A11): what is
    in the cache of another is written back whenever that CPU evicts it, whoever has
    the page by then.
    """
    return implies(
        host.running == Running.FIRST,
        forall(Cpu, lambda c: implies(~host.online(c), ~host.private_dirty[c])),
    )


@step_rule(severity=Severity.PRECAUTION, sources=(KEXEC_V7.at("3/7"),))
def every_seamcall_marks_its_cache(before: Host, step: Step, after: Host) -> Term[bool]:
    """A kernel that flushes only marked caches marks a CPU's with each SEAMCALL there.

    Whatever the call was for, it may have left private lines: a cache that is not
    marked is passed over by every flush to come. What is called on the way to another
    kernel is left out: that flushes at once.
    """
    leaves = step.is_(KEXEC) | step.is_(CRASH_KEXEC) | step.is_(REBOOT)
    first = (before.running == Running.FIRST) & ~leaves & ~after.disabling

    def marked(cpu: Cpu) -> Term[bool]:
        return after.marked[cpu] | ~before.flushes_only_marked_caches

    calls = first & step.is_(Kind.SEAMCALL)
    return forall(Cpu, lambda cpu: implies(calls & step.at(cpu), marked(cpu)))


@invariant(
    severity=Severity.MACHINE,
    sources=(K6_16.at("tdx_reclaim_td_control_pages()"), BASE_SPEC.at("ch. 9.8")),
)
def ended_tds_leave_no_lines(host: Host) -> Term[bool]:
    """Of a TD's page that is back in the allocator no cache holds private lines.

    Such a line is written back whenever the CPU evicts it, over whatever the page's
    next owner has put there, and nothing tells of it.

    TDH.PHYMEM.CACHE.WB writes back what bears the TD's own KeyID; the TDR bears the
    module's, and so does a page that the module has not given back. A page that goes
    back while the TD lives is flushed by itself.
    """
    return implies(host.running == Running.FIRST, ~host.td_page_unflushed)


@invariant(
    severity=Severity.MACHINE,
    sources=(V13.at("17/22"), L6_8.at("tdmrs_reset_pamt_all()")),
)
def freed_pamt_is_not_poisoned(host: Host) -> Term[bool]:
    """No memory that TDX gave back to its own kernel is ever poisoned.

    Whoever reads poison next meets a machine check, and here that is the kernel itself.

    On parts with the partial-write erratum what was private must be cleared by
    MOVDIR64B before the allocator may hand it out: the PAMT of a failed
    initialisation, and the pages of a TD.
    """
    return implies(host.running == Running.FIRST, ~host.poisoned)


@invariant(
    severity=Severity.MACHINE,
    sources=(BASE_SPEC.at("ch. 16.2.4"), KEXEC_V7.at("2/7")),
)
def memory_is_not_overwritten(host: Host) -> Term[bool]:
    """Nothing that an earlier owner left in a cache overwrites the next one's memory.

    What it leaves is ciphertext under a key that nobody has any more. Writes are
    checked by nothing: no machine check tells of it.
    """
    owned_anew = host.next_kernel_owns_memory() | host.freed_pamt_exists()
    return implies(owned_anew, ~host.overwritten)


@invariant(
    severity=Severity.MACHINE,
    sources=(BASE_SPEC.at("ch. 4.4.2, 16.2.3, 16.6"), V3.at("17/21")),
)
def pamt_keeps_its_owner(host: Host) -> Term[bool]:
    """Every line of the PAMT that the module reads was last written by the module.

    A line that was not is poison to it, wherever memory has integrity: the LP shuts
    down in SEAM, and every later SEAMCALL on the platform is VMfailInvalid.
    """
    return implies(host.pamt_written & host.module_may_use_pamt(), ~host.pamt_spoilt)


@invariant(
    severity=Severity.GUEST,
    sources=(BASE_SPEC.at("ch. 9.8, 16.5"), L6_18.at("tdx_clflush_page()")),
)
def td_memory_keeps_its_owner(host: Host) -> Term[bool]:
    """Every line of a TD's memory was last written by the TD.

    A line that was the kernel's, and is written back after the TD has the page, clears
    the TD's ownership of it: what the TD reads is poison, and it is marked fatal.
    """
    return implies(host.tdx_in_use() & host.hkid_in_use(), ~host.td_spoilt)


CACHES = (
    pamt_is_clean_when_written,
    no_private_line_survives_failure,
    offline_cpus_hold_no_private_lines,
    every_seamcall_marks_its_cache,
    ended_tds_leave_no_lines,
    td_memory_keeps_its_owner,
    freed_pamt_is_not_poisoned,
    memory_is_not_overwritten,
    pamt_keeps_its_owner,
)
