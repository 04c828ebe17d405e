"""dpamt, development branch of 2026-10: v7.2 with Dynamic PAMT.

The PAMT that is allocated at boot is no longer as large as if every page of the
machine were a TD's: of 4 KB pages it holds one bit each, and the kernel adds the rest
where a TD has pages, and takes it back afterwards.
"""

from __future__ import annotations

from tdxcheck.checker.language import Action, action, forall
from tdxcheck.models.designs.v7_1 import list_memory_at_boot
from tdxcheck.models.designs.v7_2 import V7_2
from tdxcheck.models.initialization import GLOBAL_HKID, configure
from tdxcheck.models.kvm import kvm_unload, td_add_page
from tdxcheck.models.module.configuration import sys_config
from tdxcheck.models.pamt import PAMT_STEPS
from tdxcheck.spec.dynamic_pamt import PageUse, PairOwner
from tdxcheck.spec.events import CRASH_KEXEC, KEXEC
from tdxcheck.spec.host import Host, Presence
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Page, Status
from tdxcheck.spec.sources import DPAMT_V6, L7_DEVELOPMENT


@action(
    actor=list_memory_at_boot.actor,
    sources=(
        DPAMT_V6.at("04/11, init_pamt_refcounts()"),
        L7_DEVELOPMENT.at("init_tdx_module()"),
    ),
)
def list_memory_and_count(host: Host) -> None:
    """The kernel lists all memory, builds TDMRs and PAMTs, and makes room for counts.

    There is a count for each 2 MB up to the end of the memory that is there; that
    what is added later lies behind it is assumed.
    """
    there = host.memory
    list_memory_at_boot.rule(host)
    host.has_pamt_count.update(lambda block: there[block] != Presence.ABSENT)


@action(actor=configure.actor, sources=(DPAMT_V6.at("10/11, config_tdx_module()"),))
def configure_dynamic(host: Host, cpu: Cpu) -> None:
    """The kernel asks for Dynamic PAMT with its TDMRs: TDH.SYS.CONFIG on {cpu}.

    If the module has it: "Enable Dynamic PAMT". WBINVD follows.
    """
    accepted = host.answer(sys_config, cpu, GLOBAL_HKID) == Status.TDX_SUCCESS
    configure.rule(host, cpu)
    host.dynamic_pamt = accepted & host.module_has_dynamic_pamt


@action(
    actor=kvm_unload.actor,
    kinds=kvm_unload.kinds,
    sources=(DPAMT_V6.at("09/11, releases are balanced"),),
)
def kvm_unload_without_pages(host: Host) -> None:
    """The administrator unloads KVM, with no TD left and no page taken for one."""
    host.require(forall(Page, lambda page: host.page_use[page] == PageUse.FREE))
    kvm_unload.rule(host)


def forgetting(start: Action) -> Action:
    """The start of another kernel, which knows nothing of pages, pairs and counts.

    What the module keeps of them is private memory like the rest of the PAMT.
    """

    def start_forgetting(host: Host, cpu: Cpu) -> None:
        start.rule(host, cpu)
        host.dynamic_pamt = False
        host.pair_in_use.fill(False)
        host.pair_private.fill(False)
        host.page_use.fill(PageUse.FREE)
        host.pair_owner.fill(PairOwner.ALLOCATOR)
        host.pamt_count = 0
        host.pamt_lost = False
        host.has_pamt_count.fill(False)

    start_forgetting.__doc__ = start.rule.__doc__
    return action(
        name=f"{start.name}_forgetting_pages",
        actor=start.actor,
        kinds=start.kinds,
        event=start.event,
        sources=start.sources,
    )(start_forgetting)


DPAMT = V7_2.variant(
    "dpamt",
    "v7.2 with Dynamic PAMT: PAMT pages are added and removed with the TDs' pages.",
    replaced={
        list_memory_at_boot: list_memory_and_count,
        configure: configure_dynamic,
        kvm_unload: kvm_unload_without_pages,
        **{
            start: forgetting(start)
            for start in V7_2.actions
            if start.event in (KEXEC, CRASH_KEXEC)
        },
    },
    removed=(td_add_page,),
    added=PAMT_STEPS,
    settings={
        Host.locks_pamt: True,
        Host.resets_removed_pamt_pages: True,
        Host.keeps_unremoved_pamt_pages: True,
        Host.counts_unremoved_pamt_pages: True,
    },
    sources=(L7_DEVELOPMENT.at("whole file"), DPAMT_V6.at("whole series")),
)
