"""Rules of Dynamic PAMT: the pages that describe a TD's pages."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Severity,
    Step,
    Term,
    exists,
    forall,
    implies,
    invariant,
    ite,
    one_of,
    reachable,
    step_rule,
)
from tdxcheck.spec.dynamic_pamt import PageUse, PairOwner
from tdxcheck.spec.events import KEXEC
from tdxcheck.spec.host import Host, Kvm, Running, Td
from tdxcheck.spec.machine import Block
from tdxcheck.spec.module import Page, SysState
from tdxcheck.spec.sources import (
    BARE_ERRATUM,
    DPAMT_V6,
    L7_DEVELOPMENT,
    MODULE_1_5,
    MODULE_2_0,
    TDX_RST,
)


@invariant(
    severity=Severity.GUEST,
    sources=(DPAMT_V6.at("05/11"), MODULE_2_0.at("tdh_phymem_pamt_add.c")),
)
def td_pages_have_pamt_pages(host: Host) -> Term[bool]:
    """A page that is counted, on its way to a TD or in it, has its PAMT page pair.

    Without the pair the module takes no page of the region: it answers
    TDX_MISSING_PAMT_PAGE_PAIR, and the TD is killed.
    """
    return forall(
        Page,
        lambda page: implies(
            host.dynamic_pamt & host.needs_pair(page), host.region_has_pair()
        ),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(
        MODULE_2_0.at("tdh_phymem_pamt_add.c, PAMT page bitmap"),
        DPAMT_V6.at("05/11, tdx_pamt_put(), failure"),
    ),
)
def pamt_pages_have_one_owner(host: Host) -> Term[bool]:
    """A pair in which the module keeps entries is part of the PAMT, and nobody else's.

    Whoever writes such a page breaks the module's metadata: it reads poison, and
    TDX is dead until the machine is reset.
    """
    return forall(
        Page,
        lambda page: implies(
            host.pair_in_use[page], host.pair_owner[page] == PairOwner.DYNAMIC_PAMT
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(L7_DEVELOPMENT.at("tdx_pamt_get(), tdx_pamt_put()"),),
)
def pamt_counts_are_exact(host: Host) -> Term[bool]:
    """A region's count is the number of its users, and of the pair that got stuck.

    By this count alone the kernel knows when to add the pair and when to remove it. If
    it is too low, TDH.PHYMEM.PAMT.REMOVE is called with pages of a TD in the region, or
    PAMT.ADD for one that has its pair; if it is too high, the pair is never given back.
    """
    stuck = ite(host.pamt_lost, 1, 0)
    return implies(host.dynamic_pamt, host.pamt_count == host.pamt_users() + stuck)


@invariant(severity=Severity.SERVICE, sources=(DPAMT_V6.at("05/11, pamt_lock"),))
def no_pamt_page_is_forgotten(host: Host) -> Term[bool]:
    """A region whose count is 0 has no pair.

    Nobody would remove it, and the next user's PAMT.ADD would fail with
    TDX_HPA_RANGE_NOT_FREE.
    """
    return implies(
        host.dynamic_pamt & host.pamt_at_rest() & (host.pamt_count == 0),
        forall(Page, lambda page: ~host.pair_in_use[page]),
    )


@step_rule(
    severity=Severity.MACHINE,
    sources=(
        MODULE_2_0.at("tdh_phymem_pamt_remove.c"),
        DPAMT_V6.at("03/11, free_pamt_array()"),
        BARE_ERRATUM.at("MOVDIR64B"),
    ),
)
def pamt_pages_go_back_empty_and_clean(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A pair leaves the PAMT when no TD has a page of the region, and is cleared.

    Its pages were written with the module's key. On parts with the partial-write
    erratum the allocator may not have them before MOVDIR64B has cleared them.
    """
    empty = forall(Page, lambda page: before.page_use[page] != PageUse.IN_TD)
    return forall(
        Page,
        lambda page: (
            implies(
                (before.pair_owner[page] == PairOwner.DYNAMIC_PAMT)
                & (after.pair_owner[page] == PairOwner.PUTTER),
                empty,
            )
            & implies(
                (before.pair_owner[page] == PairOwner.PUTTER)
                & (after.pair_owner[page] == PairOwner.ALLOCATOR),
                ~after.pair_private[page],
            )
        ),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(L7_DEVELOPMENT.at("tdx_pamt_put(), failure"),),
)
def leaked_pamt_pages_are_not_reused(host: Host) -> Term[bool]:
    """Pages that PAMT.REMOVE did not return are never the allocator's again."""
    return implies(
        host.pamt_lost & exists(Page, lambda page: host.pair_in_use[page]),
        forall(
            Page,
            lambda page: implies(
                host.pair_in_use[page], host.pair_owner[page] != PairOwner.ALLOCATOR
            ),
        ),
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(
        DPAMT_V6.at("04/11, init_pamt_refcounts(), tdx_find_pamt_refcount()"),
        L7_DEVELOPMENT.at("tdx_pamt_get()"),
        TDX_RST.at("Physical memory hotplug"),
    ),
)
def td_pages_have_a_count(host: Host) -> Term[bool]:
    """Every page that the allocator may hand to a TD lies inside the array of counts.

    The array is indexed unchecked: that no page lies behind its end is left to the
    memory notifier, which lets no memory online that came later.
    """
    return forall(
        Block,
        lambda block: implies(
            host.dynamic_pamt & host.td_memory_available(block),
            host.has_pamt_count[block],
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(L7_DEVELOPMENT.at("tdx_pamt_get(), tdx_pamt_put()"),),
)
def unused_pairs_are_freed(host: Host) -> Term[bool]:
    """A pair that tdx_pamt_get() allocates is the module's or freed when it returns."""
    return forall(
        Page,
        lambda page: implies(
            host.pair_owner[page] == PairOwner.GETTER,
            one_of(
                host.page_use[page], PageUse.WAITING, PageUse.COUNTING, PageUse.ADDING
            ),
        ),
    )


@step_rule(
    severity=Severity.MACHINE,
    sources=(
        MODULE_2_0.at("tdh_phymem_pamt_remove.c"),
        MODULE_1_5.at("tdh_mem_page_remove.c, tdh_phymem_page_reclaim.c"),
    ),
)
def td_pages_are_let_go_by_the_module(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """A page that a TD has comes back only from a module that is ready to give it.

    To any other the page stays the TD's, and private: whoever is given it next writes
    to private memory. That kexec forgets all pages is another rule's matter.

    From a TD whose keys are configured it gives one by TDH.MEM.PAGE.REMOVE, and by
    TDH.PHYMEM.PAGE.RECLAIM from one whose KeyID is free: none of a TD midway.
    """
    settled = one_of(before.td, Td.KEYS_CONFIGURED, Td.NONE)
    ready = before.seam_ready & (before.sys_state == SysState.SYS_READY) & settled
    stays = (after.running == Running.FIRST) & ~step.is_(KEXEC)
    return forall(
        Page,
        lambda page: implies(
            before.dynamic_pamt
            & stays
            & (before.page_use[page] == PageUse.IN_TD)
            & (after.page_use[page] != PageUse.IN_TD),
            ready,
        ),
    )


@step_rule(
    severity=Severity.SERVICE,
    sources=(
        L7_DEVELOPMENT.at("tdx_pamt_put(), failure"),
        DPAMT_V6.at("05/11, tdx_pamt_put(), failure"),
    ),
)
def no_pamt_page_is_lost(before: Host, step: Step, after: Host) -> Term[bool]:
    """Who counts right has every pair back: TDH.PHYMEM.PAMT.REMOVE is never refused.

    tdx_pamt_put() takes a refusal for a bug of the kernel's: it warns, which is a panic
    where the administrator wants one, and the pair is leaked. A failure that no cause
    is known for is excepted.
    """
    return implies(after.pamt_lost & ~before.pamt_lost, step.is_(Kind.FAULT))


@invariant(
    severity=Severity.GUEST,
    sources=(DPAMT_V6.at("09/11, releases are balanced"),),
)
def taken_pages_are_never_without_kvm(host: Host) -> Term[bool]:
    """While a page is taken for a TD, KVM is loaded.

    Nobody else frees it, or lets go of its share in the region's pair.
    """
    taken = exists(Page, lambda page: host.page_use[page] != PageUse.FREE)
    first = host.running == Running.FIRST
    return implies(host.dynamic_pamt & first & taken, host.kvm == Kvm.LOADED)


@reachable(severity=Severity.MODEL, sources=(DPAMT_V6.at("cover letter"),))
def pamt_pages_can_be_given_back(host: Host) -> Term[bool]:
    """The kernel can have pages back that it gave the module for its PAMT."""
    return exists(Page, lambda page: host.pair_owner[page] == PairOwner.PUTTER) & (
        ~host.pamt_lost
    )


DYNAMIC_PAMT = (
    td_pages_have_pamt_pages,
    pamt_pages_have_one_owner,
    pamt_counts_are_exact,
    no_pamt_page_is_forgotten,
    pamt_pages_go_back_empty_and_clean,
    leaked_pamt_pages_are_not_reused,
    no_pamt_page_is_lost,
    unused_pairs_are_freed,
    td_pages_are_let_go_by_the_module,
    taken_pages_are_never_without_kvm,
    td_pages_have_a_count,
    pamt_pages_can_be_given_back,
)
