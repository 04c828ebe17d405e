"""v6, 2022-10-27: v5 without its guards; memory is what memblock has at boot.

Hotplug is left to the owner of the machine.
"""

from __future__ import annotations

from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import V6

V6_DESIGN = V3_DESIGN.variant(
    "v6",
    "v5 without its guards: what hotplug adds reaches the page allocator.",
    settings={
        Host.detects_tdx_on_every_cpu: False,
        Host.waits_for_opt_in: False,
        Host.requires_x2apic: True,
        Host.lists_legacy_pmem: False,
    },
    sources=(V6.at("00/21"),),
)
