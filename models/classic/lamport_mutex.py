"""Lamport's mutual exclusion by logical clocks and messages.

TLA+ Examples, lamport_mutex/LamportMutex.tla. TLC reaches 724,274 states with
three processes and clocks up to 6 (MCLamportMutex.cfg); its depth of 61 counts
states: 60 steps. The configuration explores only states that satisfy its
constraint on clocks, and TLC counts no others. Here the constraint is a guard of
the only step that advances a clock. So runs end where the source's would go on, and
freedom from deadlock is not judged.

A channel is a queue of at most three messages, in three maps: the first message,
the one after it, and the last. The source shows that no channel holds two messages
of one kind, and that is judged here; so a queue never overflows. A request is its
sender's clock, so that each queue has one encoding.
"""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    Map2,
    State,
    Term,
    TransitionSystem,
    action,
    any_of,
    count,
    forall,
    implies,
    invariant,
    ite,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.variables import Entries2
from tdxcheck.models.classic.arithmetic import size

NOTHING = 0
ACKNOWLEDGEMENT = -1
RELEASE = -2


class Process(Index):
    """A process; of equal requests, that of the lower number goes first."""


class Tick(Index):
    """A tick of a clock: there are as many as the constraint lets clocks show."""


MESSAGE = Int(RELEASE, Tick)


class Network(State):
    rank = Map(Process, Int(0, Process), frozen=True)

    clock = Map(Process, Int(1, Tick), 1)
    request = Map2(Process, Process, Int(0, Tick), 0)
    """The clock of the second's request, as the first knows it; 0 for none."""

    acknowledged = Map2(Process, Process, bool, False)
    """The first's request was acknowledged by the second."""

    critical = Map(Process, bool, False)

    first = Map2(Process, Process, MESSAGE, NOTHING)
    """From the first process to the second: the message to be received next."""

    second = Map2(Process, Process, MESSAGE, NOTHING)
    third = Map2(Process, Process, MESSAGE, NOTHING)

    def is_first(self, process: Process, other: Process) -> Term[bool]:
        """As far as `process` knows, its request goes before that of `other`."""
        own, theirs = self.request[process, process], self.request[process, other]
        return any_of(
            theirs == 0,
            own < theirs,
            (own == theirs) & (self.rank[process] < self.rank[other]),
        )

    def queue(self, sender: Process, receiver: Process) -> Queue:
        """The messages on their way from `sender` to `receiver`."""
        channel = sender, receiver
        return self.first[channel], self.second[channel], self.third[channel]

    def broadcast(self, sender: Process, message: Term[int] | int) -> None:
        """Send a message to every other process."""

        def sent(one: Process, other: Process) -> Term[bool]:
            return (one == sender) & (other != sender)

        first, second, third = self.first, self.second, self.third
        third.update(
            lambda *channel: ite(
                sent(*channel),
                filled(second[channel], third[channel], message),
                third[channel],
            )
        )
        second.update(
            lambda *channel: ite(
                sent(*channel),
                filled(first[channel], second[channel], message),
                second[channel],
            )
        )
        first.update(
            lambda *channel: ite(
                sent(*channel), filled(None, first[channel], message), first[channel]
            )
        )

    def receive(self, sender: Process, receiver: Process) -> None:
        """Take the first message off its queue."""
        _, second, third = self.queue(sender, receiver)
        self.first[sender, receiver] = second
        self.second[sender, receiver] = third
        self.third[sender, receiver] = NOTHING

    def reply(self, sender: Process, receiver: Process, message: int) -> None:
        """Take the first message off its queue, and send one back."""
        _, second, third = self.queue(sender, receiver)
        one, two, three = self.queue(receiver, sender)
        added = (
            filled(None, one, message),
            filled(one, two, message),
            filled(two, three, message),
        )

        def after(
            taken: Term[int] | int, put: Term[int], entries: Entries2[Any, Any, int]
        ) -> None:
            entries.update(
                lambda one, other: ite(
                    (one == receiver) & (other == sender),
                    put,
                    ite(
                        (one != sender) | (other != receiver),
                        entries[one, other],
                        taken,
                    ),
                )
            )

        after(second, added[0], self.first)
        after(third, added[1], self.second)
        after(NOTHING, added[2], self.third)


Queue = tuple[Term[int], Term[int], Term[int]]


