"""What can be said of a step, whatever its action."""

from __future__ import annotations

from tdxcheck.checker.language import Step, Term
from tdxcheck.spec.events import CRASH_KEXEC, MACHINE_CHECK
from tdxcheck.spec.host import Host, Running
from tdxcheck.spec.module import Status


def asks_in_vain(step: Step) -> Term[bool]:
    """A machine check has asked the module, and was refused: nothing comes of it."""
    return step.is_(MACHINE_CHECK) & ~step.answers(Status.TDX_SUCCESS)


def panics_in_update(before: Host, step: Step) -> Term[bool]:
    """A panic while every CPU is stopped for an update of the module.

    The kernel asks no more than it does in any panic; a refusal is nothing to it.
    """
    return before.updating() & step.is_(CRASH_KEXEC)


def next_kernel_panics_in_vain(before: Host, step: Step) -> Term[bool]:
    """A panic of a kernel that kexec started has asked the module, and was refused."""
    second = before.running == Running.SECOND
    return second & step.is_(CRASH_KEXEC) & ~step.answers(Status.TDX_SUCCESS)
