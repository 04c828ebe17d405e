"""v8, 2022-12-09: a notifier refuses when memory goes online, not when it is added.

TDH.SYS.LP.SHUTDOWN is dropped, as it frees nothing. TDH.SYS.INIT and
TDH.SYS.LP.INIT are dropped too, in the hope that the module would come to do
without them: it has not, and so no initialisation succeeds.
"""

from __future__ import annotations

from tdxcheck.checker.language import action
from tdxcheck.models.designs.v3 import begin, give_up, initialize_cpu, shut_down_cpu
from tdxcheck.models.designs.v7 import (
    V7_DESIGN,
    list_memory_after_cpus,
    undo_with_list,
)
from tdxcheck.models.initialization import (
    empty_list,
    free_pamt,
    let_go_of_memory_lock,
    list_present_memory,
    may_initialize,
)
from tdxcheck.spec.host import Actor, Host, Kvm, Tdx
from tdxcheck.spec.sources import V8


@action(actor=Actor.KERNEL, sources=(V8.at("00/16"),))
def list_memory_at_once(host: Host) -> None:
    """KVM asks for TDX, and the kernel lists memory, and builds TDMRs and PAMTs."""
    host.require(host.kvm == Kvm.LOADED)
    host.require(may_initialize(host))
    list_present_memory(host)


@action(actor=Actor.KERNEL, sources=(V8.at("00/16, without LP.SHUTDOWN"),))
def undo_without_shutdown(host: Host) -> None:
    """The initialisation failed: PAMTs freed, the list emptied, TDX given up."""
    host.require(host.tdx == Tdx.UNDOING)
    let_go_of_memory_lock(host, host.pamt_allocated)
    free_pamt(host)
    empty_list(host)
    host.tdx = Tdx.ERROR


V8_DESIGN = V7_DESIGN.variant(
    "v8",
    "Refuse when memory goes online; no TDH.SYS.INIT, no TDH.SYS.LP.INIT.",
    replaced={
        list_memory_after_cpus: list_memory_at_once,
        undo_with_list: undo_without_shutdown,
    },
    removed=(begin, initialize_cpu, shut_down_cpu, give_up),
    settings={
        Host.shuts_module_down: False,
        Host.requires_x2apic: False,
        Host.does_without_a_lost_notifier: True,
        Host.refuses_added_memory_outside_list: False,
        Host.refuses_onlining_outside_list: True,
        Host.looks_at_one_cmr: False,
    },
    unneeded={
        Host.clears_tsx_control: "neither of the calls that look at it is made.",
        Host.calls_lp_init_once: "no TDH.SYS.LP.INIT is made at all.",
        Host.enables_cpus_first: "no CPU is enabled.",
    },
    sources=(V8.at("00/16"),),
)
