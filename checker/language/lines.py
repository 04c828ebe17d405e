"""Lines: the single guards and effects of a system, and the system without any of them.

A guard line is one of the parts of a `require()` that must all hold; an effect line is
one assignment. Calls count with what they bring to their caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.language.literals import conjuncts
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.rewriting import Rewriter
from tdxcheck.checker.language.state import Guard, Update
from tdxcheck.checker.language.system import Action, Property, TransitionSystem
from tdxcheck.checker.language.terms import (
    Const,
    Equal,
    Exists,
    Ite,
    Not,
    Read,
    StepIs,
    Term,
    all_of,
    any_of,
)
from tdxcheck.checker.language.variables import Every, Int, Var

Place = tuple[int, int | None]
"""The number of a guard and of its part; or of an effect, and None."""


@dataclass(frozen=True, eq=False)
class Line:
    """A guard's part, or an effect, that can be taken out of its action."""

    action: Action
    name: str
    """Unique in its system."""
    place: Place
    term: Term[Any]
    """What is required, or the value that is assigned."""
    assigned: Read[Any] | None
    """Of an effect, what gets the value."""
    location: Location
    matters: Term[bool]
    """Where taking it out makes a difference at once, to some step or refusal."""

    @property
    def is_effect(self) -> bool:
        return self.assigned is not None


@dataclass(frozen=True, eq=False)
class Family:
    """A system of which each of some lines may be missing, or none."""

    system: TransitionSystem
    missing: Var[int]
    """The line that is missing, counted from 1; 0 for none."""

    def member(self, number: int) -> TransitionSystem:
        """The system in which that one is missing."""
        return replace(
            self.system, settings={**self.system.settings, self.missing: number}
        )


def lines_of(system: TransitionSystem) -> Iterator[Line]:
    """Every line of every action, in their order."""
    for action in system.actions:
        for number, guard in enumerate(action.guards):
            yield from _of_guard(action, number, guard)
        for number, update in enumerate(action.updates):
            yield _of_effect(action, number, update)


def _of_guard(action: Action, number: int, guard: Guard) -> Iterator[Line]:
    parts = conjuncts(guard.condition)
    before = [earlier.condition for earlier in action.guards[:number]]
    for place, part in enumerate(parts):
        suffix = f".{place + 1}" if len(parts) > 1 else ""
        others = parts[:place] + parts[place + 1 :]
        yield Line(
            action,
            f"{action.name}/{number + 1}{suffix}",
            (number, place),
            part,
            None,
            guard.location,
            all_of(*before, *others, Not(part), _decided_by(action, number)),
        )


def _decided_by(action: Action, number: int) -> Term[bool]:
    """Whether this guard holds makes a difference, all before it holding.

    The step is taken, or another answer is given: its own, or that of a later one.
    """
    guards = action.guards
    if guards[number].refusal is not None:
        return Const(True)
    later = [guard.condition for guard in guards[number + 1 :]]
    refused = [
        all_of(*later[:place], Not(guard.condition))
        for place, guard in enumerate(guards[number + 1 :])
        if guard.refusal is not None
    ]
    return any_of(all_of(*later), *refused)


def _of_effect(action: Action, number: int, update: Update) -> Line:
    old, indices = _entry(update)
    changes: Term[bool] = Not(Equal(update.value, old))
    for index in indices:
        if isinstance(index, Every):
            changes = Exists(index.index, changes)
    return Line(
        action,
        f"{action.name}/effect/{number + 1}",
        (number, None),
        update.value,
        old,
        update.location,
        all_of(*(guard.condition for guard in action.guards), changes),
    )


def _entry(update: Update) -> tuple[Read[Any], tuple[Term[Any], ...]]:
    """What is assigned, before it is; and the indices, every element by a name."""
    indices = update.indices
    if indices is None:
        sorts = update.variable.index_sorts
        named = [sort(f"{sort.__name__.lower()}{n}") for n, sort in enumerate(sorts)]
        indices = tuple(Every(index) for index in named)
    entry = tuple(i.index if isinstance(i, Every) else i for i in indices)
    return Read(update.variable, entry, False), indices


def without_one_of(system: TransitionSystem, lines: Sequence[Line]) -> Family:
    """The system, in which any one of the lines may be missing from the start."""
    missing = Var(Int(0, len(lines)), frozen=True)
    state = type(system.state.__name__, (system.state,), {"missing_line": missing})
    gone: dict[Action, dict[Place, Term[bool]]] = {}
    for number, line in enumerate(lines, 1):
        is_gone = Equal(Read(missing, (), False), Const(number))
        gone.setdefault(line.action, {})[line.place] = is_gone
    swaps = {action: _opened(action, gone[action]) for action in gone}
    family = replace(
        system,
        state=state,
        actions=tuple(swaps.get(action, action) for action in system.actions),
        properties=tuple(_about(rule, swaps) for rule in system.properties),
    )
    return Family(family, missing)


def _opened(action: Action, gone: Mapping[Place, Term[bool]]) -> Action:
    """The action, with what holds and stays where a line of it is gone."""
    guards = []
    for number, guard in enumerate(action.guards):
        parts = [
            any_of(gone[number, place], part) if (number, place) in gone else part
            for place, part in enumerate(conjuncts(guard.condition))
        ]
        guards.append(replace(guard, condition=all_of(*parts)))
    updates = []
    for number, update in enumerate(action.updates):
        if (number, None) in gone:
            old, indices = _entry(update)
            kept = Ite(gone[number, None], old, update.value)
            update = replace(update, indices=indices, value=kept)
        updates.append(update)
    return replace(action, guards=tuple(guards), updates=tuple(updates))


def _about(rule: Property, swaps: Mapping[Any, Any]) -> Property:
    """The rule, speaking of the actions that the family has."""

    def swapped(targets: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(swaps.get(target, target) for target in targets)

    def instead(part: Term[Any]) -> Term[Any] | None:
        if isinstance(part, StepIs):
            return replace(part, targets=swapped(part.targets))
        return None

    moved = Rewriter(instead).of
    return replace(
        rule,
        condition=moved(rule.condition),
        goal=moved(rule.goal),
        fair=tuple(
            replace(
                line, targets=swapped(line.targets), excepted=swapped(line.excepted)
            )
            for line in rule.fair
        ),
    )
