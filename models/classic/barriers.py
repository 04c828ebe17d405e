"""A barrier that can be used again: two waiting rooms, each with its gate.

TLA+ Examples, barriers/Barriers.tla. TLC reaches 29,279 states with six processes
(Barriers.cfg); its depth of 93 counts states: 92 steps. A gate is a semaphore that
the last process to arrive raises by the number of all. Gates and the count of
arrivals have bounds here; that they hold no process up is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    any_of,
    count,
    deadlock_free,
    exists,
    forall,
    implies,
    invariant,
    ite,
    one_of,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.arithmetic import size


class At(Enum):
    """Where a process stands: once round is once through the barrier."""

    OUTSIDE = 0
    LOCK_IN = 1
    COUNT_IN = 2
    TEST_IN = 3
    OPEN_FIRST = 4
    UNLOCK_IN = 5
    WAIT_FIRST = 6
    LOCK_OUT = 7
    COUNT_OUT = 8
    TEST_OUT = 9
    OPEN_SECOND = 10
    UNLOCK_OUT = 11
    WAIT_SECOND = 12


ARRIVING = (At.OUTSIDE, At.LOCK_IN, At.COUNT_IN, At.TEST_IN, At.OPEN_FIRST)
"""Before the first waiting room."""

FIRST_ROOM = (*ARRIVING, At.UNLOCK_IN, At.WAIT_FIRST)

LEAVING = (At.LOCK_OUT, At.COUNT_OUT, At.TEST_OUT, At.OPEN_SECOND)
"""Between the two waiting rooms."""

SECOND_ROOM = (*LEAVING, At.UNLOCK_OUT, At.WAIT_SECOND)

LOCKED = (
    *(At.COUNT_IN, At.TEST_IN, At.OPEN_FIRST, At.UNLOCK_IN),
    *(At.COUNT_OUT, At.TEST_OUT, At.OPEN_SECOND, At.UNLOCK_OUT),
)
COUNTED = (
    *(At.TEST_IN, At.OPEN_FIRST, At.UNLOCK_IN, At.WAIT_FIRST),
    *(At.LOCK_OUT, At.COUNT_OUT),
)


class Process(Index):
    """A process."""


class Barrier(State):
    at = Map(Process, At, At.OUTSIDE)
    locked = Var(bool, False)
    arrived = Var(Int(0, Process), 0)
    """How many processes have been counted in and not yet out."""

    first_gate = Var(Int(0, Process), 0)
    """How many processes may still pass."""

    second_gate = Var(Int(0, Process), 0)

    def is_at(self, process: Process, *places: At) -> Term[bool]:
        return one_of(self.at[process], *places)

    def somebody_at(self, *places: At) -> Term[bool]:
        return exists(Process, lambda process: self.is_at(process, *places))

    def number_at(self, *places: At) -> Term[int]:
        return count(Process, lambda process: self.is_at(process, *places))

    def is_inside(self, process: Process) -> Term[bool]:
        """To who knows only barriers, the process is in this one."""
        passed = self.is_at(process, At.UNLOCK_OUT, At.WAIT_SECOND)
        outside = (self.at[process] == At.OUTSIDE) | (passed & (self.second_gate > 0))
        return ~outside


def _go(barrier: Barrier, process: Process, source: At, target: At) -> None:
    barrier.require(barrier.at[process] == source)
    barrier.at[process] = target


@action()
def arrive(barrier: Barrier, process: Process) -> None:
    """{process} comes to the barrier."""
    _go(barrier, process, At.OUTSIDE, At.LOCK_IN)


@action()
def lock_in(barrier: Barrier, process: Process) -> None:
    """{process} takes the lock of the count, to be counted in."""
    barrier.require(~barrier.locked)
    _go(barrier, process, At.LOCK_IN, At.COUNT_IN)
    barrier.locked = True


@action()
def count_in(barrier: Barrier, process: Process) -> None:
    """{process} counts itself in."""
    barrier.require(barrier.arrived < size(Process))
    _go(barrier, process, At.COUNT_IN, At.TEST_IN)
    barrier.arrived = barrier.arrived + 1


@action()
def test_in(barrier: Barrier, process: Process) -> None:
    """{process} looks whether it is the last to arrive."""
    barrier.require(barrier.at[process] == At.TEST_IN)
    barrier.at[process] = ite(
        barrier.arrived == size(Process), At.OPEN_FIRST, At.UNLOCK_IN
    )


@action()
def open_first(barrier: Barrier, process: Process) -> None:
    """{process}, the last to arrive, opens the first gate."""
    barrier.require(barrier.first_gate == 0)
    _go(barrier, process, At.OPEN_FIRST, At.UNLOCK_IN)
    barrier.first_gate = size(Process)


@action()
def unlock_in(barrier: Barrier, process: Process) -> None:
    """{process} gives the lock back."""
    _go(barrier, process, At.UNLOCK_IN, At.WAIT_FIRST)
    barrier.locked = False


@action()
def pass_first(barrier: Barrier, process: Process) -> None:
    """{process} passes the first gate."""
    barrier.require(barrier.first_gate > 0)
    _go(barrier, process, At.WAIT_FIRST, At.LOCK_OUT)
    barrier.first_gate = barrier.first_gate - 1


@action()
def lock_out(barrier: Barrier, process: Process) -> None:
    """{process} takes the lock of the count, to be counted out."""
    barrier.require(~barrier.locked)
    _go(barrier, process, At.LOCK_OUT, At.COUNT_OUT)
    barrier.locked = True


@action()
def count_out(barrier: Barrier, process: Process) -> None:
    """{process} counts itself out."""
    barrier.require(barrier.arrived > 0)
    _go(barrier, process, At.COUNT_OUT, At.TEST_OUT)
    barrier.arrived = barrier.arrived - 1


@action()
def test_out(barrier: Barrier, process: Process) -> None:
    """{process} looks whether it is the last to leave."""
    barrier.require(barrier.at[process] == At.TEST_OUT)
    barrier.at[process] = ite(barrier.arrived == 0, At.OPEN_SECOND, At.UNLOCK_OUT)


@action()
def open_second(barrier: Barrier, process: Process) -> None:
    """{process}, the last to leave, opens the second gate."""
    barrier.require(barrier.second_gate == 0)
    _go(barrier, process, At.OPEN_SECOND, At.UNLOCK_OUT)
    barrier.second_gate = size(Process)


@action()
def unlock_out(barrier: Barrier, process: Process) -> None:
    """{process} gives the lock back."""
    _go(barrier, process, At.UNLOCK_OUT, At.WAIT_SECOND)
    barrier.locked = False


@action()
def pass_second(barrier: Barrier, process: Process) -> None:
    """{process} passes the second gate."""
    barrier.require(barrier.second_gate > 0)
    _go(barrier, process, At.WAIT_SECOND, At.OUTSIDE)
    barrier.second_gate = barrier.second_gate - 1


@invariant()
def one_at_most_has_the_lock(barrier: Barrier) -> Term[bool]:
    """At most one process has the lock, and only while it is taken."""
    return (barrier.number_at(*LOCKED) <= 1) & implies(
        barrier.somebody_at(*LOCKED), barrier.locked
    )


@invariant()
def count_is_of_those_inside(barrier: Barrier) -> Term[bool]:
    """The count is that of the processes counted in and not yet out."""
    return barrier.arrived == barrier.number_at(*COUNTED)


@invariant()
def bounds_hold_nobody_up(barrier: Barrier) -> Term[bool]:
    """Where a process counts or opens a gate, the bounds leave room for it."""

    def where(place: At, room: Term[bool]) -> Term[bool]:
        return implies(barrier.somebody_at(place), room)

    return (
        where(At.COUNT_IN, barrier.arrived < size(Process))
        & where(At.OPEN_FIRST, barrier.first_gate == 0)
        & where(At.COUNT_OUT, barrier.arrived > 0)
        & where(At.OPEN_SECOND, barrier.second_gate == 0)
    )


@invariant()
def a_gate_is_closed(barrier: Barrier) -> Term[bool]:
    """One gate at least is closed."""
    return (barrier.first_gate == 0) | (barrier.second_gate == 0)


@invariant()
def arriving_and_leaving_are_apart(barrier: Barrier) -> Term[bool]:
    """While a process arrives, none is between the rooms, and its gate is closed."""
    arriving, leaving = barrier.somebody_at(*ARRIVING), barrier.somebody_at(*LEAVING)
    return (
        ~(arriving & leaving)
        & implies(arriving, barrier.first_gate == 0)
        & implies(leaving, barrier.second_gate == 0)
    )


@invariant()
def open_gates_let_all_through(barrier: Barrier) -> Term[bool]:
    """An open gate is open for just those who are before it."""
    first, second = barrier.first_gate, barrier.second_gate
    return implies(first > 0, first == barrier.number_at(*FIRST_ROOM)) & implies(
        second > 0, second == barrier.number_at(*SECOND_ROOM)
    )


@invariant()
def who_opens_a_gate_is_the_last(barrier: Barrier) -> Term[bool]:
    """When a process opens a gate, all others wait at it."""

    def last(opening: At, waiting: At) -> Callable[[Process], Term[bool]]:
        return lambda process: implies(
            barrier.at[process] == opening,
            forall(
                Process,
                lambda other: (other == process) | (barrier.at[other] == waiting),
            ),
        )

    return forall(Process, last(At.OPEN_FIRST, At.WAIT_FIRST)) & forall(
        Process, last(At.OPEN_SECOND, At.WAIT_SECOND)
    )


@step_rule()
def it_is_a_barrier(before: Barrier, step: Step, after: Barrier) -> Term[bool]:
    """Processes go in one at a time, and out when all are in, all at once."""

    def changes(process: Process) -> Term[bool]:
        return before.is_inside(process) != after.is_inside(process)

    one_goes_in = (count(Process, changes) <= 1) & forall(
        Process,
        lambda process: implies(changes(process), after.is_inside(process)),
    )
    all_go_out = forall(
        Process,
        lambda process: before.is_inside(process) & ~after.is_inside(process),
    )
    return one_goes_in | all_go_out


@deadlock_free()
def somebody_can_act(barrier: Barrier) -> Term[bool]:
    """Some process can always act."""
    return any_of()


BARRIERS = TransitionSystem(
    name="barrier",
    summary="A barrier of two waiting rooms, for six processes.",
    state=Barrier,
    actions=(
        arrive,
        lock_in,
        count_in,
        test_in,
        open_first,
        unlock_in,
        pass_first,
        lock_out,
        count_out,
        test_out,
        open_second,
        unlock_out,
        pass_second,
    ),
    properties=(
        one_at_most_has_the_lock,
        count_is_of_those_inside,
        bounds_hold_nobody_up,
        a_gate_is_closed,
        arriving_and_leaving_are_apart,
        open_gates_let_all_through,
        who_opens_a_gate_is_the_last,
        it_is_a_barrier,
        somebody_can_act,
    ),
)

SCOPE: Scope = {Process: 6}
