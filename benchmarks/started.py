"""A first state of the lifecycle model from which every CPU is to be initialised."""

from __future__ import annotations

from tdxcheck.checker.language import Term, forall, initial
from tdxcheck.models.classic.lifecycle import Cpu, Host, Presence


@initial
def every_cpu_is_online(host: Host) -> Term[bool]:
    """Every CPU is online."""
    return forall(Cpu, lambda cpu: host.cpu[cpu] == Presence.ONLINE)
