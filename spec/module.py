"""The TDX module's own state: what a SEAMCALL can depend on and change.

A host's state inherits `Module`, so that one definition serves the host designs
and the comparison with the real module. Sizes come with the scope. A host that
leaves out updates, TDs or platform defects pays nothing for their variables: no
action of its system assigns them, or their sort has one element.

A host's call is one step here, during which no other LP is inside the module, so
its locks are free. Where several LPs are inside at once, the state is one of
`spec/interleaving.py`, in which the same leaves find locks taken.

Not modelled: what TDs do, and instructions interrupted half-way.

Source: TDX module 1.5.01, tdx_global_data.h and tdx_local_data.h.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    Map2,
    State,
    Term,
    Var,
    count,
    definition,
)
from tdxcheck.checker.language.terms import Const, Element
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.status import Status

__all__ = [
    "MAX_PKGS",
    "Batch",
    "Handoff",
    "HandoffVersion",
    "HkidState",
    "Layout",
    "Module",
    "Page",
    "PageType",
    "Pages",
    "Sample",
    "Status",
    "SysState",
]

MAX_PKGS: Final = 8
"""Packages of this number and above are refused."""


class SysState(Enum):
    """The module's global state."""

    SYSINIT_PENDING = 0
    SYSINIT_DONE = 1
    SYSCONFIG_DONE = 2
    SYS_READY = 3
    SYS_SHUTDOWN = 4


class HkidState(Enum):
    """A KeyID's entry in the KeyID ownership table (KOT)."""

    FREE = 0
    ASSIGNED = 1
    FLUSHED = 2
    RESERVED = 3


class Handoff(Enum):
    """The header of the data that a module leaves for its successor."""

    NONE = "none"
    VALID = "valid"
    INVALID = "present, but not marked valid"


class PageType(Enum):
    """A page's entry in the PAMT, by the code that TDH.PHYMEM.PAGE.RDMD returns."""

    NDA = 0
    RSVD = 1
    TDR = 4


class Sample(Index):
    """What an LP's MSRs and CPUID say; element 0 is what the module wants to see."""

    label = "sample"
    usual = 0


class Layout(Index):
    """A list of TDMRs that the host may hand to TDH.SYS.CONFIG."""

    label = "layout"


class Batch(Index):
    """One call's worth of a TDMR's initialisation: as many as the largest needs."""

    label = "batch"


class HandoffVersion(Index):
    """A version of the handoff data."""

    label = "handoff version"


class Page(Index):
    """A 4 KB page of physical memory."""

    label = "page"


# Any, because a variable of sort S starts as "an S" only by its type.
FIRST_PACKAGE: Any = Element(Package, 0)
FIRST_SAMPLE: Any = Element(Sample, 0)
FIRST_LAYOUT: Any = Element(Layout, 0)
FIRST_VERSION: Any = Element(HandoffVersion, 0)

ALONE: Final[Term[bool]] = Const(True)
"""What a call asks of the other LPs, where it is one step."""


