"""Everything that `tdxcheck verify` judges."""

from __future__ import annotations

from tdxcheck.checker.catalogue import Catalogue, Design, Rule
from tdxcheck.models.assumptions import ASSUMPTIONS
from tdxcheck.models.claims import CLAIMS
from tdxcheck.models.conformance.leaves import MODULE
from tdxcheck.models.denials import DENIALS
from tdxcheck.models.designs.document_only import DOCUMENT_ONLY
from tdxcheck.models.designs.dpamt import DPAMT
from tdxcheck.models.designs.kexec_mutex import KEXEC_MUTEX_DESIGN
from tdxcheck.models.designs.kh_approach1 import KH_APPROACH1
from tdxcheck.models.designs.kh_approach2 import KH_APPROACH2, KH_APPROACH2_CORRECTED
from tdxcheck.models.designs.rfc_v2 import RFC_V2_DESIGN
from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.models.designs.v5 import V5_DESIGN
from tdxcheck.models.designs.v6 import V6_DESIGN
from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.models.designs.v6_16 import HOTADD_PRECHECK, V6_16
from tdxcheck.models.designs.v6_18 import V6_18
from tdxcheck.models.designs.v7 import V7_DESIGN
from tdxcheck.models.designs.v7_1 import V7_1
from tdxcheck.models.designs.v7_2 import V7_2
from tdxcheck.models.designs.v8 import V8_DESIGN
from tdxcheck.models.designs.v9 import V9_DESIGN
from tdxcheck.models.designs.v13 import V10_DESIGN, V13_DESIGN, V15_DESIGN
from tdxcheck.models.expected.dead import DEAD
from tdxcheck.models.expected.designs import EXPECTATIONS
from tdxcheck.models.expected.redundant import REDUNDANT
from tdxcheck.models.hazards import HAZARDS
from tdxcheck.models.machine import MACHINE
from tdxcheck.models.module.overlapping import ONE_IMAGE, OVERLAPPING
from tdxcheck.models.module_versions import MODULE_VERSIONS
from tdxcheck.models.relied_upon import RELIED_UPON
from tdxcheck.spec.rules import GROUPS

DESIGNS = (
    RFC_V2_DESIGN,
    V3_DESIGN,
    DOCUMENT_ONLY,
    KH_APPROACH1,
    KH_APPROACH2,
    KH_APPROACH2_CORRECTED,
    V5_DESIGN,
    V6_DESIGN,
    V7_DESIGN,
    V8_DESIGN,
    V9_DESIGN,
    V10_DESIGN,
    V13_DESIGN,
    V15_DESIGN,
    V6_8,
    HOTADD_PRECHECK,
    KEXEC_MUTEX_DESIGN,
    V6_16,
    V6_18,
    V7_1,
    V7_2,
    DPAMT,
)
"""In the order in which they were proposed."""

CATALOGUE = Catalogue(
    designs=tuple(
        Design(
            system.name,
            system,
            EXPECTATIONS[system.name],
            REDUNDANT.get(system.name, {}),
            DEAD.get(system.name, {}),
        )
        for system in DESIGNS
    ),
    rules=tuple(
        Rule(rule, concern) for concern, rules in GROUPS.items() for rule in rules
    ),
    machine=MACHINE,
    claims=(*CLAIMS, *RELIED_UPON, *HAZARDS),
    assumptions=(*ASSUMPTIONS, *MODULE_VERSIONS, *DENIALS),
    parts=(MODULE, OVERLAPPING, ONE_IMAGE),
)
