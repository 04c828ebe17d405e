"""A spanning tree by relaxation: nodes learn of shorter ways to the root.

TLA+ Examples, SpanningTree/SpanTree.tla. TLC reaches 1,236 states on the graph of
SpanTree.cfg. Its depth of 6 states is one too many, as may be with several
workers: no state is more than 4 steps away. A distance may be any number that is
shorter than what is known and longer than the neighbour's.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    Map2,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    any_of,
    deadlock_free,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Scope

FAR = 6
"""A distance that stands for no way at all; more than there are nodes."""

EDGES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
ROOT = 0


class Node(Index):
    """A node of the graph."""


class Distance(Index):
    """A distance that a node may learn: the numbers from 0."""


class Tree(State):
    edge = Map2(Node, Node, bool, frozen=True)
    root = Var(Node, frozen=True)
    value = Map(Distance, Int(0, Distance), frozen=True)

    parent = Map(Node, Node)
    distance = Map(Node, Int(0, FAR))

    def is_root(self, node: Node) -> Term[bool]:
        return all_of(
            self.root == node, self.distance[node] == 0, self.parent[node] == node
        )

    def is_cut_off(self, node: Node) -> Term[bool]:
        return all_of(
            self.distance[node] == FAR,
            self.parent[node] == node,
            forall(
                Node,
                lambda other: implies(
                    self.edge[node, other], self.distance[other] == FAR
                ),
            ),
        )

    def is_next_to_parent(self, node: Node) -> Term[bool]:
        parent = self.parent[node]
        return all_of(
            self.distance[node] > 0,
            self.distance[node] < FAR,
            self.edge[node, parent],
            self.distance[node] == self.distance[parent] + 1,
        )

    def is_built(self) -> Term[bool]:
        """The parents form a tree of shortest ways."""
        return forall(
            Node,
            lambda node: any_of(
                self.is_root(node), self.is_cut_off(node), self.is_next_to_parent(node)
            ),
        )


@action()
def learn(tree: Tree, node: Node, neighbour: Node, distance: Distance) -> None:
    """{node} learns from {neighbour} that the root is at {distance}."""
    tree.require(tree.edge[node, neighbour])
    tree.require(tree.distance[neighbour] < tree.value[distance])
    tree.require(tree.value[distance] < tree.distance[node])
    tree.distance[node] = tree.value[distance]
    tree.parent[node] = neighbour


@deadlock_free()
def it_ends_with_a_tree(tree: Tree) -> Term[bool]:
    """It goes on until the parents form a tree of shortest ways."""
    return tree.is_built()


@invariant()
def parents_are_nearer(tree: Tree) -> Term[bool]:
    """A node with a parent is farther from the root than it."""
    return forall(
        Node,
        lambda node: implies(
            tree.parent[node] != node,
            tree.edge[node, tree.parent[node]]
            & (tree.distance[tree.parent[node]] < tree.distance[node]),
        ),
    )


SPANNING_TREE = TransitionSystem(
    name="spanning tree",
    summary="Nodes learn from their neighbours how far the root is.",
    state=Tree,
    actions=(learn,),
    properties=(it_ends_with_a_tree, parents_are_nearer),
    settings={
        Tree.edge: lambda one, other: (one, other) in EDGES or (other, one) in EDGES,
        Tree.root: ROOT,
        Tree.value: lambda distance: distance,
        Tree.parent: lambda node: node,
        Tree.distance: lambda node: 0 if node == ROOT else FAR,
    },
)

SCOPE: Scope = {Node: 5, Distance: FAR}
