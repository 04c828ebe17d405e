"""The memory map in a file: in JSON, in a log, or as text of /proc/iomem."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path
from typing import Final

from tdxcheck.models.logs.audit import BootAudit, audit_stream
from tdxcheck.models.logs.reading import BROKEN, LogError, named, opened
from tdxcheck.models.machines.map_files import LARGEST_JSON, looks_like_map, read_json
from tdxcheck.models.machines.memory_map import MalformedMap, MemoryMap

HEAD: Final = 4096


def _head(file: BufferedReader, name: str) -> bytes:
    try:
        return file.peek(HEAD)
    except BROKEN as error:
        raise LogError(f"{name}: cannot be unpacked: {error}") from None


def read_map(path: Path | None) -> tuple[MemoryMap, BootAudit | None]:
    """The map, and the boot that a log is of; None is standard input.

    Raises OSError, or MalformedMap, which names the file.
    """
    name = named(path)
    try:
        with opened(path) as file:
            if looks_like_map(_head(file, name)):
                return read_json(file.read(LARGEST_JSON + 1)), None
            log = audit_stream(file, name)
    except MalformedMap as error:
        raise MalformedMap(f"{name}: {error}") from None
    except LogError as error:
        raise MalformedMap(str(error)) from None
    for boot in reversed(log.boots):
        if boot.facts.no_map:
            raise MalformedMap(f"{name}: {boot.facts.no_map}")
        if boot.boot.memory:
            return boot.facts.map, boot
    raise MalformedMap(
        f"{name}: it tells of no memory: no e820, SRAT or CMR line, nothing of "
        "/proc/iomem"
    )
