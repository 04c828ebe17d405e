"""v6.16, mid 2025: v6.8 with KVM's TDX as it was merged, its two slips included.

__tdx_bringup() returned success after a failed check (B16), and a cgroup charge
that failed took one off a counter of KeyIDs that had not been added to (B17).
"""

from __future__ import annotations

from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import CXL_2024, K6_16

V6_16 = V6_8.variant(
    "v6.16",
    "v6.8 with KVM as it was merged: KeyIDs miscounted, a failure not passed on.",
    settings={
        Host.counts_hkids_exactly: False,
        Host.propagates_bring_up_errors: False,
    },
    sources=(K6_16.at("whole file"),),
)

HOTADD_PRECHECK = V6_16.variant(
    "hotadd-precheck",
    "v6.16, refusing memory when it is added, with a log line, and no notifier.",
    settings={
        Host.refuses_onlining_outside_list: False,
        Host.does_without_a_lost_notifier: False,
        Host.prechecks_added_memory: True,
    },
    sources=(CXL_2024.at("arch_check_hotplug_memory_range()"),),
)
