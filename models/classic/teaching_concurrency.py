"""Lamport's example for teaching concurrency: each process reads what one wrote.

TLA+ Examples, TeachingConcurrency/Simple.tla. TLC reaches 723 states with five
processes (Simple.cfg); its depth of 11 counts states: 10 steps.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    action,
    deadlock_free,
    exists,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Scope

PROCESSES = 5


class At(Enum):
    """Where a process stands."""

    WRITE = 0
    READ = 1
    DONE = 2


class Process(Index):
    """A process, one of a ring."""


class Memory(State):
    previous = Map(Process, Process, frozen=True)

    at = Map(Process, At, At.WRITE)
    written = Map(Process, bool, False)
    """What the process wrote."""

    read = Map(Process, bool, False)
    """What the process read of the one before it."""

    def all_done(self) -> Term[bool]:
        return forall(Process, lambda process: self.at[process] == At.DONE)


@action()
def write(memory: Memory, process: Process) -> None:
    """{process} writes."""
    memory.require(memory.at[process] == At.WRITE)
    memory.at[process] = At.READ
    memory.written[process] = True


@action()
def read(memory: Memory, process: Process) -> None:
    """{process} reads what the one before it wrote, if it has."""
    memory.require(memory.at[process] == At.READ)
    memory.at[process] = At.DONE
    memory.read[process] = memory.written[memory.previous[process]]


@invariant()
def somebody_reads_a_write(memory: Memory) -> Term[bool]:
    """When all are done, some process has read what the one before it wrote."""
    return implies(
        memory.all_done(), exists(Process, lambda process: memory.read[process])
    )


@invariant()
def whoever_reads_has_written(memory: Memory) -> Term[bool]:
    """A process that has come to reading has written."""
    return forall(
        Process,
        lambda process: implies(
            memory.at[process] != At.WRITE, memory.written[process]
        ),
    )


@deadlock_free()
def only_the_end_stops_it(memory: Memory) -> Term[bool]:
    """It goes on until all are done."""
    return memory.all_done()


TEACHING_CONCURRENCY = TransitionSystem(
    name="teaching concurrency",
    summary="Each process writes, then reads what the one before it wrote.",
    state=Memory,
    actions=(write, read),
    properties=(
        somebody_reads_a_write,
        whoever_reads_has_written,
        only_the_end_stops_it,
    ),
    settings={Memory.previous: lambda process: (process - 1) % PROCESSES},
)

SCOPE: Scope = {Process: PROCESSES}
