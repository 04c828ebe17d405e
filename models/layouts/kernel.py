"""How a kernel builds TDMRs: the ranges, their PAMTs, their reserved areas.

The steps are those of every generation since v3 (`generations.py` has what differs):
one TDMR for a range of memory, unless the one before covers it; a PAMT in one piece
from the range's own node; a reserved area for each hole, and for each PAMT that lies
in the TDMR. Areas that touch are not merged, TDMRs neither.

Addresses are only added, compared and rounded, so that these functions also run on
addresses of which only some relations are known (`symbolic.py`).

Sources: Linux v6.8 and v6.18 arch/x86/virt/vmx/tdx/tdx.c, fill_out_tdmrs(),
tdmr_set_up_pamt(), tdmr_populate_rsvd_areas().
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tdxcheck.models.layouts.generations import Generation, Holes
from tdxcheck.models.layouts.placement import FirstFit
from tdxcheck.models.machines.memory_map import MemoryMap, NodeRange
from tdxcheck.spec.layout import (
    GB1,
    LEVELS,
    MAX_TDMRS,
    RESERVED_SLOTS,
    Area,
    TdmrInfo,
    pamt_size,
    span,
)

FEW_LEFT: Final = 4
"""The kernel warns where fewer TDMRs than this are left."""

Place = Callable[[int, int], int | None]
"""The address of a PAMT of this size for this node; None where there is no room."""


@dataclass(frozen=True)
class Failure:
    """The kernel gives up: with which error, and what it prints."""

    errno: int
    line: str
    what: str
    """What has happened, in plain words."""
    tdmr: Area | None = None
    """The TDMR whose reserved areas are exhausted."""
    memory: Area | None = None
    """The memory that lies in no CMR."""

    @property
    def name(self) -> str:
        return f"-{errno.errorcode[self.errno]}"


@dataclass(frozen=True)
class Pamt:
    """The tables of one TDMR, in one piece: 4K, 2M, 1G."""

    base: int
    sizes: tuple[int, int, int]

    @property
    def area(self) -> Area:
        return Area(self.base, sum(self.sizes))

    def table(self, level: int) -> Area:
        return Area(self.base + sum(self.sizes[:level]), self.sizes[level])


@dataclass(frozen=True)
class KernelLayout:
    """What a kernel has built when it calls TDH.SYS.CONFIG, or gives up."""

    generation: Generation
    memory: tuple[NodeRange, ...]
    areas: tuple[Area, ...] = ()
    """The TDMRs' ranges, as far as they were built."""
    pamts: tuple[Pamt, ...] = ()
    tdmrs: tuple[TdmrInfo, ...] = ()
    """All of them, if the kernel came to the end."""
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    needed: tuple[int, ...] = ()
    """How many reserved areas each TDMR needs, more than there are included."""

    @property
    def pamt_kb(self) -> int:
        """What is printed as allocated."""
        return sum(sum(pamt.sizes) for pamt in self.pamts) // 1024


