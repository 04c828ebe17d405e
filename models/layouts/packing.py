"""Where PAMTs can go, so that a layout keeps its limits: a legal layout as a whole.

Every piece of memory is in a TDMR, so PAMTs lie in reserved areas. What lies at the
edge of a hole is reserved with it and takes no slot; one stack of tables elsewhere in a
piece takes one. Tables are put where they fit, the largest first. That may miss a place
that exists: then nothing is said, except where sizes alone forbid it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tdxcheck.models.layouts.problem import Problem
from tdxcheck.models.machines.memory_map import intersect, join
from tdxcheck.spec.layout import GB1, KB4, LEVELS, Area, TdmrInfo, pamt_size, span

Table = tuple[int, str]
"""The number of a TDMR, and the level."""


@dataclass
class _Bin:
    """A piece of memory in a TDMR; tables are stacked from one of its ends."""

    tdmr: int
    area: Area
    from_top: bool
    is_free: bool
    """It needs no slot: a hole is at that end."""
    used: int = 0
    tables: dict[Table, int] = field(default_factory=dict)

    def put(self, table: Table, size: int) -> None:
        """Stacked from the end at which the hole is."""
        if self.from_top:
            base = self.area.end - self.used - size
        else:
            base = self.area.base + self.used
        self.tables[table] = base
        self.used += size

    @property
    def left(self) -> int:
        return self.area.size - self.used

    @property
    def reserved(self) -> Area:
        if self.from_top:
            return Area(self.area.end - self.used, self.used)
        return Area(self.area.base, self.used)


def complete(problem: Problem, tdmrs: Sequence[Area]) -> tuple[TdmrInfo, ...] | None:
    """The layout with PAMTs and reserved areas; None if no place was found."""
    bins = _bins(problem, tdmrs)
    slots = [problem.most_reserved - len(problem.holes(tdmr)) for tdmr in tdmrs]
    tables = [(number, level) for number in range(len(tdmrs)) for level in LEVELS]
    sizes = {
        (number, level): pamt_size(level, tdmrs[number].size, problem.dynamic)
        for number, level in tables
    }
    placed: dict[Table, int] = {}
    for table in sorted(tables, key=lambda each: -sizes[each]):
        chosen = _choose(bins, slots, sizes[table])
        if chosen is None:
            return None
        if not chosen.used and not chosen.is_free:
            slots[chosen.tdmr] -= 1
        chosen.put(table, sizes[table])
        placed[table] = chosen.tables[table]
    stacks = [each.reserved for each in bins if each.used]
    return tuple(
        _info(problem, number, tdmr, placed, sizes, stacks)
        for number, tdmr in enumerate(tdmrs)
    )


def impossible(problem: Problem, pamt: int) -> str | None:
    """Why no PAMTs can have a place, if that is plain from sizes.

    `pamt` is the size of the smallest PAMTs of any cover.
    """
    pieces = tuple(intersect(problem.memory, problem.convertible))
    room = max((piece.size for piece in pieces), default=0)
    total = sum(piece.size for piece in pieces)
    if pamt > total:
        return f"PAMTs need {pamt >> 10:,} KB, and there are {total >> 10:,} KB"
    least = pamt_size("4K", GB1, problem.dynamic)
    if least > room:
        return (
            f"the 4K table of the smallest TDMR needs {least >> 10:,} KB in one piece, "
            f"and the largest piece of memory has {room >> 10:,} KB"
        )
    return None


def _bins(problem: Problem, tdmrs: Sequence[Area]) -> list[_Bin]:
    found: list[_Bin] = []
    for number, tdmr in enumerate(tdmrs):
        holes = problem.holes(tdmr)
        ends = {hole.end for hole in holes}
        starts = {hole.base for hole in holes}
        for piece in intersect((tdmr,), tuple(problem.memory)):
            aligned = _pages(piece)
            if aligned is None:
                continue
            top = aligned.end in starts
            free = top or aligned.base in ends
            found.append(_Bin(number, aligned, top, free))
    return found


def _pages(area: Area) -> Area | None:
    start, end = -(-area.base // KB4) * KB4, area.end // KB4 * KB4
    return span(start, end) if start < end else None


def _choose(bins: Sequence[_Bin], slots: Sequence[int], size: int) -> _Bin | None:
    """A bin that costs no slot before one that does; of these, the largest."""
    fits = [
        each
        for each in bins
        if each.left >= size and (each.used or each.is_free or slots[each.tdmr] > 0)
    ]
    return max(
        fits,
        key=lambda each: (each.is_free or each.used > 0, slots[each.tdmr], each.left),
        default=None,
    )


def _info(
    problem: Problem,
    number: int,
    tdmr: Area,
    placed: dict[Table, int],
    sizes: dict[Table, int],
    stacks: Sequence[Area],
) -> TdmrInfo:
    inside = [area for area in intersect((tdmr,), join(stacks))]
    reserved = join((*problem.holes(tdmr), *inside))
    table = {
        level: Area(placed[number, level], sizes[number, level]) for level in LEVELS
    }
    return TdmrInfo(
        tdmr,
        pamt_1g=table["1G"],
        pamt_2m=table["2M"],
        pamt_4k=table["4K"],
        reserved=tuple(Area(area.base - tdmr.base, area.size) for area in reserved),
    )
