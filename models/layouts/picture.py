"""A picture of a machine's memory: stretches of addresses, and what each part is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tdxcheck.models.layouts.outcome import Outcome
from tdxcheck.models.machines.memory_map import (
    Kind,
    intersect,
    join,
    subtract,
)
from tdxcheck.spec.layout import ACCEPTED, Area, span


class Part(Enum):
    """What a part of a stretch is; the value is its sign, its colour, its name."""

    AVAILABLE = ("\N{FULL BLOCK}", "#2a7f62", "for TDs to use")
    PAMT = ("\N{MEDIUM SHADE}", "#c98a1b", "PAMT")
    RESERVED = ("\N{MIDDLE DOT}", "#d8d8d8", "reserved in the TDMR: a hole")
    UNCOVERED = ("x", "#b3392f", "memory that is in no TDMR")
    OTHER = ("o", "#7a5fa8", "PMEM, soft reserved: left to drivers")
    WINDOW = ("+", "#6f9fc8", "where memory may be added")
    NOTHING = (" ", "#ffffff", "nothing")

    @property
    def sign(self) -> str:
        return self.value[0]

    @property
    def colour(self) -> str:
        return self.value[1]

    @property
    def meaning(self) -> str:
        return self.value[2]


@dataclass(frozen=True)
class Stretch:
    """A TDMR, or memory that is in none: its name, and its parts in order."""

    name: str
    area: Area
    parts: tuple[tuple[Area, Part], ...]

    def bar(self, width: int) -> str:
        """A sign for each piece of the stretch: of the part that is most of it."""
        signs = []
        for n in range(width):
            start = self.area.base + self.area.size * n // width
            end = self.area.base + self.area.size * (n + 1) // width
            signs.append(self._most(span(start, max(end, start + 1))).sign)
        return "".join(signs)

    def _most(self, piece: Area) -> Part:
        found: dict[Part, int] = {}
        for area, part in self.parts:
            inside = min(area.end, piece.end) - max(area.base, piece.base)
            if inside > 0:
                found[part] = found.get(part, 0) + inside
        return max(found, key=lambda part: found[part], default=Part.NOTHING)


def stretches(outcome: Outcome) -> tuple[Stretch, ...]:
    """The TDMRs, and what lies outside of all, by address."""
    machine, layout = outcome.machine, outcome.layout
    listed = join(outcome.memory.areas)
    accepted = outcome.verdict == ACCEPTED
    pamts = join(pamt.area for pamt in layout.pamts)
    tdmrs = layout.areas
    available = join(piece for each in layout.tdmrs for piece in each.available())
    others = join(
        machine.of_kind(
            Kind.NVDIMM, Kind.LEGACY_PMEM, Kind.PERSISTENT, Kind.SOFT_RESERVED
        )
    )
    windows = join((*(each.area for each in machine.windows), *machine.cxl_windows))
    found = []
    for number, area in enumerate(tdmrs):
        inside = [(piece, Part.PAMT) for piece in intersect((area,), pamts) if accepted]
        memory = tuple(intersect((area,), listed))
        free = tuple(subtract(memory, pamts)) if accepted else memory
        usable = tuple(intersect(available, free)) if accepted else ()
        inside += [(piece, Part.AVAILABLE) for piece in usable]
        lost = subtract(free, usable)
        inside += [(piece, Part.UNCOVERED) for piece in lost]
        rest = list(subtract((area,), memory))
        strange = tuple(intersect(rest, others))
        inside += [(piece, Part.OTHER) for piece in strange]
        inside += [(piece, Part.RESERVED) for piece in subtract(rest, strange)]
        found.append(Stretch(f"TDMR {number}", area, _ordered(inside)))
    taken = join(tdmrs)
    for name, areas, part in (
        ("memory", listed, Part.UNCOVERED),
        ("drivers'", others, Part.OTHER),
        ("window", windows, Part.WINDOW),
    ):
        for area in subtract(areas, taken):
            found.append(Stretch(name, area, ((area, part),)))
        taken = join((*taken, *areas))
    return tuple(sorted(found, key=lambda each: each.area.base))


def _ordered(parts: list[tuple[Area, Part]]) -> tuple[tuple[Area, Part], ...]:
    return tuple(sorted(parts, key=lambda each: each[0].base))


def legend(shown: Sequence[Stretch]) -> Iterator[Part]:
    """The parts that the picture has."""
    used = {part for each in shown for _, part in each.parts}
    for part in Part:
        if part in used:
            yield part
