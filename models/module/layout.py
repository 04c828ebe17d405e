"""A list of TDMRs, and what TDH.SYS.CONFIG says of it.

The rules are the module's own, on real addresses and in the order in which it
checks them: entry by entry, so that the answer names the first bad TDMR. The
lifecycle model needs only the verdict; whoever knows the addresses gets it here.

Source: TDX module 1.5.01, tdh_sys_config.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

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

    def convertible(self, area: Area) -> bool:
        return any(
            cmr.base <= area.base and area.end <= cmr.end for cmr in self.merged_cmrs()
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


def judge(tdmrs: Sequence[TdmrInfo], memory: Memory) -> Verdict:
    """The first defect of the first TDMR that has one."""
    for number in range(len(tdmrs)):
        verdict = _judge_entry(tdmrs[: number + 1], memory)
        if verdict is not ACCEPTED:
            return verdict
    return ACCEPTED


def _judge_entry(tdmrs: Sequence[TdmrInfo], memory: Memory) -> Verdict:
    """The verdict on the last of these TDMRs, those before it being good."""
    new = tdmrs[-1]
    number = len(tdmrs) - 1
    if new.address is not None and not memory.is_shared(new.address, INFO_ALIGNMENT):
        return Verdict(Status.TDX_OPERAND_INVALID, (1,))
    if new.area.wraps:
        return Verdict(Status.TDX_INVALID_TDMR, (number,))
    if number and new.area.base < tdmrs[-2].area.end:
        return Verdict(Status.TDX_NON_ORDERED_TDMR, (number,))
    if new.area.base % GB1 or new.area.size % GB1 or not new.area.size:
        return Verdict(Status.TDX_INVALID_TDMR, (number,))
    if not memory.is_plain(new.area.base) or not memory.is_plain(new.area.end - 1):
        return Verdict(Status.TDX_INVALID_TDMR, (number,))
    return (
        _judge_reserved(new, number)
        or _judge_pamt(new, number, memory)
        or _judge_overlaps(tdmrs)
        or _judge_convertible(new, number, memory)
        or ACCEPTED
    )


def _judge_reserved(tdmr: TdmrInfo, number: int) -> Verdict | None:
    slots = tdmr.slots()
    unordered = Status.TDX_NON_ORDERED_RESERVED_IN_TDMR
    invalid = Status.TDX_INVALID_RESERVED_IN_TDMR
    for place, area in enumerate(slots):
        if area.size == 0:
            if place + 1 < RESERVED_SLOTS and slots[place + 1].size:
                return Verdict(unordered, (number, place))
            continue
        if area.wraps:
            return Verdict(invalid, (number, place))
        # The end of the previous area is not before its offset: one test does both.
        if place and area.base < slots[place - 1].end:
            return Verdict(unordered, (number, place))
        if area.base % KB4 or area.size % KB4:
            return Verdict(invalid, (number, place))
        if area.end > tdmr.area.size:
            return Verdict(invalid, (number, place))
    return None


def _judge_pamt(tdmr: TdmrInfo, number: int, memory: Memory) -> Verdict | None:
    for level in reversed(LEVELS):
        pamt = tdmr.pamt(level)
        needed = tdmr.area.size // LEVEL_SIZE[level] * PAMT_ENTRY
        if (
            pamt.wraps
            or pamt.base % KB4
            or pamt.size % KB4
            or not memory.is_plain(pamt.base)
            or not memory.is_plain((pamt.end - 1) % TOP)
            or pamt.size < needed
        ):
            return Verdict(Status.TDX_INVALID_PAMT, (number, LEVELS.index(level)))
    return None


def _judge_overlaps(tdmrs: Sequence[TdmrInfo]) -> Verdict | None:
    new = tdmrs[-1]
    number = len(tdmrs) - 1
    overlap = Status.TDX_PAMT_OVERLAP
    for other, tdmr in enumerate(tdmrs[:-1]):
        for byte, level in enumerate(LEVELS):
            if any(new.pamt(level).overlaps(tdmr.pamt(each)) for each in LEVELS):
                return Verdict(overlap, (number, byte, other))
    for one, two in (*pairwise(LEVELS[:2]), ("4K", "1G"), ("2M", "1G")):
        if new.pamt(one).overlaps(new.pamt(two)):
            return Verdict(overlap, (number, LEVELS.index(one), number))
    for other, tdmr in enumerate(tdmrs):
        for byte, level in enumerate(LEVELS):
            if any(new.pamt(level).overlaps(piece) for piece in tdmr.available()):
                return Verdict(overlap, (number, byte, other))
        if tdmr is new:
            break
        for byte, level in enumerate(LEVELS):
            if any(tdmr.pamt(level).overlaps(piece) for piece in new.available()):
                return Verdict(overlap, (other, byte, number))
    return None


def _judge_convertible(tdmr: TdmrInfo, number: int, memory: Memory) -> Verdict | None:
    for level in reversed(LEVELS):
        if not memory.convertible(tdmr.pamt(level)):
            byte = LEVELS.index(level)
            return Verdict(Status.TDX_PAMT_OUTSIDE_CMRS, (number, byte))
    if not all(memory.convertible(piece) for piece in tdmr.available()):
        return Verdict(Status.TDX_TDMR_OUTSIDE_CMRS, (number,))
    return None
