"""What was claimed in the seed thread, as properties that can be judged."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    all_of,
    exists,
    forall,
    implies,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.spec.host import Host, Running, Tdx
from tdxcheck.spec.machine import Block, Cpu, Hkid
from tdxcheck.spec.module import HkidState, Status
from tdxcheck.spec.rules.cpus import (
    no_key_is_stranded,
    no_vcpu_is_left_on_an_offline_cpu,
)
from tdxcheck.spec.rules.devices import device_memory_is_refused
from tdxcheck.spec.rules.power import suspend_is_refused, tdx_in_use_has_a_module
from tdxcheck.spec.rules.refusals import REFUSALS
from tdxcheck.spec.sources import DH_1459, KEXEC_V7, KH_0427, SEED, V3
from tdxcheck.spec.update import Image


def unharmed(host: Host) -> Term[bool]:
    """No stale private line, and no poison, where the next kernel uses memory."""
    return implies(
        host.next_kernel_owns_memory(),
        ~host.poisoned & forall(Cpu, lambda cpu: ~host.stale_private_line[cpu]),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(KH_0427.at("claim C1"), KEXEC_V7.at("3/7, on SEAMCALLs and caches")),
)
def nothing_private_is_written_after_kexec(host: Host) -> Term[bool]:
    """After kexec or a crash nothing is written with a private key.

    Not by a line that a cache still holds, not by the module, a vCPU or a device,
    and not by a SEAMCALL: Linux reckons that each leaves private lines in the cache.
    """
    after = one_of(host.running, Running.SECOND, Running.CRASH)
    return implies(
        after & host.inherited_module,
        ~host.written_privately
        & ~host.seamcall_made
        & forall(
            Cpu, lambda cpu: ~host.stale_private_line[cpu] & ~host.private_dirty[cpu]
        ),
    )


@step_rule(severity=Severity.MACHINE, sources=(KH_0427.at("claim C3"),))
def nothing_worse_befalls_the_next_kernel(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """The next kernel meets no stale line and no poison, and calls no module twice.

    Worse than one SEAMCALL that fails is what befalls its memory, and what it does
    to a module that it does not know.
    """
    second = (before.running == Running.SECOND) & before.inherited_module
    return unharmed(after) & implies(
        second & step.is_(Kind.SEAMCALL), ~before.seamcall_made
    )


@invariant(severity=Severity.MACHINE, sources=(KH_0427.at("on kexec"),))
def the_next_kernel_is_unharmed(host: Host) -> Term[bool]:
    """The next kernel meets no stale private line, and no poison."""
    return unharmed(host)


@step_rule(severity=Severity.MACHINE, sources=(V3.at("00/21, on kexec"),))
def a_module_left_open_does_no_harm(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A kernel that owns an open module's memory is unharmed, and cannot call it."""
    open_module = (before.running == Running.SECOND) & before.module_configured()
    return implies(
        open_module,
        unharmed(before)
        & unharmed(after)
        & ~(step.is_(Kind.SEAMCALL) & step.answers(Status.TDX_SUCCESS)),
    )


@step_rule(severity=Severity.MACHINE, sources=(V3.at("00/21, on kexec"),))
def a_module_taken_over_is_known(before: Host, step: Step, after: Host) -> Term[bool]:
    """A kernel that takes over the module it found knows all that the module has.

    Its list is what lies in TDMRs, the PAMT is not in its page allocator, and no
    page belongs to a TD that it has not created.
    """
    second = (before.running == Running.SECOND) & before.inherited_module
    taken_over = (before.tdx != Tdx.INITIALIZED) & (after.tdx == Tdx.INITIALIZED)
    listed = forall(
        Block, lambda block: after.tdx_memory[block] == after.in_tdmr[block]
    )
    return implies(
        second & taken_over, listed & after.pamt_allocated & ~before.hkid_in_use()
    )


