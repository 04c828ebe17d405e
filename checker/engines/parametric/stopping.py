"""Stopping: that something can always happen, as a condition of every state.

Of all actions some are chosen of which one is always possible. That is a condition of
states like any other, from which it follows that no state is without a next step; the
others need not even have a translation.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.parametric.clauses import substituted
from tdxcheck.checker.engines.parametric.family import Family, Sort
from tdxcheck.checker.engines.parametric.prover import Broken
from tdxcheck.checker.engines.parametric.recorded import Unreadable
from tdxcheck.checker.engines.parametric.shapes import Sizes, in_words, single
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import (
    Choice,
    Const,
    Equal,
    Exists,
    Forall,
    Index,
    Term,
    all_of,
    any_of,
)

MARK = "; going on: "
"""What the line begins with that tells what is chosen."""

NOTHING_CHOSEN: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Going:
    """Why something can always happen."""

    by: tuple[Action, ...]
    """One of these is possible in every state."""
    several: tuple[Sort, ...] = ()
    """Of these there are at least two elements: of other machines nothing is said."""

    def stated(self, rule: Property, family: Family) -> tuple[Property, ...]:
        """That it is so wherever the rule wants some step to be possible."""
        ways = (rule.condition, *map(_alone, self.several), *map(possible, self.by))
        return (replace(rule, mode=Mode.INVARIANT, condition=any_of(*ways)),)

    def covers(self, sizes: Sizes) -> bool:
        """Something is said of machines of these sizes."""
        return all(sizes[sort] > 1 for sort in self.several)

    @property
    def excepted(self) -> str:
        """The machines of which nothing is said, in words."""
        labels = [sort.label or sort.__name__.lower() for sort in self.several]
        return " or ".join(f"but one {label}" for label in labels)

    def told(self) -> Iterator[str]:
        """The actions in words."""
        names = [action.name for action in self.by]
        yield f"one of these is always possible: {', '.join(names)}"

    def text(self, rule: Property) -> str:
        """As a certificate has it."""
        said = {
            "by": [action.name for action in self.by],
            "several": [sort.__name__ for sort in self.several],
        }
        return f"{MARK}{json.dumps(said)}\n"


def going_in(text: str, family: Family) -> Going:
    """What the text says of it; nothing, if it does not."""
    actions = {action.name: action for action in family.system.actions}
    sorts = {sort.__name__: sort for sort in family.unbounded}
    for line in text.splitlines():
        if line.startswith(MARK):
            try:
                said = json.loads(line.removeprefix(MARK))
                return Going(
                    tuple(actions[name] for name in said["by"]),
                    tuple(sorts[name] for name in said["several"]),
                )
            except (LookupError, RecursionError, TypeError, ValueError) as error:
                raise Unreadable(f"no actions of this system: {line[:60]}") from error
    return Going(())


def possible(
    action: Action,
    choosing: Mapping[str, Any] = NOTHING_CHOSEN,
    of: Collection[Index] = (),
) -> Term[bool]:
    """Some arguments satisfy every guard of the action.

    Some may be chosen by their names, and of some indices it may be left open.
    """
    left = frozenset(of)
    parameters = [one for one in action.parameters if one not in left]
    guards = all_of(*(guard.condition for guard in action.guards))
    return for_some(parameters, guards, choosing)


def for_some(
    parameters: Sequence[Index | Choice[Any]],
    condition: Term[bool],
    choosing: Mapping[str, Any] = NOTHING_CHOSEN,
) -> Term[bool]:
    """The condition, of some parameters."""
    found = condition
    for parameter in reversed(parameters):
        if isinstance(parameter, Index):
            found = Exists(parameter, found)
        elif parameter.name in choosing:
            found = _chosen(found, parameter, choosing[parameter.name])
        else:
            found = any_of(*(_chosen(found, parameter, v) for v in _values(parameter)))
    return found


def _chosen(term: Term[bool], parameter: Choice[Any], value: Any) -> Term[bool]:
    return substituted(term, {parameter: Const(value)})


def _values(parameter: Choice[Any]) -> Iterable[Any]:
    return (False, True) if parameter.type is bool else tuple(parameter.type)


def _alone(sort: Sort) -> Term[bool]:
    """There is but one of it."""
    one, other = sort("one"), sort("other")
    return Forall(one, Forall(other, Equal(one, other)))


def going_on(
    family: Family, rule: Property, sizes: Sizes, machine: Sizes, clock: Clock
) -> Going | Broken:
    """Actions of which one is always possible on a machine of these sizes.

    Where there is a state without a next step on one with a single CPU, say, but not
    on one with two, nothing is said of the first, unless it is asked about.
    """
    by = _always_possible(family, rule, sizes, clock)
    if by is None:
        return Broken(in_words(sizes))
    least = single(family)
    with suppress(SpecificationError):  # There may be no such machine.
        if _always_possible(family, rule, least, clock) is None:
            for sort in family.unbounded:
                going = Going(tuple(by), (sort,))
                more = {**least, sort: least[sort] + 1}
                if going.covers(machine) and not going.covers(least):
                    if _is_mended(family, rule, more, clock):
                        return going
            return Broken(in_words(least))
    return Going(tuple(by))


def _is_mended(family: Family, rule: Property, sizes: Sizes, clock: Clock) -> bool:
    with suppress(SpecificationError):
        return _always_possible(family, rule, sizes, clock) is not None
    return False


def _always_possible(
    family: Family, rule: Property, sizes: Sizes, clock: Clock
) -> Sequence[Action] | None:
    """As few actions as are enough there; None if something may end."""
    scope = family.instance(dict(sizes)).scope
    system = ground(replace(family.system, properties=(rule,)), scope)
    diagrams = Encoding(system)
    moves = diagrams.moves()
    reachable = closure(diagrams, moves, diagrams.initial(), clock.look)
    false = diagrams.manager.false
    left = reachable & ~diagrams.truth(system.properties[0].conditions[0])
    where: dict[Action, Diagram] = {}
    for move in moves:
        action = move.step.action
        where[action] = where.get(action, false) | (move.guard & left)
    found: list[Action] = []
    while left != false:
        clock.look()
        counts = diagrams.count(*(left & here for here in where.values()))
        states, action = max(
            zip(counts, where, strict=True), key=lambda most: most[0], default=(0, None)
        )
        if action is None or not states:
            return None
        found.append(action)
        left &= ~where[action]
    return _needed(found, where, false)


def _needed(
    actions: Sequence[Action], where: Mapping[Action, Diagram], false: Diagram
) -> list[Action]:
    """Without those that came first and whose states the others have as well."""
    kept = list(actions)
    for action in actions:
        left = where[action]
        for other in kept:
            if other is not action:
                left &= ~where[other]
        if left == false:
            kept.remove(action)
    return kept
