"""Validation: what only a whole system can have wrong, found before any engine runs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TypeVar

from tdxcheck.checker.language.location import SpecificationError, recorded
from tdxcheck.checker.language.reading import variables_in
from tdxcheck.checker.language.system import TransitionSystem
from tdxcheck.checker.language.variables import Variable

T = TypeVar("T")


def validate(
    *systems: TransitionSystem, elsewhere: Container[Variable] = frozenset()
) -> None:
    """Refuse a state variable that nothing in any of the systems reads.

    The systems may share a state: a variable is of use if one of them uses it.
    To be assigned is not to be used, nor is to be read for its own next value.
    What is used `elsewhere` need not be here.
    """
    read = set(_read_by(systems))
    for system in systems:
        for variable in system.state.variables():
            if variable not in read and variable not in elsewhere:
                raise SpecificationError(
                    variable.location,
                    f"{variable.name} is unused: no guard, effect, property or "
                    "initial condition reads it",
                )


def _read_by(systems: Sequence[TransitionSystem]) -> Iterator[Variable]:
    """What any of them reads; what they have in common is looked at once."""
    for action in _each(action for system in systems for action in system.actions):
        for guard in action.guards:
            yield from variables_in(guard.condition, guard.refusal)
        for update in action.updates:
            own = update.variable
            for variable in variables_in(update.indices, update.value):
                if variable is not own:
                    yield variable
        for call in action.calls:
            yield from variables_in(call.answer)
    for rule in _each(rule for system in systems for rule in system.properties):
        yield from variables_in(rule.condition, rule.goal)
        yield from variables_in(*(line.condition for line in rule.fair))
    for condition in _each(each for system in systems for each in system.initial):
        yield from variables_in(condition.condition)
    for state in _each(system.state for system in systems):
        for definition in state.definitions():
            indices = [sort(name) for name, sort in definition.parameters.items()]
            yield from variables_in(recorded(definition.rule, state(), *indices))


def _each(parts: Iterable[T]) -> Iterable[T]:
    """The parts, each once, by identity."""
    return {id(part): part for part in parts}.values()
