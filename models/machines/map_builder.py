"""From lines that tell of memory to a memory map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tdxcheck.models.machines.map_lines import (
    E820,
    BootMemory,
    Cmr,
    E820Change,
    Iomem,
    KeyIds,
    LeftOut,
    MapLine,
    NotConvertible,
    PamtSize,
    ReservedExhausted,
    Srat,
    TdmrsExhausted,
)
from tdxcheck.models.machines.memory_map import (
    E820_NAMES,
    MB1,
    MOST_REGIONS,
    TOP_ADDRESS,
    Kind,
    MalformedMap,
    MemoryMap,
    NodeRange,
    Region,
    cut_regions,
    in_order,
    intersect,
    join,
    subtract,
)
from tdxcheck.spec.layout import Area

DRIVEN = "System RAM ("
"""What /proc/iomem calls memory that a driver has added: kmem, or virtio_mem."""
CXL_WINDOW = "CXL Window"
FIRMWARE = "BIOS-e820"
LOADER = ("reserve setup_data", "reserve setup_indirect")
"""Maps that repeat firmware's, with what a boot loader or efi_fake_mem= made of it."""
MOST_LINES = 100_000
"""Lines that tell of memory; a log with more is taken for garbage."""


@dataclass
class MapBuilder:
    """Takes the lines of one boot, in their order; a new BIOS map begins a new boot.

    The map that memmap= has changed takes the place of firmware's; one with the boot
    loader's data is laid over it.
    """

    tables: dict[str, list[Region]] = field(default_factory=dict)
    """By their names, in the order in which they came."""
    lowest: int = TOP_ADDRESS
    """Where firmware's map begins."""
    changes: list[E820Change] = field(default_factory=list)
    """Of the last table that is no loader's."""
    iomem: list[Iomem] = field(default_factory=list)
    cmrs: list[Area] = field(default_factory=list)
    nodes: list[NodeRange] = field(default_factory=list)
    windows: list[NodeRange] = field(default_factory=list)
    boot: list[NodeRange] = field(default_factory=list)
    pamt_kb: int | None = None
    keyids: tuple[int, int] | None = None
    failed: ReservedExhausted | TdmrsExhausted | NotConvertible | None = None
    complete: bool = True
    lines: int = 0
    """How many lines have told something."""

    def take(self, line: MapLine) -> None:
        """Raises MalformedMap where there are more lines than a machine can have."""
        if isinstance(line, LeftOut):
            self.complete = False
            return
        self.lines += 1
        if self.lines > MOST_LINES:
            raise MalformedMap(f"more than {MOST_LINES:,} lines tell of memory")
        match line:
            case E820():
                self._e820(line)
            case E820Change():
                self.changes.append(line)
            case Srat(node, area, hotplug, _):
                kept = self.windows if hotplug else self.nodes
                kept.append(NodeRange(node, area))
            case BootMemory(node, area):
                self.boot.append(NodeRange(node, area))
            case Cmr(area):
                self.cmrs.append(area)
            case PamtSize(kb):
                self.pamt_kb = kb
            case KeyIds(start, end):
                self.keyids = (start, end)
            case Iomem():
                self.iomem.append(line)
            case ReservedExhausted() | TdmrsExhausted() | NotConvertible():
                self.failed = line

    def _e820(self, line: E820) -> None:
        if line.table == FIRMWARE and self._begins_anew(line.area):
            # Another boot: nothing that was said of the last one holds.
            vars(self).update(vars(MapBuilder(lines=self.lines)))
        if line.table not in self.tables and line.table not in LOADER:
            self.changes = []
        table = self.tables.setdefault(line.table, [])
        if line.table == FIRMWARE:
            self.lowest = min(self.lowest, line.area.base)
        if line.kind is not None:
            table.append(Region(line.area, line.kind))

    def _begins_anew(self, area: Area) -> bool:
        """It is the first line of firmware's map, once more."""
        if any(table != FIRMWARE for table in self.tables):
            return True
        return len(self.tables.get(FIRMWARE, ())) > 1 and area.base <= self.lowest

    def told(self) -> list[Region]:
        """The e820 map that holds in the end, as it was printed."""
        last: list[Region] = []
        for table, regions in self.tables.items():
            last = [*last, *regions] if table in LOADER else regions
        return last

    def listed(self, *kinds: Kind) -> tuple[Area, ...]:
        """What is told to be of these kinds, whatever has become of it later."""
        told = self.told()
        told += _besides(self._of_iomem()[0], told) if told else self._of_iomem()[0]
        return join(region.area for region in told if region.kind in kinds)

    def finish(self) -> MemoryMap:
        """Raises MalformedMap where a list has more ranges than a kernel could."""
        told = self.told()
        iomem, added = self._of_iomem()
        cxl = [e.area for e in self.iomem if e.name.startswith(CXL_WINDOW)]
        lists = (
            told, self.changes, iomem, added, cxl, self.cmrs,
            self.nodes, self.windows, self.boot,
        )  # fmt: skip
        if any(len(set(each)) > MOST_REGIONS for each in lists):
            raise MalformedMap(f"it has more than {MOST_REGIONS:,} ranges of memory")
        regions = in_order(told)
        for change in self.changes:
            regions = _changed(regions, change)
        if not told:
            told = iomem
            regions = in_order(iomem)
        else:
            regions = in_order((*regions, *_besides(iomem, regions)))
        if added:
            for area in added:
                regions = tuple(cut_regions(regions, area))
            regions = in_order(
                (*regions, *(Region(area, Kind.ADDED) for area in added))
            )
        return MemoryMap(
            regions=regions,
            tells_usable=self._tells_usable(told),
            cmrs=_unique(self.cmrs) if self.cmrs else None,
            nodes=tuple(dict.fromkeys(self.nodes)),
            windows=tuple(dict.fromkeys(self.windows)),
            cxl_windows=_unique(cxl),
            boot_memory=_ascending(self.boot) if self.boot else None,
            pamt_kb=self.pamt_kb,
            told_failure=_failure(self.failed),
            private_keyids=self.keyids,
            complete=self.complete,
        )

    def _tells_usable(self, told: Sequence[Region]) -> bool:
        if not self.tables and self.iomem:
            # All of /proc/iomem begins at 0: what begins later is an excerpt.
            if min(line.area.base for line in self.iomem) >= MB1:
                return False
        return any(region.kind is Kind.USABLE for region in told)

    def _of_iomem(self) -> tuple[list[Region], list[Area]]:
        """What /proc/iomem lists, and what drivers have added."""
        outermost = min((line.depth for line in self.iomem), default=0)
        regions = []
        added = []
        for line in self.iomem:
            kind = E820_NAMES.get(line.name)
            if line.name.startswith(DRIVEN):
                added.append(line.area)
            elif kind is not None and (line.depth == outermost or _of_devices(kind)):
                regions.append(Region(line.area, kind))
        return regions, added


