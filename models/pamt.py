"""tdx_pamt_get() and tdx_pamt_put(), in steps between which another caller may run.

Each has three: what is done before the lock is taken, a look at the region's count,
and what follows from what was seen. A design without the lock differs in that the
second step of one caller may come between the second and the third of another.

What a caller is told is left out, but for what the TD dies of. Allocating the pair
before the lock is taken protects nothing that is modelled: it may sleep, which nobody
may who holds a spinlock. The fast path of DPAMT-v6 06/11, which counts without the
lock where the count is not 0, is left out as well: that is one atomic step.

After an update of the module that failed all goes on, and each SEAMCALL is refused.
Who gets a first page is told so; who puts the last one leaks the region's pair.

Source: DPAMT-v6 03/11, 05/11 and 09/11.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Term, action, all_of, implies, ite, one_of
from tdxcheck.models.kvm import seamcall
from tdxcheck.models.module.pamt import phymem_pamt_add, phymem_pamt_remove
from tdxcheck.models.td import mem_page_aug
from tdxcheck.spec.dynamic_pamt import MOST_USERS, PageUse, PairOwner
from tdxcheck.spec.host import Actor, Host, Presence, Td
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import Page, Status
from tdxcheck.spec.sources import DPAMT_V6, L7_DEVELOPMENT, MODULE_1_5

GET = (DPAMT_V6.at("05/11, tdx_pamt_get()"), L7_DEVELOPMENT.at("tdx_pamt_get()"))
PUT = (DPAMT_V6.at("05/11, tdx_pamt_put()"), L7_DEVELOPMENT.at("tdx_pamt_put()"))


def may_look(host: Host) -> Term[bool]:
    """The spinlock, if there is one, is free."""
    return implies(host.locks_pamt, host.pamt_at_rest())


def at(host: Host, page: Page, use: PageUse) -> None:
    """A caller of KVM's has come so far with the page, and goes on."""
    host.require(host.kvm_offers_tdx())
    host.require(host.page_use[page] == use)


@action(actor=Actor.KVM, sources=GET)
def pamt_get(host: Host, page: Page) -> None:
    """KVM takes {page} for a TD: tdx_pamt_get() allocates a pair, before it locks.

    Without Dynamic PAMT there is nothing to get. A pair that is still in use for
    the same page is not allocated twice: another page stands for that case.
    """
    at(host, page, PageUse.FREE)
    host.require(host.pair_owner[page] == PairOwner.ALLOCATOR)
    dynamic = host.dynamic_pamt
    host.page_use[page] = ite(dynamic, PageUse.WAITING, PageUse.COUNTED)
    host.pair_owner[page] = ite(dynamic, PairOwner.GETTER, PairOwner.ALLOCATOR)


@action(actor=Actor.KVM, sources=GET)
def pamt_get_looks(host: Host, page: Page) -> None:
    """tdx_pamt_get() looks, for {page}, whether the region has users."""
    at(host, page, PageUse.WAITING)
    host.require(may_look(host))
    unused = host.pamt_count == 0
    host.page_use[page] = ite(unused, PageUse.ADDING, PageUse.COUNTING)


@action(actor=Actor.KVM, sources=GET)
def pamt_get_counts(host: Host, page: Page) -> None:
    """tdx_pamt_get() counts {page} as one more user, and frees its unused pair."""
    at(host, page, PageUse.COUNTING)
    # Never false: each page is counted once.
    host.require(host.pamt_count < MOST_USERS)
    host.pamt_count = host.pamt_count + 1
    host.page_use[page] = PageUse.COUNTED
    host.pair_owner[page] = PairOwner.ALLOCATOR


@action(actor=Actor.KVM, sources=GET)
def pamt_get_adds(host: Host, cpu: Cpu, page: Page) -> None:
    """tdx_pamt_get() adds the pair of {page}: TDH.PHYMEM.PAMT.ADD on {cpu}.

    On failure: WARN, -EIO, and the pair is reset and freed. That the region has a
    pair already, unknown to the kernel, is something that the TD dies of.
    """
    at(host, page, PageUse.ADDING)
    host.require(host.online(cpu))
    count, refused = host.pamt_count, host.td_page_refused
    answer = seamcall(host, phymem_pamt_add, cpu, page)
    done = answer == Status.TDX_SUCCESS
    host.page_use[page] = ite(done, PageUse.COUNTED, PageUse.FREE)
    host.pair_owner[page] = ite(done, PairOwner.DYNAMIC_PAMT, PairOwner.ALLOCATOR)
    host.pamt_count = ite(done, 1, count)
    host.td_page_refused = refused | (answer == Status.TDX_HPA_RANGE_NOT_FREE)


@action(actor=Actor.KVM, kinds={Kind.FAULT}, sources=GET)
def pamt_get_breaks_off(host: Host, page: Page) -> None:
    """TDH.PHYMEM.PAMT.ADD fails for {page}: WARN, and its pair is reset and freed.

    While the module is ready no cause is known that a kernel must reckon with; its
    error path exists.
    """
    host.require(host.faults)
    at(host, page, PageUse.ADDING)
    host.page_use[page] = PageUse.FREE
    host.pair_owner[page] = PairOwner.ALLOCATOR


