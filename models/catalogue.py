"""Everything that `tdxcheck verify` judges."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Catalogue, Design, Rule
from tdxcheck.models.assumptions import ASSUMPTIONS
from tdxcheck.models.claims import CLAIMS
from tdxcheck.models.conformance.leaves import MODULE
from tdxcheck.models.designs.document_only import DOCUMENT_ONLY
from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.models.expectations import DOCUMENT_ONLY_KNOWN, V3_KNOWN, V6_8_KNOWN
from tdxcheck.models.machine import MACHINE
from tdxcheck.spec.rules import GROUPS

CATALOGUE = Catalogue(
    designs=(
        Design("v3", V3_DESIGN, V3_KNOWN),
        Design("document-only", DOCUMENT_ONLY, DOCUMENT_ONLY_KNOWN),
        Design("v6.8", V6_8, V6_8_KNOWN),
    ),
    rules=tuple(
        Rule(rule, concern) for concern, rules in GROUPS.items() for rule in rules
    ),
    machine=MACHINE,
    claims=CLAIMS,
    assumptions=ASSUMPTIONS,
    parts=(MODULE,),
)
