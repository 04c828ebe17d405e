"""Termination detection on a ring by a token, after Dijkstra's note EWD 840.

TLA+ Examples, ewd840/EWD840.tla. TLC reaches 302 states with three nodes
(EWD840.cfg) and 1,566 with four (EWD840_json.cfg). Its depth of 12 states with
four is 11 steps. Its depth of 10 with three is one too many, as may be with several
workers: no state is more than 8 steps away. The source's non-properties, which are
there to be violated, are kept as such.
"""

from __future__ import annotations

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
    exists,
    forall,
    implies,
    initial,
    invariant,
    leads_to,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.arithmetic import size


class Node(Index):
    """A node; the token travels from each to the one numbered one less."""


class Ring(State):
    position = Map(Node, Int(0, Node), frozen=True)

    active = Map(Node, bool)
    black = Map(Node, bool)
    """The node has sent a message against the direction of the token."""

    token = Var(Int(0, Node))
    """The position of the node that has the token."""

    token_black = Var(bool, True)

    def has_token(self, node: Node) -> Term[bool]:
        return self.token == self.position[node]

    def all_passive(self) -> Term[bool]:
        return forall(Node, lambda node: ~self.active[node])

    def termination_detected(self) -> Term[bool]:
        """The first node, passive and white, has the token, and it is white."""
        return ~self.token_black & exists(
            Node,
            lambda node: (
                (self.position[node] == 0)
                & self.has_token(node)
                & ~self.black[node]
                & ~self.active[node]
            ),
        )


@initial
def token_is_at_a_node(ring: Ring) -> Term[bool]:
    """Some node has the token."""
    return ring.token < size(Node)


@action()
def start_round(ring: Ring, node: Node) -> None:
    """{node}, the first, sends a white token round, as the last did not tell."""
    ring.require(ring.position[node] == 0)
    ring.require(ring.has_token(node))
    ring.require(ring.token_black | ring.black[node])
    ring.token = size(Node) - 1
    ring.token_black = False
    ring.black[node] = False


@action()
def pass_token(ring: Ring, node: Node) -> None:
    """{node} passes the token on, blackened if the node is black."""
    ring.require(ring.position[node] > 0)
    ring.require(ring.has_token(node))
    ring.require(any_of(~ring.active[node], ring.black[node], ring.token_black))
    ring.token = ring.position[node] - 1
    ring.token_black = ring.token_black | ring.black[node]
    ring.black[node] = False


@action()
def activate(ring: Ring, sender: Node, receiver: Node) -> None:
    """{sender} activates {receiver} by a message."""
    ring.require(sender != receiver)
    ring.require(ring.active[sender])
    against = ring.position[receiver] > ring.position[sender]
    ring.active[receiver] = True
    ring.black[sender] = ring.black[sender] | against


@action()
def deactivate(ring: Ring, node: Node) -> None:
    """{node} becomes passive."""
    ring.require(ring.active[node])
    ring.active[node] = False


@invariant()
def detected_termination_is_real(ring: Ring) -> Term[bool]:
    """Where termination is detected, every node is passive."""
    return implies(ring.termination_detected(), ring.all_passive())


@invariant()
def token_knows_the_nodes_behind(ring: Ring) -> Term[bool]:
    """Dijkstra's invariant: all behind the token are passive, or something is black.

    Something is a node that the token has still to reach, or the token itself.
    """
    passive_behind = forall(
        Node, lambda node: implies(ring.token < ring.position[node], ~ring.active[node])
    )
    black_ahead = exists(
        Node, lambda node: (ring.position[node] <= ring.token) & ring.black[node]
    )
    return any_of(passive_behind, black_ahead, ring.token_black)


@leads_to(fair=(start_round, pass_token))
def termination_is_detected(ring: Ring) -> tuple[Term[bool], Term[bool]]:
    """When all nodes are passive, this is detected in the end."""
    return ring.all_passive(), ring.termination_detected()


@invariant()
def token_is_always_black(ring: Ring) -> Term[bool]:
    """The token is black. (Not so: the first round whitens it.)"""
    return ring.token_black


@step_rule()
def no_node_changes_color(before: Ring, step: Step, after: Ring) -> Term[bool]:
    """No step changes the color of a node. (Not so: several do.)"""
    return forall(Node, lambda node: before.black[node] == after.black[node])


EWD840 = TransitionSystem(
    name="EWD 840",
    summary="A token on a ring detects that all nodes are passive.",
    state=Ring,
    actions=(start_round, pass_token, activate, deactivate),
    properties=(
        detected_termination_is_real,
        token_knows_the_nodes_behind,
        termination_is_detected,
        token_is_always_black,
        no_node_changes_color,
    ),
    initial=(token_is_at_a_node,),
    settings={Ring.position: lambda node: node},
)

SCOPE: Scope = {Node: 3}
FOUR_NODES: Scope = {Node: 4}
