"""From a memory map to the list of memory that a kernel means TDX to have."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tdxcheck.models.machines.memory_map import (
    MB1,
    Kind,
    MemoryMap,
    NodeRange,
    by_node,
    intersect,
    join,
    pages,
    sizes,
    subtract,
)
from tdxcheck.spec.layout import Area, span


@dataclass(frozen=True)
class TdxMemory:
    """A kernel's list of memory, ascending, with the node of each range."""

    ranges: tuple[NodeRange, ...]
    assumed: tuple[str, ...] = ()
    """What the map does not tell, and is taken to be so."""

    @property
    def areas(self) -> tuple[Area, ...]:
        return tuple(each.area for each in self.ranges)


def of_memblock(machine: MemoryMap) -> TdxMemory:
    """What memblock lists, from v5 on: memory by node, whole pages, from 1 MiB up.

    Memory that drivers have added is listed as well, where it was added before the
    list is made.
    """
    if machine.boot_memory is not None:
        ranges = [*machine.boot_memory]
        assumed: list[str] = []
    else:
        areas, assumed = _boot_memory(machine)
        ranges = [*_by_nodes(areas, machine.nodes, assumed)]
    # Of a map that does not tell what was there at boot nothing can be said.
    for area in machine.of_kind(Kind.ADDED) if ranges else ():
        nodes = [
            each.node
            for each in (*machine.windows, *machine.nodes)
            if each.area.base <= area.base < each.area.end
        ]
        ranges.append(NodeRange(nodes[0] if nodes else 0, area))
    return TdxMemory(_clipped(ranges), tuple(assumed))


def of_e820(machine: MemoryMap) -> TdxMemory:
    """What v3 lists: RAM and legacy PMEM of e820, and nothing that was added.

    An entry is of the node that its first byte is of, and is never split.
    """
    if not machine.tells_usable:
        return of_memblock(machine)
    areas, assumed = _boot_memory(machine)
    # It takes PMEM that memmap= has made of RAM for memory, as what it is underneath.
    areas = join((*areas, *machine.of_kind(Kind.LEGACY_PMEM)))
    nodes = machine.nodes
    starts = sorted({region.area.base for region in machine.regions})
    ranges: list[NodeRange] = []
    for area in areas:
        for piece in _entries(area, starts):
            ranges.append(NodeRange(_node_of(piece.base, nodes), piece))
    return TdxMemory(_clipped(_merged(ranges)), tuple(assumed))


def _boot_memory(machine: MemoryMap) -> tuple[tuple[Area, ...], list[str]]:
    assumed: list[str] = []
    if machine.tells_usable:
        areas = machine.of_kind(Kind.USABLE)
        top = max((region.area.end for region in machine.regions), default=0)
        if not machine.complete and machine.cmrs and areas:
            above = [cmr for cmr in machine.cmrs if cmr.base >= top]
            if above:
                assumed.append(
                    f"the map ends at {top:#x}: above, memory is taken to be the CMRs"
                )
                areas = join((*areas, *above))
        return areas, assumed
    if machine.cmrs:
        assumed.append("no e820 map: memory is taken to be the CMRs")
        # Not joined: memblock keeps apart what is of different nodes.
        return tuple(machine.cmrs), assumed
    if machine.nodes:
        assumed.append("no e820 map: memory is taken to be what SRAT says of nodes")
        return tuple(sorted({each.area for each in machine.nodes}, key=_base)), assumed
    return (), assumed


def _base(area: Area) -> int:
    return area.base


def _by_nodes(
    areas: Sequence[Area], nodes: Sequence[NodeRange], assumed: list[str]
) -> Iterator[NodeRange]:
    """Memory split at the bounds of nodes; without SRAT all is of node 0.

    Recalled: where SRAT leaves out a MiB or more, the kernel does without it.
    """
    whole = [piece for piece in map(pages, areas) if piece]
    if nodes:
        left = sizes(subtract(whole, join(each.area for each in nodes)))
        if left < MB1:
            found = [
                NodeRange(node, piece)
                for node, own in by_node(nodes).items()
                for piece in intersect(whole, own)
            ]
            yield from sorted(found, key=lambda each: each.area.base)
            return
        assumed.append(f"SRAT leaves out {left >> 20:,} MiB: one node is taken")
    yield from (NodeRange(0, piece) for piece in whole)


def _entries(area: Area, starts: Sequence[int]) -> Iterator[Area]:
    """The e820 entries that the joined range is of, as far as the map tells them."""
    cuts = starts[bisect_right(starts, area.base) : bisect_left(starts, area.end)]
    for start, end in zip([area.base, *cuts], [*cuts, area.end], strict=True):
        yield span(start, end)


def _node_of(address: int, nodes: Sequence[NodeRange]) -> int:
    for each in nodes:
        if each.area.base <= address < each.area.end:
            return each.node
    return 0


def _merged(ranges: Sequence[NodeRange]) -> Iterator[NodeRange]:
    last: NodeRange | None = None
    for each in ranges:
        if last and last.node == each.node and last.area.end == each.area.base:
            last = NodeRange(last.node, span(last.area.base, each.area.end))
            continue
        if last:
            yield last
        last = each
    if last:
        yield last


def _clipped(ranges: Iterator[NodeRange] | list[NodeRange]) -> tuple[NodeRange, ...]:
    """Without the first MiB, which is of no use and in no CMR; in whole pages."""
    found = []
    for each in ranges:
        if each.area.end <= MB1:
            continue
        piece = pages(span(max(each.area.base, MB1), each.area.end))
        if piece:
            found.append(NodeRange(each.node, piece))
    return tuple(sorted(found, key=lambda each: each.area.base))
