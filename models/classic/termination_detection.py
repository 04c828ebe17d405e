"""Termination detection with asynchronous messages, as EWD 998 is to implement it.

TLA+ Examples, ewd998/AsyncTerminationDetection.tla. TLC reaches 4,097 states with
four nodes (AsyncTerminationDetection.cfg); its depth of 14 counts states: 13 steps.
The configuration explores only states with at most three messages on their way to a
node, and counts no others; here that is a guard of sending.
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
    deadlock_free,
    forall,
    implies,
    initial,
    invariant,
    ite,
    leads_to,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope

MOST_PENDING = 3


class Node(Index):
    """A node."""


class Nodes(State):
    active = Map(Node, bool)
    pending = Map(Node, Int(0, MOST_PENDING), 0)
    """How many messages are on their way to the node."""

    detected = Var(bool)
    """Termination is detected."""

    def terminated(self) -> Term[bool]:
        return forall(Node, lambda node: ~self.active[node] & (self.pending[node] == 0))

    def terminates_with(self, last: Node) -> Term[bool]:
        """All is over once `last` is passive."""
        return forall(
            Node,
            lambda node: (
                ((node == last) | ~self.active[node]) & (self.pending[node] == 0)
            ),
        )


@initial
def detected_only_if_terminated(nodes: Nodes) -> Term[bool]:
    """Termination may be detected at once, if no node is active."""
    return implies(nodes.detected, nodes.terminated())


@action()
def finish(nodes: Nodes, node: Node, noticed: Term[bool]) -> None:
    """{node} becomes passive; that all is over, if so, is noticed: {noticed}."""
    nodes.require(nodes.active[node])
    nodes.detected = ite(noticed, nodes.terminates_with(node), nodes.detected)
    nodes.active[node] = False


@action()
def send(nodes: Nodes, sender: Node, receiver: Node) -> None:
    """{sender} sends a message to {receiver}."""
    nodes.require(nodes.active[sender])
    nodes.require(nodes.pending[receiver] < MOST_PENDING)
    nodes.pending[receiver] = nodes.pending[receiver] + 1


@action()
def receive(nodes: Nodes, node: Node) -> None:
    """{node} receives a message, and is active."""
    nodes.require(nodes.pending[node] > 0)
    nodes.active[node] = True
    nodes.pending[node] = nodes.pending[node] - 1


@action()
def detect(nodes: Nodes) -> None:
    """Termination is detected."""
    nodes.require(nodes.terminated())
    nodes.detected = True


@invariant()
def detected_termination_is_real(nodes: Nodes) -> Term[bool]:
    """Where termination is detected, nothing is active or pending."""
    return implies(nodes.detected, nodes.terminated())


@step_rule()
def termination_is_final(before: Nodes, step: Step, after: Nodes) -> Term[bool]:
    """Once all is over, it stays so."""
    return implies(before.terminated(), after.terminated())


@leads_to(fair=(detect,))
def termination_is_detected(nodes: Nodes) -> tuple[Term[bool], Term[bool]]:
    """When all is over, this is detected in the end."""
    return nodes.terminated(), nodes.detected


@deadlock_free()
def something_can_happen(nodes: Nodes) -> Term[bool]:
    """Some step is always possible, if only to detect again."""
    return any_of()


TERMINATION_DETECTION = TransitionSystem(
    name="termination detection",
    summary="What detection of termination is to achieve.",
    state=Nodes,
    actions=(finish, send, receive, detect),
    properties=(
        detected_termination_is_real,
        termination_is_final,
        termination_is_detected,
        something_can_happen,
    ),
    initial=(detected_only_if_terminated,),
)

SCOPE: Scope = {Node: 4}
