"""The best layouts on memory maps, and why there is none."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxcheck.models.layouts.legal import Legal, legal
from tdxcheck.models.layouts.optimum import covers, fewest, too_many_holes
from tdxcheck.models.layouts.outcome import outcome
from tdxcheck.models.layouts.packing import complete
from tdxcheck.models.layouts.problem import Problem, problem_of
from tdxcheck.models.layouts.second import Answer, ask
from tdxcheck.models.machines.memory_map import MB1, MemoryMap, join, subtract
from tdxcheck.spec.layout import (
    ACCEPTED,
    GB1,
    LEVELS,
    MAX_TDMRS,
    RESERVED_SLOTS,
    Area,
    Memory,
    span,
)
from tdxcheck.spec.layout_rules import judge, uncovered
from tests.layouts import KNOWN, V6_8, on
from tests.memory_maps import areas, machines


@cache
def legal_of(path: Path) -> Legal:
    found = on(path)
    return legal(found.problem, found.platform)


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: path.stem)
def test_real_machines_have_legal_layouts(path: Path) -> None:
    found = on(path)
    best = legal_of(path)
    assert best.exists
    assert best.second is Answer.EXISTS
    assert best.fewest and best.smallest
    if found.works:
        assert len(best.fewest.tdmrs) <= len(found.layout.tdmrs)
        assert best.smallest.pamt >> 10 <= found.layout.pamt_kb


def by_trying(problem: Problem) -> dict[int, int]:
    """The smallest PAMTs by the number of TDMRs, by trying every cover."""
    items = problem.items
    found: dict[int, int] = {}

    def walk(number: int, count: int, pamt: int) -> None:
        if number == len(items):
            if count <= problem.most_tdmrs:
                found[count] = min(found.get(count, pamt), pamt)
            return
        if not items[number].required:
            walk(number + 1, count, pamt)
        for end in range(number + 1, len(items) + 1):
            tdmr = span(items[number].area.base, items[end - 1].area.end)
            if len(problem.holes(tdmr)) <= problem.most_reserved:
                walk(end, count + 1, pamt + problem.pamt(tdmr.size))

    walk(0, 0, 0)
    return found


@given(areas(most=4), st.integers(1, 3), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_the_best_covers_are_those_that_trying_finds(
    memory: list[Area], most_reserved: int, most_tdmrs: int
) -> None:
    told = join(memory)
    problem = Problem(told, told, most_reserved=most_reserved, most_tdmrs=most_tdmrs)
    tried = by_trying(problem)
    found = covers(problem)
    # A TDMR that ends in no memory is never better.
    for count, cover in found.items():
        assert cover.pamt == tried[count]
    assert min(found, default=None) == min(tried, default=None)
    assert min((c.pamt for c in found.values()), default=None) == min(
        tried.values(), default=None
    )


@given(areas(most=30), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_z3_and_the_dynamic_program_agree(
    memory: list[Area], most_reserved: int, most_tdmrs: int
) -> None:
    told = join(memory)
    problem = Problem(told, told, most_reserved=most_reserved, most_tdmrs=most_tdmrs)
    found = covers(problem)
    opinion = ask(problem)
    assert opinion.answer is (Answer.EXISTS if found else Answer.NONE)
    needed = fewest(problem)
    if found:
        assert needed == min(found)
        assert ask(problem, min(found) - 1).answer is Answer.NONE
        assert not tuple(subtract(told, opinion.tdmrs))
        assert all(len(problem.holes(t)) <= most_reserved for t in opinion.tdmrs)
    else:
        assert needed is None or needed > most_tdmrs
        assert (needed is None) == (too_many_holes(problem) is not None)
        assert opinion.required or opinion.crowded


@given(machines())
@settings(max_examples=60, deadline=None)
def test_a_legal_layout_passes_the_checks_and_covers_all(machine: MemoryMap) -> None:
    found = outcome(V6_8, machine)
    if not found.memory.ranges:
        return
    best = legal(found.problem, found.platform)
    if found.works:
        assert best.exists is not False
    if best.exists:
        assert judge(best.layout, found.platform) == ACCEPTED
        pamts = join(tdmr.pamt(level) for tdmr in best.layout for level in LEVELS)
        left = join(uncovered(best.layout, found.problem.memory))
        assert not tuple(subtract(left, pamts))
    elif best.exists is False:
        assert best.why_not


def test_why_there_is_no_layout_is_told() -> None:
    platform = Memory((), 6, 31, 32, Area(0, 0))
    outside = problem_of([span(MB1, 2 * GB1)], [span(MB1, GB1)])
    (why,) = legal(outside, platform).why_not
    assert why.startswith("[0x40000000, 0x80000000) is memory outside every CMR")
    pieces = [Area(MB1 + 2 * n * MB1, MB1) for n in range(RESERVED_SLOTS)]
    crowded = problem_of(pieces, None)
    (why,) = legal(crowded, platform).why_not
    assert why.startswith("[0x0, 0x40000000) is one gigabyte")
    assert "it has 17 holes" in why
    half = RESERVED_SLOTS // 2 + 1
    many = [
        Area(g * 3 * GB1 + 2 * n * MB1, MB1)
        for g in range(MAX_TDMRS + 1)
        for n in range(half)
    ]
    covered, not_one, limit = legal(problem_of(many, None), platform).why_not
    assert covered.startswith("to be covered: ")
    assert not_one.startswith("not in one TDMR, for more than 16 holes: ")
    assert limit == "so 65 TDMRs are needed at least, and the module takes 64"
    tiny = problem_of([Area(MB1, MB1)], None)
    (why,) = legal(tiny, platform).why_not
    assert why == "PAMTs need 4,108 KB, and there are 1,024 KB"


def test_pamts_at_the_edge_of_a_hole_take_no_slot() -> None:
    """15 holes would be too many if each PAMT took another two."""
    pieces = [Area(2 * n * GB1 // 32, GB1 // 32) for n in range(1, 16)]
    problem = problem_of(pieces, None)
    (tdmr,) = covers(problem)[1].tdmrs
    assert len(problem.holes(tdmr)) == RESERVED_SLOTS
    (info,) = complete(problem, [tdmr]) or ()
    assert len(info.reserved) == RESERVED_SLOTS
    assert judge([info], Memory(problem.convertible, 6, 31, 32, Area(0, 0))) == ACCEPTED
