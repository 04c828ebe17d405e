"""document-only, 2022-04-27: v3, and a manual that says which machines it is for.

The text changes no transition. It is an assumption on the machine: that nobody
hot-adds, and nobody uses an NVDIMM as memory. A run that makes the assumption is
a claim; this design is what happens without it.
"""

from __future__ import annotations

from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.spec.sources import KH_0427, SEED

DOCUMENT_ONLY = V3_DESIGN.variant(
    "document-only",
    "v3, with the machines that it breaks on left to the manual.",
    sources=(KH_0427.at("on documentation"), SEED.at("on documentation")),
)