def _of_devices(kind: Kind) -> bool:
    """It is listed inside a CXL window or a bus as well."""
    return kind.is_persistent or kind is Kind.SOFT_RESERVED


def _besides(iomem: Sequence[Region], regions: Sequence[Region]) -> Iterator[Region]:
    """Device memory of /proc/iomem of which an e820 map that was cut does not tell."""
    known = join(region.area for region in regions)
    for region in iomem:
        if _of_devices(region.kind):
            for piece in subtract((region.area,), known):
                yield Region(piece, region.kind)


def _failure(
    failed: ReservedExhausted | TdmrsExhausted | NotConvertible | None,
) -> str:
    match failed:
        case ReservedExhausted(None):
            return "reserved areas exhausted"
        case ReservedExhausted(Area(base, size)):
            return f"TDMR [{base:#x}, {base + size:#x}): reserved areas exhausted"
        case TdmrsExhausted():
            return "TDMRs exhausted"
        case NotConvertible(Area(base, size)):
            return f"[{base:#x}, {base + size:#x}) is not convertible memory"
    return ""


def _changed(regions: tuple[Region, ...], change: E820Change) -> tuple[Region, ...]:
    """What the kernel does by "update" and "remove": to one kind only, in the range."""
    if change.before is None:
        return regions
    hit = [region.area for region in regions if region.kind is change.before]
    cut = list(intersect(hit, (change.area,)))
    for area in cut:
        regions = tuple(cut_regions(regions, area))
    if change.after is not None:
        regions = (*regions, *(Region(area, change.after) for area in cut))
    return tuple(sorted(regions, key=lambda region: region.area.base))


def _unique(areas: list[Area]) -> tuple[Area, ...]:
    return tuple(sorted(dict.fromkeys(areas), key=lambda area: (area.base, area.end)))


def _ascending(ranges: list[NodeRange]) -> tuple[NodeRange, ...]:
    return tuple(sorted(dict.fromkeys(ranges), key=lambda each: each.area.base))
