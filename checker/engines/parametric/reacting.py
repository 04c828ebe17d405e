"""Reacting: how a system reacts to an event, told by the guards of what it may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tdxcheck.checker.engines.parametric.clauses import substituted
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.terms import (
    Choice,
    Const,
    Exists,
    Index,
    Not,
    Reaction,
    Reacts,
    Term,
    all_of,
    any_of,
)

NOTHING_CHOSEN: Mapping[str, Any] = {}


def reaction(asked: Reacts, actions: Iterable[Action]) -> Term[bool]:
    """How the system reacts to an event, told by the guards of what it may do."""
    accepted: list[Term[bool]] = []
    refused: list[Term[bool]] = []
    for action in actions:
        if action.event is not asked.event:
            continue
        indices = [p for p in action.parameters if isinstance(p, Index)]
        given: dict[Term[Any], Term[Any]] = {}
        given.update(zip(indices, asked.arguments, strict=False))
        others = [p for p in action.parameters if p not in given]
        taken = all_of(*(guard.condition for guard in action.guards))
        answered = any_of()
        for guard in reversed(action.guards):
            counts = guard.refusal and _counts(guard.refusal, asked.reaction)
            passed = all_of(guard.condition, answered)
            answered = any_of(Not(guard.condition), passed) if counts else passed
        accepted.append(for_some(others, substituted(taken, given)))
        refused.append(for_some(others, substituted(answered, given)))
    if asked.reaction is Reaction.ACCEPTED:
        return any_of(*accepted)
    if asked.reaction is Reaction.IMPOSSIBLE:
        return Not(any_of(*accepted, *refused))
    return all_of(Not(any_of(*accepted)), any_of(*refused))


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
    sort: Any = parameter.type
    return (False, True) if sort is bool else tuple(sort)


def _counts(refusal: Any, asked: Reaction) -> bool:
    """The refusal is of the kind that is asked of."""
    if asked is Reaction.REFUSED_VISIBLY:
        return bool(refusal.visible)
    if asked is Reaction.REFUSED_WITH_REASON:
        return bool(refusal.log)
    return True
