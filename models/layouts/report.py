"""What `tdxcheck layout` tells, as plain data: for people in parts, for programs whole.

The JSON object has: `map`, `kernel`, `works` (true, false; null: no memory is known),
`reason`, `prints` (the kernel's line), `status` (the module's answer, as a name and a
number), `assumed`, `memory` (by why it is covered or not, in bytes), `tdmrs` (base,
size, reserved areas, slots left, PAMT), `pamt_kb`, `pamt_kb_printed` (what the log
says), `tdmrs_left`, `legal` (`exists`, `fewest_tdmrs`, `smallest_pamt_kb`, `why_not`,
`layout`), `changes` (what, `works`, `effect`, why), `kernels` (what comes of each).
Addresses are numbers of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tdxcheck.models.layouts.changes import Change, changes
from tdxcheck.models.layouts.coverage import Share, kept_by_firmware, shares
from tdxcheck.models.layouts.generations import GENERATIONS, Generation
from tdxcheck.models.layouts.kernel import more_tdmrs
from tdxcheck.models.layouts.legal import Legal, legal
from tdxcheck.models.layouts.outcome import Outcome, outcome
from tdxcheck.models.layouts.picture import Part, Stretch, legend, stretches
from tdxcheck.models.machines.memory_map import MemoryMap, sizes
from tdxcheck.spec.layout import MAX_TDMRS, RESERVED_SLOTS, Area, TdmrInfo

# Any, because what is written as JSON has no type.
Json = Any
MOST_ROWS = 24
"""TDMRs and stretches that are told one by one."""


@dataclass(frozen=True)
class Report:
    """Everything that is told of one machine and one kernel."""

    name: str
    found: Outcome
    legal: Legal | None
    """None: no memory is known."""
    changes: tuple[Change, ...]
    kernels: tuple[Outcome, ...]
    """The same machine under each generation."""

    @property
    def works(self) -> bool | None:
        """Whether TDX comes up; what the log says counts where the map is not in it."""
        return False if self._is_contradicted else self.found.works

    @property
    def reason(self) -> str:
        """Why it does not, in a line."""
        if self._is_contradicted:
            return (
                f"{self.found.machine.told_failure}, the log says; it does not have "
                "the e820 map that would show why"
            )
        return self.found.reason

    @property
    def _is_contradicted(self) -> bool:
        machine = self.found.machine
        known = machine.tells_usable or machine.boot_memory is not None
        return bool(machine.told_failure) and not known

    @property
    def shares(self) -> tuple[Share, ...]:
        return tuple(shares(self.found))

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        return stretches(self.found)


def report(name: str, generation: Generation, machine: MemoryMap) -> Report:
    found = outcome(generation, machine)
    known = bool(found.memory.ranges)
    return Report(
        name,
        found,
        legal(found.problem, found.platform) if known else None,
        tuple(changes(found)),
        tuple(outcome(each, machine) for each in GENERATIONS) if known else (),
    )


def headline(told: Report) -> str:
    found = told.found
    cmrs = found.machine.cmrs
    what = "CMRs not known" if cmrs is None else number_of(len(cmrs), "CMR")
    if not found.memory.ranges:
        return f"{told.name}: no memory of boot is known, {what}"
    memory = size(sizes(found.memory.areas))
    ranges = number_of(len(found.memory.ranges), "range")
    return f"{told.name}: {memory} of memory in {ranges}, {what}"


def number_of(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' * (count != 1)}"


def verdict(told: Report) -> str:
    """In a line: does TDX come up."""
    found = told.found
    kernel = f"kernel {found.generation.key}"
    if told.works is None:
        return f"{kernel}: undecided: the map does not tell what is memory at boot"
    if not told.works:
        return f"{kernel}: FAILS: {told.reason}"
    return f"{kernel}: works: the module's checks pass its layout"


def facts(told: Report) -> Iterator[tuple[str, str]]:
    """What else there is to say, each under a name."""
    found = told.found
    layout = found.layout
    if layout.failure and layout.failure.line:
        yield "it prints", f"{found.generation.prefix}: {layout.failure.line}"
    for warning in layout.warnings:
        yield "it prints", f"{found.generation.prefix}: {warning}"
    if found.check is not None:
        sources = "; ".join(map(str, found.check.sources))
        yield "the check", f"{found.check.statement} ({sources})"
    if layout.pamts:
        yield "PAMT", _pamt(told)
    if layout.areas:
        yield "slots left", _slots(told)
    if found.machine.told_failure:
        yield "the log says", found.machine.told_failure
    if told.legal is not None:
        yield from _legal(told.legal)
    for assumed in found.memory.assumed:
        yield "assumed", assumed
    if found.machine.cmrs is None and found.memory.ranges:
        yield (
            "assumed",
            "A1: all memory of boot is convertible, and nothing that is added; no CMR "
            "is known",
        )
    if layout.pamts:
        yield (
            "assumed",
            "PAMTs lie where they first fit, as if nothing else were in use",
        )
    for note in found.machine.notes:
        yield "note", note


def _slots(told: Report) -> str:
    layout = told.found.layout
    left = f"{MAX_TDMRS - len(layout.areas)} of {MAX_TDMRS} TDMRs"
    if not layout.needed:
        return left
    fullest = max(layout.needed)
    free = max(RESERVED_SLOTS - fullest, 0)
    return f"{left}; the fullest has {free} of {RESERVED_SLOTS} reserved areas"


def _pamt(told: Report) -> str:
    kb, printed = told.found.layout.pamt_kb, told.found.machine.pamt_kb
    if printed is None:
        return f"{kb:,} KB"
    if kb == printed:
        return f"{kb:,} KB, as the log says"
    more = more_tdmrs(kb, printed)
    why = f", for {number_of(more, 'TDMR')} more than these" if more else ""
    return f"{kb:,} KB, the log says {printed:,} KB{why}"


def _legal(found: Legal) -> Iterator[tuple[str, str]]:
    if found.exists is False:
        yield "legal layout", "there is none"
        for why in found.why_not:
            yield "because", why
        return
    says = "exists" if found.exists else "not decided: no place for its PAMTs was found"
    if found.fewest and found.smallest:
        count = len(found.smallest.tdmrs)
        says += (
            f"; the fewest TDMRs are {len(found.fewest.tdmrs)}, the smallest PAMTs "
            f"{found.smallest.pamt >> 10:,} KB (with {count} TDMR{'s' * (count != 1)})"
        )
    yield "legal layout", says


def memory_rows(told: Report) -> list[tuple[str, str]]:
    rows = [(size(share.size), share.what) for share in told.shares]
    kept = kept_by_firmware(told.found)
    if kept:
        rows.append(
            (size(sizes(kept)), "convertible, but no memory to the kernel (firmware's)")
        )
    return rows


def tdmr_rows(told: Report, width: int) -> list[tuple[str, ...]]:
    """A row for each TDMR, of as many words and columns as fit into the width."""
    for areas, pamt in (("/{} reserved areas", "PAMT at "), ("/{} areas", "PAMT ")):
        rows = list(_tdmr_rows(told, areas.format(RESERVED_SLOTS), pamt))
        if _wide(rows) <= width:
            return rows
    short = [row[:-1] for row in rows]
    return short if _wide(short) <= width else [row[:-1] for row in short]


def _tdmr_rows(told: Report, areas: str, at: str) -> Iterator[tuple[str, ...]]:
    layout = told.found.layout
    for number, area in enumerate(layout.areas):
        pamt = layout.pamts[number] if number < len(layout.pamts) else None
        slots = layout.needed[number] if number < len(layout.needed) else None
        yield (
            f"TDMR {number}",
            span_of(area),
            size(area.size),
            "" if slots is None else f"{slots}{areas}",
            "" if pamt is None else f"{at}{pamt.base:#x}",
        )


def _wide(rows: Sequence[tuple[str, ...]]) -> int:
    """How wide a table of these rows is."""
    columns = zip(*rows, strict=True)
    return sum(max(map(len, column)) + 2 for column in columns) - 2 if rows else 0


def few(rows: Sequence[Any]) -> tuple[list[Any], int]:
    """The first rows and the last, and how many are left out between."""
    if len(rows) <= MOST_ROWS:
        return list(rows), 0
    half = MOST_ROWS // 2
    return [*rows[:half], *rows[-half:]], len(rows) - 2 * half


def picture_rows(told: Report, width: int) -> tuple[list[str], int]:
    """Lines of a picture, not wider than this, and how many are left out."""
    shown, left_out = few(told.stretches)
    names = [f"{each.name} {span_of(each.area)}" for each in shown]
    widest = max(map(len, names), default=0)
    columns = max(width - widest - 3, 10)
    lines = [
        f"{name:<{widest}} |{each.bar(columns)}|"
        for name, each in zip(names, shown, strict=True)
    ]
    return lines, left_out


def legend_line(told: Report) -> str:
    parts: list[Part] = list(legend(told.stretches))
    return ", ".join(f"{part.sign} {part.meaning}" for part in parts)


def kernel_rows(told: Report) -> Iterator[tuple[str, str, str]]:
    """What comes of the machine under each generation."""
    for each in told.kernels:
        says = "works" if each.works else "fails"
        kb = f"PAMT {each.layout.pamt_kb:,} KB" if each.works else each.reason
        yield each.generation.key, says, kb


def span_of(area: Area) -> str:
    return f"[{area.base:#x}, {area.end:#x})"


def size(count: int) -> str:
    for shift, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if count >> shift:
            return f"{count / (1 << shift):,.2f} {unit}"
    return f"{count >> 10:,} KiB"


def as_json(told: Report) -> Json:
    """The object that this module's docstring describes."""
    found = told.found
    layout = found.layout
    verdict = found.verdict
    return {
        "map": told.name,
        "kernel": found.generation.key,
        "works": told.works,
        "reason": told.reason,
        "prints": layout.failure.line if layout.failure else "",
        "status": verdict
        and {"name": verdict.status.name, "code": f"{verdict.code:#018x}"},
        "assumed": [what for name, what in facts(told) if name == "assumed"],
        "memory": [
            {"what": share.what, "bytes": share.size, "covered": share.is_covered}
            for share in told.shares
        ],
        "tdmrs": [_tdmr(told, number) for number in range(len(layout.areas))],
        "tdmrs_left": MAX_TDMRS - len(layout.areas),
        "pamt_kb": layout.pamt_kb,
        "pamt_kb_printed": found.machine.pamt_kb,
        "legal": told.legal and _legal_json(told.legal),
        "changes": [
            {
                "what": each.what,
                "works": each.works,
                "effect": each.effect(found.works),
                "why": each.told,
            }
            for each in told.changes
        ],
        "kernels": [
            {
                "kernel": each.generation.key,
                "designs": list(each.generation.designs),
                "works": each.works,
                "reason": each.reason,
                "pamt_kb": each.layout.pamt_kb,
            }
            for each in told.kernels
        ],
    }


