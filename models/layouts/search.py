"""Looking for memory maps on which a kernel fails though a legal layout exists.

z3 proposes the smallest maps by a count of what takes a slot. What it proposes is only
a guess: the kernel's own steps are taken on it, and the covering problem is solved, and
a map is kept only if the one fails and the other does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tdxcheck.models.layouts.generations import Generation
from tdxcheck.models.layouts.legal import legal
from tdxcheck.models.layouts.outcome import Outcome, outcome
from tdxcheck.models.machines.memory_map import (
    MB1,
    Kind,
    MemoryMap,
    NodeRange,
    Region,
    in_order,
)
from tdxcheck.spec.layout import (
    GB1,
    KB4,
    MAX_TDMRS,
    MB2,
    RESERVED_SLOTS,
    Area,
    span,
)

PAMT_ROOM: Final = 64 << 20
"""What the first range has at least, so that PAMTs find room in it."""
PROPOSALS: Final = 20
"""Maps that z3 may propose of one size."""


@dataclass(frozen=True)
class Counterexample:
    """A map on which the kernel fails, and a legal layout exists."""

    machine: MemoryMap
    found: Outcome


def fails_needlessly(
    generation: Generation, machine: MemoryMap
) -> Counterexample | None:
    """The map as a counterexample, if it is one."""
    found = outcome(generation, machine)
    if found.works is not False:
        return None
    if legal(found.problem, found.platform).exists is not True:
        return None
    return Counterexample(machine, found)


def smallest_in_one_gigabyte(
    generation: Generation, most: int
) -> Counterexample | None:
    """The fewest ranges, up to so many, that need more reserved areas than there are.

    Every range is in one CMR and in low memory: the first so many in one gigabyte,
    each other one in one of its own. Each hole takes a slot, and each PAMT.
    """
    for count in range(1, most + 1):
        for machine in _proposals(count):
            found = fails_needlessly(generation, machine)
            if found is not None:
                return found
    return None


def _proposals(count: int) -> Iterator[MemoryMap]:
    """Maps of so many ranges that would take too many slots, as z3 finds them."""
    import z3

    solver = z3.Solver()
    starts = [z3.Int(f"start{n}") for n in range(count)]
    ends = [z3.Int(f"end{n}") for n in range(count)]
    gigabyte, pages = GB1 // KB4, MB2 // KB4
    inside = z3.Int("inside")
    solver.add(inside >= 1, inside <= count)
    slots: list[Any] = [z3.If(starts[0] > 0, 1, 0)]
    last = z3.IntVal(MB1 // KB4)
    for n in range(count):
        solver.add(starts[n] >= last, ends[n] >= starts[n] + pages)
        own = z3.And(
            starts[n] >= (n - inside + 1) * gigabyte,
            ends[n] <= (n - inside + 2) * gigabyte,
        )
        solver.add(z3.If(n < inside, ends[n] <= gigabyte, own))
        slots.append(z3.If(z3.And(n > 0, n < inside, starts[n] > last), 1, 0))
        is_last = n == inside - 1
        slots.append(z3.If(z3.And(is_last, ends[n] < gigabyte), 1, 0))
        last = ends[n]
    solver.add(ends[0] - starts[0] >= PAMT_ROOM // KB4)
    tdmrs = 1 + count - inside
    solver.add(z3.Sum(slots) + tdmrs > RESERVED_SLOTS)
    for _ in range(PROPOSALS):
        if solver.check() != z3.sat:
            return
        model = solver.model()
        found = [
            (model.eval(a, True).as_long(), model.eval(b, True).as_long())
            for a, b in zip(starts, ends, strict=True)
        ]
        areas = [span(a * KB4, b * KB4) for a, b in found]
        yield machine_of(areas, (span(areas[0].base, areas[-1].end),))
        solver.add(z3.Or(*(s != a for s, (a, _) in zip(starts, found, strict=True))))


def machine_of(
    usable: list[Area],
    cmrs: tuple[Area, ...],
    nodes: tuple[NodeRange, ...] = (),
    pmem: tuple[Area, ...] = (),
) -> MemoryMap:
    """A map with just this."""
    regions = [Region(area, Kind.USABLE) for area in usable]
    regions += [Region(area, Kind.LEGACY_PMEM) for area in pmem]
    return MemoryMap(in_order(regions), cmrs=cmrs, nodes=nodes)


def with_carve_outs(count: int, nodes: int = 1) -> MemoryMap:
    """A machine of which memmap= has made every other gigabyte PMEM, so many times.

    What is done to have namespaces of a gigabyte each; from 4 GiB on, by turns of the
    nodes, which have the same part each.
    """
    high = 4 * GB1
    step = 2 * GB1
    top = high + (count + 1) * step
    pmem = tuple(Area(high + GB1 + n * step, GB1) for n in range(count))
    usable = [span(MB1, 2 * GB1)]
    usable += [Area(high + n * step, GB1) for n in range(count)]
    usable.append(span(high + count * step, top))
    share = -(-(top - high) // nodes // step) * step
    homes = [NodeRange(0, span(0, 2 * GB1))]
    for node in range(nodes):
        start, end = high + node * share, min(high + (node + 1) * share, top)
        if start < end:
            homes.append(NodeRange(node, span(start, end)))
    cmrs = (span(MB1, 2 * GB1), span(high, top))
    return machine_of(usable, cmrs, tuple(homes), pmem)


def smallest_number(
    generation: Generation, make: Callable[[int], MemoryMap], most: int = 2 * MAX_TDMRS
) -> tuple[int, Counterexample] | None:
    """The least number of which the family's map is a counterexample."""
    for count in range(1, most + 1):
        found = fails_needlessly(generation, make(count))
        if found is not None:
            return count, found
    return None


def touching_cmrs(count: int) -> MemoryMap:
    """One range of memory in so many CMRs that touch."""
    area = span(MB1, GB1 + count * GB1)
    bounds = [MB1, *(n * GB1 for n in range(1, count)), area.end]
    cmrs = tuple(span(a, b) for a, b in pairwise(bounds))
    return machine_of([area], cmrs)
