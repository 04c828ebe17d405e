"""Tables: a ground system as plain data.

"entries" are the variables, and the entries of maps, in their order: the name, the
kind ("bool", "int", or the name of an enumeration or a sort), the names of its values
from `low` on, the value it starts with or null, the number of its slot (null if it has
one value for ever, which is then `start`), and for maps the sorts and numbers of its
indices. "nodes" are terms: the kind of a node, then its operands, which stand before
it, by their places. Everything else names terms by their places.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from typing import Any

from tdxcheck.checker.gate.side.loading import Tree
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, code
from tdxcheck.checker.ground.terms import (
    Add,
    And,
    Const,
    Eq,
    Ite,
    Lt,
    Node,
    Not,
    Or,
    Slot,
    Sub,
    walk,
)
from tdxcheck.checker.judging.question import Question, case_of
from tdxcheck.checker.language.instance import (
    Entry,
    Instance,
    show_arguments,
    show_element,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.variables import Int

Json = Any


def property_of(tree: Tree, name: str) -> Property:
    """The rule, or what a claim says."""
    catalogue = tree.catalogue
    claims = {claim.key: claim.property for claim in catalogue.claims}
    return claims[name] if name in claims else catalogue.rule(name).property


def instance_of(tree: Tree, design: str, rules: Iterable[str]) -> Instance:
    """The design on the default machine, to be judged by the rules."""
    found = tree.catalogue.design(design)
    questions = [Question(property_of(tree, name), None) for name in rules]
    return case_of(tree.catalogue, found, (), {}, questions).instance


def grounded(tree: Tree, design: str, rules: list[str], open_: bool) -> Json:
    """The design as a table; `open_` leaves out its actions and settings."""
    instance = instance_of(tree, design, rules)
    system = instance.system
    if open_:
        system = replace(
            system,
            actions=(),
            initial=(),
            settings=dict.fromkeys(instance.variables),
        )
    return table(ground(system, instance.scope), rules)


def table(system: GroundSystem, rules: list[str]) -> Json:
    instance = system.instance
    slots = {slot.entry: slot for slot in system.slots}
    entries = []
    for variable in instance.variables:
        for entry in instance.entries(variable):
            slot = slots.get(entry)
            if slot is not None:
                start = slot.start
            else:
                start = code(system.constants[entry])
            number = None if slot is None else slot.number
            entries.append(_entry(instance, entry, start, number))
    nodes = _Nodes()
    steps = [
        {
            "action": step.action.name,
            "arguments": [code(argument) for argument in step.arguments],
            "shown": show_arguments(step.action, step.arguments),
            "guards": nodes.all(step.guards),
            "updates": {str(n): nodes.of(value) for n, value in step.updates.items()},
        }
        for step in system.steps
    ]
    found = [
        {
            "name": name,
            "mode": rule.property.mode.name,
            "conditions": nodes.all(rule.conditions),
            "premises": nodes.all(rule.premises),
            "goal": None if (goal := _goal(rule)) is None else nodes.of(goal),
            "fair": [
                {
                    "name": turn.line.name,
                    "strong": turn.line.strong,
                    "condition": nodes.of(turn.condition),
                    "steps": list(turn.steps),
                }
                for turn in getattr(rule, "fair", ())
            ],
        }
        for name, rule in zip(rules, system.properties, strict=True)
    ]
    return {
        "entries": entries,
        "initial": nodes.all(system.initial),
        "actions": [action.name for action in instance.system.actions],
        "steps": steps,
        "rules": found,
        "nodes": nodes.made,
    }


def _goal(rule: GroundProperty) -> Node | None:
    """What has to come in the end, in a language that knows of such rules."""
    found: Node | None = getattr(rule, "goal", None)
    return found


def _entry(
    instance: Instance, entry: Entry, start: int | None, slot: int | None
) -> Json:
    variable, numbers = entry
    sort = variable.sort
    values = instance.values(sort)
    if isinstance(sort, Int):
        kind = "int"
    else:
        kind = sort.__name__
    return {
        "name": show_entry(entry),
        "kind": kind,
        "enumeration": isinstance(sort, type) and issubclass(sort, Enum),
        "values": [show_value(value, sort) for value in values],
        "low": code(values[0]),
        "start": start,
        "slot": slot,
        "variable": variable.name,
        "indices": [
            [sort.__name__, sort.label, number]
            for sort, number in zip(variable.index_sorts, numbers, strict=True)
        ],
        "shown": [
            show_element(sort, number)
            for sort, number in zip(variable.index_sorts, numbers, strict=True)
        ],
        "frozen": variable.frozen,
    }


class _Nodes:
    """Terms in a list, each once, what it is made of before it."""

    def __init__(self) -> None:
        self.made: list[Json] = []
        self._places: dict[int, int] = {}
        self._kept: list[Node] = []
        """So that no two of them ever have the same id."""

    def all(self, nodes: Iterable[Node]) -> list[int]:
        return [self.of(node) for node in nodes]

    def of(self, node: Node) -> int:
        if id(node) not in self._places:
            for below in walk(node):
                if id(below) not in self._places:
                    self._places[id(below)] = len(self.made)
                    self._kept.append(below)
                    self.made.append(self._row(below))
        return self._places[id(node)]

    def _row(self, node: Node) -> Json:
        at = self._places
        match node:
            case Const(boolean=boolean, value=value):
                return ["truth" if boolean else "number", value]
            case Slot(number=number):
                return ["slot", number]
            case Not(operand=operand):
                return ["not", at[id(operand)]]
            case And(operands=operands) | Or(operands=operands):
                name = "and" if isinstance(node, And) else "or"
                return [name, *(at[id(operand)] for operand in operands)]
            case (
                Eq(left=left, right=right)
                | Lt(left=left, right=right)
                | Add(left=left, right=right)
                | Sub(left=left, right=right)
            ):
                return [type(node).__name__.lower(), at[id(left)], at[id(right)]]
            case Ite(condition=condition, then=then, otherwise=otherwise):
                return ["ite", *(at[id(n)] for n in (condition, then, otherwise))]
        raise TypeError(f"not a ground term: {node!r}")
