"""Lines that tell of memory: of a boot log, of /proc/iomem.

`parse_line` takes one line, with a time stamp and what else a log puts before it or
without, and says what it tells. It keeps nothing, so whoever reads a log can ask it of
every line. Lines are not trusted: what is not quite such a line tells nothing, and
nothing here takes longer than a line is long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tdxcheck.models.machines.memory_map import (
    E820_NAMES,
    TOP_ADDRESS,
    Kind,
    parse_area,
)
from tdxcheck.spec.layout import Area, span

LONGEST: Final = 2000
"""Characters of a line that are looked at."""


@dataclass(frozen=True)
class E820:
    """A line of an e820 map."""

    table: str
    """Which map: BIOS-e820, user, reserve setup_data."""
    area: Area
    kind: Kind | None
    """None is a gap, which the lines of Linux 7.0 tell as well."""


@dataclass(frozen=True)
class E820Change:
    """The kernel gives a range of its e820 map another kind, or removes it."""

    area: Area
    before: Kind | None
    after: Kind | None


@dataclass(frozen=True)
class Srat:
    """A memory affinity entry of the SRAT."""

    node: int
    area: Area
    hotplug: bool
    non_volatile: bool


@dataclass(frozen=True)
class BootMemory:
    """A line of "Early memory node ranges": an entry of memblock's list."""

    node: int
    area: Area


@dataclass(frozen=True)
class Cmr:
    """A convertible memory region."""

    area: Area


@dataclass(frozen=True)
class PamtSize:
    """How much the kernel has allocated for PAMTs."""

    kb: int


@dataclass(frozen=True)
class KeyIds:
    """The private KeyIDs: the first, and the one after the last."""

    start: int
    end: int


@dataclass(frozen=True)
class ReservedExhausted:
    """The kernel needs more reserved areas than a TDMR has; None: not told which."""

    tdmr: Area | None


@dataclass(frozen=True)
class TdmrsExhausted:
    """The kernel needs more TDMRs than the module takes."""


@dataclass(frozen=True)
class NotConvertible:
    """The kernel has found memory that lies in no CMR."""

    area: Area


@dataclass(frozen=True)
class Iomem:
    """A line of /proc/iomem."""

    depth: int
    area: Area
    name: str


@dataclass(frozen=True)
class LeftOut:
    """A line of dots: whoever sent the log has cut something."""


MapLine = (
    E820
    | E820Change
    | Srat
    | BootMemory
    | Cmr
    | PamtSize
    | KeyIds
    | ReservedExhausted
    | TdmrsExhausted
    | NotConvertible
    | Iomem
    | LeftOut
)

_HEX = r"(?:0x)?([0-9a-fA-F]{1,16})"
_MEM = rf"\[mem {_HEX}-{_HEX}\]"
_HALF_OPEN = rf"\[{_HEX}, ?{_HEX}\)"
_TYPE = r"([A-Za-z][A-Za-z 0-9()-]*?)"

_E820 = re.compile(
    rf"(?:^|[\s\]])(BIOS-e820|user|modified|extended|reserve setup_data|"
    rf"reserve setup_indirect): {_MEM} +{_TYPE}\s*$"
)
_GAP = re.compile(
    rf"(?:^|[\s\]])(BIOS-e820|user|modified|extended|"
    rf"reserve setup_data): \[gap {_HEX}-{_HEX}\]"
)
_CHANGE = re.compile(rf"e820: (update|remove) {_MEM} ?{_TYPE}?(?: ==> ?{_TYPE})?\s*$")
_SRAT = re.compile(
    rf"SRAT: Node (\d{{1,6}}) PXM (\d{{1,10}}) {_MEM}((?: [a-z-]+)*)\s*$"
)
_OLD_SRAT = re.compile(rf"SRAT: Node (\d{{1,6}}) PXM (\d{{1,10}}) {_HEX}-{_HEX}\s*$")
_BOOT = re.compile(rf"(?:^|[\s\]])node {{1,4}}(\d{{1,6}}): {_MEM}\s*$")
_CMR = re.compile(rf"CMR ?: ?{_HALF_OPEN}\s*$")
_PAMT = re.compile(r"(\d{1,15}) (KBs?|pages)\S? allocated for PAMT\b")
_KEYIDS = re.compile(r"private KeyID range:? ?\[(\d{1,6}), ?(\d{1,6})\)")
_RESERVED = re.compile(rf"TDMR {_HALF_OPEN}: reserved areas exhausted")
_NOT_CONVERTIBLE = re.compile(
    rf"{_HALF_OPEN} is not (?:fully convertible memory|TDX convertible memorr?y)"
)
# Mails quote it with marks before the blanks that tell the depth.
_IOMEM = re.compile(
    r"^(?:[>|] ?)*( *)([0-9a-fA-F]{6,16})-([0-9a-fA-F]{6,16}) : (\S.*?)\s*$"
)
_LEFT_OUT = re.compile(r"\.{2,}[\s.]*$")


