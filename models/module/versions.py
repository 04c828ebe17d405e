"""Module versions: the settings by which they differ from 1.5.01.

Each difference is a switch of `Module` and bears on one leaf or on one answer, so that
a host can also be given a module that differs in a single one.

Derived, not read: that module 1.0 answers the numbers of leaves that it lacks as it
does any unknown one, and that the others take the bit of 1.5.34's TDH.SYS.SHUTDOWN for
a part of the handoff version, which is then invalid.

Not among them: TDH.SYS.DISABLE, which none of these versions has (hosts switch it by
`module_has_disable`); leaf versions and feature flags that 1.5.34 takes; what depends
on MSRs and CPUID, which is in the tables that a machine brings along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tdxcheck.checker.language import Source, Variable
from tdxcheck.spec.module import Module
from tdxcheck.spec.sources import MODULE_1_0, MODULE_1_5, MODULE_1_5_34, MODULE_2_0


@dataclass(frozen=True, eq=False)
class Version:
    """A module version, as what it does otherwise than 1.5.01."""

    settings: Mapping[Variable, Any]
    sources: tuple[Source, ...]


VERSIONS: Final = MappingProxyType(
    {
        "1.0": Version(
            {
                Module.has_leaves_of_1_5: False,
                Module.lp_shutdown_is_final: True,
                Module.entropy_shortage_is_busy: True,
            },
            (
                MODULE_1_0.at("tdx_vmm_dispatcher.c"),
                MODULE_1_0.at("tdh_sys_lp_shutdown.c"),
                MODULE_1_0.at("tdh_sys_init.c"),
                MODULE_1_0.at("tdh_sys_lp_init.c"),
            ),
        ),
        "1.5.01": Version({}, (MODULE_1_5.at("tdx_vmm_dispatcher.c"),)),
        "1.5.34": Version(
            {
                Module.lp_init_draws_entropy: False,
                Module.can_avoid_sensitive_updates: True,
            },
            (
                MODULE_1_5_34.at("tdh_sys_lp_init.c"),
                MODULE_1_5_34.at("tdh_sys_shutdown.c"),
            ),
        ),
        "2.0.08": Version(
            {Module.lp_init_draws_entropy: False},
            (MODULE_2_0.at("tdh_sys_lp_init.c"),),
        ),
    }
)

TDMR_INIT_BYTES: Final = MappingProxyType(
    {"1.5.01": 4 << 20, "2.0.08 with Dynamic PAMT": 16 << 20}
)
"""How much of a TDMR one TDH.SYS.TDMR.INIT initialises, where it was read.

A machine says by `tdmr_batches` how many calls that are.
"""
