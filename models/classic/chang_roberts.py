"""Election of a leader on a ring, after Chang and Roberts: the lowest number wins.

TLA+ Examples, chang_roberts/ChangRoberts.tla. TLC reaches 137 states with three
nodes, each its own number (MCChangRoberts.cfg); its depth of 10 counts states:
9 steps. Messages to a node are a set, received in any order.
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
    deadlock_free,
    exists,
    forall,
    implies,
    initial,
    invariant,
    leads_to,
)
from tdxcheck.checker.language.instance import Scope

NODES = 3


class Standing(Enum):
    """How a node stands in the election."""

    CANDIDATE = 0
    LOST = 1
    WON = 2


class Node(Index):
    """A node of the ring, and its number there."""


class Election(State):
    rank = Map(Node, Int(0, Node), frozen=True)
    successor = Map(Node, Node, frozen=True)
    initiator = Map(Node, bool, frozen=True)
    """The node takes part from the start."""

    started = Map(Node, bool, False)
    standing = Map(Node, Standing)
    inbox = Map2(Node, Node, bool, False)
    """A message with the number of the second is on its way to the first."""

    def forward(self, node: Node, number: Node) -> None:
        """Receive a message and send it on."""
        inbox, successor = self.inbox, self.successor[node]
        inbox.update(
            lambda at, carried: (
                ((carried == number) & (at == successor))
                | (((carried != number) | (at != node)) & inbox[at, carried])
            )
        )


@initial
def initiators_stand(election: Election) -> Term[bool]:
    """The initiators are candidates, and the others have lost."""
    return forall(
        Node,
        lambda node: (
            (election.standing[node] != Standing.WON)
            & (
                election.initiator[node]
                == (election.standing[node] == Standing.CANDIDATE)
            )
        ),
    )


@action()
def start(election: Election, node: Node) -> None:
    """{node} starts; if it takes part, it sends its number."""
    election.require(~election.started[node])
    successor = election.successor[node]
    sent = election.inbox[successor, node] | election.initiator[node]
    election.inbox[successor, node] = sent
    election.started[node] = True


@action()
def relay(election: Election, node: Node, number: Node) -> None:
    """{node}, which has lost, sends the number of {number} on."""
    election.require(election.started[node])
    election.require(election.inbox[node, number])
    election.require(election.standing[node] == Standing.LOST)
    election.forward(node, number)


@action()
def give_in(election: Election, node: Node, number: Node) -> None:
    """{node} loses to {number}, and sends its number on."""
    election.require(election.started[node])
    election.require(election.inbox[node, number])
    election.require(election.standing[node] != Standing.LOST)
    election.require(election.rank[number] < election.rank[node])
    election.standing[node] = Standing.LOST
    election.forward(node, number)


@action()
def discard(election: Election, node: Node, number: Node) -> None:
    """{node} drops the number of {number}, as its own is lower."""
    election.require(election.started[node])
    election.require(election.inbox[node, number])
    election.require(election.standing[node] != Standing.LOST)
    election.require(election.rank[number] > election.rank[node])
    election.inbox[node, number] = False


@action()
def win(election: Election, node: Node) -> None:
    """{node} receives its own number."""
    election.require(election.started[node])
    election.require(election.inbox[node, node])
    election.require(election.standing[node] != Standing.LOST)
    election.standing[node] = Standing.WON
    election.inbox[node, node] = False


@invariant()
def winner_is_the_lowest_initiator(election: Election) -> Term[bool]:
    """Whoever wins took part, and all others have lost, none of a lower number."""

    def beaten(winner: Node, node: Node) -> Term[bool]:
        return (election.standing[node] == Standing.LOST) & implies(
            election.initiator[node], election.rank[node] > election.rank[winner]
        )

    return forall(
        Node,
        lambda winner: implies(
            election.standing[winner] == Standing.WON,
            election.initiator[winner]
            & forall(Node, lambda node: (node == winner) | beaten(winner, node)),
        ),
    )


@leads_to(fair=(start, relay, give_in, discard, win))
def somebody_wins(election: Election) -> tuple[Term[bool], Term[bool]]:
    """Where there is a candidate, some node wins in the end."""
    return (
        exists(Node, lambda node: election.standing[node] == Standing.CANDIDATE),
        exists(Node, lambda node: election.standing[node] == Standing.WON),
    )


@deadlock_free()
def only_the_end_stops_it(election: Election) -> Term[bool]:
    """It goes on until some node has won, or all have started and none took part."""
    return exists(Node, lambda node: election.standing[node] == Standing.WON) | forall(
        Node, lambda node: election.started[node] & ~election.initiator[node]
    )


CHANG_ROBERTS = TransitionSystem(
    name="Chang and Roberts's election",
    summary="Three nodes on a ring elect one of them.",
    state=Election,
    actions=(start, relay, give_in, discard, win),
    properties=(
        winner_is_the_lowest_initiator,
        somebody_wins,
        only_the_end_stops_it,
    ),
    initial=(initiators_stand,),
    settings={
        Election.rank: lambda node: node,
        Election.successor: lambda node: (node + 1) % NODES,
    },
)

SCOPE: Scope = {Node: NODES}
