"""Peterson's mutual exclusion of two processes, and two variants that are broken.

TLA+ Examples, locks_auxiliary_vars/Peterson.tla. TLC reaches 42 states
(Peterson.cfg); its depth of 11 counts states: 10 steps.

How long the shortest counterexamples of the variants are follows without a search.
With the turn given before the flag is raised, a process still needs four steps of
its own to its critical section, so both are there after eight at the earliest; and
eight are enough: one process gives the turn, the other takes its four steps with
that flag down, having given the turn back, and the first finds it is its turn.
With no turn at all, nobody can act only where both wait, each after three steps;
and six are enough, in any order.

That with the turn nobody waits for ever is Peterson's own claim ("Myths about the
mutual exclusion problem", 1981): weak fairness to each process is enough. With no turn
the first process never enters where both wait, and they can only stop there.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    Turns,
    Var,
    action,
    all_of,
    any_of,
    count,
    deadlock_free,
    fairness,
    forall,
    implies,
    invariant,
    leads_to,
    one_of,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.terms import Element


class At(Enum):
    """Where a process stands."""

    NONCRITICAL = 0
    FIRST = 1
    SECOND = 2
    WAIT = 3
    CRITICAL = 4
    EXIT = 5


class Process(Index):
    """One of the two processes."""


class Lock(State):
    other = Map(Process, Process, frozen=True)

    at = Map(Process, At, At.NONCRITICAL)
    flag = Map(Process, bool, False)
    """The process wants to enter, or is inside."""

    turn = Var(Process)
    """Of two that want to enter, the process that may."""

    def holds(self, process: Process | Term[Process]) -> Term[bool]:
        return one_of(self.at[process], At.CRITICAL, At.EXIT)


@action()
def want(lock: Lock, process: Process) -> None:
    """{process} begins to enter."""
    lock.require(lock.at[process] == At.NONCRITICAL)
    lock.at[process] = At.FIRST


@action()
def raise_flag(lock: Lock, process: Process) -> None:
    """{process} says that it wants to enter."""
    lock.require(lock.at[process] == At.FIRST)
    lock.at[process] = At.SECOND
    lock.flag[process] = True


@action()
def give_turn(lock: Lock, process: Process) -> None:
    """{process} lets the other go first."""
    lock.require(lock.at[process] == At.SECOND)
    lock.at[process] = At.WAIT
    lock.turn = lock.other[process]


@action()
def enter(lock: Lock, process: Process) -> None:
    """{process} enters: the other does not want to, or it is this one's turn."""
    lock.require(lock.at[process] == At.WAIT)
    lock.require(~lock.flag[lock.other[process]] | (lock.turn == process))
    lock.at[process] = At.CRITICAL


@action()
def leave(lock: Lock, process: Process) -> None:
    """{process} leaves the critical section."""
    lock.require(lock.at[process] == At.CRITICAL)
    lock.at[process] = At.EXIT


@action()
def lower_flag(lock: Lock, process: Process) -> None:
    """{process} says that it is outside."""
    lock.require(lock.at[process] == At.EXIT)
    lock.at[process] = At.NONCRITICAL
    lock.flag[process] = False


@invariant()
def one_at_most_is_inside(lock: Lock) -> Term[bool]:
    """No two processes are inside."""
    return count(Process, lock.holds) <= 1


@invariant()
def flags_tell_who_wants(lock: Lock) -> Term[bool]:
    """A process's flag is up from when it is raised until it is outside."""
    return forall(
        Process,
        lambda process: (
            lock.flag[process]
            == one_of(lock.at[process], At.SECOND, At.WAIT, At.CRITICAL, At.EXIT)
        ),
    )


@invariant()
def the_one_inside_has_the_right(lock: Lock) -> Term[bool]:
    """Whoever is inside has the turn, or the other does not wait yet."""
    return forall(
        Process,
        lambda process: implies(
            lock.holds(process),
            (lock.turn == process)
            | one_of(lock.at[lock.other[process]], At.NONCRITICAL, At.FIRST, At.SECOND),
        ),
    )


@deadlock_free()
def somebody_can_act(lock: Lock) -> Term[bool]:
    """Some process can always act."""
    return any_of()


@fairness(
    want, raise_flag, give_turn, enter, leave, lower_flag, turns=Turns.EACH_ELEMENT
)
def each_process_goes_on(lock: Lock) -> Term[bool]:
    """No process stops for ever while it could go on."""
    return all_of()


@leads_to(fair=(each_process_goes_on,))
def who_waits_enters(lock: Lock) -> tuple[Term[bool], Term[bool]]:
    """The first process, once it waits, is inside in the end."""
    first = Element(Process, 0)
    return lock.at[first] == At.WAIT, lock.at[first] == At.CRITICAL


PETERSON = TransitionSystem(
    name="Peterson's mutual exclusion",
    summary="Two processes that give each other the turn.",
    state=Lock,
    actions=(want, raise_flag, give_turn, enter, leave, lower_flag),
    properties=(
        one_at_most_is_inside,
        flags_tell_who_wants,
        the_one_inside_has_the_right,
        somebody_can_act,
        who_waits_enters,
    ),
    settings={
        Lock.other: lambda process: 1 - process,
        Lock.turn: 0,
    },
)


@action()
def give_turn_first(lock: Lock, process: Process) -> None:
    """{process} lets the other go first, before it says that it wants to enter."""
    lock.require(lock.at[process] == At.FIRST)
    lock.at[process] = At.SECOND
    lock.turn = lock.other[process]


@action()
def raise_flag_last(lock: Lock, process: Process) -> None:
    """{process} says that it wants to enter, the turn being given."""
    lock.require(lock.at[process] == At.SECOND)
    lock.at[process] = At.WAIT
    lock.flag[process] = True


TURN_FIRST = PETERSON.variant(
    "Peterson's mutual exclusion, turn first",
    "A process gives the turn before it raises its flag.",
    replaced={raise_flag: give_turn_first, give_turn: raise_flag_last},
    properties=(one_at_most_is_inside, somebody_can_act),
)


@action()
def enter_alone(lock: Lock, process: Process) -> None:
    """{process} enters, as the other does not want to."""
    lock.require(lock.at[process] == At.WAIT)
    lock.require(~lock.flag[lock.other[process]])
    lock.at[process] = At.CRITICAL


@fairness(
    want,
    raise_flag,
    give_turn,
    enter_alone,
    leave,
    lower_flag,
    turns=Turns.EACH_ELEMENT,
)
def each_process_goes_on_alone(lock: Lock) -> Term[bool]:
    """No process stops for ever while it could go on."""
    return all_of()


@leads_to(fair=(each_process_goes_on_alone,))
def who_waits_alone_enters(lock: Lock) -> tuple[Term[bool], Term[bool]]:
    """The first process, once it waits, is inside in the end. (Not so.)"""
    first = Element(Process, 0)
    return lock.at[first] == At.WAIT, lock.at[first] == At.CRITICAL


NO_TURN = PETERSON.variant(
    "Peterson's mutual exclusion, no turn",
    "A process enters only when the other's flag is down.",
    replaced={enter: enter_alone},
    properties=(
        one_at_most_is_inside,
        flags_tell_who_wants,
        somebody_can_act,
        who_waits_alone_enters,
    ),
)

SCOPE: Scope = {Process: 2}
