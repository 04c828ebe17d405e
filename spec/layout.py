"""A layout: the TDMRs that the host hands to TDH.SYS.CONFIG, on real addresses.

What the module says of one is in `layout_rules.py`. The lifecycle model needs only
that verdict; whoever knows the addresses gets it there.

Sources: TDX module 1.5.01, tdx_api_defs.h and tdh_sys_config.c; of the smaller table
that Dynamic PAMT needs, module 2.0.08.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tdxcheck.spec.status import Status

KB4 = 1 << 12
MB2 = 1 << 21
GB1 = 1 << 30
TOP = 1 << 64
PA_LIMIT = 1 << 52
MAX_TDMRS = 64
RESERVED_SLOTS = 16
PAMT_ENTRY = 16
INFO_ALIGNMENT = 512
LEVELS = ("4K", "2M", "1G")
LEVEL_SIZE = {"4K": KB4, "2M": MB2, "1G": GB1}


def pamt_needed(level: str, size: int, dynamic: bool = False) -> int:
    """The bytes that a TDMR of this size needs for its table of this level.

    With Dynamic PAMT, what stands in the place of the 4K table is a bit for a page.
    """
    pages = size // LEVEL_SIZE[level]
    return pages // 8 if dynamic and level == "4K" else pages * PAMT_ENTRY


def pamt_size(level: str, size: int, dynamic: bool = False) -> int:
    """The least that the module takes: what is needed, in whole pages."""
    return -(-pamt_needed(level, size, dynamic) // KB4) * KB4


@dataclass(frozen=True)
class Area:
    """A range of physical addresses; of offsets, for a reserved area."""

    base: int
    size: int

    @property
    def end(self) -> int:
        return self.base + self.size

    @property
    def wraps(self) -> bool:
        return self.end >= TOP

    def overlaps(self, other: Area) -> bool:
        return self.base < other.end and other.base < self.end


def span(start: int, end: int) -> Area:
    """The range from `start` up to, and without, `end`."""
    return Area(start, end - start)


@dataclass(frozen=True)
class TdmrInfo:
    """One TDMR_INFO entry, as the host hands it to TDH.SYS.CONFIG."""

    area: Area
    pamt_1g: Area
    pamt_2m: Area
    pamt_4k: Area
    reserved: tuple[Area, ...] = ()
    address: int | None = None
    """Where the entry lies, if that is not known to be a good address."""

    def pamt(self, level: str) -> Area:
        return {"4K": self.pamt_4k, "2M": self.pamt_2m, "1G": self.pamt_1g}[level]

    def slots(self) -> tuple[Area, ...]:
        """The reserved areas, filled up with null entries to their fixed number."""
        empty = RESERVED_SLOTS - len(self.reserved)
        return (*self.reserved, *(Area(0, 0) for _ in range(empty)))

    def available(self) -> Iterator[Area]:
        """The maximal pieces that are not reserved; the areas are known to be good."""
        start = self.area.base
        for area in self.reserved:
            if area.size == 0:
                break
            if self.area.base + area.base > start:
                yield Area(start, self.area.base + area.base - start)
            start = self.area.base + area.end
        if self.area.end > start:
            yield Area(start, self.area.end - start)

    @cached_property
    def pieces(self) -> tuple[Area, ...]:
        """The same, found once."""
        return tuple(self.available())

    def is_reserved(self, address: int) -> bool:
        """The address lies in the TDMR, but in none of its available pieces."""
        page = Area(address, 1)
        return not any(piece.overlaps(page) for piece in self.available())


@dataclass(frozen=True)
class Memory:
    """What a machine's firmware fixed of its physical addresses."""

    cmrs: tuple[Area, ...]
    keyid_bits: int
    mktme_keyids: int
    tdx_keyids: int
    seamrr: Area

    @property
    def usable_limit(self) -> int:
        """The first address with a KeyID bit in it."""
        return PA_LIMIT >> self.keyid_bits

    def is_private_keyid(self, keyid: int) -> bool:
        return self.mktme_keyids < keyid <= self.mktme_keyids + self.tdx_keyids

    def is_plain(self, address: int) -> bool:
        """A physical address without KeyID bits."""
        return address < self.usable_limit

    def is_shared(self, address: int, alignment: int) -> bool:
        """The host's own memory: aligned, a shared KeyID or none, not in the SEAMRR."""
        plain = Area(address % self.usable_limit, alignment)
        return (
            address % alignment == 0
            and address < PA_LIMIT
            and not plain.overlaps(self.seamrr)
            and address // self.usable_limit <= self.mktme_keyids
        )

    def merged_cmrs(self) -> Iterator[Area]:
        """The CMRs, each grown backwards over those before it that touch it."""
        last = Area(0, 0)
        for cmr in self.cmrs:
            if cmr.size:
                start = last.base if cmr.base == last.end else cmr.base
                last = Area(start, cmr.end - start)
                yield last

    @cached_property
    def _merged(self) -> tuple[Area, ...]:
        return tuple(self.merged_cmrs())

    def convertible(self, area: Area) -> bool:
        return any(
            cmr.base <= area.base and area.end <= cmr.end for cmr in self._merged
        )


@dataclass(frozen=True)
class Verdict:
    """The answer to a list of TDMRs: a status, and the bytes of its details."""

    status: Status = Status.TDX_SUCCESS
    details: tuple[int, ...] = field(default=())

    @property
    def code(self) -> int:
        """RAX as the module returns it."""
        low = sum(byte << 8 * place for place, byte in enumerate(self.details))
        return int(self.status.value) + low


ACCEPTED = Verdict()
