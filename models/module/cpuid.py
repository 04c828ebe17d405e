"""What the module makes of a CPUID register in which an LP differs.

Which bits TDH.SYS.INIT wants as they usually are, and which TDH.SYS.LP.INIT compares,
are tables of the module's that follow no rule. A register is a leaf, a subleaf (0
where the leaf has none) and a name. Registers of other subleaves are never read.

Source: TDX module 1.5.01, cpuid_configurations.c; its order is kept, by which an LP is
compared before or after its package is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Register: TypeAlias = tuple[int, int, str]

NO_SUBLEAF: Final = 0xFFFFFFFF
"""How the module asks for a leaf that has no subleaves."""
ALL_BITS: Final = 0xFFFFFFFF
NAMES: Final = ("eax", "ebx", "ecx", "edx")

WITH_SUBLEAVES: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {
        4: (0, 1, 2, 3, 4),
        7: (0, 1, 2),
        0xD: tuple(range(0x13)),
        0x14: (0, 1),
        0x1D: (0, 1),
        0x1F: (0, 1, 2, 3, 4, 5),
        0x21: (0,),
        0x23: (0, 1, 2, 3),
    }
)
"""The subleaves that the module reads of a leaf that has some."""
WITHOUT_SUBLEAVES: Final = frozenset(
    {
        *(0x0, 0x1, 0x3, 0x5, 0x6, 0x8, 0xA, 0xE, 0x11, 0x12, 0x13, 0x15),
        *(0x19, 0x1C, 0x1E, 0x20, 0x22),
        *(0x80000000, 0x80000001, 0x80000006, 0x80000007, 0x80000008),
    }
)
TOPOLOGY: Final = 0x1F
LATE_LEAVES: Final = frozenset({0x5, 0x20, 0x21, 0x22, 0x23}) | {
    leaf for leaf in WITHOUT_SUBLEAVES if 0x80000000 <= leaf < 0x80000008
}
"""Leaves that come after the topology, which tells an LP's package, in the table."""

WANTED: Final[Mapping[Register, int]] = MappingProxyType(
    {
        (0x0, 0, "ebx"): ALL_BITS,
        (0x0, 0, "ecx"): ALL_BITS,
        (0x0, 0, "edx"): ALL_BITS,
        (0x1, 0, "ebx"): 0xFF00,
        (0x1, 0, "ecx"): 0x47FAA217,
        (0x1, 0, "edx"): 0x1FA9FBFF,
        (0x4, 0, "ebx"): 0xFFF,
        (0x4, 1, "ebx"): 0xFFF,
        (0x4, 2, "ebx"): 0xFFF,
        (0x4, 3, "eax"): 0xE0,
        (0x4, 3, "ebx"): 0xFFF,
        (0x4, 3, "edx"): 0x1,
        (0x4, 4, "eax"): 0x1F,
        (0x6, 0, "eax"): 0x800000,
        (0x7, 0, "eax"): ALL_BITS,
        (0x7, 0, "ebx"): 0x219424C3,
        (0x7, 0, "ecx"): 0x99000000,
        (0x7, 0, "edx"): 0xFC082600,
        (0x7, 2, "edx"): 0x17,
        (0xA, 0, "eax"): 0xFF00,
        (0xA, 0, "ecx"): 0xFFFFFF80,
        (0xA, 0, "edx"): 0x8000,
        (0xD, 0, "eax"): 0x3,
        (0xD, 1, "eax"): 0xF,
        (0xD, 1, "ecx"): 0x1800,
        (0x14, 0, "eax"): ALL_BITS,
        (0x1F, 5, "ecx"): 0xFF00,
        (0x23, 1, "eax"): 0xFFFFFF00,
        (0x23, 1, "ebx"): 0xFFFFFFF0,
        (0x80000001, 0, "ecx"): 0x121,
        (0x80000001, 0, "edx"): 0x2C100800,
        (0x80000006, 0, "ecx"): 0xFF,
        (0x80000007, 0, "edx"): 0x100,
        (0x80000008, 0, "eax"): 0xFF,
        (0x80000008, 0, "ebx"): 0x200,
    }
)
"""Bits that TDH.SYS.INIT finds incorrect if they are otherwise."""

COMPARED_IN_PART: Final[Mapping[Register, int]] = MappingProxyType(
    {
        (0x1, 0, "eax"): 0xF000C000,
        (0x1, 0, "ebx"): 0xFFFF,
        (0x1, 0, "ecx"): 0xF7FFFF9F,
        (0x6, 0, "eax"): 0x800000,
        (0x7, 0, "ebx"): 0xFFFFFFFB,
        (0x7, 0, "ecx"): 0xBFC1FF6F,
        (0x7, 0, "edx"): 0xFFEBFFFF,
        (0x19, 0, "ebx"): 0xFFFFFFFE,
        (0x80000006, 0, "ecx"): 0xFF,
        (0x80000007, 0, "edx"): 0x100,
    }
)
NOT_COMPARED: Final = frozenset(
    {
        *(0x3, 0x6, 0x8, 0xE, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22),
        *(0x80000006, 0x80000007),
    }
)
"""Leaves that differ from LP to LP, but for what is compared in part."""
NOT_COMPARED_REGISTERS: Final = frozenset(
    {(0xD, 0, "ebx"), (0xD, 1, "ebx")}
    | {(TOPOLOGY, subleaf, "edx") for subleaf in WITH_SUBLEAVES[TOPOLOGY]}
)
"""The size of what XSAVE saves, which depends on what is enabled; an LP's number."""


def is_read(leaf: int, subleaf: int) -> bool:
    """The module asks for this leaf and subleaf."""
    if leaf in WITH_SUBLEAVES:
        return subleaf in WITH_SUBLEAVES[leaf]
    return leaf in WITHOUT_SUBLEAVES and subleaf == NO_SUBLEAF


def wanted(register: Register) -> int:
    """The bits that TDH.SYS.INIT wants as they usually are."""
    return WANTED.get(register, 0)


def compared(register: Register) -> int:
    """The bits that TDH.SYS.LP.INIT compares with what INIT saw."""
    leaf = register[0]
    if register in COMPARED_IN_PART:
        return COMPARED_IN_PART[register]
    if leaf in NOT_COMPARED or register in NOT_COMPARED_REGISTERS:
        return 0
    return ALL_BITS


def is_late(leaf: int, subleaf: int) -> bool:
    """The register is compared after the LP's package was recorded."""
    return leaf in LATE_LEAVES or (leaf == TOPOLOGY and subleaf > 0)
