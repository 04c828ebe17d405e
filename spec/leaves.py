"""The numbers of SEAMCALL leaves: bits 15:0 of RAX, and of the loader all of RAX.

Source: TDX module 1.5.01, tdx_api_defs.h; of SYS.DISABLE and of the leaves of Dynamic
PAMT, Linux (SYSDIS; DPAMT-v6 03/11); of the P-SEAMLDR, the SEAM loader 1.5.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

LEAVES: Final = MappingProxyType(
    {
        0: "TDH.VP.ENTER",
        1: "TDH.MNG.ADDCX",
        2: "TDH.MEM.PAGE.ADD",
        3: "TDH.MEM.SEPT.ADD",
        4: "TDH.VP.ADDCX",
        5: "TDH.MEM.PAGE.RELOCATE",
        6: "TDH.MEM.PAGE.AUG",
        7: "TDH.MEM.RANGE.BLOCK",
        8: "TDH.MNG.KEY.CONFIG",
        9: "TDH.MNG.CREATE",
        10: "TDH.VP.CREATE",
        11: "TDH.MNG.RD",
        15: "TDH.MEM.PAGE.DEMOTE",
        16: "TDH.MR.EXTEND",
        17: "TDH.MR.FINALIZE",
        18: "TDH.VP.FLUSH",
        19: "TDH.MNG.VPFLUSHDONE",
        20: "TDH.MNG.KEY.FREEID",
        21: "TDH.MNG.INIT",
        22: "TDH.VP.INIT",
        23: "TDH.MEM.PAGE.PROMOTE",
        24: "TDH.PHYMEM.PAGE.RDMD",
        26: "TDH.VP.RD",
        27: "TDH.MNG.KEY.RECLAIMID",
        28: "TDH.PHYMEM.PAGE.RECLAIM",
        29: "TDH.MEM.PAGE.REMOVE",
        30: "TDH.MEM.SEPT.REMOVE",
        31: "TDH.SYS.KEY.CONFIG",
        32: "TDH.SYS.INFO",
        33: "TDH.SYS.INIT",
        34: "TDH.SYS.RD",
        35: "TDH.SYS.LP.INIT",
        36: "TDH.SYS.TDMR.INIT",
        37: "TDH.SYS.RDALL",
        38: "TDH.MEM.TRACK",
        39: "TDH.MEM.RANGE.UNBLOCK",
        40: "TDH.PHYMEM.CACHE.WB",
        41: "TDH.PHYMEM.PAGE.WBINVD",
        43: "TDH.VP.WR",
        44: "TDH.SYS.LP.SHUTDOWN",
        45: "TDH.SYS.CONFIG",
        52: "TDH.SYS.SHUTDOWN",
        53: "TDH.SYS.UPDATE",
        58: "TDH.PHYMEM.PAMT.ADD",
        59: "TDH.PHYMEM.PAMT.REMOVE",
        69: "TDH.SYS.DISABLE",
        254: "TDDEBUGCONFIG (debug modules only)",
        0x8000000000000000: "SEAMLDR.INFO",
        0x8000000000000001: "SEAMLDR.INSTALL",
        0x8000000000000002: "SEAMLDR.SHUTDOWN",
        0x8000000000000003: "SEAMLDR.SEAMINFO",
        0x8000000000000004: "SEAMLDR.CLEANUP",
    }
)

VERSION_BITS: Final = 0xFF0000
"""Bits 23:16 of RAX select a version of the leaf."""


def leaf_name(number: int) -> str:
    """The leaf's official name, with its version if one was asked for."""
    if number >> 63:
        return LEAVES.get(number, f"unknown P-SEAMLDR leaf {number:#x}")
    name = LEAVES.get(number & 0xFFFF)
    if name is None or number >> 24:
        return f"unknown leaf {number}" if number < 1 << 16 else f"leaf {number:#x}"
    version = (number & VERSION_BITS) >> 16
    return f"{name} version {version}" if version else name


def is_of_initialization(number: int) -> bool:
    """The leaf is part of bringing the module up, before any TD can exist."""
    return LEAVES.get(number & 0xFFFF, "").startswith("TDH.SYS.") and not number >> 63
