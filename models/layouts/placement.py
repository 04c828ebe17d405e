"""Where the page allocator puts PAMTs, if nothing else were in use.

A PAMT is one contiguous piece of its TDMR's node. alloc_contig_pages() goes through the
zones that GFP_KERNEL may use: of the node from the highest down, then of the others.
In each it tries pieces that lie one PAMT apart, from the zone's first page on, rounded
by ALIGN(), which means a power of two and gets another number; it takes the first that
is memory as a whole, of this node, and in use by nothing that cannot be moved.

What is in use is not known from a map, so a host may take a later piece. Assumed, too:
nodes are equally far from each other (of such the kernel prefers the next ones), and no
node is movable.

Source: Linux v6.8 mm/page_alloc.c alloc_contig_pages(), find_next_best_node();
mm/mm_init.c zone_spanned_pages_in_node(); arch/x86/virt/vmx/tdx/tdx.c
tdmr_set_up_pamt() (recalled).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tdxcheck.models.machines.memory_map import (
    MB1,
    NodeRange,
    intersect,
    join,
    subtract,
)
from tdxcheck.spec.layout import KB4, Area, span

ZONES: Final = (
    span(1 << 32, 1 << 64),
    span(1 << 24, 1 << 32),
    span(0, 1 << 24),
)
"""Normal, DMA32, DMA: those of GFP_KERNEL, in its order."""


class FirstFit:
    """Remembers what it has given away."""

    def __init__(self, memory: Sequence[NodeRange]) -> None:
        self._nodes = {
            node: join(each.area for each in memory if each.node == node)
            for node in sorted({each.node for each in memory})
        }
        self._taken: list[Area] = []

    def __call__(self, size: int, node: int) -> int | None:
        for own in self.fallbacks(node):
            for zone in ZONES:
                base = self._in_zone(size, own, zone)
                if base is not None:
                    self._taken.append(Area(base, size))
                    return base
        return None

    def fallbacks(self, node: int) -> Iterator[int]:
        """The nodes in the order in which memory is looked for on them."""
        yield from (each for each in self._nodes if each == node)
        yield from (each for each in self._nodes if each > node)
        yield from (each for each in self._nodes if each < node)

    def _in_zone(self, size: int, node: int, zone: Area) -> int | None:
        areas = self._nodes[node]
        present = tuple(intersect(areas, (zone,)))
        if not present:
            return None
        # A zone begins with its node or at its own bound, memory or not.
        start = max(_first(areas), zone.base)
        first = _align(start // KB4, size // KB4) * KB4
        for piece in self._free(present):
            steps = max(0, -(-(piece.base - first) // size))
            base = first + steps * size
            if base + size <= piece.end:
                return base
        return None

    def _free(self, present: Sequence[Area]) -> Iterator[Area]:
        yield from subtract(present, join(self._taken))


def _first(areas: Sequence[Area]) -> int:
    """Where a node begins: what lies below 1 MiB is in no list for TDX."""
    return KB4 if areas[0].base == MB1 else areas[0].base


def _align(value: int, to: int) -> int:
    """The kernel's ALIGN(), by masks, whatever the number."""
    return (value + to - 1) & ~(to - 1)
