"""Meaning: what a recorded term, guard or action says, whatever it is called by.

Two terms with one digest mean the same: bound names are numbered, definitions are
replaced by what they say, and words (docstrings, places, lines of a log) are left out.
Terms with different digests may still mean the same, which others find out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from tdxcheck.checker.language import terms as language
from tdxcheck.checker.language.state import Guard, Refusal, Update
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Term
from tdxcheck.checker.language.variables import Every, Int, Variable

Names = Mapping[Term[Any], str]
"""What the bound parameters and indices are called here."""

Json = Any


def digest(data: Json) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_rule(rule: Property) -> Json:
    fair = sorted(f"{type(f).__name__} {f.name}" for f in rule.fair)
    goal = None if rule.goal is None else of_term(rule.goal, {})
    return [rule.mode.name, of_term(rule.condition, {}), goal, fair]


def of_action(action: Action) -> Json:
    names = _parameters(action)
    return [
        [_sort(parameter.sort) for parameter in action.parameters],
        [of_guard(action, guard) for guard in action.guards],
        sorted(_update(update, names) for update in action.updates),
        [of_term(call.answer, names) for call in action.calls],
        sorted(kind.name for kind in action.kinds),
        action.event.name if action.event else None,
        _value(action.success),
    ]


def of_guard(action: Action, guard: Guard) -> Json:
    return [
        of_term(guard.condition, _parameters(action)),
        of_refusal(action, guard.refusal),
    ]


def of_refusal(action: Action, refusal: Refusal | None) -> Json:
    """What a refusal means to rules: its answer, who is told, whether it is logged."""
    if refusal is None:
        return None
    answer = refusal.answer
    told = (
        of_term(answer, _parameters(action))
        if isinstance(answer, Term)
        else _value(answer)
    )
    return [told, refusal.visible, bool(refusal.log)]


def of_update(action: Action, update: Update) -> Json:
    return _update(update, _parameters(action))


def of_variable(variable: Variable) -> Json:
    return [
        variable.name,
        [_sort(sort) for sort in variable.index_sorts],
        _sort(variable.sort),
        variable.frozen,
    ]


def _parameters(action: Action) -> dict[Term[Any], str]:
    return {parameter: f"p{n}" for n, parameter in enumerate(action.parameters)}


def _update(update: Update, names: Names) -> Json:
    bound = dict(names)
    indices: list[Json] | None = None
    if update.indices is not None:
        for place, index in enumerate(update.indices):
            if isinstance(index, Every):
                bound[index.index] = f"e{place}"
        indices = [
            ["every", _sort(index.sort), bound[index.index]]
            if isinstance(index, Every)
            else of_term(index, bound)
            for index in update.indices
        ]
    return json.dumps([update.variable.name, indices, of_term(update.value, bound)])


def _sort(sort: Any) -> Json:
    if isinstance(sort, Int):
        high = sort.high if isinstance(sort.high, int) else sort.high.__name__
        return ["int", sort.low, high]
    if isinstance(sort, type) and issubclass(sort, Enum):
        return ["enum", [member.name for member in sort]]
    return sort.__name__


def _value(value: Any) -> Json:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return value


def of_term(term: Term[Any], names: Names) -> Json:
    def inner(*operands: Term[Any]) -> list[Json]:
        return [of_term(operand, names) for operand in operands]

    match term:
        case language.Const(value):
            return ["const", _value(value)]
        case language.Element(sort, number):
            return ["element", sort.__name__, number]
        case language.Index() | language.Choice():
            return ["name", names.get(term, term.name)]
        case language.Read(variable, indices, after):
            return ["read", variable.name, inner(*indices), after]
        case language.Ite(condition, then, otherwise):
            return ["ite", *inner(condition, then, otherwise)]
        case language.And(operands) | language.Or(operands):
            return [type(term).__name__, *inner(*operands)]
        case language.Not(operand):
            return ["not", *inner(operand)]
        case language.Implies(one, other):
            return ["implies", *inner(one, other)]
        case (
            language.Equal(left, right)
            | language.Less(left, right)
            | language.Plus(left, right)
            | language.Minus(left, right)
        ):
            return [type(term).__name__, *inner(left, right)]
        case (
            language.Forall(index, body)
            | language.Exists(index, body)
            | language.Count(index, body)
        ):
            bound = {**names, index: f"b{len(names)}"}
            return [type(term).__name__, _sort(index.sort), of_term(body, bound)]
        case language.Named(_, _, body):
            return of_term(body, names)
        case language.Reacts(event, arguments, reaction):
            return ["reacts", event.name, inner(*arguments), reaction.name]
        case language.StepIs(kind, targets):
            named = sorted(f"{type(t).__name__} {t.name}" for t in targets)
            return ["step is", kind.name if kind else None, named]
        case language.StepAt(element):
            return ["step at", *inner(element)]
        case language.StepAnswers(status):
            return ["step answers", _value(status)]
    raise TypeError(f"no meaning is known of {term!r}")


def speaks_of_actions(term: Term[Any]) -> bool:
    """Whether the term depends on what the design's actions are."""
    match term:
        case (
            language.Reacts()
            | language.StepIs()
            | language.StepAt()
            | language.StepAnswers()
        ):
            return True
        case language.Read(after=True):
            return True
        case language.Ite(condition, then, otherwise):
            return any(map(speaks_of_actions, (condition, then, otherwise)))
        case language.And(operands) | language.Or(operands):
            return any(map(speaks_of_actions, operands))
        case language.Not(operand):
            return speaks_of_actions(operand)
        case language.Implies(one, other):
            return speaks_of_actions(one) or speaks_of_actions(other)
        case (
            language.Equal(left, right)
            | language.Less(left, right)
            | language.Plus(left, right)
            | language.Minus(left, right)
        ):
            return speaks_of_actions(left) or speaks_of_actions(right)
        case (
            language.Forall(_, body)
            | language.Exists(_, body)
            | language.Count(_, body)
        ):
            return speaks_of_actions(body)
        case language.Named(_, _, body):
            return speaks_of_actions(body)
    return False
