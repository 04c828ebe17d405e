"""The leaves by their names in the vectors: which actions of the model they are.

A leaf is one action for each kind of outcome, in an order in which the first that
can be attempted is what happens: of a leaf that some module versions lack, the last
is an unknown one. A name that is not here and has no number in it is no leaf that the
model knows of.

Source: TDX module 1.5.01, tdx_vmm_dispatcher.c; for the leaves on a TD's page, the
first page that each looks up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import Action, TransitionSystem
from tdxcheck.models.module import (
    configuration,
    dispatch,
    initialization,
    memory,
    update,
)
from tdxcheck.models.module.interleaving import leave
from tdxcheck.spec.interleaving import Interleaved

TD_PAGE_IN_RCX: Final = """
    VP.ENTER MNG.KEY.CONFIG MNG.RD MNG.WR MR.FINALIZE VP.FLUSH MNG.VPFLUSHDONE
    MNG.KEY.FREEID MNG.INIT VP.INIT VP.RD PHYMEM.PAGE.RECLAIM MEM.TRACK
    VP.WR SERVTD.PREBIND EXPORT.ABORT EXPORT.PAUSE EXPORT.TRACK
    EXPORT.STATE.IMMUTABLE EXPORT.STATE.TD EXPORT.STATE.VP IMPORT.ABORT IMPORT.END
    IMPORT.COMMIT IMPORT.TRACK IMPORT.STATE.IMMUTABLE IMPORT.STATE.TD IMPORT.STATE.VP
""".split()
TD_PAGE_IN_RDX: Final = """
    MNG.ADDCX MEM.PAGE.ADD MEM.SEPT.ADD VP.ADDCX MEM.PAGE.RELOCATE MEM.PAGE.AUG
    MEM.RANGE.BLOCK VP.CREATE MEM.RD MEM.WR MEM.PAGE.DEMOTE MR.EXTEND
    MEM.PAGE.PROMOTE MEM.SEPT.RD MEM.PAGE.REMOVE MEM.SEPT.REMOVE MEM.RANGE.UNBLOCK
    SERVTD.BIND EXPORT.BLOCKW EXPORT.RESTORE EXPORT.MEM EXPORT.UNBLOCKW IMPORT.MEM
    MIG.STREAM.CREATE
""".split()
DISTINCT_FROM_RCX: Final = "TDH.SERVTD.BIND"
"""The leaf that refuses the same page in RCX and RDX before it looks them up."""

VERSIONED: Final = frozenset(
    f"TDH.{name}"
    for name in (
        "MEM.PAGE.PROMOTE",
        "MEM.SEPT.ADD",
        "MEM.SEPT.REMOVE",
        "MNG.RD",
        "VP.RD",
    )
)
"""The leaves of which the dispatcher accepts any version; they know version 1."""
NOT_OF_THE_HOST: Final = frozenset({"TDH.MEM.SEPT.WR"})
"""Leaves that have a name, but that the dispatcher does not know."""

LEAVES: Final = MappingProxyType[str, tuple[Action, ...]](
    {
        "TDH.SYS.INFO": (initialization.sys_info,),
        "TDH.SYS.RD": (initialization.sys_rd, dispatch.unknown_leaf),
        "TDH.SYS.RDALL": (initialization.sys_rdall, dispatch.unknown_leaf),
        "TDH.SYS.INIT": (initialization.sys_init, initialization.sys_init_fatal),
        "TDH.SYS.LP.INIT": (
            initialization.sys_lp_init,
            initialization.sys_lp_init_misread,
            *initialization.LP_INIT_REFUSED_LATE.values(),
        ),
        "TDH.SYS.CONFIG": (
            configuration.sys_config,
            *configuration.CONFIG_REFUSED.values(),
            configuration.sys_config_hang,
        ),
        "TDH.SYS.KEY.CONFIG": (
            configuration.sys_key_config,
            configuration.sys_key_config_fatal,
        ),
        "TDH.SYS.TDMR.INIT": (
            memory.sys_tdmr_init_pages,
            configuration.sys_tdmr_init_hang,
        ),
        "TDH.SYS.SHUTDOWN": (update.sys_shutdown, dispatch.unknown_leaf),
        "TDH.SYS.UPDATE": (
            update.sys_update,
            update.sys_update_fatal,
            dispatch.unknown_leaf,
        ),
        "TDH.SYS.LP.SHUTDOWN": (
            dispatch.sys_lp_shutdown,
            dispatch.sys_lp_shutdown_final,
        ),
        "TDH.MNG.CREATE": (memory.mng_create, memory.mng_create_hang),
        "TDH.MNG.KEY.RECLAIMID": (dispatch.mng_key_reclaimid,),
        "TDH.PHYMEM.PAGE.RDMD": (
            memory.phymem_page_rdmd,
            memory.phymem_page_rdmd_hang,
        ),
        "TDH.PHYMEM.PAGE.WBINVD": (
            memory.phymem_page_wbinvd,
            memory.phymem_page_rdmd_hang,
        ),
        "TDH.PHYMEM.CACHE.WB": (memory.phymem_cache_wb,),
        **{f"TDH.{name}": memory.LEAVES_ON_TD_PAGES["RCX"] for name in TD_PAGE_IN_RCX},
        **{f"TDH.{name}": memory.LEAVES_ON_TD_PAGES["RDX"] for name in TD_PAGE_IN_RDX},
    }
)
PAGE_REGISTERS: Final = MappingProxyType(
    {
        "TDH.MNG.CREATE": "rcx",
        "TDH.PHYMEM.PAGE.RDMD": "rcx",
        "TDH.PHYMEM.PAGE.WBINVD": "rcx",
        **{f"TDH.{name}": "rcx" for name in TD_PAGE_IN_RCX},
        **{f"TDH.{name}": "rdx" for name in TD_PAGE_IN_RDX},
    }
)
"""The register that names the first page, where a leaf has one."""

OTHERS: Final = (
    initialization.sys_init_without_seamdb,
    dispatch.unknown_leaf,
    update.module_loaded,
    update.handoff_header_overwritten,
    leave,
)
ACTIONS: Final = tuple(
    dict.fromkeys(
        [action for actions in LEAVES.values() for action in actions] + [*OTHERS]
    )
)
"""Every action that a vector can be a step of."""

MODULE: Final = TransitionSystem(
    "module", "The TDX module by itself, called by anybody", Interleaved, ACTIONS
)
"""Its settings are those of the machine that a vector was recorded on."""


Leaves = Mapping[str, tuple[Action, ...]]


def actions_of(leaf: str, leaves: Leaves) -> tuple[Action, ...] | None:
    """What a leaf can be in the model; None if the model does not know the name."""
    if leaf in leaves:
        return leaves[leaf]
    if leaf in NOT_OF_THE_HOST or leaf.startswith("LEAF_"):
        return (dispatch.unknown_leaf,)
    return None
