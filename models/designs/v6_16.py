"""v6.16, mid 2025: v6.8 with KVM's TDX as it was merged, its two slips included.

__tdx_bringup() returned success after a failed check (B16), and a cgroup charge
that failed took one off a counter of KeyIDs that had not been added to (B17). That
KVM, unloaded after B16, has given VMX up once too often is left out: the next virtual
machine turns it on again.
"""

from __future__ import annotations

from tdxcheck.checker.language import action
from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.models.kvm import kvm_unload, unload
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import CXL_2024, K6_16


@action(
    actor=kvm_unload.actor,
    kinds=kvm_unload.kinds,
    sources=(K6_16.at("tdx_cleanup(), __do_tdx_cleanup()"),),
)
def kvm_unload_twice(host: Host) -> None:
    """The administrator unloads KVM, which cleans up after TDX once more: WARN.

    Its callbacks were removed when a check failed, but it believes that it offers TDX.
    """
    unload(host, host.tdx_in_use() & ~host.callbacks_installed)


V6_16 = V6_8.variant(
    "v6.16",
    "v6.8 with KVM as it was merged: KeyIDs miscounted, a failure not passed on.",
    replaced={kvm_unload: kvm_unload_twice},
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
