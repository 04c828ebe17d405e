"""Names: what a ground system calls things, as identifiers that no language minds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any

from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Ite, Node, Slot
from tdxcheck.checker.language.instance import show_element, show_value
from tdxcheck.checker.language.terms import Index


class Names:
    """Gives each thing an identifier of its own."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = {word.casefold() for word in reserved}

    def new(self, text: str) -> str:
        """An identifier made of the text, and not given before."""
        name = identifier(text)
        number = 1
        found = name
        while found.casefold() in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found.casefold())
        return found


def identifier(text: str) -> str:
    """The text in letters, digits and single underscores, with a letter first."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return name if name[:1].isalpha() else f"x_{name}".rstrip("_")


class Vocabulary:
    """The identifiers of one system: its values, slots, steps and rules."""

    def __init__(self, system: GroundSystem, reserved: Iterable[str]) -> None:
        self.system = system
        self.names = Names(reserved)
        self.values: dict[tuple[Any, int], str] = {}
        """By sort and number: the members of enumerations, the elements."""
        for slot in system.slots:
            self._name_values(slot.entry[0].sort, slot.term)
        self.slots = [self.names.new(slot.name) for slot in system.slots]
        self.steps = [self.names.new(step_label(step)) for step in system.steps]
        self.rules = [self.names.new(r.property.name) for r in system.properties]

    def _name_values(self, sort: Any, term: Slot) -> None:
        if not _is_named(sort) or (sort, term.low) in self.values:
            return
        for number in range(term.low, term.high + 1):
            if issubclass(sort, Enum):
                shown = f"{sort.__name__}_{list(sort)[number].name}"
            else:
                shown = show_element(sort, number)
            self.values[sort, number] = self.names.new(shown)

    def value(self, number: int, sort: Any) -> str:
        """The number, by its name where the sort gives it one."""
        return self.values.get((sort, number), str(number))

    def constants(self) -> Iterable[tuple[str, int]]:
        """The named values and their numbers."""
        return ((name, number) for (_, number), name in self.values.items())

    def sort_of(self, node: Node) -> Any:
        """The sort of a term's values, if a slot tells it."""
        match node:
            case Slot(number=number):
                return self.system.slots[number].entry[0].sort
            case Ite(then=then, otherwise=otherwise):
                return self.sort_of(then) or self.sort_of(otherwise)
        return None


def _is_named(sort: Any) -> bool:
    return isinstance(sort, type) and issubclass(sort, Enum | Index)


def step_label(step: GroundStep) -> str:
    """The action's name with its arguments, such as `online block 1`."""
    shown = (
        show_element(type(parameter), argument)
        if isinstance(parameter, Index)
        else f"{parameter.name} {show_value(argument, parameter.sort)}"
        for parameter, argument in zip(
            step.action.parameters, step.arguments, strict=True
        )
    )
    return " ".join((step.action.name, *shown))
