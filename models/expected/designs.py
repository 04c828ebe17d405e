"""Every design's table of known verdicts; any other verdict is news.

A table lists rules by name; each design's is stated as what it has other than the
design it comes from. Bug numbers are those of the sources' lists.
"""

from __future__ import annotations

from collections.abc import Mapping

from tdxcheck.models.expected.dynamic_pamt import (
    DYNAMIC_PAMT_KNOWN,
    WITHOUT_DYNAMIC_PAMT,
)
from tdxcheck.models.expected.handover import NEVER_DISABLED
from tdxcheck.models.expected.mainline import (
    HOTADD_PRECHECK_KNOWN,
    KEXEC_MUTEX_KNOWN,
    V6_8_KNOWN,
    V6_16_KNOWN,
    V6_18_KNOWN,
    V7_1_KNOWN,
    V7_2_KNOWN,
    V9_KNOWN,
    V10_KNOWN,
    V13_KNOWN,
    V15_KNOWN,
)
from tdxcheck.models.expected.proposals import (
    APPROACH1_KNOWN,
    APPROACH2_CORRECTED_KNOWN,
    APPROACH2_KNOWN,
    V3_KNOWN,
    V5_KNOWN,
    V7_KNOWN,
    V8_KNOWN,
)
from tdxcheck.models.expected.table import Table, vacuous
from tdxcheck.models.expected.updates import UPDATE_KNOWN, WITHOUT_UPDATE
from tdxcheck.spec.sources import VMXON_V3

KVM_INITIALIZES: Table = {
    "kvm_finds_tdx_where_it_is": vacuous(
        "TDX is not initialised by the core kernel", VMXON_V3.at("cover letter")
    )
}
BEFORE_CORE: Mapping[str, Table] = {
    "rfc-v2": V3_KNOWN,
    "v3": V3_KNOWN,
    "document-only": V3_KNOWN,
    "kh-approach1": APPROACH1_KNOWN,
    "kh-approach2": APPROACH2_KNOWN,
    "kh-approach2-corrected": APPROACH2_CORRECTED_KNOWN,
    "v5": V5_KNOWN,
    "v6": {**V3_KNOWN, "disabled_tdx_is_left_alone": NEVER_DISABLED},
    "v7": V7_KNOWN,
    "v8": V8_KNOWN,
    "v9": V9_KNOWN,
    "v10": V10_KNOWN,
    "v13": V13_KNOWN,
    "v15": V15_KNOWN,
    "v6.8": V6_8_KNOWN,
    "hotadd-precheck": HOTADD_PRECHECK_KNOWN,
    "kexec-mutex": KEXEC_MUTEX_KNOWN,
    "v6.16": V6_16_KNOWN,
    "v6.18": V6_18_KNOWN,
}
BEFORE_UPDATES: Mapping[str, Table] = {
    **{design: {**KVM_INITIALIZES, **table} for design, table in BEFORE_CORE.items()},
    "v7.1": V7_1_KNOWN,
}

WITH_WHOLE_PAMT: Mapping[str, Table] = {
    **{design: {**WITHOUT_UPDATE, **table} for design, table in BEFORE_UPDATES.items()},
    "v7.2": {**V7_2_KNOWN, **UPDATE_KNOWN},
}
EXPECTATIONS: Mapping[str, Table] = {
    **{d: {**table, **WITHOUT_DYNAMIC_PAMT} for d, table in WITH_WHOLE_PAMT.items()},
    "dpamt": {**V7_2_KNOWN, **UPDATE_KNOWN, **DYNAMIC_PAMT_KNOWN},
}