@invariant(severity=Severity.GUEST, sources=(KH_0427.at("claim C7"),))
def the_manual_is_enough(host: Host) -> Term[bool]:
    """Memory that TDs may get lies in TDMRs, CPUs that are online are initialised."""
    return implies(
        host.tdx_in_use(),
        forall(
            Block,
            lambda block: implies(host.td_memory_available(block), host.in_tdmr[block]),
        )
        & forall(Cpu, lambda cpu: implies(host.online(cpu), host.lp_initialized[cpu])),
    )


@invariant(severity=Severity.SERVICE, sources=(DH_1459.at("claim C8"),))
def online_cpus_are_verified(host: Host) -> Term[bool]:
    """While TDX is in use, every online CPU is one that firmware verified at boot."""
    return forall(
        Cpu,
        lambda cpu: implies(host.tdx_in_use() & host.online(cpu), host.counted[cpu]),
    )


@invariant(severity=Severity.MACHINE, sources=(DH_1459.at("claim C6"),))
def kept_configurations_are_right(host: Host) -> Term[bool]:
    """A kernel that uses TDX remembers what its module has, or does not go by it.

    The memory in TDMRs, where the PAMT is, the module's own KeyID, its version; and of
    features and limits those that it has set TDX up for.

    A module that has lost its configuration, as in a sleep, has none to be known.
    CMRs, and which KeyIDs are private, are firmware's, and change with a reset only.
    """
    listed = forall(Block, lambda block: host.tdx_memory[block] == host.in_tdmr[block])
    own = exists(
        Hkid,
        lambda hkid: host.global_hkid[hkid] & (host.kot[hkid] == HkidState.RESERVED),
    )
    return implies(
        host.tdx_in_use(),
        host.seam_ready
        & listed
        & host.pamt_allocated
        & own
        & host.keeps_own_keyid_from_tds
        & (host.known_version == host.image)
        & (host.known_features == Image.BOOT),
    )


@invariant(severity=Severity.MACHINE, sources=(SEED.at("controlled incompatibility"),))
def what_tdx_cannot_bear_is_refused(host: Host) -> Term[bool]:
    """Every event that TDX cannot bear is refused, visibly, and none is a crash.

    All rules of refusals and of suspend at once, and that no event is a crash.
    """
    power = (suspend_is_refused, tdx_in_use_has_a_module)
    rules = (*REFUSALS, device_memory_is_refused, *power)
    kept = all_of(*(rule.condition for rule in rules))
    return kept & (host.running != Running.NONE)


@invariant(severity=Severity.GUEST, sources=(V3.at("00/21, claim C11"),))
def a_cpu_may_go_and_come(host: Host) -> Term[bool]:
    """Whichever CPUs are offline, a TD runs, and is torn down, by all of the others.

    That every CPU was online once, before the initialisation, need not be assumed:
    without TDH.SYS.LP.INIT on each the module refuses TDH.SYS.CONFIG.
    """
    ready = forall(
        Cpu,
        lambda cpu: implies(
            host.tdx_in_use() & host.online(cpu),
            host.vmx_on[cpu] & host.lp_initialized[cpu],
        ),
    )
    return all_of(
        ready,
        no_key_is_stranded.condition,
        no_vcpu_is_left_on_an_offline_cpu.condition,
    )


@invariant(severity=Severity.SERVICE, sources=(V3.at("11/21, claim C13"),))
def listed_memory_is_accepted(host: Host) -> Term[bool]:
    """What the kernel lists as TDX memory, the module accepts in TDMRs."""
    return implies(host.tdx == Tdx.BUILT, host.tdx_memory_is_convertible())


@invariant(severity=Severity.SERVICE, sources=(V3.at("19/21, claim C14"),))
def vmx_is_on_where_tdx_is(host: Host) -> Term[bool]:
    """While TDX is initialised, every online CPU can make a SEAMCALL."""
    return implies(
        (host.tdx == Tdx.INITIALIZED) & (host.running == Running.FIRST),
        forall(Cpu, lambda cpu: implies(host.online(cpu), host.vmx_on[cpu])),
    )
