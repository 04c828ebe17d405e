"""What a proof rests on: the guards that its invariant needs, and the safeguards.

The guards are those of a minimal set that keeps every step inside an inductive
invariant of the rule, which speaks of as few variables as were needed. Each guard is
then left out alone, to tell those for which nothing else stands in. Safeguards are
taken out one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.supporting import Place, Supporting
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.comparing import Compare, Compared
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.turning import is_outside
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language.reading import events_in, variables_in
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.verdict import Refuted

EACH = 2.0
"""Seconds for the question whether anything stands in for a guard."""


@dataclass(frozen=True, eq=False)
class Support:
    """A guard that the proof rests on."""

    action: Action
    guard: Guard
    safeguards: tuple[Safeguard, ...]
    """Those of the design that the guard is of."""
    alone: bool | None
    """Without this guard alone the rule is broken; else others stand in for it. None
    where that was not found out in time."""


@dataclass(frozen=True, eq=False)
class Rests:
    """What keeps a rule that holds."""

    guards: tuple[Support, ...]
    safeguards: tuple[tuple[Safeguard, int], ...] | None
    """Without which the rule is broken, and in how many steps; None if that was not
    found out in time."""
    asked: tuple[tuple[Action, Guard], ...]
    """The guards whose refusals the rule itself asks for."""
    variables: tuple[str, ...]
    """What the invariant speaks of."""
    every: int
    """How many guards the actions have that the rule can depend on."""


def resting(case: Case, seconds: float | None = None) -> Rests:
    """What keeps the one rule of a case, which is a rule of states or steps."""
    system = case.instance.system
    part = slice_for(ground(system, case.instance.scope), [0]).system
    supporting = Supporting(part)
    here = set(system.safeguards)

    def of(action: Action, place: int) -> tuple[Safeguard, ...]:
        read = dict.fromkeys(variables_in(action.guards[place].condition))
        return tuple(v for v in read if isinstance(v, Safeguard) and v in here)

    def rank(item: Place) -> int:
        action, place = item
        return 0 if of(action, place) else 2 if is_outside(action) else 1

    found = [
        Support(
            action,
            action.guards[place],
            of(action, place),
            supporting.needs(item, EACH),
        )
        for item in supporting.guards(rank)
        for action, place in [item]
    ]
    events = events_in(system.properties[0].condition)
    asked = tuple(
        (action, guard)
        for action in system.actions
        if action.event in events
        for place, guard in enumerate(action.guards)
        if guard.refusal is not None and of(action, place)
    )
    actions = {step.action for step in part.steps}
    return Rests(
        tuple(sorted(found, key=lambda support: not support.alone)),
        _safeguards(case, seconds),
        asked,
        tuple(sorted(variable.name for variable in supporting.kept)),
        sum(len(action.guards) for action in actions),
    )


def _safeguards(
    case: Case, seconds: float | None
) -> tuple[tuple[Safeguard, int], ...] | None:
    """The safeguards without one of which the rule is broken."""
    every = case.instance.system.safeguards
    if not every:
        return ()
    compare = Compare(every)
    found = compare(case, Budget(seconds=seconds), lambda _: None)
    if not isinstance(found, Compared):
        return None
    return tuple(
        (safeguard, len(answer.verdict.run.steps))
        for safeguard in every
        for answer in found.worse.get(safeguard.name, {}).values()
        if isinstance(answer.verdict, Refuted)
    )
