"""What was claimed in the seed thread, as properties that can be judged."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Severity,
    Step,
    Term,
    all_of,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.spec.host import Host, Running, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.rules.cpus import (
    no_key_is_stranded,
    no_vcpu_is_left_on_an_offline_cpu,
)
from tdxcheck.spec.rules.devices import device_memory_is_refused
from tdxcheck.spec.rules.power import POWER
from tdxcheck.spec.rules.refusals import REFUSALS
from tdxcheck.spec.sources import DH_1459, KH_0429, SEED, V3


@invariant(severity=Severity.MACHINE, sources=(KH_0429.at("claim C1"),))
def nothing_private_is_written_after_kexec(host: Host) -> Term[bool]:
    """After kexec no CPU holds modified private lines, old or new, to write back."""
    return forall(
        Cpu,
        lambda cpu: implies(
            (host.running == Running.SECOND) & host.inherited_module,
            ~host.stale_private_line[cpu] & ~host.private_dirty[cpu],
        ),
    )


@invariant(severity=Severity.MACHINE, sources=(KH_0429.at("claim C3"),))
def the_next_kernel_is_unharmed(host: Host) -> Term[bool]:
    """The next kernel meets no stale private line, and no poison."""
    return implies(
        host.next_kernel_owns_memory(),
        ~host.poisoned & forall(Cpu, lambda cpu: ~host.stale_private_line[cpu]),
    )


@invariant(severity=Severity.MACHINE, sources=(V3.at("00/21, on kexec"),))
def a_module_left_open_does_no_harm(host: Host) -> Term[bool]:
    """A kernel that owns the pages of an open module's PAMT comes to no harm by it."""
    return implies(
        (host.running == Running.SECOND) & host.module_configured(),
        ~host.poisoned & forall(Cpu, lambda cpu: ~host.stale_private_line[cpu]),
    )


@step_rule(severity=Severity.SERVICE, sources=(V3.at("00/21, on kexec"),))
def the_next_kernel_cannot_use_tdx(before: Host, step: Step, after: Host) -> Term[bool]:
    """A kernel that finds the module touched never comes to use TDX."""
    return implies(
        (before.running == Running.SECOND) & before.inherited_module,
        after.tdx != Tdx.INITIALIZED,
    )


@invariant(severity=Severity.GUEST, sources=(SEED.at("claim C7"),))
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
    """A kernel that uses TDX remembers as TDX memory just what lies in TDMRs."""
    return implies(
        host.tdx_in_use(),
        forall(Block, lambda block: host.tdx_memory[block] == host.in_tdmr[block]),
    )


@invariant(severity=Severity.MACHINE, sources=(DH_1459.at("claim C9"),))
def what_tdx_cannot_bear_is_refused(host: Host) -> Term[bool]:
    """Every event that TDX cannot bear is refused, visibly, and none is a crash.

    All rules of refusals and of suspend at once, and that no event is a crash.
    """
    rules = (*REFUSALS, device_memory_is_refused, *POWER)
    kept = all_of(*(rule.condition for rule in rules))
    return kept & (host.running != Running.NONE)


@invariant(severity=Severity.GUEST, sources=(V3.at("00/21, claim C11"),))
def a_cpu_may_go_and_come(host: Host) -> Term[bool]:
    """Whichever CPUs are offline, a TD can be run, and be torn down, by the others."""
    return all_of(
        no_key_is_stranded.condition, no_vcpu_is_left_on_an_offline_cpu.condition
    )


@invariant(severity=Severity.SERVICE, sources=(V3.at("14/21, claim C13"),))
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
