"""v9, 2023-02-13: v8 with TDH.SYS.INIT and TDH.SYS.LP.INIT again, in tdx_enable().

Both run once, on all CPUs that are online then: a CPU that comes online later is
looked at by nobody. The notifier is v8's, and so is the end of a failure, without
TDH.SYS.LP.SHUTDOWN. What else v9 does about CPUs was not read.
"""

from __future__ import annotations

from tdxcheck.models.designs.v3 import give_up, shut_down_cpu
from tdxcheck.models.designs.v7 import V7_DESIGN, undo_with_list
from tdxcheck.models.designs.v8 import undo_without_shutdown
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import V8, V13

V9_DESIGN = V7_DESIGN.variant(
    "v9",
    "Refuse when memory goes online; initialise the module and all online CPUs.",
    replaced={undo_with_list: undo_without_shutdown},
    removed=(shut_down_cpu, give_up),
    settings={
        Host.shuts_module_down: False,
        Host.requires_x2apic: False,
        Host.refuses_added_memory_outside_list: False,
        Host.refuses_onlining_outside_list: True,
        Host.does_without_a_lost_notifier: True,
        Host.looks_at_one_cmr: False,
        Host.releases_only_held_locks: True,
    },
    sources=(V8.at("00/16"), V13.at("00/22, changelog")),
)
