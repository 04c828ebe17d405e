"""Stopping: that something can always happen, as a condition of every state.

Of all actions some are chosen of which one is always possible. That is a condition of
states like any other, from which it follows that no state is without a next step; the
others need not even have a translation.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.engines.parametric.family import Family, Sort
from tdxcheck.checker.engines.parametric.reacting import NOTHING_CHOSEN, for_some
from tdxcheck.checker.engines.parametric.recorded import Unreadable
from tdxcheck.checker.engines.parametric.shapes import Sizes
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import (
    Equal,
    Forall,
    Index,
    Term,
    all_of,
    any_of,
)

MARK = "; going on: "
"""What the line begins with that tells what is chosen."""


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


def _alone(sort: Sort) -> Term[bool]:
    """There is but one of it."""
    one, other = sort("one"), sort("other")
    return Forall(one, Forall(other, Equal(one, other)))
