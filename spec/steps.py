"""What can be said of a step, whatever its action."""

from __future__ import annotations

from tdxcheck.checker.language import Step, Term
from tdxcheck.spec.events import MACHINE_CHECK
from tdxcheck.spec.module import Status


def asks_in_vain(step: Step) -> Term[bool]:
    """A machine check has asked the module, and was refused: nothing comes of it."""
    return step.is_(MACHINE_CHECK) & ~step.answers(Status.TDX_SUCCESS)
