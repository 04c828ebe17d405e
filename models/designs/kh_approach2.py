"""kh-approach2, 2022-04-29 and 2022-05-03: v3, deciding by CMRs and by status.

CMRs would be read at boot through the P-SEAMLDR. Until TDX is initialised memory
may be added if it lies in a CMR, and is then TDX memory, too. What happens afterwards
is the difference between the proposal and its correction: nothing may be added, or
what the list of TDX memory already has. Initialisation and hotplug exclude each other.
"""

from __future__ import annotations

from tdxcheck.checker.language import action
from tdxcheck.models.designs.v3 import V3_DESIGN, build_tdmrs, is_boot_memory
from tdxcheck.models.initialization import allocate_pamt
from tdxcheck.spec.host import Host, Presence, Tdx
from tdxcheck.spec.sources import KH_0429, KH_0503


@action(
    actor=build_tdmrs.actor,
    sources=(*build_tdmrs.sources, KH_0503.at("approach 2, corrected")),
)
def build_tdmrs_with_added_memory(host: Host) -> None:
    """The kernel builds TDMRs from the memory of boot, and what was added from CMRs."""
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    there = host.memory
    host.tdx_memory.update(
        lambda b: (
            is_boot_memory(host, b)
            | (host.convertible(b) & (there[b] != Presence.ABSENT))
        )
    )
    allocate_pamt(host)
    host.tdx = Tdx.BUILT


KH_APPROACH2 = V3_DESIGN.variant(
    "kh-approach2",
    "v3, adding memory only in CMRs, and none once TDX is initialised.",
    replaced={build_tdmrs: build_tdmrs_with_added_memory},
    settings={
        Host.locks_memory_hotplug: True,
        Host.refuses_added_memory_outside_cmrs: True,
        Host.refuses_added_memory_once_initialized: True,
    },
    sources=(KH_0429.at("approach 2"),),
)

KH_APPROACH2_CORRECTED = KH_APPROACH2.variant(
    "kh-approach2-corrected",
    "kh-approach2, but letting listed memory come back once TDX is initialised.",
    settings={
        Host.refuses_added_memory_once_initialized: False,
        Host.refuses_added_memory_outside_list: True,
        Host.leaves_zone_device_alone: True,
    },
    sources=(KH_0503.at("approach 2, corrected"),),
)
