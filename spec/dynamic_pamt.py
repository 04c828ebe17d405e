"""Dynamic PAMT: single pages, and who owns those that describe them.

With Dynamic PAMT the PAMT has no entries for 4 KB pages until the kernel gives the
module two pages for them: a pair, for each 2 MB region in which a TD has a page.
tdx_pamt_get() counts a region's users and has the first one's pair added, and
tdx_pamt_put() has the last one's pair removed.

One region stands for all. `Page` has the 4 KB pages in it that KVM takes for TDs, and
for each of them the pair that its caller of tdx_pamt_get() allocates beforehand: two
pages that lie anywhere, and always go together. Into a TD a page gets by
TDH.MEM.PAGE.AUG; the leaves that take control pages refuse one without its pair in the
same way. A region that is given to a TD as one 2 MB page needs no pair, and is not
modelled; nor is the content of a TD's own pages.

A host whose design does without has all of this at rest, which costs nothing.

Source: tdx_pamt_get() and tdx_pamt_put() as posted in DPAMT-v6.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Int,
    Map,
    Safeguard,
    State,
    Term,
    Var,
    count,
    definition,
    exists,
    one_of,
)
from tdxcheck.spec.machine import Block
from tdxcheck.spec.module import Page
from tdxcheck.spec.sources import BARE_ERRATUM, DPAMT_V6, L7_DEVELOPMENT


class PageUse(Enum):
    """How far a page has come on its way from the allocator to a TD, and back."""

    FREE = "the allocator's"
    WAITING = "KVM's, for which tdx_pamt_get() is to look at the count"
    COUNTING = "KVM's, to be one more user of a pair that is there"
    ADDING = "KVM's, to be the first user of a pair"
    COUNTED = "KVM's, and counted"
    IN_TD = "a TD's"
    DISCOUNTING = "KVM's, to be one user less"
    REMOVING = "KVM's, the last user of a pair"


class PairOwner(Enum):
    """Whose a pair of pages is."""

    ALLOCATOR = "the allocator"
    GETTER = "a caller of tdx_pamt_get()"
    DYNAMIC_PAMT = "the module, as part of the PAMT"
    PUTTER = "a caller of tdx_pamt_put()"


MOST_USERS = 3
"""One more than there are pages: a pair that cannot be removed stays counted."""


class DynamicPamt(State):
    """What the module, the memory and the kernel hold of one 2 MB region."""

    module_has_dynamic_pamt = Var(bool, True, frozen=True)
    """The module has Dynamic PAMT."""
    dynamic_pamt = Var(bool, False)
    """TDH.SYS.CONFIG was asked for Dynamic PAMT, by bit 16 of R8, and has accepted."""
    pair_in_use = Map(Page, bool, False)
    """The module keeps the region's 4 KB entries in this pair."""
    pair_private = Map(Page, bool, False)
    """The pair was last written with a private key."""

    page_use = Map(Page, PageUse, PageUse.FREE)
    pair_owner = Map(Page, PairOwner, PairOwner.ALLOCATOR)
    pamt_count = Var(Int(0, MOST_USERS), 0)
    """The kernel's count of the region's users."""
    pamt_lost = Var(bool, False)
    """TDH.PHYMEM.PAMT.REMOVE has failed: what the region had stays with the module."""
    has_pamt_count = Map(Block, bool, False)
    """The array of counts reaches as far as this block."""

    locks_pamt = Safeguard(
        sources=(
            DPAMT_V6.at("05/11, pamt_lock"),
            L7_DEVELOPMENT.at("tdx_pamt_get(), tdx_pamt_put()"),
        )
    )
    """A spinlock is held from looking at a region's count to the SEAMCALL's end."""
    resets_removed_pamt_pages = Safeguard(
        sources=(
            DPAMT_V6.at("03/11, free_pamt_array()"),
            L7_DEVELOPMENT.at("tdx_pamt_put()"),
            BARE_ERRATUM.at("MOVDIR64B"),
        )
    )
    """MOVDIR64B clears the pages that PAMT.REMOVE returns before they are freed."""
    keeps_unremoved_pamt_pages = Safeguard(
        sources=(
            DPAMT_V6.at("05/11, tdx_pamt_put(), failure"),
            L7_DEVELOPMENT.at("tdx_pamt_put(), failure"),
        )
    )
    """Where PAMT.REMOVE fails, the pair is leaked: no page is freed."""
    counts_unremoved_pamt_pages = Safeguard(
        sources=(
            DPAMT_V6.at("06/11, tdx_pamt_put(), failure"),
            L7_DEVELOPMENT.at("tdx_pamt_put(), failure"),
        )
    )
    """Where PAMT.REMOVE fails, the region's count stays 1."""

    @definition
    def region_has_pair(self) -> Term[bool]:
        """The module has a pair for the region, or needs none for lack of the flag."""
        return ~self.dynamic_pamt | exists(Page, lambda page: self.pair_in_use[page])

    @definition
    def changing_pamt(self, page: Page) -> Term[bool]:
        """The page's caller has looked at the count, and is about to act upon it."""
        return one_of(
            self.page_use[page],
            PageUse.COUNTING,
            PageUse.ADDING,
            PageUse.DISCOUNTING,
            PageUse.REMOVING,
        )

    @definition
    def pamt_at_rest(self) -> Term[bool]:
        """Nobody is between looking at the count and acting upon it."""
        return ~exists(Page, self.changing_pamt)

    @definition
    def needs_pair(self, page: Page) -> Term[bool]:
        """The page is counted as one that needs the pair, in a TD or on its way."""
        return one_of(self.page_use[page], PageUse.COUNTED, PageUse.IN_TD)

    @definition
    def is_counted(self, page: Page) -> Term[bool]:
        """The page is one of the region's users, until the count is one less."""
        leaving = one_of(self.page_use[page], PageUse.DISCOUNTING, PageUse.REMOVING)
        return self.needs_pair(page) | leaving

    @definition
    def pamt_users(self) -> Term[int]:
        """How many pages of the region are counted."""
        return count(Page, self.is_counted)
