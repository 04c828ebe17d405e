"""Leads-to by the graph: fair components of the states that owe a goal.

The reachable states are nodes, and each step from one to another is an edge, kept in
compressed sparse rows. A strongly connected component is fair if every turn that is
weakly due ceases to be somewhere in it, or is taken; and every turn that is strongly
due, if it is due anywhere, is taken. States in which a strong turn is due that is not
taken are removed, and what is left falls into smaller components.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tdxcheck.checker.engines.explicit import UNLIMITED, Limits, exceeded
from tdxcheck.checker.engines.lasso import Stems, lasso
from tdxcheck.checker.engines.packing import (
    Packing,
    Watch,
    compile_successors,
    compile_watches,
)
from tdxcheck.checker.engines.spaces import Turn
from tdxcheck.checker.engines.starting import starting_states
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.ground.terms import Node
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Unknown,
    Vacuous,
    Verdict,
)

Truths = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

MOST_STATES = 300_000
"""States of a slice whose graph is made; each takes a few hundred bytes and edges."""


class _Met(Exception):
    """A limit."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit


class Graph:
    """The reachable states of a system and its steps."""

    def __init__(self, system: GroundSystem, limits: Limits = UNLIMITED) -> None:
        self.system = system
        self.packing = Packing(system)
        self.number: dict[int, int] = {}
        successors = compile_successors(system, self.packing)
        for state in starting_states(system, self.packing):
            self.number.setdefault(state, len(self.number))
        self.starts = len(self.number)
        most = min(limits.states or MOST_STATES, MOST_STATES)
        edges: list[tuple[int, int, int]] = []
        states = list(self.number)
        for place, state in enumerate(states):
            for step, after in successors(state):
                there = self.number.setdefault(after, len(states))
                if there == len(states):
                    states.append(after)
                edges.append((step, place, there))
            if place % 4096 == 0:
                if len(states) > most:
                    raise _Met(Limit.STATES)
                if limit := exceeded(limits, 0):
                    raise _Met(limit)
        self.states = states
        table = np.array(edges, dtype=np.int64).reshape(-1, 3)
        table = table[np.argsort(table[:, 0], kind="stable")]
        self.step_of, self.source, self.target = (
            np.ascontiguousarray(column) for column in table.T
        )
        self._begins = np.searchsorted(self.step_of, np.arange(len(system.steps) + 1))

    @cached_property
    def steps(self) -> Sequence[int]:
        return [
            number
            for number in range(len(self.system.steps))
            if self._begins[number] < self._begins[number + 1]
        ]

    @property
    def nothing(self) -> Truths:
        return np.zeros(len(self.states), dtype=np.bool_)

    def is_empty(self, states: Truths) -> bool:
        return not states.any()

    def _edges(self, step: int) -> tuple[Numbers, Numbers]:
        here = slice(self._begins[step], self._begins[step + 1])
        return self.source[here], self.target[here]

    def after(self, states: Truths, step: int) -> Truths:
        sources, targets = self._edges(step)
        found = self.nothing
        found[targets[states[sources]]] = True
        return found

    def before(self, states: Truths, step: int) -> Truths:
        sources, targets = self._edges(step)
        found = self.nothing
        found[sources[states[targets]]] = True
        return found

    def after_any(self, states: Truths) -> Truths:
        found = self.nothing
        found[self.target[states[self.source]]] = True
        return found

    def before_any(self, states: Truths) -> Truths:
        found = self.nothing
        found[self.source[states[self.target]]] = True
        return found

    def only(self, values: Values) -> Truths:
        found = self.nothing
        found[self.number[self.packing.pack(values)]] = True
        return found

    def first(self, states: Truths) -> Values:
        return min(self.packing.unpack(self.states[n]) for n in np.flatnonzero(states))

    def holds(self, condition: Node) -> Truths:
        """Where the condition holds."""
        hit = compile_watches(self.packing, [Watch(0, condition)])
        return np.fromiter((bool(hit(s)) for s in self.states), np.bool_)

    def initial(self) -> Truths:
        found = self.nothing
        found[: self.starts] = True
        return found

    def turns(self, rule: GroundProperty) -> list[Turn]:
        found = []
        for fair in rule.fair:
            applies = self.holds(fair.condition)
            possible = self.nothing
            for step in fair.steps:
                possible[self._edges(step)[0]] = True
            steps = frozenset(fair.steps)
            found.append(Turn(steps, applies, applies & possible, fair.line.strong))
        return found

    def closure(self, states: Truths, inside: Truths) -> Truths:
        """All that the steps lead to from these, inside."""
        inner = inside[self.source] & inside[self.target]
        sources, targets = self.source[inner], self.target[inner]
        found = states & inside
        while True:
            new = targets[found[sources] & ~found[targets]]
            if not len(new):
                return found
            found[new] = True