def _tdmr(told: Report, number: int) -> Json:
    layout = told.found.layout
    area = layout.areas[number]
    data: Json = {"base": area.base, "size": area.size}
    if number < len(layout.needed):
        data["reserved_areas"] = layout.needed[number]
        data["slots_left"] = RESERVED_SLOTS - layout.needed[number]
    if number < len(layout.pamts):
        pamt = layout.pamts[number].area
        data["pamt"] = [pamt.base, pamt.size]
    return data


def _legal_json(found: Legal) -> Json:
    return {
        "exists": found.exists,
        "fewest_tdmrs": found.fewest and len(found.fewest.tdmrs),
        "smallest_pamt_kb": found.smallest and found.smallest.pamt >> 10,
        "why_not": list(found.why_not),
        "second_opinion": found.second.value,
        "layout": [_info(tdmr) for tdmr in found.layout],
    }


def _info(tdmr: TdmrInfo) -> Json:
    return {
        "base": tdmr.area.base,
        "size": tdmr.area.size,
        "pamt_1g": [tdmr.pamt_1g.base, tdmr.pamt_1g.size],
        "pamt_2m": [tdmr.pamt_2m.base, tdmr.pamt_2m.size],
        "pamt_4k": [tdmr.pamt_4k.base, tdmr.pamt_4k.size],
        "rsvd": [[area.base, area.size] for area in tdmr.reserved],
    }
