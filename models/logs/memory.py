"""The memory map that a boot's lines tell, and how they listed it."""

from __future__ import annotations

from tdxcheck.models.logs.timeline import Boot
from tdxcheck.models.machines.map_builder import FIRMWARE, LOADER, MapBuilder
from tdxcheck.models.machines.map_lines import E820, MapLine
from tdxcheck.models.machines.memory_map import Kind


def builder_of(boot: Boot) -> MapBuilder:
    """What the lines tell, put together: maps one by one, each by addresses.

    So it does not matter in which order a log has them. Raises MalformedMap where there
    are more than a machine can have.
    """
    tables = list(dict.fromkeys(e.table for e in boot.memory if isinstance(e, E820)))
    # Firmware's comes first, and what a loader makes of it, wherever they stand.
    tables.sort(key=lambda name: (name != FIRMWARE, name not in LOADER))
    builder = MapBuilder()

    def place(line: MapLine) -> tuple[int, int, int]:
        if not isinstance(line, E820):
            # What is changed of the map comes after it.
            return len(tables), 0, 0
        return tables.index(line.table), line.area.base, line.area.end

    for line in sorted(boot.memory, key=place):
        builder.take(line)
    return builder


def gaps(boot: Boot) -> int:
    """How many gaps the map of firmware names."""
    return sum(isinstance(line, E820) and line.kind is None for line in boot.memory)


def usable_listed(builder: MapBuilder) -> int:
    """How many ranges are listed as usable, whatever the kernel makes of them later."""
    return len({r.area for r in builder.told() if r.kind is Kind.USABLE})
