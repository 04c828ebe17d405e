"""The memory map of a machine: which physical addresses are what.

All ranges are half-open and in bytes. What a source does not tell is None, which is
not the same as that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Final

from tdxcheck.spec.layout import KB4, Area, span

MB1: Final = 1 << 20
TOP_ADDRESS: Final = 1 << 52
"""No processor has physical addresses of more bits."""
MOST_REGIONS: Final = 3_200
"""Ranges of one list: a kernel has room for no more in its e820 map."""


class MalformedMap(Exception):
    """A source is no memory map; says where and why, in one line."""


class Kind(Enum):
    """What a range of physical addresses is used for; the value is its e820 name."""

    USABLE = "usable"
    RESERVED = "reserved"
    ACPI_DATA = "ACPI data"
    ACPI_NVS = "ACPI NVS"
    UNUSABLE = "unusable"
    NVDIMM = "persistent (type 7)"
    LEGACY_PMEM = "persistent (type 12)"
    PERSISTENT = "persistent"
    SOFT_RESERVED = "soft reserved"
    ADDED = "System RAM that a driver added"
    OTHER = "other"

    @property
    def is_persistent(self) -> bool:
        return self in (Kind.NVDIMM, Kind.LEGACY_PMEM, Kind.PERSISTENT)


PRECEDENCE: Final = tuple(Kind)
"""Of two kinds that claim one address the later one has it, as in the kernel."""


@dataclass(frozen=True)
class Region:
    """A range, and what it is."""

    area: Area
    kind: Kind


@dataclass(frozen=True)
class NodeRange:
    """A range that belongs to a NUMA node."""

    node: int
    area: Area


@dataclass(frozen=True)
class MemoryMap:
    """What is known of a machine's memory."""

    regions: tuple[Region, ...] = ()
    """Ascending, none overlapping."""
    tells_usable: bool = True
    """The regions tell what is usable; if not, nothing is known of it."""
    cmrs: tuple[Area, ...] | None = None
    nodes: tuple[NodeRange, ...] = ()
    """SRAT: what belongs to a node from boot on."""
    windows: tuple[NodeRange, ...] = ()
    """SRAT: where memory may be hot-added."""
    cxl_windows: tuple[Area, ...] = ()
    boot_memory: tuple[NodeRange, ...] | None = None
    """The kernel's own list at boot, if it was printed."""
    pamt_kb: int | None = None
    """What the kernel printed to have allocated for PAMTs."""
    told_failure: str = ""
    """What the kernel printed of a layout that it could not build."""
    private_keyids: tuple[int, int] | None = None
    """The first private KeyID, and the one after the last."""
    complete: bool = True
    """The source does not say that it leaves out a part."""
    notes: tuple[str, ...] = field(default=())

    def of_kind(self, *kinds: Kind) -> tuple[Area, ...]:
        """The ranges of these kinds; those that touch are one."""
        return join(region.area for region in self.regions if region.kind in kinds)

    def kind_of(self, address: int) -> Kind | None:
        for region in self.regions:
            if region.area.base <= address < region.area.end:
                return region.kind
        return None

    def with_region(self, area: Area, kind: Kind) -> MemoryMap:
        """The map with this range being of this kind, whatever it was."""
        kept = cut_regions(self.regions, area)
        regions = sorted((*kept, Region(area, kind)), key=lambda r: r.area.base)
        return replace(self, regions=tuple(regions), boot_memory=None)


def join(areas: Iterable[Area]) -> tuple[Area, ...]:
    """The ranges in ascending order; those that touch or overlap are one."""
    found: list[Area] = []
    for area in sorted(areas, key=lambda each: (each.base, each.end)):
        if area.size <= 0:
            continue
        if found and area.base <= found[-1].end:
            found[-1] = span(found[-1].base, max(found[-1].end, area.end))
        else:
            found.append(area)
    return tuple(found)


