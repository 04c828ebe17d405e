"""Behaviours: the steps of two sides, as conditions under which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from tdxcheck.checker.gate.reading import Half, Pair, StepKey
from tdxcheck.checker.ground.system import GroundStep, Values
from tdxcheck.checker.ground.terms import (
    FALSE,
    TRUE,
    And,
    Node,
    evaluate,
    support,
)


class Change(Enum):
    """What becomes of a step."""

    ADDED = "added"
    REMOVED = "removed"
    ALTERED = "altered"


@dataclass(frozen=True, eq=False)
class Difference:
    """An action that the sides do not take in the same states, or to the same end."""

    action: str
    change: Change
    cases: Mapping[StepKey, Node]
    """By step, in which states it is so."""
    condition: Node

    @property
    def name(self) -> str:
        return f"{self.change.value} {self.action}"

    def step_in(self, values: Values) -> StepKey:
        """The step that shows it in this state."""
        return next(key for key, n in self.cases.items() if evaluate(n, values))


def differences(pair: Pair) -> list[Difference]:
    """Every action that differs, as far as recorded terms tell."""
    make = pair.terms
    found: dict[tuple[str, Change], dict[StepKey, Node]] = {}
    for key in dict.fromkeys((*pair.before.steps, *pair.after.steps)):
        old, new = (_step(half, key) for half in pair.halves)
        for change, condition in _changes(pair, old, new):
            if condition is not FALSE:
                found.setdefault((key[0], change), {})[key] = condition
    return [
        Difference(action, change, cases, make.or_(cases.values()))
        for (action, change), cases in found.items()
    ]


def _step(half: Half, key: StepKey) -> GroundStep | None:
    number = half.steps.get(key)
    return None if number is None else half.system.steps[number]


def _changes(
    pair: Pair, old: GroundStep | None, new: GroundStep | None
) -> Iterator[tuple[Change, Node]]:
    make = pair.terms
    before, after = (FALSE if s is None else make.and_(s.guards) for s in (old, new))
    yield Change.ADDED, make.and_((after, _fails(pair, old, after, pair.gone)))
    yield Change.REMOVED, make.and_((before, _fails(pair, new, before, pair.new)))
    if old is not None and new is not None:
        differs = make.or_(_effects(pair, old, new))
        yield Change.ALTERED, make.and_((before, after, differs))


def _fails(
    pair: Pair, step: GroundStep | None, given: Node, alone: frozenset[int]
) -> Node:
    """Some guard of the step fails that is not among what is given.

    What only one side can read is taken to hold: that it is there is told by itself.
    """
    if step is None:
        return TRUE
    make = pair.terms
    known = set(_conjuncts(given))
    return make.or_(
        make.not_(part)
        for guard in step.guards
        for part in _conjuncts(guard)
        if part not in known and not support(part) & alone
    )


def _conjuncts(node: Node) -> tuple[Node, ...]:
    return node.operands if isinstance(node, And) else (node,)


def _effects(pair: Pair, old: GroundStep, new: GroundStep) -> Iterator[Node]:
    """Where each shared entry would not hold the same afterwards."""
    make, alone = pair.terms, pair.gone | pair.new
    for number in sorted({*old.updates, *new.updates} - alone):
        kept = pair.after.system.slots[number].term
        was, now = (step.updates.get(number, kept) for step in (old, new))
        if was is not now and not support(was, now) & alone:
            yield make.not_(make.eq(was, now))


GuardKey = tuple[str, int, int]
"""An action, the place of a guard in it, and of a part of that guard."""


def needed(pair: Pair, half: Half) -> dict[GuardKey, Node]:
    """Of each part of a guard, where it alone keeps a step from being taken."""
    make = pair.terms
    cases: dict[GuardKey, list[Node]] = {}
    for step in half.system.steps:
        parts = list(_parts(step))
        for place, (guard, literal, node) in enumerate(parts):
            others = [n for other, (_, _, n) in enumerate(parts) if other != place]
            alone = make.and_((*others, make.not_(node)))
            cases.setdefault((step.action.name, guard, literal), []).append(alone)
    return {key: make.or_(nodes) for key, nodes in cases.items()}


def _parts(step: GroundStep) -> Iterator[tuple[int, int, Node]]:
    """The parts of its guards that are not always true, each with its places."""
    for number, guard in enumerate(step.guards):
        for place, part in enumerate(_conjuncts(guard)):
            if part is not TRUE:
                yield number, place, part
