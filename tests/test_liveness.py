"""Leads-to: the two engines, the naive reference, and what their lassos show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import combinations

import networkx
from hypothesis import given

from tdxcheck.checker.engines.diagrams import liveness as by_diagrams
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter, View
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.trace import entries_of, evidence_of, owed_from, replay
from tdxcheck.checker.turns import Turn, turns_of
from tdxcheck.checker.verdict import Exhausted, Refuted, Vacuous, Verdict
from tests.random_systems import Drawn, examples, systems

Node = tuple[object, ...]


@dataclass(frozen=True)
class Edge:
    source: Node
    target: Node
    step: tuple[object, tuple[object, ...]]


class Reference:
    """The reachable graph by the interpreter, and leads-to by trying everything out."""

    def __init__(self, instance: Instance, most: int) -> None:
        self.instance = instance
        self.interpreter = Interpreter(instance)
        self.states: dict[Node, Assignment] = {}
        self.edges: list[Edge] = []
        self.out: dict[Node, list[Edge]] = {}
        pending = deque(self.interpreter.initial_states())
        self.initial = [self.node(state) for state in pending]
        self.complete = True
        while pending:
            state = pending.popleft()
            node = self.node(state)
            if node in self.states:
                continue
            if len(self.states) >= most:
                self.complete = False
                return
            self.states[node] = state
            self.out[node] = []
            for action in instance.system.actions:
                for arguments in instance.choices(action):
                    after = self.interpreter.attempt(state, action, arguments).after
                    if after is not None:
                        edge = Edge(node, self.node(after), (action, arguments))
                        self.out[node].append(edge)
                        self.edges.append(edge)
                        pending.append(after)

    def node(self, state: Assignment) -> Node:
        return tuple(state[entry] for entry in entries_of(self.instance))

    def holds(self, term: object, node: Node) -> bool:
        return bool(self.interpreter.evaluate(term, View(self.states[node], {})))  # type: ignore[arg-type]

    def due(self, turn: Turn, node: Node) -> bool:
        return self.holds(turn.line.condition, node) and any(
            edge.step in turn.steps for edge in self.out[node]
        )

    def takes(self, turn: Turn, edge: Edge) -> bool:
        return edge.step in turn.steps and self.holds(turn.line.condition, edge.source)

    def owing(self, rule: Property) -> set[Node]:
        found: set[Node] = set()
        pending = [n for n in self.states if self.holds(rule.condition, n)]
        while pending:
            node = pending.pop()
            if node not in found and not self.holds(rule.goal, node):
                found.add(node)
                pending += [edge.target for edge in self.out[node]]
        return found

    def fair_nodes(self, rule: Property) -> set[Node]:
        """What is in a fair component: by every choice of strong turns to avoid."""
        turns = turns_of(self.instance, rule)
        strong = [turn for turn in turns if turn.line.strong]
        found: set[Node] = set()
        for size in range(len(strong) + 1):
            for avoided in combinations(strong, size):
                inside = {
                    node
                    for node in self.owing(rule)
                    if not any(self.due(turn, node) for turn in avoided)
                }
                graph = networkx.DiGraph()
                graph.add_nodes_from(inside)
                graph.add_edges_from(
                    (edge.source, edge.target)
                    for edge in self.edges
                    if edge.source in inside and edge.target in inside
                )
                for component in networkx.strongly_connected_components(graph):
                    if all(
                        turn in avoided or self.served(turn, component)
                        for turn in turns
                    ):
                        found |= component
        return found

    def served(self, turn: Turn, component: set[Node]) -> bool:
        if not turn.line.strong and any(not self.due(turn, n) for n in component):
            return True
        return any(
            edge.target in component and self.takes(turn, edge)
            for node in component
            for edge in self.out[node]
        )

    def shortest_stem(self, rule: Property, fair: set[Node]) -> int:
        level = {(node, False) for node in self.initial}
        seen: set[tuple[Node, bool]] = set()
        for steps in range(10_000):
            level |= {
                (node, True)
                for node, _ in level
                if self.holds(rule.condition, node) and not self.holds(rule.goal, node)
            }
            if any(owes and node in fair for node, owes in level):
                return steps
            seen |= level
            level = {
                (edge.target, owes)
                for node, owes in level
                for edge in self.out[node]
                if not (owes and self.holds(rule.goal, edge.target))
            } - seen
        raise AssertionError("there is a stem")


    def shortest_cycle(self, rule: Property, start: Node) -> int:
        """The steps of a shortest fair cycle from the node that owes the goal."""
        turns = turns_of(self.instance, rule)
        owing = self.owing(rule)
        due = {node: {t for t in turns if self.due(t, node)} for node in owing}
        if not due[start]:
            return 0
        level = {self._kept(start, frozenset(), frozenset(), turns, due)}
        seen: set[object] = set()
        for steps in range(1, 10_000):
            seen |= level
            level = {
                self._kept(
                    edge.target,
                    met | {t for t in turns if self.takes(t, edge)},
                    owed,
                    turns,
                    due,
                )
                for node, met, owed in level
                for edge in self.out[node]
                if edge.target in owing
            }
            for node, met, owed in level:
                weak = {turn for turn in turns if not turn.line.strong}
                if node == start and owed <= met and weak <= met:
                    return steps
            level -= seen  # type: ignore[arg-type]
        raise AssertionError("there is a cycle")

    def _kept(
        self,
        node: Node,
        met: frozenset[Turn],
        owed: frozenset[Turn],
        turns: list[Turn],
        due: dict[Node, set[Turn]],
    ) -> tuple[Node, frozenset[Turn], frozenset[Turn]]:
        idle = {t for t in turns if not t.line.strong and t not in due[node]}
        strong = {t for t in due[node] if t.line.strong}
        return node, met | idle, owed | strong


def single(system: GroundSystem, rule: GroundProperty) -> GroundSystem:
    """The whole system, with one rule."""
    return replace(system, properties=(rule,))


def both(system: GroundSystem) -> Verdict:
    """The verdict, which the two engines have in common to the last step."""
    (found,) = judge_by_graph(system)
    assert by_diagrams.judge(system) == (found,)
    return found


@examples(40)
@given(systems(400))
def test_engines_agree_with_the_reference(drawn: Drawn) -> None:
    """On whole systems and on slices, which know less and say the same."""
    system = ground(drawn.living(), drawn.scope)
    reference = Reference(system.instance, 40)
    if not reference.complete or not reference.initial:
        return
    for number, asked in enumerate(system.properties):
        rule = asked.property
        verdict = both(single(system, asked))
        part = slice_for(system, [number])
        sliced = both(part.system)
        fair = reference.fair_nodes(rule)
        if not any(reference.holds(rule.condition, node) for node in reference.states):
            assert isinstance(verdict, Vacuous)
            assert isinstance(sliced, Vacuous)
        elif not fair:
            assert isinstance(verdict, Exhausted)
            assert isinstance(sliced, Exhausted)
            assert verdict.rests_on == sliced.rests_on
        else:
            assert isinstance(verdict, Refuted)
            assert isinstance(sliced, Refuted)
            for run in (verdict.run, part.lift(sliced.run)):
                trace = replay(system.instance, rule, evidence_of(system, run))
                assert owed_from(trace) is not None
            stem = verdict.run.loop
            assert stem == reference.shortest_stem(rule, fair)
            end = reference.node(system.assignment(verdict.run.states[-1]))
            cycle = len(verdict.run.steps) - stem
            assert cycle == reference.shortest_cycle(rule, end)
