"""What is known to be otherwise with one version of the module, by design and rule.

A version that lacks a call takes away what rests on it: nothing is wrong with a kernel
that never comes to use TDX, but it does not, and a rule that it can says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.table import Table
from tdxcheck.spec.sources import (
    ASM_TDX,
    DISABLE_V3,
    ISSUES,
    L6_8,
    MODULE_1_0,
    MODULE_1_5,
    MODULE_1_5_34,
)

NO_SYS_RD: Final = Expectation(
    note="the kernel asks for limits by TDH.SYS.RD, which module 1.0 has not",
    sources=(ISSUES.at("83, 331"), L6_8.at("get_tdx_tdmr_sysinfo()")),
)
TOLD_AS_BUSY: Final = Expectation(
    note="module 1.0 tells a shortage of entropy as TDX_SYS_BUSY, which is not tried "
    "again",
    sources=(MODULE_1_0.at("tdh_sys_init.c"), ASM_TDX.at("sc_retry()")),
)
NO_SYS_DISABLE: Final = Expectation(
    note="no version that was read has TDH.SYS.DISABLE",
    sources=(MODULE_1_5_34.at("tdx_vmm_dispatcher.c"), DISABLE_V3.at("cover letter")),
)
NO_DYNAMIC_PAMT: Final = Expectation(
    note="the module has no Dynamic PAMT", sources=(MODULE_1_5.at("tdh_sys_config.c"),)
)

RETRYING: Final = (
    *("v13", "v15", "v6.8", "hotadd-precheck", "kexec-mutex", "v6.16", "v6.18"),
    *("v7.1", "v7.2", "dpamt"),
)
"""The designs that make a call again which met a shortage of entropy."""
ASKING_BY_SYS_RD: Final = tuple(d for d in RETRYING if d != "v13")
DISABLING: Final = ("v7.2", "dpamt")

_BUSY: Final[Table] = {"a_shortage_of_entropy_is_not_final": TOLD_AS_BUSY}
_UNUSED: Final[Table] = {**_BUSY, "a_td_can_run": NO_SYS_RD}
_NO_UPDATE: Final[Table] = {
    **_UNUSED,
    "an_update_can_succeed": NO_SYS_RD,
    "a_reboot_can_leave_the_module_disabled": NO_SYS_DISABLE,
}
_UNDISABLED: Final[Table] = {"a_reboot_can_leave_the_module_disabled": NO_SYS_DISABLE}
_UNPAIRED: Final[Table] = {"pamt_pages_can_be_given_back": NO_DYNAMIC_PAMT}

UNDER_VERSION: Final[Mapping[str, Mapping[str, Table]]] = {
    "1.0": {
        **dict.fromkeys(RETRYING, _BUSY),
        **dict.fromkeys(ASKING_BY_SYS_RD, _UNUSED),
        "v7.2": _NO_UPDATE,
        "dpamt": {**_NO_UPDATE, **_UNPAIRED},
    },
    "1.5.01": {"v7.2": _UNDISABLED, "dpamt": {**_UNDISABLED, **_UNPAIRED}},
    "1.5.34": dict.fromkeys(DISABLING, _UNDISABLED),
    "2.0.08": dict.fromkeys(DISABLING, _UNDISABLED),
}
"""By version, design and rule; any other verdict is as without the assumption."""
