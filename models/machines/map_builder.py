"""From lines that tell of memory to a memory map."""

from __future__ import annotations

from dataclasses import dataclass, field

from tdxcheck.models.machines.map_lines import (
    E820,
    BootMemory,
    Cmr,
    E820Change,
    Iomem,
    KeyIds,
    MapLine,
    NotConvertible,
    PamtSize,
    ReservedExhausted,
    Srat,
    TdmrsExhausted,
)
from tdxcheck.models.machines.memory_map import (
    E820_NAMES,
    MOST_REGIONS,
    Kind,
    MalformedMap,
    MemoryMap,
    NodeRange,
    Region,
    cut_regions,
    in_order,
    intersect,
)
from tdxcheck.spec.layout import Area

KMEM = "System RAM (kmem)"
CXL_WINDOW = "CXL Window"
MOST_LINES = 100_000
"""Lines that tell of memory; a log with more is taken for garbage."""


@dataclass
class MapBuilder:
    """Takes the lines of one boot, in their order; a new BIOS map begins a new boot.

    A later e820 map takes the place of an earlier one: firmware's map, then the one
    that memmap= has changed, then the one with the boot loader's data.
    """

    table: str = ""
    regions: list[Region] = field(default_factory=list)
    lowest: int = 0
    changes: list[E820Change] = field(default_factory=list)
    iomem: list[Region] = field(default_factory=list)
    added: list[Area] = field(default_factory=list)
    cxl: list[Area] = field(default_factory=list)
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
                self._iomem(line)
            case ReservedExhausted() | TdmrsExhausted() | NotConvertible():
                self.failed = line

    def _e820(self, line: E820) -> None:
        again = len(self.regions) > 1 and line.area.base <= self.lowest
        if line.table != self.table or again:
            if line.table == "BIOS-e820" and self.table:
                # Another boot: nothing that was said of the last one holds.
                vars(self).update(vars(MapBuilder(lines=self.lines)))
            self.table, self.lowest = line.table, line.area.base
            self.regions, self.changes = [], []
        self.lowest = min(self.lowest, line.area.base)
        if line.kind is not None:
            self.regions.append(Region(line.area, line.kind))

    def _iomem(self, line: Iomem) -> None:
        if line.name == KMEM:
            self.added.append(line.area)
        elif line.name.startswith(CXL_WINDOW):
            self.cxl.append(line.area)
        elif line.depth == 0 and line.name in E820_NAMES:
            self.iomem.append(Region(line.area, E820_NAMES[line.name]))

    def finish(self) -> MemoryMap:
        """Raises MalformedMap where a list has more ranges than a kernel could."""
        lists = (
            self.regions, self.changes, self.iomem, self.added, self.cxl, self.cmrs,
            self.nodes, self.windows, self.boot,
        )  # fmt: skip
        if any(len(set(each)) > MOST_REGIONS for each in lists):
            raise MalformedMap(f"it has more than {MOST_REGIONS:,} ranges of memory")
        told = self.regions or self.iomem
        regions = in_order(told)
        for change in self.changes:
            regions = _changed(regions, change)
        known = any(region.kind is Kind.USABLE for region in told)
        if self.added:
            mine = [Region(area, Kind.ADDED) for area in self.added]
            for region in mine:
                regions = tuple(cut_regions(regions, region.area))
            regions = in_order((*regions, *mine))
        return MemoryMap(
            regions=regions,
            tells_usable=known,
            cmrs=_unique(self.cmrs) if self.cmrs else None,
            nodes=tuple(dict.fromkeys(self.nodes)),
            windows=tuple(dict.fromkeys(self.windows)),
            cxl_windows=_unique(self.cxl),
            boot_memory=_ascending(self.boot) if self.boot else None,
            pamt_kb=self.pamt_kb,
            told_failure=_failure(self.failed),
            private_keyids=self.keyids,
            complete=self.complete,
        )


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
