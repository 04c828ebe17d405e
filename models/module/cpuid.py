"""What the module makes of a CPUID register in which an LP differs.

Which bits TDH.SYS.INIT wants as they usually are, and which TDH.SYS.LP.INIT compares,
are tables of the module's that follow no rule. Here are those that the recorded flips
of `platform-checks` show; of any other register it is not known.

A register is a leaf, a subleaf (0 where the leaf has none) and a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

Register: TypeAlias = tuple[int, int, str]

NO_SUBLEAF: Final = 0xFFFFFFFF
"""How the module asks for a leaf that has no subleaves."""
ALL_BITS: Final = 0xFFFFFFFF


def _registers(
    places: Mapping[str, tuple[tuple[int, int], ...]],
) -> frozenset[Register]:
    """The registers of these subleaves, which are named by their second letters."""
    return frozenset(
        (leaf, subleaf, f"e{letter}x")
        for letters, subleaves in places.items()
        for leaf, subleaf in subleaves
        for letter in letters
    )


# TDH.SYS.INIT.

WANTED: Final[Mapping[Register, int]] = MappingProxyType(
    {
        (0x0, 0, "ebx"): ALL_BITS,
        (0x0, 0, "ecx"): ALL_BITS,
        (0x0, 0, "edx"): ALL_BITS,
        (0x1, 0, "ebx"): 0xFF00,
        (0x1, 0, "edx"): 0x1FA9FBFF,
        (0x4, 0, "ebx"): 0xFFF,
        (0x4, 3, "ebx"): 0xFFF,
        (0x4, 3, "edx"): 0x1,
        (0x6, 0, "eax"): 0x800000,
        (0x7, 0, "eax"): ALL_BITS,
        (0x7, 0, "ecx"): 0x99010000,
        (0x7, 2, "edx"): 0x17,
        (0xA, 0, "eax"): 0xFF05,
        (0xA, 0, "ecx"): 0xFFFFFF80,
        (0xD, 0, "eax"): 0x3,
        (0xD, 1, "eax"): 0xF,
        (0x14, 0, "eax"): ALL_BITS,
        (0x1F, 5, "ecx"): 0xFF00,
        (0x80000001, 0, "ecx"): 0x121,
        (0x80000008, 0, "ebx"): 0x200,
    }
)
"""Bits that TDH.SYS.INIT finds incorrect if they are otherwise."""
UNCHECKED: Final = _registers(
    {
        "abcd": ((3, 0), (8, 0), (0xD, 8), (0xD, 0xE), (0xD, 0x11), (0x21, 0)),
        "acd": ((7, 1), (0xD, 2), (0xD, 6), (0xD, 0x10), (0x1D, 1)),
        "bcd": ((5, 0), (0xE, 0), (0x13, 0)),
        "abd": ((0xD, 5), (0xD, 0xF), (0x11, 0)),
        "abc": ((0x22, 0),),
        "ad": ((4, 1), (4, 2), (0xD, 9), (0xD, 0x12), (0x80000006, 0)),
        "bd": ((4, 4), (0xD, 1), (0x14, 0), *((0x1F, each) for each in (0, 1, 3, 4))),
        "ac": ((7, 2), (0x1E, 0), (0x23, 3)),
        "ab": ((0xD, 0xB), (0x12, 0), (0x23, 2), (0x80000001, 0)),
        "bc": ((0x15, 0), (0x19, 0), (0x20, 0), (0x80000007, 0)),
        "cd": ((0x1D, 0), (0x23, 0), (0x23, 1), (0x80000000, 0)),
        "a": ((0xD, 7), (0x1C, 0)),
        "b": ((6, 0), (0xD, 0xD), (0x14, 1)),
        "c": ((4, 3), (0xD, 4), (0x80000008, 0)),
        "d": ((4, 0), (0xD, 3), (0xD, 0xC)),
    }
)

# TDH.SYS.LP.INIT.

COMPARED_WHOLE: Final = _registers(
    {
        "abcd": (
            (4, 3),
            (0xA, 0),
            (0xD, 3),
            (0xD, 8),
            (0xD, 0xF),
            (0x14, 0),
            (0x23, 0),
        ),
        "acd": ((0xD, 0xD), (0xD, 0xE), (0xD, 0x10), (0x80000001, 0)),
        "bcd": ((0xD, 7), (0xD, 9)),
        "abd": ((0xD, 4), (0xD, 0xB), (0x1D, 1), (0x23, 3)),
        "abc": ((4, 2), (5, 0), (0x1F, 2), (0x1F, 4)),
        "ad": ((0xD, 0), (0xD, 0x12), (0x1E, 0)),
        "bd": ((0, 0), (0x15, 0), (0x80000000, 0)),
        "ac": ((7, 2), (0xD, 1), (0x14, 1), (0x1C, 0)),
        "bc": ((0xD, 6), (0xD, 0xC), (0x1F, 1), (0x80000008, 0)),
        "cd": ((4, 0), (4, 4), (0xD, 0x11), (0x23, 2)),
        "a": ((4, 1), (7, 0), (0x19, 0), (0x1F, 5)),
        "b": ((7, 0), (0xD, 2), (0x1F, 0)),
        "c": ((0xD, 5), (0xD, 0xA), (0x1F, 0)),
        "d": ((1, 0), (7, 1)),
    }
)
COMPARED_IN_PART: Final[Mapping[Register, int]] = MappingProxyType(
    {
        (0x1, 0, "eax"): 0xF000C000,
        (0x1, 0, "ebx"): 0xFFFF,
        (0x1, 0, "ecx"): 0xF7FFFF9F,
        (0x7, 0, "edx"): 0xFFEBFFFF,
        (0x80000007, 0, "edx"): 0x100,
    }
)
NOT_COMPARED: Final = _registers(
    {
        "abc": ((0x21, 0),),
        "abd": ((0x11, 0), (0x22, 0)),
        "ab": ((3, 0), (0x13, 0)),
        "ad": ((8, 0), (0x20, 0)),
        "cd": ((0x12, 0),),
        "a": ((0xE, 0), (0x80000006, 0)),
        "b": ((6, 0), (0xD, 0)),
        "d": ((0x1F, 0), (0x1F, 5)),
    }
)


def wanted(register: Register) -> int | None:
    """The bits that TDH.SYS.INIT wants as they usually are; None: not known."""
    if register in UNCHECKED:
        return 0
    return WANTED.get(register)


def compared(register: Register) -> int | None:
    """The bits that TDH.SYS.LP.INIT compares with what INIT saw; None: not known."""
    if register in COMPARED_WHOLE:
        return ALL_BITS
    if register in NOT_COMPARED:
        return 0
    return COMPARED_IN_PART.get(register)
