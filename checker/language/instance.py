"""An instance: a system over a finite scope, with its variables' entries and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from itertools import product
from typing import Any

from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Action, Event, TransitionSystem
from tdxcheck.checker.language.terms import Choice, Element, Index
from tdxcheck.checker.language.variables import Int, Variable

Scope = Mapping[type[Index], int]
"""How many elements each sort has."""

Entry = tuple[Variable, tuple[int, ...]]
"""A variable, or the entry of a map at these element numbers."""

Assignment = dict[Entry, Any]
"""A state, by name: booleans, members of enumerations, integers, element numbers."""


@cache
def _members(sort: type[Enum]) -> tuple[Enum, ...]:
    return tuple(sort)


@dataclass(frozen=True, eq=False)
class Instance:
    """A system in a scope."""

    system: TransitionSystem
    scope: Scope

    def elements(self, sort: type[Index]) -> range:
        if sort not in self.scope:
            raise SpecificationError(
                self.system.actions[0].location,
                f"{self.system.name} has no number of elements for {sort.__name__}",
            )
        return range(self.scope[sort])

    def __post_init__(self) -> None:
        declared = frozenset(self.variables)
        for variable in self.system.settings:
            if variable not in declared:
                raise SpecificationError(
                    variable.location,
                    f"{self.system.name} sets {variable.name}, "
                    "which is no variable of its state",
                )

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        return self.system.state.variables()

    def entries(self, variable: Variable) -> Iterator[Entry]:
        """The variable itself, or every entry of the map that it is."""
        for numbers in product(*map(self.elements, variable.index_sorts)):
            yield variable, numbers

    def bounds(self, sort: Int) -> tuple[int, int]:
        high = sort.high
        return sort.low, high if isinstance(high, int) else len(self.elements(high))

    def values(self, sort: Any) -> tuple[Any, ...]:
        """The values of a variable's sort, in their order."""
        if isinstance(sort, Int):
            low, high = self.bounds(sort)
            return tuple(range(low, high + 1))
        if sort is bool:
            return (False, True)
        if issubclass(sort, Enum):
            return _members(sort)
        return tuple(self.elements(sort))

    @cached_property
    def started(self) -> tuple[tuple[Entry, Any], ...]:
        """The entries that have one value in every initial state, with that value."""
        starts = (
            (entry, self.start(entry))
            for variable in self.variables
            for entry in self.entries(variable)
        )
        return tuple((entry, start) for entry, start in starts if start is not None)

    def start(self, entry: Entry) -> Any:
        """The entry's value in every initial state, or None if it may have any."""
        variable, numbers = entry
        if not self.values(variable.sort):
            raise SpecificationError(
                variable.location, f"{variable.name} has no value in this scope"
            )
        value = self.system.settings.get(variable, variable.initial)
        if callable(value):
            value = value(*numbers)
        if isinstance(value, Element):
            value = value.number
        if value is not None and not self._is_of(value, variable.sort):
            raise SpecificationError(
                variable.location,
                f"{self.system.name} sets {show_entry(entry)} to {value!r}, "
                "which is no value of it",
            )
        return value

    def _is_of(self, value: Any, sort: Any) -> bool:
        values = self.values(sort)
        return value in values and type(value) is type(values[0])

    def choices(self, action: Action) -> list[tuple[Any, ...]]:
        """Every combination of arguments of an action."""
        return list(product(*(self.values(p.sort) for p in action.parameters)))

    def requests(
        self, event: Event, numbers: tuple[int, ...]
    ) -> Iterator[tuple[Action, tuple[Any, ...]]]:
        """Every action that is the event with these arguments."""
        for action in self.system.actions:
            if action.event is event:
                for arguments in self.choices(action):
                    indices = [
                        argument
                        for parameter, argument in zip(
                            action.parameters, arguments, strict=True
                        )
                        if isinstance(parameter, Index)
                    ]
                    if tuple(indices[: len(numbers)]) == numbers:
                        yield action, arguments


def show_value(value: Any, sort: Any) -> str:
    """A value as a report shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return value.name
    if isinstance(sort, type) and issubclass(sort, Index):
        return show_element(sort, value)
    return str(value)


def show_answer(answer: Enum) -> str:
    """What a caller is told: in its own words where it has any, such as -EPERM."""
    return answer.value if isinstance(answer.value, str) else answer.name


def show_element(sort: type[Index], number: int) -> str:
    return f"{sort.label or sort.__name__.lower()} {number}"


def show_entry(entry: Entry) -> str:
    """An entry as a report names it, such as `cpu_online[CPU 0]`."""
    variable, numbers = entry
    if not numbers:
        return variable.name
    shown = (
        show_element(sort, number)
        for sort, number in zip(variable.index_sorts, numbers, strict=True)
    )
    return f"{variable.name}[{', '.join(shown)}]"


def show_arguments(action: Action, arguments: tuple[Any, ...]) -> dict[str, str]:
    """The arguments of an action by parameter name, as its summary uses them."""
    return {
        parameter.name: (
            show_element(type(parameter), argument)
            if isinstance(parameter, Index)
            else show_value(argument, parameter.sort)
        )
        for parameter, argument in zip(action.parameters, arguments, strict=True)
    }


def describe(action: Action, arguments: tuple[Any, ...]) -> str:
    """The action's sentence with its arguments filled in."""
    return action.summary.format_map(show_arguments(action, arguments))


def choice_names(action: Action) -> tuple[str, ...]:
    """The parameters that the environment chooses from an enumeration."""
    return tuple(p.name for p in action.parameters if isinstance(p, Choice))