class _GivesUp(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def build(
    generation: Generation,
    memory: Sequence[NodeRange],
    cmrs: Sequence[Area] | None,
    place: Place | None = None,
) -> KernelLayout:
    """The layout that this generation builds for its list of memory.

    Where CMRs are not known, none is looked for.
    """
    ranges = tuple(memory)
    areas: tuple[Area, ...] = ()
    pamts: tuple[Pamt, ...] = ()
    warnings: tuple[str, ...] = ()
    needed: tuple[int, ...] = ()
    try:
        if cmrs is not None:
            _check_convertible(generation, ranges, cmrs)
        areas = fill(ranges, generation)
        left = MAX_TDMRS - len(areas)
        if left < FEW_LEFT and generation.tells_exhaustion:
            warnings = (
                f"consumed TDMRs reaching limit: {len(areas)} used out of {MAX_TDMRS}",
            )
        pamts = _allocate(areas, ranges, generation, place or FirstFit(ranges))
        holes = _sources_of_holes(generation, ranges, cmrs)
        wanted = [reserved_areas(area, holes, pamts) for area in areas]
        needed = tuple(len(each) for each in wanted)
        tdmrs = tuple(
            _tdmr(area, pamt, reserved, generation)
            for area, pamt, reserved in zip(areas, pamts, wanted, strict=True)
        )
    except _GivesUp as end:
        return KernelLayout(
            generation, ranges, areas, pamts, (), end.failure, warnings, needed
        )
    return KernelLayout(generation, ranges, areas, pamts, tdmrs, None, warnings, needed)


def build_for(
    generation: Generation, machine: MemoryMap, place: Place | None = None
) -> KernelLayout:
    """The same for a memory map."""
    return build(generation, generation.lists(machine).ranges, machine.cmrs, place)


def down(address: int) -> int:
    return address // GB1 * GB1


def up(address: int) -> int:
    return down(address + (GB1 - 1))


def fill(memory: Sequence[NodeRange], generation: Generation) -> tuple[Area, ...]:
    """The TDMRs' ranges: ascending, apart, of whole gigabytes."""
    found: list[Area] = []
    for each in memory:
        more = next_tdmr(found[-1] if found else None, each.area)
        if more is None:
            continue
        if len(found) == MAX_TDMRS:
            line = "initialization failed: TDMRs exhausted."
            raise _GivesUp(
                Failure(
                    generation.no_space,
                    line if generation.tells_exhaustion else "",
                    f"it needs more than {MAX_TDMRS} TDMRs",
                )
            )
        found.append(more)
    return tuple(found)


def next_tdmr(last: Area | None, memory: Area) -> Area | None:
    """The TDMR that this memory needs besides the last one, if any."""
    start, end = down(memory.base), up(memory.end)
    if last is not None:
        if end <= last.end:
            return None
        if start < last.end:
            start = last.end
    return span(start, end)


def holes_in(tdmr: Area, memory: Sequence[Area]) -> list[Area]:
    """What of the TDMR lies in no range of this list, as the kernel finds it."""
    holes: list[Area] = []
    last = tdmr.base
    for area in memory:
        if area.base >= tdmr.end:
            break
        hole, last = hole_before(tdmr, last, area)
        if hole is not None:
            holes.append(hole)
    if last < tdmr.end:
        holes.append(span(last, tdmr.end))
    return holes


def hole_before(tdmr: Area, last: int, area: Area) -> tuple[Area | None, int]:
    """The hole before a range that begins below the TDMR's end, and where it ends.

    A range that ends where the TDMR begins is not passed over; that does no harm.
    """
    if area.end < tdmr.base:
        return None, last
    if area.base <= last:
        return None, area.end
    return span(last, area.base), area.end


def reserved_areas(
    tdmr: Area, memory: Sequence[Area], pamts: Sequence[Pamt]
) -> list[Area]:
    """The areas that the kernel reserves in a TDMR, each taking a slot; unsorted."""
    areas = holes_in(tdmr, memory)
    for pamt in pamts:
        start, end = pamt.area.base, pamt.area.end
        if end <= tdmr.base or start >= tdmr.end:
            continue
        if start < tdmr.base:
            start = tdmr.base
        if end > tdmr.end:
            end = tdmr.end
        areas.append(span(start, end))
    return areas


def more_tdmrs(computed_kb: int, printed_kb: int) -> int:
    """How many TDMRs more a printed size of PAMTs tells of, for the same gigabytes.

    The table for 1 GiB is a page at least: each TDMR more costs 4 KB. A kernel begins
    one where a node begins, or memory, though the CMR goes on.
    """
    more, rest = divmod(printed_kb - computed_kb, 4)
    return more if rest == 0 and 0 < more < MAX_TDMRS else 0


def node_for(tdmr: Area, memory: Sequence[NodeRange]) -> int:
    """The node that a TDMR's PAMT is to come from: of the first memory not below it."""
    for each in memory:
        if each.area.end > tdmr.base:
            return each.node
    return 0


def _check_convertible(
    generation: Generation, memory: Sequence[NodeRange], cmrs: Sequence[Area]
) -> None:
    if generation.outside_cmrs is None:
        return
    for each in memory:
        area = each.area
        # One entry of the table has to hold it all, even if two touch.
        if not any(c.base <= area.base and area.end <= c.end for c in cmrs):
            shown = f"[{area.base:#x}, {area.end:#x})"
            raise _GivesUp(
                Failure(
                    generation.outside_cmrs,
                    generation.outside_line.format(area=shown),
                    f"memory {shown} lies in no CMR as a whole",
                    memory=area,
                )
            )


def _allocate(
    areas: Sequence[Area],
    memory: Sequence[NodeRange],
    generation: Generation,
    place: Place,
) -> tuple[Pamt, ...]:
    pamts: list[Pamt] = []
    for area in areas:
        sizes = tuple(pamt_size(each, area.size, generation.dynamic) for each in LEVELS)
        base = place(sum(sizes), node_for(area, memory))
        if base is None:
            raise _GivesUp(
                Failure(
                    errno.ENOMEM,
                    "",
                    f"no room in one piece for the PAMT of TDMR "
                    f"[{area.base:#x}, {area.end:#x}): {sum(sizes) >> 10:,} KB",
                )
            )
        pamts.append(Pamt(base, (sizes[0], sizes[1], sizes[2])))
    return tuple(pamts)


def _sources_of_holes(
    generation: Generation, memory: Sequence[NodeRange], cmrs: Sequence[Area] | None
) -> Sequence[Area]:
    if generation.holes is Holes.CMRS and cmrs is not None:
        return cmrs
    return [each.area for each in memory]


def _tdmr(
    area: Area, pamt: Pamt, reserved: list[Area], generation: Generation
) -> TdmrInfo:
    if len(reserved) > RESERVED_SLOTS:
        shown = f"TDMR [{area.base:#x}, {area.end:#x})"
        line = f"initialization failed: {shown}: reserved areas exhausted."
        raise _GivesUp(
            Failure(
                generation.no_space,
                line if generation.tells_exhaustion else "",
                f"{shown} needs {len(reserved)} reserved areas, and has "
                f"{RESERVED_SLOTS}",
                tdmr=area,
            )
        )
    ordered = sorted(reserved, key=lambda each: each.base)
    return TdmrInfo(
        area,
        pamt_1g=pamt.table(2),
        pamt_2m=pamt.table(1),
        pamt_4k=pamt.table(0),
        reserved=tuple(Area(each.base - area.base, each.size) for each in ordered),
    )
