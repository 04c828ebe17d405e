"""kh-approach1, 2022-04-29: v3, refusing to add any memory on a TDX platform.

The check would sit in __add_memory_resource(), which every way to add memory
passes, and would ask only whether the platform could run TDX.
"""

from __future__ import annotations

from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import KH_0429

KH_APPROACH1 = V3_DESIGN.variant(
    "kh-approach1",
    "v3, refusing to add any memory on a platform that could run TDX.",
    settings={Host.refuses_added_memory: True},
    sources=(KH_0429.at("approach 1"),),
)
