"""A digest of a ground system and its properties, the same in every process.

Everything that a search of it depends on is in it; where it was stated is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import fields

from tdxcheck.checker.ground.system import GroundProperty, GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Node, walk
from tdxcheck.checker.language.instance import show_entry


def digest(system: GroundSystem) -> str:
    """Of the system's slots, initial states, steps and properties."""
    return _Digest().of(system)


class _Digest:
    def __init__(self) -> None:
        self.whole = hashlib.sha256()
        self.places: dict[int, int] = {}
        """By the identity of a node, the place at which it was first said."""

    def of(self, system: GroundSystem) -> str:
        for slot in system.slots:
            variable, _ = slot.entry
            sorts = [sort.__name__ for sort in variable.index_sorts]
            self.say(show_entry(slot.entry), sorts, slot.start, self.node(slot.term))
        self.say("initial", list(self.nodes(system.initial)))
        for step in system.steps:
            self.step(step)
        for rule in system.properties:
            self.property(rule)
        return self.whole.hexdigest()

    def say(self, *what: object) -> None:
        self.whole.update(repr(what).encode() + b"\n")

    def step(self, step: GroundStep) -> None:
        # Of runs of one length, that with the fewest changes of actor is shown.
        actor = step.action.actor
        self.say(step.action.name, str(actor), [*map(str, step.arguments)])
        self.say(list(self.nodes(step.guards)))
        self.say([(n, self.node(node)) for n, node in sorted(step.updates.items())])

    def property(self, rule: GroundProperty) -> None:
        self.say(rule.property.name, rule.property.mode.name)
        self.say(list(self.nodes(rule.conditions)), list(self.nodes(rule.premises)))
        self.say(None if rule.goal is None else self.node(rule.goal))
        for fair in rule.fair:
            line = fair.line
            self.say(line.name, line.strong, self.node(fair.condition), fair.steps)

    def nodes(self, nodes: Iterable[Node]) -> Iterator[int]:
        return (self.node(node) for node in nodes)

    def node(self, root: Node) -> int:
        """Say what has not been said of the term; where it was said."""
        for node in walk(root):
            if id(node) not in self.places:
                parts = [self.part(getattr(node, f.name)) for f in fields(node)]
                self.say(type(node).__name__, parts)
                self.places[id(node)] = len(self.places)
        return self.places[id(root)]

    def part(self, part: object) -> object:
        if isinstance(part, Node):
            return "at", self.places[id(part)]
        if isinstance(part, tuple):
            return [self.part(each) for each in part]
        return part
