"""Fingerprints: whether two ground systems are the same to a search.

Everything that states, steps, verdicts and runs depend on is in it; where it was stated
is not.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields

from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import And, Eq, Node, Or, walk


def fingerprint(system: GroundSystem) -> str:
    """The same for equal systems, in every process."""
    whole = hashlib.sha256()
    names: dict[int, str] = {}

    def name(node: Node) -> str:
        for part in walk(node):
            if id(part) not in names:
                names[id(part)] = _name(part, names)
        return names[id(node)]

    def say(*what: object) -> None:
        whole.update(repr(what).encode() + b"\n")

    for slot in system.slots:
        sorts = [sort.__name__ for sort in slot.entry[0].index_sorts]
        say(slot.name, sorts, slot.start, name(slot.term))
    say("initial", sorted(map(name, system.initial)))
    say("outside", sorted(map(str, system.instance.system.outside)))
    for step in system.steps:
        updates = sorted((number, name(node)) for number, node in step.updates.items())
        # Who acts decides which of several runs of one length is shown.
        say(step.action.name, str(step.action.actor), [*map(str, step.arguments)])
        say(sorted(map(name, step.guards)), updates)
    for rule in system.properties:
        say(rule.property.name, rule.property.mode.name)
        say([*map(name, rule.conditions)], [*map(name, rule.premises)])
        say(None if rule.goal is None else name(rule.goal))
        for fair in rule.fair:
            say(fair.line.name, fair.line.strong, name(fair.condition), fair.steps)
    return whole.hexdigest()


def _name(node: Node, names: dict[int, str]) -> str:
    """Of a term whose operands have names; in what order they are does not matter."""
    parts: list[object] = [type(node).__name__]
    below: list[str] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            below.append(names[id(value)])
        elif isinstance(value, tuple):
            below += [names[id(operand)] for operand in value]
        else:
            parts.append(value)
    if isinstance(node, And | Or | Eq):
        below.sort()
    return hashlib.sha256(repr((parts, below)).encode()).hexdigest()
