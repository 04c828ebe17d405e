"""v7, 2022-11-21: memory is listed at initialisation, and only that may be added.

The list comes from memblock with memory hotplug locked out, and is compared with
the CMRs. Afterwards arch_add_memory() refuses every other range, ZONE_DEVICE
memory included. A range that was already added is not looked at again. That TSX_CTRL
is cleared around the first SEAMCALLs of a CPU is taken from its development branch.
"""

from __future__ import annotations

from tdxcheck.checker.language import action
from tdxcheck.models.designs.v3 import V3_DESIGN, build_tdmrs, undo
from tdxcheck.models.initialization import (
    empty_list,
    free_pamt,
    let_go_of_memory_lock,
    list_present_memory,
)
from tdxcheck.spec.host import Actor, Host, Tdx
from tdxcheck.spec.sources import V7, V7_TREE


@action(actor=Actor.KERNEL, sources=(V7.at("10/20, build_tdx_memory()"),))
def list_memory_after_cpus(host: Host) -> None:
    """The kernel lists all memory that memblock knows, and builds TDMRs and PAMTs."""
    host.require(host.tdx == Tdx.STARTED)
    host.require(host.every_online_cpu_initialized() | ~host.enables_cpus_first)
    list_present_memory(host)


@action(actor=Actor.KERNEL, sources=(V7.at("10/20, init_tdx_module(), error path"),))
def undo_with_list(host: Host) -> None:
    """The initialisation failed: the kernel frees the PAMTs and empties its list.

    put_online_mems() is on this path even if get_online_mems() was not yet reached:
    derived from the patch, and raised in no mail that was read.
    """
    host.require(host.tdx == Tdx.UNDOING)
    let_go_of_memory_lock(host, host.pamt_allocated)
    free_pamt(host)
    empty_list(host)
    host.tdx = Tdx.STOPPING


V7_DESIGN = V3_DESIGN.variant(
    "v7",
    "List memory at initialisation; refuse to add any other, by whatever way.",
    replaced={build_tdmrs: list_memory_after_cpus, undo: undo_with_list},
    settings={
        Host.detects_tdx_on_every_cpu: False,
        Host.waits_for_opt_in: False,
        Host.requires_x2apic: True,
        Host.clears_tsx_control: True,
        Host.locks_memory_hotplug: True,
        Host.refuses_added_memory_outside_list: True,
        Host.empties_list_on_failure: True,
        Host.looks_at_one_cmr: True,
    },
    sources=(V7.at("00/20, 10/20"), V7_TREE.at("tsx_ctrl_clear()")),
)
