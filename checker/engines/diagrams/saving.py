"""Saving: a set of states as plain data, for a search that is to go on later.

The nodes of its diagram, each after those below it, with the order of the bits.
"""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram

Json = Any


def saved(encoding: Encoding, states: Diagram) -> Json:
    """The set, which is neither empty nor everything."""
    manager = encoding.manager
    place: dict[int, int] = {int(manager.false): 0, int(manager.true): 1}
    nodes: list[tuple[str, int, int]] = []
    stack = [states]
    while stack:
        node = stack[-1]
        low, high = node.low, node.high
        if node.negated:
            low, high = ~low, ~high
        below = [each for each in (low, high) if int(each) not in place]
        if below:
            stack += below
            continue
        stack.pop()
        if int(node) not in place:
            place[int(node)] = len(nodes) + 2
            nodes.append((node.var, place[int(low)], place[int(high)]))
    return {"order": manager.order(), "nodes": nodes}


def restored(encoding: Encoding, document: Json) -> Diagram:
    """The set that was saved, of the same system."""
    manager = encoding.manager
    manager.reorder(document["order"])
    found = [manager.false, manager.true]
    for bit, low, high in document["nodes"]:
        chosen = manager.bit(bit)
        found.append(chosen & found[high] | ~chosen & found[low])
    return found[-1]
