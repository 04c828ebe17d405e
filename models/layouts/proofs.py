"""What holds of every memory map with a given number of ranges, whatever its addresses.

The kernel's own functions (`kernel.py`) and the module's own checks (`layout_rules.py`)
run on addresses that are not known (`symbolic.py`), so each proof is of all maps with
so many ranges: whole pages from 1 MiB up, ascending, apart or touching, below the limit
of plain addresses; and, where PAMTs count, of every place in memory that the page
allocator could find for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tdxcheck.models.layouts.generations import Generation
from tdxcheck.models.layouts.kernel import (
    Pamt,
    build,
    fill,
    hole_before,
    holes_in,
    next_tdmr,
    reserved_areas,
)
from tdxcheck.models.layouts.symbolic import Explorer, Number, known
from tdxcheck.models.machines.memory_map import MB1, NodeRange
from tdxcheck.spec.layout import ACCEPTED, GB1, KB4, Area, Memory, span
from tdxcheck.spec.layout_rules import judge

LIMIT = 1 << 46
"""The first address with a KeyID bit, with 6 of 52 bits for KeyIDs."""


@dataclass(frozen=True)
class Proof:
    """That it holds, and how much work that was."""

    ranges: int
    runs: int
    """Ways through the functions."""
    questions: int
    """Asked of z3."""


def _memory(explorer: Explorer, count: int) -> list[NodeRange]:
    """So many ranges of which no address is known."""
    found: list[NodeRange] = []
    last: int = MB1 // KB4
    for number in range(count):
        start = explorer.number(f"start{number}")
        end = explorer.number(f"end{number}")
        explorer.assume(known(start) >= known(last))
        explorer.assume(known(end) > known(start))
        found.append(NodeRange(0, span(start * KB4, end * KB4)))
        last = end
    explorer.assume(known(last) <= LIMIT // KB4)
    return found


def _inside(address: Any, areas: Sequence[Area]) -> Any:
    import z3

    return z3.Or(
        *(
            z3.And(known(area.base) <= address, address < known(area.end))
            for area in areas
        )
    )


def coverage(generation: Generation, count: int) -> Proof:
    """Where TDMRs are enough, every byte of memory is in one, and in none of its holes.

    Also: TDMRs are of whole gigabytes, ascend and do not overlap; and holes ascend in
    their TDMR, and do not overlap either.
    """
    import z3

    explorer = Explorer()

    def run(explorer: Explorer) -> None:
        memory = _memory(explorer, count)
        areas = [each.area for each in memory]
        tdmrs = fill(memory, generation)
        holes = [holes_in(tdmr, areas) for tdmr in tdmrs]
        byte = explorer.number("byte").term
        covered = z3.Or(
            *(
                z3.And(_inside(byte, [tdmr]), z3.Not(_inside(byte, reserved)))
                for tdmr, reserved in zip(tdmrs, holes, strict=True)
            )
        )
        explorer.prove(
            "every byte of memory is in a TDMR, and in no hole",
            z3.Implies(_inside(byte, areas), covered),
        )
        _prove_apart(explorer, "TDMRs", tdmrs)
        for tdmr, reserved in zip(tdmrs, holes, strict=True):
            explorer.prove("a TDMR begins at a gigabyte", _whole(tdmr.base))
            explorer.prove("a TDMR ends at a gigabyte", _whole(tdmr.end))
            _prove_apart(explorer, "holes", reserved)
            for hole in reserved:
                explorer.prove(
                    "a hole is in its TDMR",
                    z3.And(
                        known(hole.base) >= known(tdmr.base),
                        known(hole.end) <= known(tdmr.end),
                    ),
                )

    explorer.explore(run)
    return Proof(count, explorer.runs, explorer.questions)


def induction() -> Proof:
    """The same coverage of maps with any number of ranges, by induction over them.

    What is known before a range: the last TDMR begins below the end of the range before
    and ends not before it, at gigabytes. Then the range lies in that TDMR and the next
    one, and the same is known after it. Of the holes in a TDMR is known that the walk
    has come to the end of the range before, or to the TDMR's begin, if that is higher.
    Then the next hole meets neither range, and the same is known after.
    """
    import z3

    explorer = Explorer()

    def first(explorer: Explorer) -> None:
        area, byte = _range(explorer, "first", 0), explorer.number("byte").term
        made = next_tdmr(None, area)
        assert made is not None
        explorer.prove("it is covered", _implied(byte, area, [made]))
        _prove_known(explorer, made, area)

    def another(explorer: Explorer) -> None:
        before = _range(explorer, "before", 0)
        tdmr = _tdmr(explorer)
        explorer.assume(known(tdmr.base) < known(before.end))
        explorer.assume(known(before.end) <= known(tdmr.end))
        area = _range(explorer, "next", before.end)
        byte = explorer.number("byte").term
        made = next_tdmr(tdmr, area)
        have = [tdmr] if made is None else [tdmr, made]
        explorer.prove("it is covered", _implied(byte, area, have))
        if made is not None:
            _prove_apart(explorer, "TDMRs", have)
        _prove_known(explorer, have[-1], area)

    def walk(explorer: Explorer) -> None:
        tdmr = _tdmr(explorer)
        before = _range(explorer, "before", 0)
        last = explorer.number("last")
        below = known(before.end) < known(tdmr.base)
        reached = z3.If(below, known(tdmr.base), known(before.end))
        explorer.assume(known(last) == reached)
        area = _range(explorer, "next", before.end)
        explorer.assume(known(area.base) < known(tdmr.end))
        hole, after = hole_before(tdmr, last, area)
        byte = explorer.number("byte").term
        if hole is not None:
            meets = z3.Or(_inside(byte, [before]), _inside(byte, [area]))
            explorer.prove(
                "a hole has no memory",
                z3.Implies(_inside(byte, [hole]), z3.Not(meets)),
            )
            _prove_apart(explorer, "holes", [hole])
            explorer.prove("it is in its TDMR", known(hole.base) >= known(tdmr.base))
            explorer.prove("it is in its TDMR", known(hole.end) <= known(tdmr.end))
        beyond = known(area.end) < known(tdmr.base)
        explorer.prove(
            "the walk has come so far",
            known(after) == z3.If(beyond, known(tdmr.base), known(area.end)),
        )

    for step in (first, another, walk):
        explorer.explore(step)
    return Proof(0, explorer.runs, explorer.questions)


def _range(explorer: Explorer, name: str, least: int) -> Area:
    start, end = (explorer.number(f"{name} {word}") for word in ("start", "end"))
    explorer.assume(known(start) >= known(least))
    explorer.assume(known(end) > known(start))
    return span(start, end)


def _tdmr(explorer: Explorer) -> Area:
    start, end = (explorer.number(f"TDMR {word}") for word in ("start", "end"))
    explorer.assume(known(start) >= 0)
    explorer.assume(known(end) > known(start))
    return span(start * GB1, end * GB1)


def _implied(byte: Any, area: Area, tdmrs: Sequence[Area]) -> Any:
    import z3

    return z3.Implies(_inside(byte, [area]), _inside(byte, tdmrs))


def _prove_known(explorer: Explorer, tdmr: Area, area: Area) -> None:
    explorer.prove("a TDMR begins at a gigabyte", _whole(tdmr.base))
    explorer.prove("a TDMR ends at a gigabyte", _whole(tdmr.end))
    explorer.prove("it begins below", known(tdmr.base) < known(area.end))
    explorer.prove("it ends not before", known(tdmr.end) >= known(area.end))


def _whole(address: int) -> Any:
    return known(address) % GB1 == 0


def _prove_apart(explorer: Explorer, name: str, areas: Sequence[Area]) -> None:
    import z3

    explorer.prove(
        f"{name} ascend, are not empty, and do not overlap",
        z3.And(
            *(known(area.size) > 0 for area in areas),
            *(known(one.end) <= known(two.base) for one, two in pairwise(areas)),
        ),
    )


def slots(generation: Generation, count: int) -> Proof:
    """No TDMR needs more reserved areas than there are ranges and two.

    So kernels never run out of them on maps of up to 14 ranges, wherever PAMTs lie.
    """
    explorer = Explorer()

    def run(explorer: Explorer) -> None:
        memory = _memory(explorer, count)
        areas = [each.area for each in memory]
        tdmrs = fill(memory, generation)
        pamts = []
        for number in range(len(tdmrs)):
            base, size = (explorer.number(f"{w}{number}") for w in ("pamt", "size"))
            explorer.assume(known(size) > 0)
            pamts.append(Pamt(base, (size, 0, 0)))
        for tdmr in tdmrs:
            needed = len(reserved_areas(tdmr, areas, pamts))
            explorer.prove("so many reserved areas are enough", needed <= count + 2)

    explorer.explore(run)
    return Proof(count, explorer.runs, explorer.questions)


def accepted(generation: Generation, count: int) -> Proof:
    """Where the kernel builds a layout, the module's checks pass it.

    Of convertible memory there is no more than the kernel's list. PAMTs lie anywhere
    in a range of it, in one piece and apart from each other, as an allocator gives
    them.
    """
    import z3

    explorer = Explorer()

    def run(explorer: Explorer) -> None:
        memory = _memory(explorer, count)
        areas = tuple(each.area for each in memory)
        given: list[Area] = []

        def place(size: int, node: int) -> Number:
            base = explorer.number(f"pamt{len(given)}") * KB4
            pamt = Area(base, size)
            explorer.assume(
                z3.Or(
                    *(
                        z3.And(
                            known(area.base) <= known(pamt.base),
                            known(pamt.end) <= known(area.end),
                        )
                        for area in areas
                    )
                )
            )
            for other in given:
                explorer.assume(
                    z3.Or(
                        known(pamt.end) <= known(other.base),
                        known(other.end) <= known(pamt.base),
                    )
                )
            given.append(pamt)
            return base

        layout = build(generation, memory, None, place)
        if layout.failure is not None:
            return
        platform = Memory(areas, 6, 31, 32, Area(0, 0))
        verdict = judge(layout.tdmrs, platform, generation.dynamic)
        explorer.prove(
            f"the module accepts it, and does not say {verdict.status.name}",
            z3.BoolVal(verdict is ACCEPTED),
        )

    explorer.explore(run)
    return Proof(count, explorer.runs, explorer.questions)
