"""The module's versions as assumptions: what a host is that has this one.

`tdxcheck verify DESIGN --assume module-is-1.0` judges a design on it. Without any a
module is of 1.5.01, but for what the default machine leaves open: whether it is of 1.5
at all, whether it has TDH.SYS.DISABLE, and what KVM asks of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from tdxcheck.checker.catalogue import Assumption
from tdxcheck.checker.language import Variable
from tdxcheck.models.expected.versions import UNDER_VERSION
from tdxcheck.models.module.versions import VERSIONS
from tdxcheck.spec.host import Host

OF_A_HOST: Final[Mapping[str, Mapping[Variable, Any]]] = MappingProxyType(
    {
        "1.0": {
            Host.module_is_1_5: False,
            Host.module_has_dynamic_pamt: False,
            Host.preserves_tds: False,
        },
        "1.5.01": {
            Host.module_is_1_5: True,
            Host.module_has_dynamic_pamt: False,
            Host.preserves_tds: True,
        },
        "1.5.34": {
            Host.module_is_1_5: True,
            Host.update_corrupts_builds: False,
            Host.preserves_tds: True,
        },
        "2.0.08": {
            Host.module_is_1_5: True,
            Host.module_has_dynamic_pamt: True,
            Host.preserves_tds: True,
        },
    }
)
"""What a host knows of a version besides: none of these has TDH.SYS.DISABLE."""

MODULE_VERSIONS: Final = tuple(
    Assumption(
        f"module-is-{name}",
        f"The TDX module is of version {name}.",
        {
            **version.settings,
            **OF_A_HOST[name],
            Host.module_has_disable: False,
        },
        version.sources,
        known=UNDER_VERSION[name],
    )
    for name, version in VERSIONS.items()
)
