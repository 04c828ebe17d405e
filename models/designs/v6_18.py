"""v6.18, 2025-10: kexec, for machines without the partial-write erratum.

Each CPU remembers whether a SEAMCALL may have left private lines in its cache;
kexec flushes those, on the CPU that starts it too. With the erratum no image is
loaded at all. Modules that clobber RBP are refused.
"""

from __future__ import annotations

from tdxcheck.checker.language import action
from tdxcheck.models.designs.v6_16 import V6_16, kvm_unload_twice
from tdxcheck.models.initialization import let_go_of_memory_lock
from tdxcheck.models.kvm import kvm_unload
from tdxcheck.spec.host import Actor, Host, Kvm, Tdx
from tdxcheck.spec.sources import KEXEC_V7, L6_18, PULL_6_18


@action(actor=Actor.KERNEL, sources=(L6_18.at("check_features()"),))
def reject_module(host: Host) -> None:
    """The module cannot leave RBP alone: the kernel gives up, "upgrade TDX module"."""
    host.require(host.refuses_rbp_clobber)
    host.require(host.kvm == Kvm.LOADING)
    host.require(host.tdx == Tdx.UNINITIALIZED)
    host.require(host.every_online_cpu_initialized())
    host.require(host.module_is_1_5)
    host.require(~host.module_keeps_rbp)
    let_go_of_memory_lock(host, host.never())
    host.tdx = Tdx.ERROR


V6_18 = V6_16.variant(
    "v6.18",
    "kexec flushes what SEAMCALLs dirtied, and is refused with the erratum.",
    replaced={kvm_unload_twice: kvm_unload},
    added=(reject_module,),
    settings={
        Host.excludes_kexec: False,
        Host.refuses_kexec_on_erratum: True,
        Host.flushes_other_cpus: True,
        Host.flushes_own_cpu: True,
        Host.flushes_only_marked_caches: True,
        Host.marks_cache_of_seamcalls: True,
        Host.marks_cache_of_vp_enter: True,
        Host.marks_cache_of_page_rdmd: True,
        Host.flushes_when_seamcalls_end: True,
        Host.flushes_after_vp_flush: True,
        Host.refuses_rbp_clobber: True,
        Host.releases_only_held_locks: True,
        Host.propagates_bring_up_errors: True,
    },
    sources=(PULL_6_18.at("kexec"), KEXEC_V7.at("1/7 to 7/7"), L6_18.at("whole file")),
)
