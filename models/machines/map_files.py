"""Memory maps in JSON files.

Such a file is an object with lists of [start, end) pairs of hexadecimal strings, by
kind: `usable`, `persistent`, `soft_reserved`, `reserved`, `acpi`, `cmr`; and, by the
number of a node, `numa` and `hotplug_windows`. `null`, or nothing, is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tdxcheck.models.machines.memory_map import (
    MOST_REGIONS,
    TOP_ADDRESS,
    Kind,
    MalformedMap,
    MemoryMap,
    NodeRange,
    Region,
    in_order,
)
from tdxcheck.spec.layout import Area, span

LARGEST_JSON: Final = 16 << 20
LONGEST_NOTE: Final = 500
KINDS: Final = {
    "usable": Kind.USABLE,
    "persistent": Kind.PERSISTENT,
    "nvdimm": Kind.NVDIMM,
    "legacy_pmem": Kind.LEGACY_PMEM,
    "soft_reserved": Kind.SOFT_RESERVED,
    "reserved": Kind.RESERVED,
    "acpi": Kind.ACPI_DATA,
    "unusable": Kind.UNUSABLE,
    "added": Kind.ADDED,
}
# Any, because JSON has no types: every field is checked where it is read.
Json = Any


JOURNAL: Final = (b'"MESSAGE"', b'"__CURSOR"', b'"_BOOT_ID"', b'"_TRANSPORT"')
"""Members of a journal's entries, of which each is a JSON object, too."""


def looks_like_map(head: bytes) -> bool:
    """Whether a file that begins so is meant to be a JSON map."""
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("{") and not any(member in head for member in JOURNAL)


def read_json(content: bytes) -> MemoryMap:
    """The map of a JSON file; raises MalformedMap."""
    if len(content) > LARGEST_JSON:
        raise MalformedMap(f"a JSON map of more than {LARGEST_JSON >> 20} MiB")
    try:
        return from_json(json.loads(content.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError) as error:
        raise MalformedMap(f"it is not JSON: {error}") from None


def from_json(data: Json) -> MemoryMap:
    """The map of a JSON object; raises MalformedMap."""
    if not isinstance(data, dict):
        raise MalformedMap("it is not a JSON object")
    if not data.keys() & {*KINDS, "cmr", "numa", "hotplug_windows"}:
        raise MalformedMap("it has none of the fields of a memory map")
    regions = [
        Region(area, kind)
        for field, kind in KINDS.items()
        for area in _areas(data.get(field), field)
    ]
    return MemoryMap(
        regions=in_order(regions),
        tells_usable=data.get("usable") is not None,
        cmrs=None if data.get("cmr") is None else tuple(_areas(data["cmr"], "cmr")),
        nodes=tuple(_nodes(data, "numa")),
        windows=tuple(_nodes(data, "hotplug_windows")),
        cxl_windows=tuple(_areas(data.get("cxl_windows"), "cxl_windows")),
        boot_memory=None,
        pamt_kb=_number(data, "pamt_kb"),
        complete=bool(data.get("complete", True)),
        notes=_notes(data.get("notes")),
    )


def _notes(given: Json) -> tuple[str, ...]:
    if not isinstance(given, str) or not given:
        return ()
    return ("".join(c if c.isprintable() else "?" for c in given[:LONGEST_NOTE]),)


def _areas(given: Json, field: str) -> list[Area]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise MalformedMap(f"{field} is not a list of ranges")
    if len(given) > MOST_REGIONS:
        raise MalformedMap(f"{field} has more than {MOST_REGIONS:,} ranges")
    return [_area(pair, f"{field}[{number}]") for number, pair in enumerate(given)]


def _area(pair: Json, where: str) -> Area:
    if not isinstance(pair, list) or len(pair) != 2:
        raise MalformedMap(f"{where} is not a pair [start, end)")
    try:
        start, end = (int(x, 16) if isinstance(x, str) else int(x) for x in pair)
    except (TypeError, ValueError, OverflowError):
        raise MalformedMap(f"{where} is not a pair of numbers") from None
    if not 0 <= start < end <= TOP_ADDRESS:
        raise MalformedMap(f"{where} is no range of addresses: [{start:#x}, {end:#x})")
    return span(start, end)


def _nodes(data: Json, field: str) -> Iterator[NodeRange]:
    given = data.get(field)
    if given is None:
        return
    if not isinstance(given, dict):
        raise MalformedMap(f"{field} is not an object of nodes")
    for name, areas in given.items():
        if not name.isdecimal() or len(name) > 6:
            raise MalformedMap(f"{field}: {name[:40]!r} is not the number of a node")
        for area in _areas(areas, f"{field}.{name}"):
            yield NodeRange(int(name), area)


def _number(data: Json, field: str) -> int | None:
    value = data.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedMap(f"{field} is not a number")
    return value


def to_json(machine: MemoryMap) -> Json:
    """The map as such an object; what a JSON map cannot say is left out."""
    data: Json = {
        field: [_pair(r.area) for r in machine.regions if r.kind is kind]
        for field, kind in KINDS.items()
        if kind is Kind.USABLE or any(r.kind is kind for r in machine.regions)
    }
    if not machine.tells_usable:
        data["usable"] = None
    data["cmr"] = None if machine.cmrs is None else list(map(_pair, machine.cmrs))
    for field, ranges in (
        ("numa", machine.nodes),
        ("hotplug_windows", machine.windows),
    ):
        if ranges:
            nodes: dict[str, list[list[str]]] = {}
            for each in ranges:
                nodes.setdefault(str(each.node), []).append(_pair(each.area))
            data[field] = nodes
    if machine.cxl_windows:
        data["cxl_windows"] = list(map(_pair, machine.cxl_windows))
    if machine.pamt_kb is not None:
        data["pamt_kb"] = machine.pamt_kb
    data["complete"] = machine.complete
    return data


def _pair(area: Area) -> list[str]:
    return [hex(area.base), hex(area.end)]
