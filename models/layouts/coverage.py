"""Which memory of a machine TDs can have, and why they cannot have the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tdxcheck.models.layouts.outcome import Outcome
from tdxcheck.models.machines.memory_map import (
    MB1,
    Kind,
    intersect,
    join,
    sizes,
    subtract,
)
from tdxcheck.spec.layout import ACCEPTED, Area, span

REASONS: Final = MappingProxyType(
    {
        Kind.USABLE: "not of whole pages, or not in the kernel's list",
        Kind.ADDED: "added by a driver, and not in the kernel's list",
        Kind.NVDIMM: "NVDIMM: not memory to the kernel, and in no CMR",
        Kind.LEGACY_PMEM: "RAM that memmap= has made PMEM: not in the kernel's list",
        Kind.PERSISTENT: "persistent: not in the kernel's list",
        Kind.SOFT_RESERVED: "soft reserved (CXL, HBM): left to drivers",
    }
)
"""Why a kind of memory is not covered, where the kernel does not list it."""


@dataclass(frozen=True)
class Share:
    """A part of a machine's memory: why it is covered or not."""

    what: str
    areas: tuple[Area, ...]
    is_covered: bool = False

    @property
    def size(self) -> int:
        return sizes(self.areas)


def shares(outcome: Outcome) -> Iterator[Share]:
    """The parts of all that is memory; each byte is in one."""
    machine, layout = outcome.machine, outcome.layout
    listed = join(outcome.memory.areas)
    told = join(area for kind in REASONS for area in machine.of_kind(kind))
    left = join((*told, *listed))
    low = (span(0, MB1),)
    parts: list[Share] = []

    def take(what: str, areas: Sequence[Area], covered: bool = False) -> None:
        nonlocal left
        mine = tuple(intersect(left, join(areas)))
        left = tuple(subtract(left, mine))
        if mine:
            parts.append(Share(what, mine, covered))

    take("below 1 MiB: the kernel never hands it out", low)
    if layout.failure is not None:
        take("the kernel gives up, and no TDMR is configured", listed)
    elif outcome.verdict is not None and outcome.verdict != ACCEPTED:
        take("the module refuses the layout, and no TDMR is configured", listed)
    else:
        take("PAMT", [pamt.area for pamt in layout.pamts])
        available = [piece for tdmr in layout.tdmrs for piece in tdmr.available()]
        take("in a TDMR, for TDs to use", available, covered=True)
        take("in the kernel's list, but in no TDMR", listed)
    for kind, reason in REASONS.items():
        take(reason, machine.of_kind(kind))
    yield from sorted(parts, key=lambda share: not share.is_covered)


def kept_by_firmware(outcome: Outcome) -> tuple[Area, ...]:
    """Convertible memory that is no memory to the kernel."""
    if outcome.machine.cmrs is None:
        return ()
    return tuple(subtract(join(outcome.machine.cmrs), join(outcome.memory.areas)))