class Module(State):
    """What the module keeps, and what the platform tells it.

    The first five are what module versions differ in (`models/module/versions.py`);
    as they stand they are those of 1.5.01.
    """

    has_leaves_of_1_5 = Var(bool, True, frozen=True)
    """It has TDH.SYS.RD, RDALL, SHUTDOWN and UPDATE; module 1.0 has none of them."""
    lp_shutdown_is_final = Var(bool, False, frozen=True)
    """TDH.SYS.LP.SHUTDOWN shuts the module down, in any state, and takes the LP out."""
    entropy_shortage_is_busy = Var(bool, False, frozen=True)
    """A shortage of entropy is told as TDX_SYS_BUSY, as if somebody held the lock."""
    lp_init_draws_entropy = Var(bool, True, frozen=True)
    """TDH.SYS.LP.INIT wants a random number, and can go without one."""
    can_avoid_sensitive_updates = Var(bool, False, frozen=True)
    """TDH.SYS.SHUTDOWN knows the bit that says not to, in the middle of a TD build."""
    preserves_tds = Var(bool, True, frozen=True)
    """TDs survive an update (TD preserving, bit 1 of TDX_FEATURES0)."""
    wants_every_lp = Var(bool, True, frozen=True)
    """TDH.SYS.CONFIG and UPDATE want every counted LP initialised, and none later.

    So did each version that was read. Linux's documentation has LPs come later, too."""

    vmx_on = Map(Cpu, bool, True)
    """The LP is in VMX operation, without which SEAMCALL is #UD."""
    seamrr_valid = Map(Cpu, bool, True, frozen=True)
    """SEAMRR is set up on the LP, without which SEAMCALL is #GP."""
    seam_ready = Var(bool, True)
    """A module can be entered; without it SEAMCALL fails with VMfailInvalid."""
    sys_state = Var(SysState, SysState.SYSINIT_PENDING)

    counted = Map(Cpu, bool, frozen=True)
    """MCHECK counted this LP."""
    package_of = Map(Cpu, Package, frozen=True)
    package_counted = Map(Package, bool, True, frozen=True)
    """One of the packages that MCHECK counted."""
    package_supported = Map(Package, bool, True, frozen=True)
    """Its number is below MAX_PKGS."""

    lp_initialized = Map(Cpu, bool, False)
    lp_shut_down = Map(Cpu, bool, False)
    """SEAMCALL leads to the loader's stub, of which it is not known what it answers."""
    lp_package: Map[Cpu, Package] = Map(Cpu, Package, FIRST_PACKAGE)
    """The package that TDH.SYS.LP.INIT recorded for the LP; 0 until it did."""
    n_init_pkgs = Var(Int(0, Package), 0)
    """How many packages TDH.SYS.KEY.CONFIG completed since the image was loaded."""
    key_configured = Map(Package, bool, False)
    """The package's bit in pkg_config_bitmap."""

    reference: Var[Sample] = Var(Sample, FIRST_SAMPLE)
    """What TDH.SYS.INIT saw, to which every LP is compared."""
    init_check = Map(Sample, Status, Status.TDX_SUCCESS, frozen=True)
    """What TDH.SYS.INIT finds wrong with a platform that shows it this."""
    lp_check = Map2(Sample, Sample, Status, Status.TDX_SUCCESS, frozen=True)
    """What TDH.SYS.LP.INIT finds before it records the package: reference, own."""
    lp_check_late = Map2(Sample, Sample, Status, Status.TDX_SUCCESS, frozen=True)
    """What it finds after that."""
    package_misread = Map(Sample, bool, False, frozen=True)
    """CPUID leaf 1FH puts the LP into another package than its own."""

    kot = Map(Hkid, HkidState, HkidState.FREE)
    global_hkid = Map(Hkid, bool, False)
    """The KeyID that TDH.SYS.CONFIG was last given; none before."""

    layout: Var[Layout] = Var(Layout, FIRST_LAYOUT)
    """The list of TDMRs in force; means nothing before SYSCONFIG_DONE."""
    tdmr_batches = Map2(Layout, Tdmr, Int(0, Batch), frozen=True)
    """How many calls initialise the TDMR; 0 where the list has no such TDMR."""
    tdmr_progress = Map(Tdmr, Int(0, Batch), 0)
    """How many of them have been made."""

    handoff = Var(Handoff, Handoff.NONE)
    handoff_version: Var[HandoffVersion] = Var(HandoffVersion, FIRST_VERSION)
    handoff_size_right = Var(bool, True)
    handoff_version_readable = Map(HandoffVersion, bool, True, frozen=True)
    """This image reads the version: min_update_hv <= version <= module_hv."""
    handoff_version_writable = Map(HandoffVersion, bool, True, frozen=True)
    """It also writes it: only the newest, where downgrades are excluded."""
    handoff_key_configured = Map(Package, bool, False)
    handoff_kot = Map(Hkid, HkidState, HkidState.FREE)
    handoff_global_hkid = Map(Hkid, bool, False)
    handoff_layout: Var[Layout] = Var(Layout, FIRST_LAYOUT)
    handoff_tdmr_progress = Map(Tdmr, Int(0, Batch), 0)

    @definition
    def n_lps(self) -> Term[int]:
        """The number of LPs that MCHECK counted."""
        return count(Cpu, lambda cpu: self.counted[cpu])

    @definition
    def n_init_lps(self) -> Term[int]:
        """The number of LPs that are initialised, whether counted or not."""
        return count(Cpu, lambda cpu: self.lp_initialized[cpu])

    @definition
    def n_pkgs(self) -> Term[int]:
        """The number of packages that MCHECK counted."""
        return count(Package, lambda package: self.package_counted[package])

    @definition
    def lps_suffice(self) -> Term[bool]:
        """The module's own test: as many LPs are initialised as were counted.

        One that wants not all of them does not ask.
        """
        return (self.n_init_lps() >= self.n_lps()) | ~self.wants_every_lp

    @definition
    def tdmr_configured(self, tdmr: Tdmr) -> Term[bool]:
        """The TDMR is in the list in force."""
        return self.tdmr_batches[self.layout, tdmr] > 0

    @definition
    def tdmr_complete(self, tdmr: Tdmr) -> Term[bool]:
        """Every block of the TDMR can be used."""
        total = self.tdmr_batches[self.layout, tdmr]
        return self.tdmr_progress[tdmr] == total

    def can_lock(self, cpu: Cpu) -> Term[bool]:
        """Nobody else holds the global lock, so the LP can take it exclusively."""
        return ALONE

    def can_share_lock(self, cpu: Cpu) -> Term[bool]:
        """Nobody else holds the global lock exclusively, so the LP can share it."""
        return ALONE

    def can_lock_tdmr(self, cpu: Cpu, tdmr: Tdmr) -> Term[bool]:
        """Nobody else holds the TDMR's lock."""
        return ALONE

    def is_alone(self, cpu: Cpu) -> Term[bool]:
        """No other LP is inside the module."""
        return ALONE

    def state_shown(self) -> Term[SysState]:
        """The global state as an LP reads it that holds no lock."""
        return self.sys_state


class Pages(Module):
    """The module's state with the types of single pages, for leaves that use pages."""

    page_type = Map(Page, PageType, PageType.NDA)
    page_valid = Map(Page, bool, True, frozen=True)
    """Its address is aligned, below 2^52, and has no KeyID bits."""
    page_tdmr = Map2(Layout, Page, Tdmr, frozen=True)
    page_batch = Map2(Layout, Page, Int(0, Batch), frozen=True)
    """The how-manieth call initialises it; 0 where it is in no TDMR."""
    page_usable_from = Map2(Layout, Page, Int(0, Batch), frozen=True)
    """How many calls complete the 1 GB block that it lies in."""
    page_reserved = Map2(Layout, Page, bool, frozen=True)
    """It lies in a reserved area."""

    @definition
    def page_usable(self, page: Page) -> Term[bool]:
        """The page lies in an initialised block of a TDMR."""
        tdmr = self.page_tdmr[self.layout, page]
        inside = self.page_batch[self.layout, page] > 0
        done = self.tdmr_progress[tdmr] >= self.page_usable_from[self.layout, page]
        return inside & done
