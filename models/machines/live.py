"""This machine's memory map, as its kernel shows it to user space.

Firmware's map is in /sys/firmware/memmap; what has become of it, and what drivers have
added, in /proc/iomem; which blocks are online, and on which node, in the memory-block
devices. CMRs are shown nowhere: they are in the boot log, if anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from tdxcheck.models.machines.map_builder import MapBuilder
from tdxcheck.models.machines.map_lines import Iomem, parse_line
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
    join,
    parse_area,
    subtract,
)
from tdxcheck.spec.layout import Area

MEMMAP: Final = "sys/firmware/memmap"
IOMEM: Final = "proc/iomem"
BLOCKS: Final = "sys/devices/system/memory"
CPUINFO: Final = "proc/cpuinfo"
LARGEST: Final = 1 << 20
"""Bytes of any of these files."""


def live_map(root: Path = Path("/")) -> MemoryMap:
    """The map of the machine whose files are below `root`; raises MalformedMap."""
    firmware = in_order(tuple(_firmware(root / MEMMAP)))
    iomem = _iomem(root / IOMEM)
    blocks = tuple(_blocks(root / BLOCKS))
    if not firmware and iomem is None and not blocks:
        raise MalformedMap(
            f"{root}: none of {MEMMAP}, {IOMEM} and {BLOCKS} tells of memory"
        )
    notes = list(_of_processor(root / CPUINFO))
    if iomem is None and (root / IOMEM).exists():
        notes.append(f"/{IOMEM} shows no addresses: that is for root only")
    regions = firmware or (iomem.regions if iomem else ())
    added = list(iomem.of_kind(Kind.ADDED)) if iomem else []
    online = join(block.area for block in blocks)
    if regions and online:
        known = join(region.area for region in regions if region.kind is Kind.USABLE)
        # Blocks are coarse: only one that holds no RAM of boot was added for sure.
        added += [
            block.area
            for block in blocks
            if tuple(subtract((block.area,), known)) == (block.area,)
        ]
    if not regions:
        regions = tuple(Region(area, Kind.USABLE) for area in online)
        notes.append("only memory blocks are known, not what firmware said")
    for area in join(added):
        regions = tuple(cut_regions(regions, area))
        regions = in_order((*regions, Region(area, Kind.ADDED)))
    found = iomem or MemoryMap()
    return replace(
        found,
        regions=tuple(regions),
        tells_usable=any(region.kind is Kind.USABLE for region in regions),
        nodes=blocks,
        notes=tuple(notes),
    )


def _of_processor(path: Path) -> Iterator[str]:
    """What speaks against this machine as a TDX host, whatever its memory."""
    flags = re.search(r"^flags\s*:(.*)$", _text(path), re.MULTILINE)
    if flags is None:
        return
    known = flags[1].split()
    if "hypervisor" in known:
        yield (
            "this is a virtual machine, and no TDX host: what is told is what a kernel "
            "would make of such memory"
        )
    elif "tdx_host_platform" not in known:
        yield (
            "the kernel does not list tdx_host_platform in /proc/cpuinfo: firmware has "
            "not enabled TDX, or the kernel is built without it, or is older than v6.8"
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _firmware(folder: Path) -> Iterator[Region]:
    if not folder.is_dir():
        return
    for number, entry in enumerate(sorted(folder.iterdir(), key=lambda p: p.name)):
        if number >= MOST_REGIONS:
            raise MalformedMap(f"{folder}: more than {MOST_REGIONS:,} entries")
        start, end, kind = (
            _text(entry / name).strip() for name in ("start", "end", "type")
        )
        try:
            area = parse_area(start, end)
        except ValueError:
            raise MalformedMap(f"{entry}: its start and end are no range") from None
        yield Region(area, E820_NAMES.get(kind, Kind.OTHER))


def _iomem(path: Path) -> MemoryMap | None:
    """None where there is none, or one without addresses."""
    builder = MapBuilder()
    for line in _text(path).splitlines():
        told = parse_line(line)
        if isinstance(told, Iomem) and told.area != Area(0, 1):
            builder.take(told)
    return builder.finish() if builder.lines else None


def _blocks(folder: Path) -> Iterator[NodeRange]:
    """The online memory blocks, those that touch and are of one node as one."""
    try:
        size = int(_text(folder / "block_size_bytes").strip(), 16)
    except ValueError:
        return
    found: dict[int, list[Area]] = {}
    for block in folder.glob("memory[0-9]*"):
        state = _text(block / "state").strip()
        try:
            index = int(_text(block / "phys_index").strip(), 16)
        except ValueError:
            continue
        if state == "online":
            found.setdefault(_node(block), []).append(Area(index * size, size))
    for node, areas in sorted(found.items()):
        for area in join(areas):
            yield NodeRange(node, area)


def _node(block: Path) -> int:
    for link in block.glob("node[0-9]*"):
        number = re.fullmatch(r"node(\d{1,6})", link.name)
        if number:
            return int(number[1])
    return 0
