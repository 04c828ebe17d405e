"""rfc-v2, 2022-03-13: the architecture that v3 kept."""

from __future__ import annotations

from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.spec.sources import RFC_V2, V3

RFC_V2_DESIGN = V3_DESIGN.variant(
    "rfc-v2",
    "v3 before its review: the same steps, the same checks.",
    sources=(RFC_V2.at("00/21"), V3.at("00/21, changelog")),
)