@action(actor=Actor.KVM, sources=(DPAMT_V6.at("09/11, tdx_sept_map_leaf_spte()"),))
def td_add_counted_page(host: Host, cpu: Cpu, block: Block, page: Page) -> None:
    """KVM gives the TD {page}, which the allocator took from {block}, on {cpu}."""
    host.require(host.memory[block] == Presence.ONLINE)
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.online(cpu))
    at(host, page, PageUse.COUNTED)
    refused, described = host.td_page_refused, host.region_has_pair()
    answer = seamcall(host, mem_page_aug, cpu, block, described)
    host.page_use[page] = ite(
        answer == Status.TDX_SUCCESS, PageUse.IN_TD, PageUse.COUNTED
    )
    host.td_page_refused = refused | one_of(
        answer, Status.TDX_OPERAND_ADDR_RANGE_ERROR, Status.TDX_MISSING_PAMT_PAGE_PAIR
    )


@action(
    actor=Actor.KVM,
    sources=(
        DPAMT_V6.at("09/11, tdx_sept_remove_leaf_spte()"),
        MODULE_1_5.at("tdh_mem_page_remove.c, tdh_phymem_page_reclaim.c"),
    ),
)
def td_return_page(host: Host, page: Page) -> None:
    """The TD's {page} is KVM's again: taken from the TD, or left by one that is gone.

    TDH.MEM.PAGE.REMOVE or TDH.PHYMEM.PAGE.RECLAIM, whose refusals depend on the TD. No
    module that a failed update has left makes them: then the page is leaked.
    """
    at(host, page, PageUse.IN_TD)
    host.require(~host.update_failed())
    host.require(one_of(host.td, Td.KEYS_CONFIGURED, Td.NONE))
    host.page_use[page] = PageUse.COUNTED


@action(actor=Actor.KVM, sources=PUT)
def pamt_put_looks(host: Host, page: Page) -> None:
    """KVM frees {page}: tdx_pamt_put() looks whether it is the region's last user."""
    at(host, page, PageUse.COUNTED)
    host.require(may_look(host))
    others = host.pamt_count > 1
    looked = ite(others, PageUse.DISCOUNTING, PageUse.REMOVING)
    host.page_use[page] = ite(host.dynamic_pamt, looked, PageUse.FREE)


@action(actor=Actor.KVM, sources=PUT)
def pamt_put_discounts(host: Host, page: Page) -> None:
    """tdx_pamt_put() counts one user less, and {page} is freed."""
    at(host, page, PageUse.DISCOUNTING)
    # Never false: each page was counted once.
    host.require(host.pamt_count > 0)
    host.pamt_count = host.pamt_count - 1
    host.page_use[page] = PageUse.FREE


def removed(host: Host, page: Page, done: Term[bool]) -> None:
    """What tdx_pamt_put() makes of the answer: the pair to be freed, or leaked."""
    owner, used = host.pair_owner, host.pair_in_use
    count, lost = host.pamt_count, host.pamt_lost
    taken = done | ~host.keeps_unremoved_pamt_pages
    stays = ~done & host.counts_unremoved_pamt_pages
    host.page_use[page] = PageUse.FREE
    host.pair_owner.update(lambda p: ite(used[p] & taken, PairOwner.PUTTER, owner[p]))
    host.pamt_count = ite(stays, count, 0)
    host.pamt_lost = lost | ~done


@action(actor=Actor.KVM, sources=PUT)
def pamt_put_removes(host: Host, cpu: Cpu, page: Page) -> None:
    """tdx_pamt_put() of {page} removes the pair: TDH.PHYMEM.PAMT.REMOVE on {cpu}."""
    at(host, page, PageUse.REMOVING)
    host.require(host.online(cpu))
    removed(host, page, host.answer(phymem_pamt_remove, cpu) == Status.TDX_SUCCESS)
    seamcall(host, phymem_pamt_remove, cpu)


@action(actor=Actor.KVM, kinds={Kind.FAULT}, sources=PUT)
def pamt_put_breaks_off(host: Host, page: Page) -> None:
    """TDH.PHYMEM.PAMT.REMOVE fails for {page}: WARN.

    While the module is ready no cause is known that a kernel must reckon with; its
    error path exists.
    """
    host.require(host.faults)
    at(host, page, PageUse.REMOVING)
    removed(host, page, all_of(False))


@action(actor=Actor.KVM, sources=PUT)
def pamt_put_frees(host: Host, page: Page) -> None:
    """tdx_pamt_put() has unlocked, and frees the pair that was added for {page}.

    The pages are reset first, by those kernels that do.
    """
    host.require(~host.updating())
    host.require(host.pair_owner[page] == PairOwner.PUTTER)
    private = host.pair_private[page] & ~host.resets_removed_pamt_pages
    host.private_page_in_allocator = host.private_page_in_allocator | private
    host.pair_private[page] = private
    host.pair_owner[page] = PairOwner.ALLOCATOR


PAMT_STEPS = (
    pamt_get,
    pamt_get_looks,
    pamt_get_counts,
    pamt_get_adds,
    pamt_get_breaks_off,
    td_add_counted_page,
    td_return_page,
    pamt_put_looks,
    pamt_put_discounts,
    pamt_put_removes,
    pamt_put_breaks_off,
    pamt_put_frees,
)
"""What becomes of single pages, but for their way into a TD."""