def parse_line(line: str) -> MapLine | None:
    """What the line tells of memory; None if it tells nothing."""
    text = line[:LONGEST].rstrip("\r\n")
    for word, reads in _READERS:
        if word in text:
            for read in reads:
                try:
                    found = read(text)
                except ValueError:
                    found = None
                if found is not None:
                    return found
    return None


def _e820(text: str) -> MapLine | None:
    found = _E820.search(text)
    if not found:
        return None
    kind = E820_NAMES.get(found[4].strip(), Kind.OTHER)
    return E820(found[1], parse_area(found[2], found[3]), kind)


def _gap(text: str) -> MapLine | None:
    found = _GAP.search(text)
    return found and E820(found[1], parse_area(found[2], found[3]), None)


def _change(text: str) -> MapLine | None:
    found = _CHANGE.search(text)
    if not found:
        return None
    before = E820_NAMES.get((found[4] or "").strip())
    after = E820_NAMES.get((found[5] or "").strip())
    return E820Change(parse_area(found[2], found[3]), before, after)


def _srat(text: str) -> MapLine | None:
    if found := _SRAT.search(text):
        words = found[5].split()
        area = parse_area(found[3], found[4])
        return Srat(int(found[1]), area, "hotplug" in words, "non-volatile" in words)
    if found := _OLD_SRAT.search(text):
        return Srat(int(found[1]), _half_open(found[3], found[4]), False, False)
    return None


def _boot(text: str) -> MapLine | None:
    found = _BOOT.search(text)
    return found and BootMemory(int(found[1]), parse_area(found[2], found[3]))


def _half_open(start: str, end: str) -> Area:
    first, last = int(start, 16), int(end, 16)
    if not 0 <= first < last <= TOP_ADDRESS:
        raise ValueError("no range of addresses")
    return span(first, last)


def _cmr(text: str) -> MapLine | None:
    found = _CMR.search(text)
    return found and Cmr(_half_open(found[1], found[2]))


def _pamt(text: str) -> MapLine | None:
    found = _PAMT.search(text)
    if not found:
        return None
    return PamtSize(int(found[1]) * (4 if found[2] == "pages" else 1))


def _keyids(text: str) -> MapLine | None:
    found = _KEYIDS.search(text)
    if not found or not int(found[1]) < int(found[2]):
        return None
    return KeyIds(int(found[1]), int(found[2]))


def _reserved(text: str) -> MapLine | None:
    found = _RESERVED.search(text)
    return ReservedExhausted(_half_open(found[1], found[2]) if found else None)


def _tdmrs(text: str) -> MapLine | None:
    return TdmrsExhausted()


def _not_convertible(text: str) -> MapLine | None:
    found = _NOT_CONVERTIBLE.search(text)
    return found and NotConvertible(_half_open(found[1], found[2]))


def _iomem(text: str) -> MapLine | None:
    found = _IOMEM.match(text)
    return found and Iomem(len(found[1]) // 2, parse_area(found[2], found[3]), found[4])


def _left_out(text: str) -> MapLine | None:
    return LeftOut() if _LEFT_OUT.match(text) else None


_Reader = Callable[[str], MapLine | None]
_READERS: Final[tuple[tuple[str, tuple[_Reader, ...]], ...]] = (
    ("[mem ", (_e820, _srat, _change, _boot)),
    ("[gap ", (_gap,)),
    ("SRAT: ", (_srat,)),
    ("CMR", (_cmr,)),
    (" allocated for PAMT", (_pamt,)),
    ("KeyID range", (_keyids,)),
    ("reserved areas exhausted", (_reserved,)),
    ("TDMRs exhausted", (_tdmrs,)),
    (" is not ", (_not_convertible,)),
    (" : ", (_iomem,)),
    ("..", (_left_out,)),
)
"""A word that a line must have, and who reads it then."""
