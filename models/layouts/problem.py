"""The covering problem: TDMRs for some memory, of which only holes have to be reserved.

A TDMR is of whole gigabytes, so memory is cut at gigabytes into items that are all
memory, all hole, or one mixed gigabyte. No layout has a reason to begin or end a TDMR
within an item. What has to be reserved are the holes between pieces of convertible
memory: what firmware keeps for itself in convertible memory need not be, as the module
knows nothing of it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tdxcheck.models.machines.memory_map import intersect, join, subtract
from tdxcheck.spec.layout import (
    GB1,
    LEVELS,
    MAX_TDMRS,
    RESERVED_SLOTS,
    Area,
    pamt_size,
    span,
)


@dataclass(frozen=True)
class Item:
    """A run of gigabytes that a TDMR has as a whole or not at all."""

    area: Area
    required: bool
    """There is memory in it, which has to be in a TDMR."""
    holes: int
    """Runs of it that are not convertible."""
    begins_in_hole: bool
    ends_in_hole: bool


@dataclass(frozen=True)
class Problem:
    """What memory TDMRs have to cover, and what is convertible."""

    memory: tuple[Area, ...]
    """Ascending, apart."""
    convertible: tuple[Area, ...]
    """Ascending; those that touch are one."""
    dynamic: bool = False
    most_tdmrs: int = MAX_TDMRS
    most_reserved: int = RESERVED_SLOTS

    @cached_property
    def outside(self) -> tuple[Area, ...]:
        """Memory that is not convertible: no layout can have it."""
        return tuple(subtract(self.memory, self.convertible))

    @cached_property
    def items(self) -> tuple[Item, ...]:
        if not self.memory:
            return ()
        bounds: set[int] = set()
        low = self.memory[0].base // GB1 * GB1
        high = -(-self.memory[-1].end // GB1) * GB1
        for area in (*self.memory, *self.convertible):
            for address in (area.base, area.end):
                bounds |= {address // GB1 * GB1, -(-address // GB1) * GB1}
        cuts = sorted({low, high, *(b for b in bounds if low < b < high)})
        areas = [span(a, b) for a, b in pairwise(cuts)]
        return tuple(map(self._item, areas))

    def _item(self, area: Area) -> Item:
        holes = self.holes(area)
        return Item(
            area,
            any(True for _ in intersect((area,), _near(self.memory, area))),
            len(holes),
            bool(holes) and holes[0].base == area.base,
            bool(holes) and holes[-1].end == area.end,
        )

    def holes(self, tdmr: Area) -> tuple[Area, ...]:
        """What has to be reserved in a TDMR."""
        return tuple(subtract((tdmr,), _near(self.convertible, tdmr)))

    def pamt(self, size: int) -> int:
        """The bytes of the PAMT of a TDMR of this size."""
        return sum(pamt_size(level, size, self.dynamic) for level in LEVELS)


def _near(areas: Sequence[Area], area: Area) -> Sequence[Area]:
    """Of ascending ranges those that can meet this one."""
    first = bisect_right(areas, area.base, key=lambda each: each.end)
    return areas[first : bisect_left(areas, area.end, key=lambda each: each.base)]


def problem_of(
    memory: Sequence[Area], cmrs: Sequence[Area] | None, dynamic: bool = False
) -> Problem:
    """Without CMRs, the memory itself is taken to be what is convertible."""
    areas = join(memory)
    return Problem(areas, areas if cmrs is None else join(cmrs), dynamic)