def filled(
    before: Term[int] | None, place: Term[int], message: Term[int] | int
) -> Term[int]:
    """A place of a queue once a message is added, by the place before it, if any."""
    kept = place != NOTHING
    if before is not None:
        kept = kept | (before == NOTHING)
    return ite(kept, place, message)


@action()
def ask(network: Network, process: Process) -> None:
    """{process} asks all others to let it in."""
    clock = network.clock[process]
    network.require(network.request[process, process] == 0)
    network.acknowledged.update(
        lambda one, other: (
            ((one == process) & (other == process))
            | ((one != process) & network.acknowledged[one, other])
        )
    )
    network.broadcast(process, clock)
    network.request[process, process] = clock


@action()
def receive_request(network: Network, process: Process, other: Process) -> None:
    """{process} receives a request from {other} and acknowledges it."""
    heard, clock = network.first[other, process], network.clock[process]
    network.require(process != other)
    network.require(heard > NOTHING)
    # The constraint of the configuration.
    network.require(heard < size(Tick))
    network.require(clock < size(Tick))
    network.request[process, other] = heard
    network.clock[process] = ite(heard > clock, heard, clock) + 1
    network.reply(other, process, ACKNOWLEDGEMENT)


@action()
def receive_acknowledgement(network: Network, process: Process, other: Process) -> None:
    """{process} receives an acknowledgement from {other}."""
    network.require(process != other)
    network.require(network.first[other, process] == ACKNOWLEDGEMENT)
    network.acknowledged[process, other] = True
    network.receive(other, process)


@action()
def receive_release(network: Network, process: Process, other: Process) -> None:
    """{process} hears that {other} has left."""
    network.require(process != other)
    network.require(network.first[other, process] == RELEASE)
    network.request[process, other] = 0
    network.receive(other, process)


@action()
def enter(network: Network, process: Process) -> None:
    """{process}, acknowledged by all and first of all, enters."""
    network.require(forall(Process, lambda other: network.acknowledged[process, other]))
    network.require(
        forall(
            Process,
            lambda other: (other == process) | network.is_first(process, other),
        )
    )
    network.critical[process] = True


@action()
def leave(network: Network, process: Process) -> None:
    """{process} leaves, and tells all others."""
    network.require(network.critical[process])
    network.acknowledged.update(
        lambda one, other: (one != process) & network.acknowledged[one, other]
    )
    network.broadcast(process, RELEASE)
    network.request[process, process] = 0
    network.critical[process] = False


@invariant()
def one_at_most_is_critical(network: Network) -> Term[bool]:
    """No two processes are in their critical sections."""
    return count(Process, lambda process: network.critical[process]) <= 1


@invariant()
def messages_find_room(network: Network) -> Term[bool]:
    """Whoever may send a message has room for it in the queue."""

    def room(sender: Process, receiver: Process) -> Term[bool]:
        may_send = any_of(
            network.request[sender, sender] == 0,
            network.critical[sender],
            network.first[receiver, sender] > NOTHING,
        )
        return implies(may_send, network.third[sender, receiver] == NOTHING)

    return forall(Process, lambda one: forall(Process, lambda other: room(one, other)))


@invariant()
def channels_hold_one_of_a_kind(network: Network) -> Term[bool]:
    """No channel holds two messages of one kind."""

    def alike(one: Term[int], other: Term[int]) -> Term[bool]:
        return (one == other) | ((one > NOTHING) & (other > NOTHING))

    def distinct(sender: Process, receiver: Process) -> Term[bool]:
        first, second, third = network.queue(sender, receiver)
        return (second == NOTHING) | (
            ~alike(first, second)
            & ((third == NOTHING) | ~(alike(first, third) | alike(second, third)))
        )

    return forall(
        Process, lambda one: forall(Process, lambda other: distinct(one, other))
    )


LAMPORT_MUTEX = TransitionSystem(
    name="Lamport's mutual exclusion",
    summary="Processes that agree by messages on who may enter.",
    state=Network,
    actions=(
        ask,
        receive_request,
        receive_acknowledgement,
        receive_release,
        enter,
        leave,
    ),
    properties=(
        one_at_most_is_critical,
        messages_find_room,
        channels_hold_one_of_a_kind,
    ),
    settings={Network.rank: lambda process: process},
)

SCOPE: Scope = {Process: 3, Tick: 6}
