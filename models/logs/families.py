"""The designs whose kernels print alike, by how they come to TDX."""

from __future__ import annotations

from typing import Final

OF_2022: Final = frozenset(
    {
        "rfc-v2", "v3", "document-only", "kh-approach1", "kh-approach2",
        "kh-approach2-corrected",
    }
)  # fmt: skip
V5_ERA: Final = frozenset({"v5", "v6", "v7", "v8", "v9"})
BY_CALLER: Final = frozenset({"v13"})
"""The trees of 2023, in which the caller enables each CPU."""
EARLY: Final = OF_2022 | V5_ERA | BY_CALLER
BY_KVM: Final = frozenset({"v6.8", "hotadd-precheck", "kexec-mutex", "v6.16", "v6.18"})
BY_CORE: Final = frozenset({"v7.1", "v7.2", "dpamt"})
LATE: Final = BY_CALLER | BY_KVM | BY_CORE
ALL: Final = EARLY | LATE
