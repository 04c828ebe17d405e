"""Fingerprints: whether two ground systems are the same to a search."""

from __future__ import annotations

import hashlib
from dataclasses import fields

from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import Node, walk


def fingerprint(system: GroundSystem) -> str:
    """The same for equal systems, in every process."""
    digest = hashlib.sha256()
    numbers: dict[int, int] = {}

    def say(*what: object) -> None:
        digest.update(repr(what).encode() + b"\n")

    def name(node: Node) -> int:
        for part in walk(node):
            if id(part) not in numbers:
                numbers[id(part)] = len(numbers)
                say(type(part).__name__, *map(plain, values(part)))
        return numbers[id(node)]

    def values(node: Node) -> list[object]:
        return [getattr(node, field.name) for field in fields(node)]

    def plain(value: object) -> object:
        if isinstance(value, Node):
            return name(value)
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return value

    for slot in system.slots:
        say(slot.name, slot.start, name(slot.term))
    say("initial", *map(name, system.initial))
    for step in system.steps:
        updates = [(number, name(node)) for number, node in step.updates.items()]
        say(step.action.name, *map(name, step.guards), *updates)
    for rule in system.properties:
        say(rule.property.name, rule.property.mode.name)
        say(*map(name, rule.conditions), *map(name, rule.premises))
    return digest.hexdigest()
