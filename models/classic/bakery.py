"""Lamport's bakery algorithm, from every state that its invariant allows.

TLA+ Examples, Bakery-Boulangerie/Bakery.tla with MCBakery.cfg: two processes, and
numbers up to 2. The configuration starts TLC not from the algorithm's initial
state but from every state of the inductive invariant, so its 655,200 states are
the states of that invariant, its depth of 1 state is 0 steps, and that nothing
else is reached shows that the invariant is inductive.

A ticket is a number as large as a process likes, and while it is being written
it reads as any number at all. The source says so by steps that write one; they
are `scribble`, and `flicker` for the flag.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    Map2,
    State,
    Term,
    TransitionSystem,
    action,
    all_of,
    any_of,
    count,
    exists,
    forall,
    implies,
    initial,
    invariant,
    ite,
    one_of,
)
from tdxcheck.checker.language.instance import Scope

HIGHEST = 2
"""The highest number on a ticket."""


class At(Enum):
    """Where a process stands: the labels of the source, in words."""

    NONCRITICAL = 0
    RAISE_FLAG = 1
    READ_OTHERS = 2
    TAKE_TICKET = 3
    LOWER_FLAG = 4
    CHOOSE_OTHER = 5
    WAIT_FOR_OTHER = 6
    CRITICAL = 7
    EXIT = 8


class Process(Index):
    """A process; of equal tickets, the process of the lower number goes first."""


class Ticket(Index):
    """What a ticket may say: the numbers from 0."""


class Shop(State):
    rank = Map(Process, Int(0, Process), frozen=True)
    value = Map(Ticket, Int(0, Ticket), frozen=True)

    at = Map(Process, At)
    number = Map(Process, Int(0, HIGHEST))
    """The process's ticket, 0 for none."""

    flag = Map(Process, bool)
    """The process is taking a ticket."""

    unchecked = Map2(Process, Process, bool)
    """The first process has still to look at the second."""

    highest = Map(Process, Int(0, HIGHEST))
    """The highest ticket that the process has read."""

    other = Map(Process, Process)
    """The process that this one waits for."""

    def goes_first(
        self, one: Process | Term[Process], other: Process | Term[Process]
    ) -> Term[bool]:
        """By their tickets, `one` goes before `other`."""
        return (self.number[one] < self.number[other]) | (
            (self.number[one] == self.number[other])
            & (self.rank[one] < self.rank[other])
        )

    def is_before(self, one: Process, other: Process) -> Term[bool]:
        """`one` has a ticket, and `other` has or will get a later one, if any."""
        at, seen = self.at[other], self.highest[other] >= self.number[one]
        return (self.number[one] > 0) & any_of(
            one_of(at, At.NONCRITICAL, At.RAISE_FLAG, At.EXIT),
            (at == At.READ_OTHERS) & (self.unchecked[other, one] | seen),
            (at == At.TAKE_TICKET) & seen,
            one_of(at, At.LOWER_FLAG, At.CHOOSE_OTHER, At.WAIT_FOR_OTHER)
            & self.goes_first(one, other)
            & implies(self.waits(other), self.unchecked[other, one]),
        )

    def waits(self, process: Process) -> Term[bool]:
        return one_of(self.at[process], At.CHOOSE_OTHER, At.WAIT_FOR_OTHER)

    def tickets_are_held(self) -> Term[bool]:
        return forall(
            Process,
            lambda process: implies(
                one_of(
                    self.at[process],
                    At.LOWER_FLAG,
                    At.CHOOSE_OTHER,
                    At.WAIT_FOR_OTHER,
                    At.CRITICAL,
                ),
                self.number[process] != 0,
            ),
        )

    def flags_are_up(self) -> Term[bool]:
        return forall(
            Process,
            lambda process: implies(
                one_of(self.at[process], At.READ_OTHERS, At.TAKE_TICKET),
                self.flag[process],
            ),
        )

    def waiting_is_for_others(self) -> Term[bool]:
        return forall(
            Process,
            lambda process: (
                implies(
                    self.at[process] == At.WAIT_FOR_OTHER,
                    self.other[process] != process,
                )
                & implies(self.waits(process), ~self.unchecked[process, process])
            ),
        )

    def the_checked_come_later(self) -> Term[bool]:
        return forall(
            Process,
            lambda one: forall(
                Process,
                lambda other: implies(
                    self.waits(one) & ~self.unchecked[one, other] & (one != other),
                    self.is_before(one, other),
                ),
            ),
        )

    def the_awaited_has_seen_the_ticket(self) -> Term[bool]:
        return forall(
            Process,
            lambda one: forall(
                Process,
                lambda other: implies(
                    all_of(
                        self.at[one] == At.WAIT_FOR_OTHER,
                        self.other[one] == other,
                        (
                            (self.at[other] == At.READ_OTHERS)
                            & ~self.unchecked[other, one]
                        )
                        | (self.at[other] == At.TAKE_TICKET),
                    ),
                    self.highest[other] >= self.number[one],
                ),
            ),
        )

    def the_critical_are_first(self) -> Term[bool]:
        return forall(
            Process,
            lambda one: forall(
                Process,
                lambda other: implies(
                    (self.at[one] == At.CRITICAL) & (one != other),
                    self.is_before(one, other),
                ),
            ),
        )

    def has_unchecked(self, process: Process) -> Term[bool]:
        return exists(Process, lambda other: self.unchecked[process, other])

    def invariant(self) -> Term[bool]:
        return all_of(
            self.tickets_are_held(),
            self.flags_are_up(),
            self.waiting_is_for_others(),
            self.the_checked_come_later(),
            self.the_awaited_has_seen_the_ticket(),
            self.the_critical_are_first(),
        )


