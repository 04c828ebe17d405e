"""The second opinion on whether there is a layout: z3, and its core if there is none.

An item is in a TDMR or not, and TDMRs are counted as they begin. Of a run of items with
too many holes the first and the last are in different ones. That is all; each condition
is named, so that z3 can say which of them contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from tdxcheck.models.layouts.problem import Problem
from tdxcheck.spec.layout import Area, span


class Answer(Enum):
    """What z3 says."""

    EXISTS = "there is one"
    NONE = "there is none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Opinion:
    answer: Answer
    tdmrs: tuple[Area, ...] = ()
    """An example."""
    required: tuple[Area, ...] = ()
    """Of what contradicts: gigabytes with memory that have to be covered."""
    crowded: tuple[Area, ...] = ()
    """Of what contradicts: ranges with more holes than one TDMR may reserve."""
    limited: bool = False
    """Of what contradicts: the number of TDMRs."""


SECONDS = 20
MOST_ITEMS = 1_000
"""Items that z3 is asked about; real machines have some ten."""


def ask(problem: Problem, most: int | None = None) -> Opinion:
    """Whether TDMRs can cover the memory: at most so many, each with few holes."""
    import z3

    most = problem.most_tdmrs if most is None else most
    items = problem.items
    if len(items) > MOST_ITEMS:
        return Opinion(Answer.UNKNOWN)
    solver = z3.Solver()
    solver.set("timeout", SECONDS * 1000)
    solver.set("core.minimize", True)
    inside = [z3.Bool(f"in{n}") for n in range(len(items))]
    counted = [z3.Int(f"count{n}") for n in range(len(items))]
    names: dict[str, tuple[str, Area | None]] = {}

    def named(condition: Any, kind: str, number: int, area: Area | None) -> None:
        name = f"{kind}{number}"
        names[name] = (kind, area)
        solver.assert_and_track(condition, name)

    for n, item in enumerate(items):
        if n:
            one_more = counted[n] == counted[n - 1] + 1
            solver.add(z3.Or(counted[n] == counted[n - 1], one_more))
            solver.add(z3.Implies(z3.And(inside[n], z3.Not(inside[n - 1])), one_more))
        else:
            solver.add(counted[n] == z3.If(inside[n], 1, 0))
        if item.required:
            named(inside[n], "required", n, item.area)
    for first, last in _crowded(problem):
        whole = span(items[first].area.base, items[last].area.end)
        apart = counted[last] > counted[first]
        both = z3.And(inside[first], inside[last])
        named(z3.Implies(both, apart), "crowded", first, whole)
    if items:
        named(counted[-1] <= most, "limit", 0, None)
    answer = solver.check()
    if answer == z3.unknown:
        return Opinion(Answer.UNKNOWN)
    if answer == z3.unsat:
        return _core(solver, names)
    model = solver.model()
    chosen = [z3.is_true(model.eval(each, True)) for each in inside]
    numbers = [model.eval(each, True).as_long() for each in counted]
    return Opinion(Answer.EXISTS, _tdmrs(problem, chosen, numbers))


def _crowded(problem: Problem) -> list[tuple[int, int]]:
    """The shortest runs of items that one TDMR cannot have, by where they begin."""
    items = problem.items
    found = []
    for first in range(len(items)):
        holes = 0
        for last in range(first, len(items)):
            holes += items[last].holes
            joins = last > first and items[last - 1].ends_in_hole
            if joins and items[last].begins_in_hole:
                holes -= 1
            if holes > problem.most_reserved:
                found.append((first, last))
                break
    return found


def _core(solver: Any, names: dict[str, tuple[str, Area | None]]) -> Opinion:
    told = [names[str(each)] for each in solver.unsat_core()]

    def areas(kind: str) -> tuple[Area, ...]:
        found = (area for each, area in told if each == kind and area is not None)
        return tuple(sorted(found, key=lambda area: area.base))

    return Opinion(
        Answer.NONE,
        required=areas("required"),
        crowded=areas("crowded"),
        limited=any(kind == "limit" for kind, _ in told),
    )


def _tdmrs(
    problem: Problem, inside: list[bool], numbers: list[int]
) -> tuple[Area, ...]:
    found: dict[int, Area] = {}
    for item, is_in, number in zip(problem.items, inside, numbers, strict=True):
        if is_in:
            first = found.get(number, item.area)
            found[number] = span(first.base, item.area.end)
    return tuple(found.values())
