"""Which changes to a machine's memory would break a kernel's layout, or mend it.

Each change is made to the map, and the kernel is asked again: what is said of it is
what comes of it, and no rule of thumb.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tdxcheck.models.layouts.generations import GENERATIONS
from tdxcheck.models.layouts.legal import shown
from tdxcheck.models.layouts.outcome import Outcome, outcome
from tdxcheck.models.machines.memory_map import (
    Kind,
    MemoryMap,
    intersect,
    subtract,
)
from tdxcheck.spec.layout import GB1, KB4, MAX_TDMRS, RESERVED_SLOTS, Area

SHOWN = 8
"""Parameters of a command line that are told."""
MOST_GIVEN_UP = 64
"""Pieces of memory that somebody would give up by hand."""
TRIED = 16
"""Ranges of a kind that are tried one by one."""


@dataclass(frozen=True)
class Change:
    """A change, and what comes of it."""

    what: str
    works: bool | None
    """Whether TDX still comes up, or does now; None: it was not tried."""
    told: str

    def effect(self, before: bool | None) -> str:
        """In one word, by whether it worked before."""
        if self.works is None:
            return "open"
        if self.works == before:
            return "keeps"
        return "mends" if self.works else "breaks"


def changes(found: Outcome) -> Iterator[Change]:
    """What is worth knowing of this machine, under this kernel."""
    yield from _added(found)
    if not found.memory.ranges:
        return
    yield from _returned(found)
    if found.works:
        yield from _holes(found)
    else:
        yield from _reserved(found)
        yield from _other_kernels(found)


def _again(found: Outcome, machine: MemoryMap) -> Outcome:
    return outcome(found.generation, machine, boot=found.machine)


def _added(found: Outcome) -> Iterator[Change]:
    """Memory that is added where the machine has a window for it, or CXL or PMEM."""
    machine = found.machine
    candidates: list[tuple[str, Area]] = []
    for each in machine.windows:
        candidates.append((f"memory hot-added to node {each.node}", each.area))
    for area in machine.cxl_windows:
        candidates.append(("memory of a CXL window added by kmem", area))
    for kind, name in (
        (Kind.ADDED, "memory that a driver has added"),
        (Kind.SOFT_RESERVED, "soft-reserved memory added by kmem"),
        (Kind.NVDIMM, "an NVDIMM added by kmem"),
        (Kind.PERSISTENT, "persistent memory, if it is an NVDIMM, added by kmem"),
        (Kind.LEGACY_PMEM, "PMEM that is RAM underneath, added by kmem"),
    ):
        candidates += [(name, area) for area in machine.of_kind(kind)]
    groups: dict[tuple[str, bool | None, str], list[Area]] = {}
    done: list[Area] = []
    for name, area in candidates[: 4 * TRIED]:
        added = tuple(subtract(tuple(subtract((area,), found.memory.areas)), done))
        if not added:
            continue
        done = sorted((*done, *added), key=_base)
        works, why = _with(found, added)
        told = f"before TDX starts: {why or 'it is covered'}"
        groups.setdefault((name, works, told), []).append(area)
    for (name, works, told), areas in groups.items():
        later = f"afterwards: it {found.generation.later}"
        yield Change(f"{name}, {shown(areas)}", works, f"{told}; {later}")
    if len(candidates) > 4 * TRIED:
        left = len(candidates) - 4 * TRIED
        yield Change(f"memory added in {left} more ranges", None, "not tried")


def _with(found: Outcome, added: tuple[Area, ...]) -> tuple[bool | None, str]:
    """Whether it works with this memory added first, and if not, why."""
    if not found.memory.ranges:
        # CMRs never grow, whatever else the machine has.
        return False, "it lies in no CMR, and TDH.SYS.CONFIG refuses its TDMR"
    changed = found.machine
    for piece in added:
        changed = changed.with_region(piece, Kind.ADDED)
    after = _again(found, changed)
    return after.works, after.reason


def _returned(found: Outcome) -> Iterator[Change]:
    """Memory that memmap= has made PMEM, were one range of it memory again."""
    pmem = found.machine.of_kind(Kind.LEGACY_PMEM)
    groups: dict[tuple[bool | None, str], list[Area]] = {}
    for area in pmem[:TRIED]:
        after = _again(found, found.machine.with_region(area, Kind.USABLE))
        told = after.reason or f"{_size(area.size)} more are memory, and covered"
        groups.setdefault((after.works, told), []).append(area)
    for (works, told), areas in groups.items():
        which = "" if len(areas) == 1 else "one of "
        yield Change(
            f"without the memmap= that makes {which}{shown(areas)} PMEM", works, told
        )
    if len(pmem) > TRIED:
        yield Change(f"the same of {len(pmem) - TRIED} more ranges", None, "not tried")


def _holes(found: Outcome) -> Iterator[Change]:
    """How many more holes one gigabyte bears, where most are already: tried out."""
    needed = found.layout.needed
    fullest = found.layout.areas[max(range(len(needed)), key=lambda n: needed[n])]
    pieces = [
        piece
        for start in _gigabytes(fullest, found.memory.areas)
        for piece in intersect((Area(start, GB1),), found.memory.areas)
        if piece.size >= 4 * (RESERVED_SLOTS + 2) * KB4
    ]
    if not pieces:
        return
    # A gigabyte that is in pieces already bears the fewest.
    inside = {
        piece: sum(1 for _ in intersect((_gigabyte(piece),), found.memory.areas))
        for piece in pieces
    }
    piece = max(pieces, key=lambda each: (inside[each], each.size))
    step = piece.size // (RESERVED_SLOTS + 2) // KB4 * KB4
    changed = found.machine
    for count in range(1, RESERVED_SLOTS + 2):
        changed = changed.with_region(
            Area(piece.base + count * step, KB4), Kind.RESERVED
        )
        after = _again(found, changed)
        if not after.works:
            plural = "s" * (count != 1)
            yield Change(
                f"{count} more reserved piece{plural} (by memmap=N$A, or firmware) of "
                f"memory in the gigabyte {_range(_gigabyte(piece))}",
                after.works,
                f"{after.reason}; one less is borne",
            )
            return


def _gigabyte(piece: Area) -> Area:
    return Area(piece.base // GB1 * GB1, GB1)


def _gigabytes(tdmr: Area, memory: Sequence[Area]) -> list[int]:
    """The gigabytes of the TDMR where memory begins or ends, and its first one."""
    bounds = {tdmr.base}
    for area in memory:
        for address in (area.base, area.end - 1):
            if tdmr.base <= address < tdmr.end:
                bounds.add(address // GB1 * GB1)
    return sorted(bounds)


def _reserved(found: Outcome) -> Iterator[Change]:
    """Small pieces of memory to give up, so that there are fewer holes or TDMRs."""
    pieces = _superfluous(found)
    if not pieces or len(pieces) > MOST_GIVEN_UP:
        return
    changed = found.machine
    for piece in pieces:
        changed = changed.with_region(piece, Kind.RESERVED)
    after = _again(found, changed)
    if all(found.machine.kind_of(piece.base) is Kind.ADDED for piece in pieces):
        yield Change(
            f"without what a driver has added, {shown(pieces)}",
            after.works,
            after.reason or "all memory of boot is covered",
        )
        return
    words = [f"memmap={piece.size:#x}${piece.base:#x}" for piece in pieces]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    lost = sum(piece.size for piece in pieces)
    yield Change(
        f"with {' '.join(words[:SHOWN])}{more}, which gives up {_size(lost)}",
        after.works,
        after.reason or "it fits",
    )


def _superfluous(found: Outcome) -> list[Area]:
    """The smallest pieces without which the limit that was met would be kept."""
    failure = found.layout.failure
    if failure is None:
        outside = subtract(found.memory.areas, found.platform.cmrs)
        return [*outside, *found.unlisted]
    if failure.memory is not None:
        return list(subtract((failure.memory,), found.platform.cmrs))
    if failure.tdmr is not None:
        tdmr = failure.tdmr
        count = found.layout.needed[found.layout.areas.index(tdmr)] - RESERVED_SLOTS
        inside = [
            area
            for area in found.memory.areas
            if tdmr.base < area.base and area.end < tdmr.end
        ]
        return sorted(sorted(inside, key=lambda area: area.size)[:count], key=_base)
    if not found.layout.areas:
        count = len(found.memory.areas) - MAX_TDMRS
        return sorted(
            sorted(found.memory.areas, key=lambda area: area.size)[:count], key=_base
        )
    return []


def _other_kernels(found: Outcome) -> Iterator[Change]:
    for generation in GENERATIONS:
        if generation is found.generation:
            continue
        after = outcome(generation, found.machine)
        if after.works:
            yield Change(
                f"a kernel of the generation {generation.key}",
                True,
                generation.summary,
            )


def _base(area: Area) -> int:
    return area.base


def _range(area: Area) -> str:
    return f"[{area.base:#x}, {area.end:#x})"


def _size(size: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB")):
        if size >> shift:
            return f"{size / (1 << shift):,.1f} {unit}"
    return f"{size >> 10:,} KiB"
