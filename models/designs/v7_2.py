"""v7.2, 2026-06: TDH.SYS.DISABLE before any other kernel runs; updates at run time.

The module is told to forget everything on reboot, kexec and crash; kexec is
refused no longer, whether or not the module has the call. The administrator may
install a newer module while TDs exist; that none is being built is not asked. The flush
of a CPU that goes offline, or that TDX gives up, still asserts that preemption is off.
"""

from __future__ import annotations

from tdxcheck.models.designs.v7_1 import V7_1
from tdxcheck.models.update import UPDATE
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import DISABLE_V3, L7_2, SEAMLDR_7_2, TDX_HOST

V7_2 = V7_1.variant(
    "v7.2",
    "v7.1, disabling the module before another kernel runs, and updating it.",
    added=UPDATE,
    settings={
        Host.refuses_kexec_on_erratum: False,
        Host.disables_module: True,
        Host.disables_module_in_panic: True,
        Host.retries_disable: True,
        Host.disables_in_vmx_operation: True,
        Host.stops_cpus_before_disabling: True,
        Host.flushes_after_disabling: True,
        Host.offers_update_only_if_tds_survive: True,
        Host.checks_update_file: True,
        Host.reads_handoff_version: True,
        Host.runs_finished_tds_only: True,
        Host.stops_the_machine: True,
        Host.updates_in_lock_step: True,
        Host.serializes_installs: True,
        Host.installs_as_update: True,
        Host.preserves_tds: None,
        Host.handoff_version_is_told: None,
        Host.update_file_is_good: None,
        Host.stops_update_on_failure: True,
        Host.resets_flags_on_update: True,
        Host.locks_version_reads: True,
        Host.refuses_seamldr_on_vmcs_erratum: True,
        Host.refreshes_version_only: True,
        Host.seamret_clears_vmcs: None,
        Host.flushes_after_vp_flush: False,
    },
    sources=(
        DISABLE_V3.at("whole series"),
        L7_2.at("tdx_shutdown()"),
        SEAMLDR_7_2.at("whole file"),
        TDX_HOST.at("whole file"),
    ),
)
