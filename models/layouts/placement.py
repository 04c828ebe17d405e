"""Where the page allocator puts PAMTs, if nothing else were in use.

A PAMT is one contiguous piece: the first that fits in the zones of its node from the
highest down, else of other nodes. Candidates begin at the zone's start, rounded by the
kernel's ALIGN() (which means a power of two, and gets another number), and lie a
PAMT's size apart. What else is in use is not known from a map: a real kernel may find
another place, in the same zone where there is room.

Recalled: the order of zones, and that other nodes follow by their number.

Source: Linux mm/page_alloc.c, alloc_contig_pages().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tdxcheck.models.machines.memory_map import NodeRange, intersect, join, subtract
from tdxcheck.spec.layout import KB4, Area, span

ZONES: Final = (
    span(1 << 32, 1 << 64),
    span(1 << 24, 1 << 32),
    span(0, 1 << 24),
)
"""Normal, DMA32, DMA."""


class FirstFit:
    """Remembers what it has given away."""

    def __init__(self, memory: Sequence[NodeRange]) -> None:
        self._memory = memory
        self._taken: list[Area] = []

    def __call__(self, size: int, node: int) -> int | None:
        nodes = sorted({each.node for each in self._memory})
        for own in (node, *(other for other in nodes if other != node)):
            for zone in ZONES:
                base = self._in_zone(size, own, zone)
                if base is not None:
                    self._taken.append(Area(base, size))
                    return base
        return None

    def _in_zone(self, size: int, node: int, zone: Area) -> int | None:
        areas = join(each.area for each in self._memory if each.node == node)
        present = tuple(intersect(areas, (zone,)))
        if not present:
            return None
        first = _align(present[0].base // KB4, size // KB4) * KB4
        for piece in self._free(present):
            steps = max(0, -(-(piece.base - first) // size))
            base = first + steps * size
            if piece.base <= base and base + size <= piece.end:
                return base
        return None

    def _free(self, present: Sequence[Area]) -> Iterator[Area]:
        yield from subtract(present, join(self._taken))


def _align(value: int, to: int) -> int:
    """The kernel's ALIGN(), by masks, whatever the number."""
    return (value + to - 1) & ~(to - 1)
