"""The reachable graph, for questions about the whole of a small system."""

from __future__ import annotations

import networkx

from tdxcheck.checker.engines.explicit import successors_of
from tdxcheck.checker.ground.system import GroundSystem, Values

MOST_STATES = 20_000
"""A graph of networkx takes several kilobytes a state."""


class TooLarge(Exception):
    """The system has more reachable states than a graph should have."""


def reachable_graph(
    system: GroundSystem, most: int = MOST_STATES
) -> networkx.MultiDiGraph[int]:
    """Every reachable state, numbered as a breadth-first search meets it.

    A node has its `state` by name and whether it is `initial`; an edge is
    labelled with the `action` and the sentence of its step.
    """
    graph: networkx.MultiDiGraph[int] = networkx.MultiDiGraph(name=system.name)
    successors = successors_of(system)
    numbers: dict[Values, int] = {}
    for values in system.initial_states():
        numbers[values] = len(numbers)
        graph.add_node(numbers[values], state=values, initial=True)
        _check(system, len(numbers), most)
    pending = list(numbers)
    for values in pending:
        for step, after in successors(values):
            if after not in numbers:
                numbers[after] = len(numbers)
                graph.add_node(numbers[after], state=after, initial=False)
                pending.append(after)
                _check(system, len(numbers), most)
            taken = system.steps[step]
            graph.add_edge(
                numbers[values],
                numbers[after],
                key=step,
                action=taken.action.name,
                label=str(taken),
            )
    return graph


def _check(system: GroundSystem, states: int, most: int) -> None:
    if states > most:
        raise TooLarge(f"{system.name} has more than {most:,} reachable states")
