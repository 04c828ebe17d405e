"""What is known of runtime updates: nothing before v7.2, and what is wrong with its.

B40 was somebody's reading of the code. The model bears it out, whichever way the
loader counts: `loader_counts_all_lps` decides whether the session stays open, with no
module to call, or TDH.SYS.UPDATE answers TDX_SYS_STATE_INCORRECT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.system import Mode
from tdxcheck.spec.rules.update import UPDATE
from tdxcheck.spec.sources import (
    BINARIES,
    DISABLE_V3,
    K6_16,
    L7_2,
    LOADER_1_5,
    MODULE_1_5_34,
    SEAMLDR_7_2,
    TDX_HOST,
    UPDATE_V10,
)


def without_updates(note: str, *sources: Source) -> Mapping[str, Expectation]:
    """What the rules of updates say of a design that makes none: nothing."""
    return {
        rule.name: Expectation(
            Outcome.REFUTED if rule.mode is Mode.REACHABLE else Outcome.VACUOUS,
            note,
            sources,
        )
        for rule in UPDATE
    }


WITHOUT_UPDATE: Final = without_updates(
    "the kernel has no runtime update", UPDATE_V10.at("cover letter")
)
"""Of every design before v7.2."""

RETRIED_ONLINE: Final = Expectation(
    note="a CPU that comes online after a failed update calls TDH.SYS.INIT again, "
    "whose failure keeps every CPU offline from then on",
    sources=(L7_2.at("tdx_online_cpu(), tdx_cpu_enable()"),),
)
UPDATE_KNOWN: Final[Mapping[str, Expectation]] = {
    "every_lp_can_join_a_session": Expectation(
        note="only online CPUs take part in an update; if one is offline TDs are lost, "
        "for TDH.SYS.UPDATE waits for every LP even where the loader would not",
        bug="B40",
        sources=(
            SEAMLDR_7_2.at("seamldr_install_module(), cpu_online_mask"),
            LOADER_1_5.at("seamldr_install.c"),
            MODULE_1_5_34.at("tdh_sys_update.c"),
        ),
    ),
    "no_update_loses_a_td": Expectation(
        note="after TDH.SYS.SHUTDOWN any error loses all TDs, as documented",
        sources=(UPDATE_V10.at("cover letter"), LOADER_1_5.at("seamldr_install.c")),
    ),
    "no_measurement_is_corrupted": Expectation(
        note="TDH.SYS.SHUTDOWN is not told to refuse while a TD is built",
        bug="B21",
        sources=(
            BINARIES.at("README"),
            UPDATE_V10.at("22/25"),
            TDX_HOST.at("tdx_fw_write()"),
        ),
    ),
    "no_seamcall_after_a_failed_update": Expectation(
        note="KVM does not hear that an update has failed: it goes on with its TDs, "
        "and would create others; a CPU that comes online calls TDH.SYS.INIT",
        sources=(
            K6_16.at("__tdx_td_init(), tdx_vcpu_run(), tdx_mmu_release_hkid()"),
            L7_2.at("tdx_get_sysinfo(), tdx_online_cpu()"),
        ),
    ),
    "a_failed_update_can_be_made_again": Expectation(
        note="every update begins by shutting the module down, which none that an "
        "update has left can be; the machine is to be rebooted",
        sources=(
            L7_2.at("tdx_module_shutdown()"),
            LOADER_1_5.at("seamldr_install.c"),
            UPDATE_V10.at("cover letter"),
        ),
    ),
    "cpus_come_online_after_a_failed_update": RETRIED_ONLINE,
    "no_session_outlives_its_kernel": Expectation(
        note="neither an error nor a panic in the middle of an installation ends its "
        "session, and the way to another kernel makes no call that would",
        sources=(
            LOADER_1_5.at("seamldr_install.c"),
            SEAMLDR_7_2.at("do_seamldr_install_module()"),
            DISABLE_V3.at("native_machine_crash_shutdown()"),
        ),
    ),
}
"""Of v7.2."""
