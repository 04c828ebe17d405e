"""The lasso that is to be shown, as words define it, by trying every run in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tdxcheck.checker.ground import GroundSystem
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.turns import Turn, turns_of
from tests.test_liveness import Edge, Node, Reference

Steps = tuple[int, ...]
Kept = tuple[Node, frozenset[Turn], frozenset[Turn]]
"""Where a cycle is, the turns that are met, and those that are owed."""


def canonical_lasso(
    system: GroundSystem, reference: Reference, rule: Property, fair: frozenset[Node]
) -> tuple[Steps, Steps]:
    """The steps of the stem, and of a shortest cycle."""
    numbers = {(s.action, s.arguments): s.number for s in system.steps}

    def ordered(node: Node) -> list[tuple[int, Edge]]:
        edges = [(numbers[edge.step], edge) for edge in reference.out[node]]  # type: ignore[index]
        return sorted(edges, key=lambda one: one[0])

    turns = turns_of(reference.instance, rule)
    resting = {n for n in fair if not any(reference.due(t, n) for t in turns)}
    length = reference.shortest_stem(rule, set(fair))
    for ends in (resting, fair):
        stem = _stem(system, reference, rule, ordered, ends, length)
        if stem is not None:
            steps, end = stem
            if end in resting:
                return steps, ()
            return steps, _cycle(reference, rule, ordered, turns, end)
    raise AssertionError("there is a stem")


def _stem(
    system: GroundSystem,
    reference: Reference,
    rule: Property,
    ordered: Callable[[Node], list[tuple[int, Edge]]],
    ends: set[Node] | frozenset[Node],
    length: int,
) -> tuple[Steps, Node] | None:
    def owes(before: bool, node: Node) -> bool:
        begins = before or reference.holds(rule.condition, node)
        return begins and not reference.holds(rule.goal, node)

    @cache
    def first(node: Node, owing: bool, left: int) -> tuple[Steps, Node] | None:
        if not left:
            return ((), node) if owing and node in ends else None
        for number, edge in ordered(node):
            rest = first(edge.target, owes(owing, edge.target), left - 1)
            if rest is not None:
                return (number, *rest[0]), rest[1]
        return None

    starts = sorted(
        set(reference.initial), key=lambda n: system.values(reference.states[n])
    )
    for start in starts:
        found = first(start, owes(False, start), length)
        if found is not None:
            return found
    return None


def _cycle(
    reference: Reference,
    rule: Property,
    ordered: Callable[[Node], list[tuple[int, Edge]]],
    turns: list[Turn],
    start: Node,
) -> Steps:
    length = reference.shortest_cycle(rule, start)
    owing = reference.owing(rule)
    weak = {turn for turn in turns if not turn.line.strong}

    def at(node: Node, met: frozenset[Turn], owed: frozenset[Turn]) -> Kept:
        due = {turn for turn in turns if reference.due(turn, node)}
        return node, met | (weak - due), owed | (due - weak)

    @cache
    def first(here: Kept, left: int) -> Steps | None:
        node, met, owed = here
        if not left:
            return () if node == start and owed <= met and weak <= met else None
        for number, edge in ordered(node):
            if edge.target in owing:
                taken = {turn for turn in turns if reference.takes(turn, edge)}
                rest = first(at(edge.target, met | taken, owed), left - 1)
                if rest is not None:
                    return (number, *rest)
        return None

    found = first(at(start, frozenset(), frozenset()), length)
    assert found is not None, "there is a cycle"
    return found