def intersect(one: Sequence[Area], two: Sequence[Area]) -> Iterator[Area]:
    """What is in both lists; each ascends, and does not overlap itself."""
    first = second = 0
    while first < len(one) and second < len(two):
        start = max(one[first].base, two[second].base)
        end = min(one[first].end, two[second].end)
        if start < end:
            yield span(start, end)
        if one[first].end <= two[second].end:
            first += 1
        else:
            second += 1


def subtract(one: Sequence[Area], two: Sequence[Area]) -> Iterator[Area]:
    """What of the first list is not in the second; both as in `intersect`."""
    passed = 0
    for area in one:
        start = area.base
        while passed < len(two) and two[passed].end <= start:
            passed += 1
        for number in range(passed, len(two)):
            other = two[number]
            if other.base >= area.end:
                break
            if other.base > start:
                yield span(start, other.base)
            start = max(start, other.end)
        if start < area.end:
            yield span(start, area.end)


def cut_regions(regions: Iterable[Region], area: Area) -> Iterator[Region]:
    """The regions without what they have of this range."""
    for region in regions:
        for piece in subtract((region.area,), (area,)):
            yield Region(piece, region.kind)


def in_order(regions: Sequence[Region]) -> tuple[Region, ...]:
    """The regions ascending and apart: of those that overlap the higher kind wins."""
    rank = {kind: number for number, kind in enumerate(PRECEDENCE)}
    apart: list[Region] = []
    taken: tuple[Area, ...] = ()
    for kind in sorted({r.kind for r in regions}, key=lambda k: -rank[k]):
        areas = join(r.area for r in regions if r.kind is kind)
        apart += [Region(area, kind) for area in subtract(areas, taken)]
        taken = join((*taken, *areas))
    return tuple(sorted(apart, key=lambda region: region.area.base))


def pages(area: Area) -> Area | None:
    """The whole pages of a range, if it has any."""
    start, end = -(-area.base // KB4) * KB4, area.end // KB4 * KB4
    return span(start, end) if start < end else None


E820_NAMES: Final = MappingProxyType(
    {
        "usable": Kind.USABLE,
        "System RAM": Kind.USABLE,
        "reserved": Kind.RESERVED,
        "device reserved": Kind.RESERVED,
        "Reserved": Kind.RESERVED,
        "ACPI data": Kind.ACPI_DATA,
        "ACPI Tables": Kind.ACPI_DATA,
        "ACPI NVS": Kind.ACPI_NVS,
        "ACPI Non-volatile Storage": Kind.ACPI_NVS,
        "unusable": Kind.UNUSABLE,
        "Unusable memory": Kind.UNUSABLE,
        "persistent (type 7)": Kind.NVDIMM,
        "persistent RAM (type 7)": Kind.NVDIMM,
        "Persistent Memory": Kind.NVDIMM,
        "persistent (type 12)": Kind.LEGACY_PMEM,
        "persistent RAM (type 12)": Kind.LEGACY_PMEM,
        "Persistent Memory (legacy)": Kind.LEGACY_PMEM,
        "Persistent RAM": Kind.LEGACY_PMEM,
        "soft reserved": Kind.SOFT_RESERVED,
        "Soft Reserved": Kind.SOFT_RESERVED,
    }
)
"""What e820 lines, old and new, /proc/iomem and sysfs call the kinds."""


def parse_area(start: str, end: str, base: int = 16) -> Area:
    """A range that is written with its last address; raises ValueError."""
    first, last = int(start, base), int(end, base)
    if not 0 <= first <= last < TOP_ADDRESS:
        raise ValueError(f"[{start}, {end}] is no range of addresses")
    return span(first, last + 1)


def sizes(areas: Iterable[Area]) -> int:
    return sum(area.size for area in areas)


def by_node(ranges: Iterable[NodeRange]) -> Mapping[int, tuple[Area, ...]]:
    """The ranges of each node, ascending."""
    found: dict[int, list[Area]] = {}
    for each in ranges:
        found.setdefault(each.node, []).append(each.area)
    return {node: join(areas) for node, areas in sorted(found.items())}
