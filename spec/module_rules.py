"""What holds of the TDX module by itself, whoever calls it, on however many LPs.

A FREE KeyID that no cache line is left under is a rule of hosts: the module's state
has no caches.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Step,
    Term,
    count,
    forall,
    implies,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.spec.interleaving import Interleaved
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import HkidState, Page, PageType, Status, SysState
from tdxcheck.spec.sources import MODULE_1_5

SHUTDOWN_SOURCES = (MODULE_1_5.at("tdh_sys_shutdown.c"),)
LOCK_SOURCES = (MODULE_1_5.at("tdx_locks.h"),)


@invariant(sources=(MODULE_1_5.at("tdh_sys_config.c, tdh_sys_key_config.c"),))
def a_ready_module_is_whole(module: Interleaved) -> Term[bool]:
    """A ready module has initialised every counted LP and keyed every package."""
    whole = forall(Cpu, lambda cpu: module.lp_initialized[cpu])
    keyed = forall(
        Package,
        lambda package: implies(
            module.package_counted[package], module.key_configured[package]
        ),
    )
    return implies(module.sys_state == SysState.SYS_READY, whole & keyed)


@invariant(sources=(MODULE_1_5.at("tdh_sys_config.c"),))
def the_modules_keyid_is_its_own(module: Interleaved) -> Term[bool]:
    """The KeyID of the module itself is reserved: no TD can have it."""
    return forall(
        Hkid,
        lambda hkid: implies(
            module.global_hkid[hkid], module.kot[hkid] == HkidState.RESERVED
        ),
    )


@invariant(sources=(MODULE_1_5.at("tdh_mng_create.c"),))
def a_keyid_in_use_is_of_one_td(module: Interleaved) -> Term[bool]:
    """As many KeyIDs are in use as there are TDs."""
    used = count(
        Hkid,
        lambda hkid: one_of(module.kot[hkid], HkidState.ASSIGNED, HkidState.FLUSHED),
    )
    tds = count(Page, lambda page: module.page_type[page] == PageType.TDR)
    return used == tds


@invariant(sources=(MODULE_1_5.at("pamt_manager.c"),))
def a_page_in_use_is_usable(module: Interleaved) -> Term[bool]:
    """A page that a TD has lies in an initialised block, and in no reserved area."""
    return forall(
        Page,
        lambda page: implies(
            module.page_type[page] == PageType.TDR,
            module.page_usable(page) & ~module.page_reserved[module.layout, page],
        ),
    )


@invariant(sources=LOCK_SOURCES)
def an_exclusive_lock_is_nobody_elses(module: Interleaved) -> Term[bool]:
    """While an LP holds the global lock exclusively, no other LP holds it."""
    return forall(
        Cpu,
        lambda cpu: implies(
            module.locks(cpu),
            forall(
                Cpu,
                lambda other: (
                    (other == cpu) | ~(module.locks(other) | module.shares_lock(other))
                ),
            ),
        ),
    )


@invariant(sources=LOCK_SOURCES)
def a_tdmrs_lock_is_nobody_elses(module: Interleaved) -> Term[bool]:
    """While an LP holds a TDMR's lock, no other LP holds it."""
    return forall(
        Cpu,
        lambda cpu: forall(
            Tdmr,
            lambda tdmr: implies(
                module.locks_tdmr(cpu, tdmr),
                forall(
                    Cpu,
                    lambda other: (other == cpu) | ~module.locks_tdmr(other, tdmr),
                ),
            ),
        ),
    )


@invariant(sources=SHUTDOWN_SOURCES)
def a_tentative_shutdown_can_be_taken_back(module: Interleaved) -> Term[bool]:
    """While a shutdown is tentative, the module would be ready again without it."""
    return implies(module.shutting_down(), module.sys_state == SysState.SYS_READY)


@step_rule(sources=SHUTDOWN_SOURCES)
def nothing_changes_after_shutdown(
    before: Interleaved, step: Step, after: Interleaved
) -> Term[bool]:
    """What a module has handed over when it shut down does not change afterwards.

    This is why it looks for busy LPs: one inside TDH.SYS.TDMR.INIT would go on to
    initialise memory of which the next image does not know.
    """
    progress = forall(
        Tdmr, lambda tdmr: before.tdmr_progress[tdmr] == after.tdmr_progress[tdmr]
    )
    keyids = forall(Hkid, lambda hkid: before.kot[hkid] == after.kot[hkid])
    down = (before.sys_state == SysState.SYS_SHUTDOWN) & (
        after.sys_state == SysState.SYS_SHUTDOWN
    )
    return implies(down, progress & keyids)


@step_rule(sources=SHUTDOWN_SOURCES)
def told_of_a_shutdown_it_is_final(
    before: Interleaved, step: Step, after: Interleaved
) -> Term[bool]:
    """Who is told TDX_SYS_SHUTDOWN finds the module shut down for good.

    It need not be so: a shutdown that finds an LP inside is taken back, and what other
    LPs were told in between was true for a moment only.
    """
    told = step.answers(Status.TDX_SYS_SHUTDOWN)
    return implies(told, before.sys_state == SysState.SYS_SHUTDOWN)


MODULE_RULES = (
    a_ready_module_is_whole,
    the_modules_keyid_is_its_own,
    an_exclusive_lock_is_nobody_elses,
    a_tdmrs_lock_is_nobody_elses,
    a_tentative_shutdown_can_be_taken_back,
    nothing_changes_after_shutdown,
    told_of_a_shutdown_it_is_final,
)
PAGE_RULES = (a_keyid_in_use_is_of_one_td, a_page_in_use_is_usable)
"""Of one image: what an image finds in the PAMT of another is not its own."""