def _components(graph: Graph, inside: Truths, turns: Sequence[Turn]) -> Numbers:
    """The number of the fair component that each state is in; -1 for none."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    size = len(graph.states)
    taken = []
    for turn in turns:
        counts = np.isin(graph.step_of, sorted(turn.steps))
        taken.append(counts & turn.applies[graph.source])
    left = inside.copy()
    while True:
        inner = left[graph.source] & left[graph.target]
        sources, targets = graph.source[inner], graph.target[inner]
        matrix = csr_array(
            (np.ones(len(sources), dtype=np.int8), (sources, targets)), (size, size)
        )
        count, labels = connected_components(matrix, connection="strong")
        within = inner & (labels[graph.source] == labels[graph.target])
        out = np.zeros(size, dtype=np.bool_)
        for turn, by in zip(turns, taken, strict=True):
            served = np.zeros(count, dtype=np.bool_)
            served[labels[graph.source[within & by]]] = True
            if turn.strong:
                out |= left & turn.due & ~served[labels]
            else:
                served[labels[left & ~turn.due]] = True
                out |= left & ~served[labels]
        if not out.any():
            return np.where(left, labels, -1)
        left &= ~out


def judge(system: GroundSystem, limits: Limits = UNLIMITED) -> tuple[Verdict, ...]:
    """The verdicts on the properties of the system, which are all leads-to."""
    found: list[Verdict] = []
    try:
        graph = Graph(system, limits)
        for rule in system.properties:
            found.append(_verdict(graph, rule))
        return tuple(found)
    except _Met as met:
        limit = met.limit
    except KeyboardInterrupt:
        limit = Limit.INTERRUPT
    except MemoryError:
        limit = Limit.MEMORY
    rest = len(system.properties) - len(found)
    return (*found, *[Unknown(limit)] * rest)


def _verdict(graph: Graph, rule: GroundProperty) -> Verdict:
    assert rule.goal is not None
    condition, goal = graph.holds(rule.conditions[0]), graph.holds(rule.goal)
    if not condition.any():
        return Vacuous(f"{len(graph.states):,} states")
    turns = graph.turns(rule)
    owing = graph.closure(condition & ~goal, ~goal)
    labels = _components(graph, owing, turns)
    if (labels < 0).all():
        return Exhausted(len(graph.states), _rests_on(graph, rule, owing, turns))
    stems = Stems(graph, graph.initial(), condition, goal)
    fair = labels >= 0

    def component(values: Values) -> Truths:
        found: Truths = labels == labels[graph.only(values)]
        return found

    return lasso(stems, turns, lambda states: states & fair, component)


def _rests_on(
    graph: Graph, rule: GroundProperty, owing: Truths, turns: Sequence[Turn]
) -> tuple[str, ...]:
    """The lines of fairness without any one of which the rule does not hold."""
    found = []
    for line in rule.property.fair:
        rest = [
            turn
            for turn, fair in zip(turns, rule.fair, strict=True)
            if fair.line is not line
        ]
        if (_components(graph, owing, rest) >= 0).any():
            found.append(line.name)
    return tuple(found)
