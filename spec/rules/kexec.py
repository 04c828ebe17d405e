"""Rules of what the next kernel finds."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    forall,
    implies,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.spec.events import CRASH_KEXEC, KEXEC
from tdxcheck.spec.host import Host, Running, Tdx
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import (
    BASE_SPEC,
    CRASH_C,
    DISABLE_V3,
    FLUSH_EARLY,
    KEXEC_MUTEX,
    KEXEC_V4,
    KEXEC_V7,
    KH_0427,
    MODULE_1_5,
    V3,
)
from tdxcheck.spec.steps import asks_in_vain


@invariant(
    severity=Severity.MACHINE,
    sources=(
        V3.at("19/21 (WBINVD in stop_this_cpu() only)"),
        KEXEC_V7.at("2/7"),
        BASE_SPEC.at("ch. 9.8"),
    ),
)
def no_private_line_survives_kexec(host: Host) -> Term[bool]:
    """After kexec no CPU's cache holds modified lines of private memory.

    Such a line is written back whenever the CPU evicts it, over whatever the
    new kernel has put there.
    """
    return forall(
        Cpu,
        lambda cpu: implies(
            host.next_kernel_owns_memory(), ~host.stale_private_line[cpu]
        ),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(
        KEXEC_V4.at("cover letter, partial write erratum"),
        BASE_SPEC.at("ch. 16.2"),
    ),
)
def next_kernel_is_not_poisoned(host: Host) -> Term[bool]:
    """After kexec no memory of the new kernel is poisoned.

    On parts with the partial-write erratum, a write of less than a line to
    memory that is still private poisons it, and the next read is a machine check.
    """
    return implies(host.next_kernel_owns_memory(), ~host.poisoned)


@step_rule(
    severity=Severity.SERVICE,
    sources=(KH_0427.at("claim on the second kernel"), MODULE_1_5.at("tdh_sys_init.c")),
)
def next_kernel_stops_at_first_seamcall(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A kexec'd kernel that meets a module in use makes one SEAMCALL, which fails.

    What the first kernel configured is unknown to the second, or to one that writes a
    crash dump: every later call would act on memory that it has given away.
    """
    return implies(
        one_of(before.running, Running.SECOND, Running.CRASH)
        & before.inherited_module
        & step.is_(Kind.SEAMCALL),
        ~before.seamcall_made & ~step.answers(Status.TDX_SUCCESS),
    )


@step_rule(
    severity=Severity.SERVICE,
    sources=(DISABLE_V3.at("cover letter, tdx_shutdown()"),),
)
def kexec_leaves_the_module_disabled(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A module that can be disabled is, before another kernel runs.

    It has then cleared all memory that it ever had, and waits for TDH.SYS.INIT.
    """
    leaves = step.is_(KEXEC) | step.is_(CRASH_KEXEC)
    used = (before.running == Running.FIRST) & (before.tdx == Tdx.INITIALIZED)
    able = before.module_has_disable & before.seam_ready
    return implies(leaves & used & able, ~after.module_touched())


@invariant(
    severity=Severity.MACHINE,
    sources=(
        FLUSH_EARLY.at("commit message"),
        CRASH_C.at("native_machine_crash_shutdown()"),
    ),
)
def kexec_never_hangs(host: Host) -> Term[bool]:
    """kexec, and a panic, go on only when every other CPU has stopped.

    Caches that are written back only then take so long that it gives up waiting. A TD
    that runs on in a panic keeps the module busy, and there is no dump.
    """
    left = one_of(host.running, Running.SECOND, Running.CRASH, Running.HUNG)
    return implies(left, host.running != Running.HUNG)


@step_rule(
    severity=Severity.SERVICE,
    sources=(KEXEC_MUTEX.at("cover letter, on tdx_cpu_enable()"),),
)
def disabled_tdx_is_left_alone(before: Host, step: Step, after: Host) -> Term[bool]:
    """A kernel that has declared TDX disabled makes no SEAMCALL.

    Whoever declares it, for the sake of the kernel that is to come, must not let the
    module be initialised in part afterwards. What a machine check asks is excepted
    where it is refused.
    """
    disabled = (before.running == Running.FIRST) & (before.tdx == Tdx.DISABLED)
    return implies(disabled, ~step.is_(Kind.SEAMCALL) | asks_in_vain(step))


KEXEC_RULES = (
    no_private_line_survives_kexec,
    next_kernel_is_not_poisoned,
    next_kernel_stops_at_first_seamcall,
    kexec_leaves_the_module_disabled,
    kexec_never_hangs,
    disabled_tdx_is_left_alone,
)
