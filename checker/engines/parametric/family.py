"""Families: a system with any number of elements of some sorts.

The configuration of one machine, which element by element says what each is, is opened
up: the family has every machine that any such configuration describes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.reading import terms_in
from tdxcheck.checker.language.system import Initial, TransitionSystem
from tdxcheck.checker.language.terms import (
    Const,
    Element,
    Equal,
    Forall,
    Index,
    Read,
    Term,
    any_of,
)
from tdxcheck.checker.language.variables import Int, Variable

Sort = type[Index]


class Unsupported(Exception):
    """Something that has no translation without bounds; says what."""


@dataclass(frozen=True, eq=False)
class Family:
    """A system over sorts of any size, and over others of a fixed one."""

    system: TransitionSystem
    """Its settings fix nothing that differs from one element to the next."""
    unbounded: tuple[Sort, ...]
    fixed: dict[Sort, int]
    opened: tuple[Variable, ...]
    """What the machine that it was made from had a setting of."""

    def instance(self, sizes: dict[Sort, int]) -> Instance:
        """The members of these sizes, all in one."""
        return Instance(self.system, {**self.fixed, **sizes})

    @cached_property
    def named(self) -> dict[Sort, tuple[int, ...]]:
        """The elements of unbounded sorts that the system names; others are alike."""
        found: dict[Sort, set[int]] = {sort: set() for sort in self.unbounded}
        for element in _elements(self.system):
            if element.type in found:
                found[element.type].add(element.number)
        return {sort: tuple(sorted(numbers)) for sort, numbers in found.items()}

    def start(self, variable: Variable) -> Any:
        """The value of every entry in every initial state; None if there is no one."""
        value = self.system.settings.get(variable, variable.initial)
        if isinstance(value, Element):
            return value.number
        return value

    @property
    def told(self) -> str:
        """What there may be any number of, in words."""
        *others, last = map(self._any_number, self.unbounded)
        return f"{', '.join(others)} and {last}" if others else last

    def least(self, sort: Sort) -> int:
        """How many elements there are at least: those with names."""
        return max(self.named[sort], default=0) + 1

    def _any_number(self, sort: Sort) -> str:
        label = f"{sort.label or sort.__name__.lower()}s"
        least = self.least(sort)
        return label if least == 1 else f"{label} (at least {least})"


def family_of(
    instance: Instance, unbounded: Iterable[Sort] = (), common: Iterable[Initial] = ()
) -> Family:
    """The family that the instance belongs to; of all sorts, if none is named.

    What is common to all is of the configuration, and holds of the instance too.
    """
    system = instance.system
    used = _sorts(system)
    wanted = tuple(unbounded) or tuple(instance.scope)
    free = tuple(sort for sort in wanted if sort in used)
    if not free:
        raise Unsupported("the system has no sort that could be of any size")
    _check_names(system, used)
    opened = tuple(
        variable
        for variable, value in system.settings.items()
        if _differs(value) and any(sort in free for sort in variable.index_sorts)
    )
    settings = {**system.settings, **dict.fromkeys(opened)}
    fixed = {sort: size for sort, size in instance.scope.items() if sort not in free}
    kinds = [_kinds(instance, variable) for variable in opened]
    family = replace(
        system,
        settings=settings,
        initial=(*system.initial, *common, *(kind for kind in kinds if kind)),
    )
    return Family(family, free, fixed, opened)


def _kinds(instance: Instance, variable: Variable) -> Initial | None:
    """That every entry has one of the values that some entry has in the instance."""
    sort = variable.sort
    if not (isinstance(sort, type) and issubclass(sort, Enum)):
        return None
    seen = {instance.start(entry) for entry in instance.entries(variable)}
    values = [value for value in sort if value in seen]
    if len(values) == len(sort):
        return None
    indices = [index(index.__name__.lower()) for index in variable.index_sorts]
    entry: Term[Any] = Read(variable, tuple(indices), False)
    condition: Term[bool] = any_of(*(Equal(entry, Const(value)) for value in values))
    for index in reversed(indices):
        condition = Forall(index, condition)
    told = ", ".join(str(value.value) for value in values)
    return Initial(
        f"values_of_{variable.name}",
        f"Every entry of {variable.name} is one of: {told}.",
        condition,
        variable.location,
    )


def _differs(value: Any) -> bool:
    """A setting that is a function of the element, and no class of values."""
    return callable(value) and not isinstance(value, Term)


def _sorts(system: TransitionSystem) -> set[Sort]:
    found: set[Sort] = set()
    for variable in system.state.variables():
        found |= set(variable.index_sorts)
        sort = variable.sort.high if isinstance(variable.sort, Int) else variable.sort
        if isinstance(sort, type) and issubclass(sort, Index):
            found.add(sort)
    return found


def _check_names(system: TransitionSystem, sorts: set[Sort]) -> None:
    """Refuse two sorts of one name: a solver would take them for the same."""
    values = {variable.sort for variable in system.state.variables()}
    enums = (one for one in values if isinstance(one, type) and issubclass(one, Enum))
    for name, times in Counter(one.__name__ for one in (*sorts, *enums)).items():
        if times > 1:
            raise Unsupported(f"there is more than one sort with the name {name}")


def _elements(system: TransitionSystem) -> Iterator[Element]:
    for variable in system.state.variables():
        value = system.settings.get(variable, variable.initial)
        if isinstance(value, Element):
            yield value
    roots: list[Any] = [rule.condition for rule in system.properties]
    roots += [rule.condition for rule in system.initial]
    for action in system.actions:
        roots += [guard.condition for guard in action.guards]
        for update in action.updates:
            roots += [update.value, update.indices or ()]
    for part in terms_in(*roots):
        if isinstance(part, Element):
            yield part
