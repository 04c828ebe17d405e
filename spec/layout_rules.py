"""What TDH.SYS.CONFIG checks of a layout, in its own order, and TDH.SYS.INIT of CMRs.

The module reads the TDMRs one at a time, and refuses the first that has a defect with
the first check that finds one. So the answer names the lowest TDMR that is bad,
whatever else is wrong with later ones. That is the whole rule: nothing demands that
TDMRs cover every CMR, or what the host takes for RAM.

`CHECKS` are the checks; `judge` is the answer. Recorded answers of the real module are
replayed on it by `tdxcheck conform`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tdxcheck.checker.language import Source
from tdxcheck.spec.layout import (
    ACCEPTED,
    GB1,
    INFO_ALIGNMENT,
    KB4,
    LEVELS,
    PA_LIMIT,
    RESERVED_SLOTS,
    TOP,
    Area,
    Memory,
    TdmrInfo,
    Verdict,
    pamt_needed,
)
from tdxcheck.spec.sources import MODULE_1_5, MODULE_2_0
from tdxcheck.spec.status import Status

CONFIG: Final = MODULE_1_5.at("tdh_sys_config.c")
DYNAMIC: Final = MODULE_2_0.at("tdh_sys_config.c")
INIT: Final = MODULE_1_5.at("tdh_sys_init.c")


@dataclass(frozen=True)
class Entry:
    """A TDMR that is checked; all before it are good."""

    tdmrs: Sequence[TdmrInfo]
    """The TDMRs up to this one."""
    memory: Memory
    dynamic: bool
    """Dynamic PAMT is asked for."""

    @property
    def new(self) -> TdmrInfo:
        return self.tdmrs[-1]

    @property
    def number(self) -> int:
        return len(self.tdmrs) - 1


@dataclass(frozen=True)
class Check:
    """One check of an entry: what must hold, and what is answered where it does not."""

    statement: str
    find: Callable[[Entry], Verdict | None]
    sources: tuple[Source, ...] = (CONFIG,)


def judge(tdmrs: Sequence[TdmrInfo], memory: Memory, dynamic: bool = False) -> Verdict:
    """The first defect of the first TDMR that has one."""
    verdict, _ = explain(tdmrs, memory, dynamic)
    return verdict


def explain(
    tdmrs: Sequence[TdmrInfo], memory: Memory, dynamic: bool = False
) -> tuple[Verdict, Check | None]:
    """The answer, and the check that a refused layout fails."""
    for number in range(len(tdmrs)):
        entry = Entry(tdmrs[: number + 1], memory, dynamic)
        for check in CHECKS:
            verdict = check.find(entry)
            if verdict is not None:
                return verdict, check
    return ACCEPTED, None


def judge_cmrs(memory: Memory) -> Verdict:
    """What TDH.SYS.INIT says of the CMRs: whole pages, ascending, none overlapping."""
    cmrs = [cmr for cmr in memory.cmrs if cmr.size]
    good = all(
        not cmr.wraps
        and memory.is_plain(cmr.base % PA_LIMIT)
        and memory.is_plain((cmr.end - 1) % PA_LIMIT)
        and cmr.end - 1 <= PA_LIMIT
        and cmr.base % KB4 == 0
        and cmr.size % KB4 == 0
        for cmr in cmrs
    )
    ordered = all(one.end - 1 <= two.base for one, two in pairwise(cmrs))
    return ACCEPTED if good and ordered else Verdict(Status.TDX_CMR_LIST_INVALID)


def _address(entry: Entry) -> Verdict | None:
    place = entry.new.address
    if place is not None and not entry.memory.is_shared(place, INFO_ALIGNMENT):
        return Verdict(Status.TDX_OPERAND_INVALID, (1,))
    return None


def _no_wrap(entry: Entry) -> Verdict | None:
    if entry.new.area.wraps:
        return Verdict(Status.TDX_INVALID_TDMR, (entry.number,))
    return None


def _ascending(entry: Entry) -> Verdict | None:
    if entry.number and entry.new.area.base < entry.tdmrs[-2].area.end:
        return Verdict(Status.TDX_NON_ORDERED_TDMR, (entry.number,))
    return None


def _whole_gigabytes(entry: Entry) -> Verdict | None:
    area = entry.new.area
    if area.base % GB1 or area.size % GB1 or not area.size:
        return Verdict(Status.TDX_INVALID_TDMR, (entry.number,))
    return None


def _plain_addresses(entry: Entry) -> Verdict | None:
    area, memory = entry.new.area, entry.memory
    if not memory.is_plain(area.base) or not memory.is_plain(area.end - 1):
        return Verdict(Status.TDX_INVALID_TDMR, (entry.number,))
    return None


def _reserved_areas(entry: Entry) -> Verdict | None:
    slots, number = entry.new.slots(), entry.number
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
        if area.end > entry.new.area.size:
            return Verdict(invalid, (number, place))
    return None


def _tables(entry: Entry) -> Verdict | None:
    memory = entry.memory
    for level in reversed(LEVELS):
        pamt = entry.new.pamt(level)
        needed = pamt_needed(level, entry.new.area.size, entry.dynamic)
        if (
            pamt.wraps
            or pamt.base % KB4
            or pamt.size % KB4
            or not memory.is_plain(pamt.base)
            or not memory.is_plain((pamt.end - 1) % TOP)
            or pamt.size < needed
        ):
            details = (entry.number, LEVELS.index(level))
            return Verdict(Status.TDX_INVALID_PAMT, details)
    return None


def _table_meets_table(entry: Entry) -> Verdict | None:
    new, number = entry.new, entry.number
    overlap = Status.TDX_PAMT_OVERLAP
    for other, tdmr in enumerate(entry.tdmrs[:-1]):
        for byte, level in enumerate(LEVELS):
            if any(new.pamt(level).overlaps(tdmr.pamt(each)) for each in LEVELS):
                return Verdict(overlap, (number, byte, other))
    for one, two in (*pairwise(LEVELS[:2]), ("4K", "1G"), ("2M", "1G")):
        if new.pamt(one).overlaps(new.pamt(two)):
            return Verdict(overlap, (number, LEVELS.index(one), number))
    return None


def _table_meets_memory(entry: Entry) -> Verdict | None:
    new, number = entry.new, entry.number
    overlap = Status.TDX_PAMT_OVERLAP
    for other, tdmr in enumerate(entry.tdmrs):
        for byte, level in enumerate(LEVELS):
            if any(new.pamt(level).overlaps(piece) for piece in tdmr.pieces):
                return Verdict(overlap, (number, byte, other))
        if tdmr is new:
            break
        for byte, level in enumerate(LEVELS):
            if any(tdmr.pamt(level).overlaps(piece) for piece in new.pieces):
                return Verdict(overlap, (other, byte, number))
    return None


def _tables_convertible(entry: Entry) -> Verdict | None:
    for level in reversed(LEVELS):
        if not entry.memory.convertible(entry.new.pamt(level)):
            details = (entry.number, LEVELS.index(level))
            return Verdict(Status.TDX_PAMT_OUTSIDE_CMRS, details)
    return None


def _memory_convertible(entry: Entry) -> Verdict | None:
    if not all(map(entry.memory.convertible, entry.new.pieces)):
        return Verdict(Status.TDX_TDMR_OUTSIDE_CMRS, (entry.number,))
    return None


CHECKS: Final = (
    Check(
        "Each entry lies at an aligned address of the host's own memory, outside "
        "the SEAMRR.",
        _address,
    ),
    Check("A TDMR does not end beyond the last address.", _no_wrap),
    Check("TDMRs ascend, and none overlaps the one before it.", _ascending),
    Check("A TDMR begins and ends at a gigabyte, and is not empty.", _whole_gigabytes),
    Check("A TDMR has no KeyID bit in its first or last address.", _plain_addresses),
    Check(
        "Reserved areas are whole pages in their TDMR, ascend, do not overlap, and no "
        "empty one comes before another.",
        _reserved_areas,
    ),
    Check(
        "Each table of a PAMT is of whole pages at plain addresses, and is as large "
        "as its TDMR needs.",
        _tables,
        (CONFIG, DYNAMIC),
    ),
    Check("No two tables of PAMTs overlap.", _table_meets_table),
    Check(
        "Each table of a PAMT lies outside all TDMRs, or in their reserved areas.",
        _table_meets_memory,
    ),
    Check(
        "Each table of a PAMT lies in one piece of convertible memory.",
        _tables_convertible,
    ),
    Check("What is not reserved of a TDMR is convertible memory.", _memory_convertible),
)
"""In the order in which the module makes them of each entry."""


def reserved_slots_left(tdmr: TdmrInfo) -> int:
    """How many more reserved areas the TDMR could have."""
    return RESERVED_SLOTS - sum(1 for area in tdmr.reserved if area.size)


def uncovered(tdmrs: Sequence[TdmrInfo], memory: Sequence[Area]) -> Iterator[Area]:
    """The pieces of this memory that no TD could use: no TDMR has them available.

    What PAMTs take is among them; a host counts that as the cost of TDX.
    """
    pieces = sorted(
        (piece for tdmr in tdmrs for piece in tdmr.available()),
        key=lambda piece: piece.base,
    )
    for area in memory:
        start = area.base
        for piece in pieces:
            if piece.end <= start or piece.base >= area.end:
                continue
            if piece.base > start:
                yield Area(start, piece.base - start)
            start = max(start, piece.end)
        if start < area.end:
            yield Area(start, area.end - start)