@initial
def invariant_holds(shop: Shop) -> Term[bool]:
    """The inductive invariant holds at the start; nothing else is known."""
    return shop.invariant()


@action()
def leave_noncritical(shop: Shop, process: Process) -> None:
    """{process} wants to enter."""
    shop.require(shop.at[process] == At.NONCRITICAL)
    shop.at[process] = At.RAISE_FLAG


@action()
def flicker(shop: Shop, process: Process) -> None:
    """The flag of {process} flickers while it is written."""
    shop.require(one_of(shop.at[process], At.RAISE_FLAG, At.LOWER_FLAG))
    shop.flag[process] = ~shop.flag[process]


@action()
def raise_flag(shop: Shop, process: Process) -> None:
    """{process} raises its flag, and has all others to read."""
    shop.require(shop.at[process] == At.RAISE_FLAG)
    shop.at[process] = At.READ_OTHERS
    shop.flag[process] = True
    shop.unchecked.update(
        lambda one, other: (
            ((one == process) & (other != process))
            | ((one != process) & shop.unchecked[one, other])
        )
    )
    shop.highest[process] = 0


@action()
def read_ticket(shop: Shop, process: Process, other: Process) -> None:
    """{process} reads the ticket of {other}."""
    shop.require(shop.at[process] == At.READ_OTHERS)
    shop.require(shop.unchecked[process, other])
    read, highest = shop.number[other], shop.highest[process]
    shop.highest[process] = ite(read > highest, read, highest)
    shop.unchecked[process, other] = False


@action()
def finish_reading(shop: Shop, process: Process) -> None:
    """{process} has read every other ticket."""
    shop.require(shop.at[process] == At.READ_OTHERS)
    shop.require(~shop.has_unchecked(process))
    shop.at[process] = At.TAKE_TICKET


@action()
def scribble(shop: Shop, process: Process, ticket: Ticket) -> None:
    """While {process} writes its ticket, it reads as {ticket}."""
    shop.require(one_of(shop.at[process], At.TAKE_TICKET, At.EXIT))
    shop.number[process] = shop.value[ticket]


@action()
def take_ticket(shop: Shop, process: Process, ticket: Ticket) -> None:
    """{process} takes {ticket}, which is higher than all it has read."""
    shop.require(shop.at[process] == At.TAKE_TICKET)
    shop.require(shop.value[ticket] > shop.highest[process])
    shop.number[process] = shop.value[ticket]
    shop.at[process] = At.LOWER_FLAG


@action()
def lower_flag(shop: Shop, process: Process) -> None:
    """{process} lowers its flag, and has all others to wait for."""
    shop.require(shop.at[process] == At.LOWER_FLAG)
    shop.at[process] = At.CHOOSE_OTHER
    shop.flag[process] = False
    shop.unchecked.update(
        lambda one, other: (
            ((one == process) & (other != process))
            | ((one != process) & shop.unchecked[one, other])
        )
    )


@action()
def choose_other(shop: Shop, process: Process, other: Process) -> None:
    """{process} turns to {other}, which is not taking a ticket."""
    shop.require(shop.at[process] == At.CHOOSE_OTHER)
    shop.require(shop.unchecked[process, other])
    shop.require(~shop.flag[other])
    shop.at[process] = At.WAIT_FOR_OTHER
    shop.other[process] = other


@action()
def pass_other(shop: Shop, process: Process, other: Process) -> None:
    """{process} need not wait for {other}."""
    shop.require(shop.at[process] == At.WAIT_FOR_OTHER)
    shop.require(shop.other[process] == other)
    shop.require((shop.number[other] == 0) | shop.goes_first(process, other))
    shop.at[process] = At.CHOOSE_OTHER
    shop.unchecked[process, other] = False


@action()
def enter(shop: Shop, process: Process) -> None:
    """{process}, with nobody left to wait for, enters."""
    shop.require(shop.at[process] == At.CHOOSE_OTHER)
    shop.require(~shop.has_unchecked(process))
    shop.at[process] = At.CRITICAL


@action()
def leave(shop: Shop, process: Process) -> None:
    """{process} leaves the critical section."""
    shop.require(shop.at[process] == At.CRITICAL)
    shop.at[process] = At.EXIT


@action()
def drop_ticket(shop: Shop, process: Process) -> None:
    """{process} gives its ticket up."""
    shop.require(shop.at[process] == At.EXIT)
    shop.number[process] = 0
    shop.at[process] = At.NONCRITICAL


@invariant()
def one_at_most_is_critical(shop: Shop) -> Term[bool]:
    """No two processes are in their critical sections."""
    return count(Process, lambda process: shop.at[process] == At.CRITICAL) <= 1


@invariant()
def invariant_is_inductive(shop: Shop) -> Term[bool]:
    """The invariant that holds of every initial state holds of every other."""
    return shop.invariant()


BAKERY = TransitionSystem(
    name="bakery",
    summary="Two processes that take tickets, from every state of the invariant.",
    state=Shop,
    actions=(
        leave_noncritical,
        flicker,
        raise_flag,
        read_ticket,
        finish_reading,
        scribble,
        take_ticket,
        lower_flag,
        choose_other,
        pass_other,
        enter,
        leave,
        drop_ticket,
    ),
    properties=(one_at_most_is_critical, invariant_is_inductive),
    initial=(invariant_holds,),
    settings={
        Shop.rank: lambda process: process,
        Shop.value: lambda ticket: ticket,
    },
)

SCOPE: Scope = {Process: 2, Ticket: HIGHEST + 1}
