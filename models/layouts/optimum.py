"""The best layouts: the fewest TDMRs, the smallest PAMTs, by dynamic programming.

For each number of TDMRs the smallest PAMTs that cover the first items are found from
those that cover fewer. It is exact: z3 is asked for a second opinion (`second.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tdxcheck.models.layouts.problem import Problem
from tdxcheck.spec.layout import Area, span

NEVER: Final = 1 << 80
"""More than any PAMT."""


@dataclass(frozen=True)
class Cover:
    """TDMRs that cover the memory, each within its limit of holes."""

    tdmrs: tuple[Area, ...]
    pamt: int
    """Bytes."""


def covers(problem: Problem, spare: int = 0) -> Mapping[int, Cover]:
    """By the number of TDMRs, the cover with the smallest PAMTs; {} if there is none.

    `spare` slots of each TDMR are kept free.
    """
    items = problem.items
    steps = list(_steps(problem, problem.most_reserved - spare))
    # least[j] is for the first j items; way[t][j] is the TDMR that ends there.
    least = [NEVER] * (len(items) + 1)
    least[0] = 0
    _skip(problem, least)
    ways: list[list[tuple[int, int] | None]] = []
    found: dict[int, Cover] = {}
    for number in range(1, problem.most_tdmrs + 1):
        fresh = [NEVER] * (len(items) + 1)
        way: list[tuple[int, int] | None] = [None] * (len(items) + 1)
        for start, end, cost in steps:
            if least[start] + cost < fresh[end]:
                fresh[end] = least[start] + cost
                way[end] = (start, end)
        _skip(problem, fresh, way)
        ways.append(way)
        if fresh[-1] < NEVER:
            found[number] = Cover(_tdmrs(problem, ways), fresh[-1])
        if fresh == least or number > len(items):
            break
        least = fresh
    return found


def fewest(problem: Problem) -> int | None:
    """How many TDMRs it takes, even if that is too many; None if none would do."""
    items = problem.items
    least = [NEVER] * (len(items) + 1)
    least[0] = 0
    steps = sorted(_steps(problem, problem.most_reserved), key=lambda step: step[1])
    number = 0
    for end in range(1, len(items) + 1):
        if not items[end - 1].required:
            least[end] = least[end - 1]
        while number < len(steps) and steps[number][1] == end:
            start = steps[number][0]
            least[end] = min(least[end], least[start] + 1)
            number += 1
    return least[-1] if least[-1] < NEVER else None


def _steps(problem: Problem, limit: int) -> Iterator[tuple[int, int, int]]:
    """Every TDMR that begins and ends with memory: from, to, its PAMT's bytes."""
    items = problem.items
    for start, first in enumerate(items):
        if not first.required:
            continue
        holes = 0
        for end in range(start, len(items)):
            item = items[end]
            holes += item.holes
            if end > start and item.begins_in_hole and items[end - 1].ends_in_hole:
                holes -= 1
            # One that is all hole may yet end in nothing: only memory ends a TDMR.
            if holes > limit:
                break
            if item.required:
                size = item.area.end - first.area.base
                yield start, end + 1, problem.pamt(size)


def _skip(
    problem: Problem,
    least: list[int],
    way: list[tuple[int, int] | None] | None = None,
) -> None:
    """What is not required may be left out: as good as covering what is before it."""
    for end, item in enumerate(problem.items, start=1):
        if not item.required and least[end - 1] < least[end]:
            least[end] = least[end - 1]
            if way is not None:
                way[end] = way[end - 1]


def _tdmrs(
    problem: Problem, ways: list[list[tuple[int, int] | None]]
) -> tuple[Area, ...]:
    found: list[Area] = []
    end = len(problem.items)
    for way in reversed(ways):
        step = way[end]
        assert step is not None
        start = step[0]
        items = problem.items
        found.append(span(items[start].area.base, items[step[1] - 1].area.end))
        end = start
    return tuple(reversed(found))


def too_many_holes(problem: Problem) -> tuple[Area, int] | None:
    """A gigabyte with memory and more holes than a TDMR has reserved areas."""
    for item in problem.items:
        if item.required and item.holes > problem.most_reserved:
            return item.area, item.holes
    return None
