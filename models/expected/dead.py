"""What never happens in a design on the default machine, and why.

By the names that `tdxcheck coverage` gives: an action, a refusal of one, the left side
of a rule. A rule that is known to be vacuous need not be named again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.mainline import NO_KEXEC
from tdxcheck.models.expected.proposals import NEVER_USED
from tdxcheck.models.expected.table import Table
from tdxcheck.models.expected.updates import UPDATE_KNOWN, WITHOUT_UPDATE
from tdxcheck.spec.sources import (
    BASE_SPEC,
    CPU_SPEC,
    K6_16,
    KH_0503,
    L6_8,
    SEAMLDR_7_2,
)

CLEAN_PAMT: Final = Expectation(
    note="when the module writes the PAMT no cache holds an old line of it any more",
    sources=(BASE_SPEC.at("ch. 4.1, 16.2.4"),),
)
EVERYWHERE: Final[Table] = {
    "evict_pamt_line": CLEAN_PAMT,
    "module_reads_poison": CLEAN_PAMT,
}
"""Of every design: the rule pamt_is_clean_when_written holds of all."""

NOTHING_PRIVATE: Final = Expectation(
    note="with the erratum, no page that is still private comes to another owner",
    sources=(L6_8.at("init_tdx_module(), error path"),),
)
NO_NEXT_KERNEL: Final[Table] = dict.fromkeys(
    ("next_kernel_turns_vmx_on", "next_kernel_tries_tdx", "next_kernel_shuts_down"),
    NO_KEXEC,
)
NOT_ENTERED: Final = Expectation(
    note="only a hot-added CPU is still to be initialised, and there the SEAMCALL is "
    "not entered",
    sources=(K6_16.at("tdx_online_cpu()"), CPU_SPEC.at("SEAMCALL, operation")),
)
FIRST_ONLINE: Final[Table] = dict.fromkeys(
    (
        "cpu_online_first",
        "cpu_online_first/6/refused",
        "cpu_online_first/9/refused",
    ),
    NOT_ENTERED,
)
UPDATES_END: Final[Table] = {"an_update_ends": WITHOUT_UPDATE["no_update_loses_a_td"]}
NOT_IN_USE: Final[Table] = dict.fromkeys(
    (
        "memory_online/4/refused",
        "partial_write",
        "evict_private_line",
        "next_kernel_turns_vmx_on",
        "next_kernel_tries_tdx",
        "next_kernel_shuts_down",
        "td_create",
        "td_configure_key",
        "td_run",
        "td_add_page",
        "td_remove_page",
        "td_stop",
        "td_write_back",
        "td_free_key",
        "configure_key",
        "configure_key_fatal",
        "initialize_tdmr_breaks_off",
    ),
    NEVER_USED,
)
REFUSED_BEFORE_AND_AFTER: Final = Expectation(
    note="a device's memory is outside CMRs before TDX is initialised, and outside its "
    "list after",
    sources=(KH_0503.at("approach 2, corrected"),),
)
HANDED_OFF: Final = Expectation(
    note="nothing is installed after a shutdown that failed, so there is a handoff",
    sources=(SEAMLDR_7_2.at("do_seamldr_install_module()"),),
)
UPDATED: Final[Table] = {
    "update_without_handoff": HANDED_OFF,
    "update_again": UPDATE_KNOWN["a_failed_update_can_be_made_again"],
}

BASES: Final = (
    *("rfc-v2", "v3", "document-only", "kh-approach1", "kh-approach2", "v5", "v6"),
    *("v7", "v9"),
)
_CAREFUL: Final[Table] = {**EVERYWHERE, **UPDATES_END, **FIRST_ONLINE}
_RESET: Final[Table] = {**_CAREFUL, "partial_write": NOTHING_PRIVATE}
DEAD: Mapping[str, Table] = {
    **{key: {**EVERYWHERE, **UPDATES_END} for key in BASES},
    "kh-approach2-corrected": {
        **EVERYWHERE,
        **UPDATES_END,
        "device_as_memory": REFUSED_BEFORE_AND_AFTER,
    },
    "v8": {**EVERYWHERE, **UPDATES_END, **NOT_IN_USE},
    "v10": _CAREFUL,
    "v13": _RESET,
    "v15": _RESET,
    "v6.8": {**_RESET, **NO_NEXT_KERNEL},
    "hotadd-precheck": {**_RESET, **NO_NEXT_KERNEL},
    "kexec-mutex": _RESET,
    "v6.16": {**_RESET, **NO_NEXT_KERNEL},
    "v6.18": _RESET,
    "v7.1": _RESET,
    "v7.2": {**EVERYWHERE, **UPDATED},
    "dpamt": {**EVERYWHERE, **UPDATED},
}
"""By design and name."""
