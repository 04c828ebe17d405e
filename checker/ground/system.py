"""The ground system: what every engine starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Any

from tdxcheck.checker.ground.terms import Node, Slot, evaluate, support
from tdxcheck.checker.language.instance import (
    Assignment,
    Entry,
    Instance,
    describe,
    show_entry,
)
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.language.variables import Int

Values = tuple[int, ...]
"""A ground state: the number that each slot holds."""


@dataclass(frozen=True, eq=False)
class GroundSlot:
    """A scalar of the ground state: which entry it is, and what it may hold."""

    number: int
    entry: Entry
    term: Slot
    start: int | None
    """Its value in every initial state, if it has but one there."""

    @property
    def name(self) -> str:
        return show_entry(self.entry)


@dataclass(frozen=True, eq=False)
class GroundStep:
    """An action with its arguments filled in."""

    number: int
    action: Action
    arguments: tuple[Any, ...]
    guards: tuple[Node, ...]
    updates: Mapping[int, Node]
    """The new values, by slot number; every other slot keeps its own."""
    answer: Node | None
    """The answer to the call that the step makes, as a number of its enumeration."""

    def __str__(self) -> str:
        return describe(self.action, self.arguments)


@dataclass(frozen=True, eq=False)
class GroundFairness:
    """A turn that somebody is due: one of the steps, where the condition holds.

    It is possible where the condition and the guards of some such step hold.
    """

    line: Fairness
    action: Action | None
    """None if any action of the line will do."""
    elements: tuple[tuple[type[Index], int], ...]
    condition: Node
    steps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GroundProperty:
    """A property with its condition and its premise as ground terms.

    Of a step rule there is one of each per step; of the others, only one.
    The premise is what must happen for the property to say anything.
    """

    property: Property
    conditions: tuple[Node, ...]
    premises: tuple[Node, ...]
    goal: Node | None = None
    fair: tuple[GroundFairness, ...] = ()


@dataclass(frozen=True, eq=False)
class GroundSystem:
    instance: Instance
    slots: tuple[GroundSlot, ...]
    constants: Mapping[Entry, Any]
    """The entries that have one value in every reachable state."""
    initial: tuple[Node, ...]
    steps: tuple[GroundStep, ...]
    properties: tuple[GroundProperty, ...]

    @property
    def name(self) -> str:
        return self.instance.system.name

    def initial_states(self, fixed: Mapping[int, int] = {}) -> Iterator[Values]:
        """Every initial state in which some slots hold these values, in their order."""
        last: dict[int, list[Node]] = {}
        for condition in self.initial:
            last.setdefault(max(support(condition), default=-1), []).append(condition)

        def extend(prefix: Values) -> Iterator[Values]:
            number = len(prefix)
            if not all(evaluate(c, prefix) for c in last.get(number - 1, ())):
                return
            if number == len(self.slots):
                yield prefix
                return
            slot = self.slots[number]
            free = range(slot.term.low, slot.term.high + 1)
            for value in free if slot.start is None else (slot.start,):
                if fixed.get(number, value) == value:
                    yield from extend((*prefix, value))

        return extend(())

    @cached_property
    def _numbers(self) -> dict[Entry, int]:
        return {slot.entry: slot.number for slot in self.slots}

    def assignment(self, values: Values) -> Assignment:
        """The state by name, as the reference interpreter has it."""
        named = dict(self.constants)
        for slot, value in zip(self.slots, values, strict=True):
            variable, _ = slot.entry
            named[slot.entry] = decode(value, variable.sort)
        return named

    def values(self, state: Assignment) -> Values:
        """The ground state for a state by name."""
        return tuple(code(state[slot.entry]) for slot in self.slots)

    def initial_count(self) -> int:
        """An upper bound of the number of initial states."""
        count = 1
        for slot in self.slots:
            if slot.start is None:
                count *= slot.term.high - slot.term.low + 1
        return count


def no_initial_state(system: GroundSystem) -> SpecificationError:
    """Of a system whose conditions of initial states contradict each other."""
    rules = system.instance.system.initial
    names = ", ".join(rule.name for rule in rules)
    return SpecificationError(
        rules[0].location,
        f"{system.name} has no initial state: nothing satisfies {names} together",
    )


def code(value: Any) -> int:
    """The number that stands for a value in ground states."""
    if isinstance(value, Enum):
        return _places(type(value))[value]
    return int(value)


@cache
def _places(sort: type[Enum]) -> dict[Enum, int]:
    return {value: place for place, value in enumerate(sort)}


@cache
def _members(sort: type[Enum]) -> list[Enum]:
    return list(sort)


def decode(number: int, sort: Any) -> Any:
    """The value of a sort that a number stands for."""
    if isinstance(sort, Int):
        return number
    if sort is bool:
        return bool(number)
    if issubclass(sort, Enum):
        return _members(sort)[number]
    return number
