"""The module by itself, with LPs that stop at every place inside its leaves.

Every leaf is called with its usual operands, and a list of TDMRs may be refused. No
leaf hangs: every LP is counted, and so initialised before any leaf needs it to be.
Between two of its steps an LP may be anywhere that the others have not locked, so
the reachable states are those of every interleaving.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import Action, TransitionSystem
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.module.configuration import (
    CONFIG_REFUSED,
    sys_config,
    sys_key_config,
)
from tdxcheck.models.module.dispatch import sys_lp_shutdown
from tdxcheck.models.module.initialization import sys_info, sys_init, sys_lp_init
from tdxcheck.models.module.interleaving import (
    leave,
    module_loaded_outside,
    places,
    stretch,
)
from tdxcheck.models.module.memory import mng_create, sys_tdmr_init_pages
from tdxcheck.models.module.update import sys_shutdown, sys_update, sys_update_fatal
from tdxcheck.spec.interleaving import Interleaved, Leaf, Place
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import Batch, HandoffVersion, Layout, Page, Sample, Status
from tdxcheck.spec.module_rules import MODULE_RULES, PAGE_RULES

LEAVES: Final = MappingProxyType(
    {
        Leaf.INIT: (sys_init,),
        Leaf.LP_INIT: (sys_lp_init,),
        Leaf.INFO: (sys_info,),
        Leaf.CONFIG: (sys_config, CONFIG_REFUSED[Status.TDX_INVALID_PAMT]),
        Leaf.KEY_CONFIG: (sys_key_config,),
        Leaf.TDMR_INIT: (sys_tdmr_init_pages,),
        Leaf.SHUTDOWN: (sys_shutdown,),
        Leaf.UPDATE: (sys_update, sys_update_fatal),
        Leaf.LP_SHUTDOWN: (sys_lp_shutdown,),
        Leaf.CREATE: (mng_create,),
    }
)


def stretches(leaves: Mapping[Leaf, tuple[Action, ...]]) -> Iterator[Action]:
    """From each place of a leaf to the next, and from each to the leaf's end."""
    for leaf, actions in leaves.items():
        # That an LP has entered but is not marked yet differs from nothing outside.
        inside = [p for p in places(actions[0]) if p is not Place.PRE_ENTRY]
        for start, stop in pairwise(inside[:-1]):
            yield stretch(leaf, actions[0], start, stop, ())
        for start in inside[1:-1]:
            for whole in actions:
                yield stretch(leaf, whole, start, Place.DONE, ())
    yield leave


OVERLAPPING: Final = TransitionSystem(
    "module-overlapping",
    "The TDX module, called by LPs that stop anywhere inside its leaves.",
    Interleaved,
    (*stretches(LEAVES), module_loaded_outside),
    MODULE_RULES,
    settings={
        Interleaved.counted: True,
        Interleaved.package_of: lambda cpu: cpu,
        Interleaved.tdmr_batches: 1,
        Interleaved.page_tdmr: 0,
        Interleaved.page_batch: 1,
        Interleaved.page_usable_from: 1,
        Interleaved.page_reserved: False,
    },
)
ONE_IMAGE: Final = OVERLAPPING.variant(
    "module-overlapping-one-image",
    "The same, of one image from its load to its end.",
    removed=(module_loaded_outside,),
    properties=(*MODULE_RULES, *PAGE_RULES),
)
SCOPE: Final[Scope] = {
    Cpu: 2,
    Package: 2,
    Hkid: 2,
    Tdmr: 1,
    Layout: 1,
    Batch: 1,
    Sample: 1,
    HandoffVersion: 1,
    Page: 1,
}
"""Two LPs, each a package, one TDMR that one call initialises, one page in it."""
