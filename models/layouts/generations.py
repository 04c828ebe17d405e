"""The generations of kernels, by how they build TDMRs."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tdxcheck.checker.language import Source
from tdxcheck.models.layouts.memory import TdxMemory, of_e820, of_memblock
from tdxcheck.models.machines.memory_map import MemoryMap
from tdxcheck.spec.sources import (
    DPAMT_V6,
    HOLES_OF_CMRS,
    L6_8,
    L6_18,
    L7_DEVELOPMENT,
    V3,
    V3_TREE,
    V5,
    V7,
    V7_TREE,
    V13,
)


class Holes(Enum):
    """Where a kernel looks for the holes that it has to reserve."""

    MEMORY = "between the ranges of its list of memory"
    CMRS = "between CMRs"


@dataclass(frozen=True)
class Generation:
    """How a kernel lists memory, what it checks, and how it fails."""

    key: str
    summary: str
    designs: tuple[str, ...]
    """The designs that build TDMRs so."""
    lists: Callable[[MemoryMap], TdxMemory]
    no_space: int
    """The error where TDMRs or reserved areas are exhausted."""
    sources: tuple[Source, ...]
    outside_cmrs: int | None = None
    """The error where memory lies in no CMR; None: only the module looks."""
    outside_line: str = ""
    """What is printed then."""
    tells_exhaustion: bool = True
    """It prints a line where TDMRs or reserved areas are exhausted."""
    prefix: str = "virt/tdx"
    """What its lines begin with."""
    holes: Holes = Holes.MEMORY
    dynamic: bool = False
    """It asks for Dynamic PAMT."""
    later: str = "is refused when it is brought online: -EPERM, and no line"
    """What comes of memory that is added once TDX is in use."""


GENERATIONS: Final = (
    Generation(
        "v3",
        "e820: RAM and legacy PMEM, each entry checked against the CMRs",
        (
            "rfc-v2",
            "v3",
            "document-only",
            "kh-approach1",
            "kh-approach2",
            "kh-approach2-corrected",
        ),
        of_e820,
        errno.E2BIG,
        (
            V3.at("11/21 to 14/21"),
            V3_TREE.at("e820_check_against_cmrs(), create_tdmrs()"),
        ),
        outside_cmrs=errno.EFAULT,
        outside_line="{area} is not fully convertible memory",
        tells_exhaustion=False,
        prefix="tdx",
        later="goes to the page allocator all the same: a TD that gets it fails",
    ),
    Generation(
        "v5",
        "memblock, each entry checked against the CMRs",
        ("v5", "v6"),
        of_memblock,
        errno.E2BIG,
        (V5.at("construct_tdmrs_memeblock()"),),
        outside_cmrs=errno.EINVAL,
        outside_line="{area} is not fully convertible memory",
        tells_exhaustion=False,
        prefix="tdx",
        later="is refused by v5 when it is added, and by v6 not at all",
    ),
    Generation(
        "v7",
        "memblock at initialisation, each entry checked against the CMRs",
        ("v7",),
        of_memblock,
        errno.E2BIG,
        (V7.at("10/20"), V7_TREE.at("build_tdx_memory(), create_tdmrs()")),
        outside_cmrs=errno.EINVAL,
        outside_line="Memory region {area} is not TDX convertible memorry.",
        tells_exhaustion=False,
        prefix="tdx",
        later="is refused when it is added: -EINVAL",
    ),
    # That v8 to v13 check CMRs, and fail by -ENOSPC, is derived: CMRs are read until
    # v14, and the lines are those of v6.8.
    Generation(
        "v8",
        "memblock at initialisation, checked against the CMRs; tells what is exhausted",
        ("v8", "v9", "v13"),
        of_memblock,
        errno.ENOSPC,
        (V13.at("fill_out_tdmrs()"),),
        outside_cmrs=errno.EINVAL,
        outside_line="Memory region {area} is not TDX convertible memory.",
    ),
    Generation(
        "v6.8",
        "memblock at initialisation; what lies in no CMR is left to the module",
        ("v6.8", "hotadd-precheck", "kexec-mutex", "v6.16", "v6.18", "v7.1", "v7.2"),
        of_memblock,
        errno.ENOSPC,
        (
            L6_8.at("construct_tdmrs(), tdmr_populate_rsvd_areas()"),
            L6_18.at("construct_tdmrs()"),
        ),
    ),
    Generation(
        "dpamt",
        "v6.8, with a bit for each page where Dynamic PAMT replaces the 4K table",
        ("dpamt",),
        of_memblock,
        errno.ENOSPC,
        (L7_DEVELOPMENT.at("construct_tdmrs()"), DPAMT_V6.at("cover letter")),
        dynamic=True,
    ),
    Generation(
        "cmr-holes",
        "v6.8, with the proposed change: holes are those between CMRs",
        (),
        of_memblock,
        errno.ENOSPC,
        (HOLES_OF_CMRS.at("tdmr_populate_rsvd_holes()"),),
        outside_cmrs=errno.EINVAL,
        outside_line="memory region {area} is not TDX convertible memory.",
        holes=Holes.CMRS,
    ),
)
"""In the order in which they were proposed; the last is carried by a distribution."""

DEFAULT: Final = "v6.8"


def generation(name: str) -> Generation | None:
    """The generation of this key, or that a design of this name is of."""
    for each in GENERATIONS:
        if name == each.key:
            return each
    for each in GENERATIONS:
        if name in each.designs:
            return each
    return None
