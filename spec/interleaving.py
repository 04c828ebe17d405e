"""Several LPs inside the TDX module at once: where each has stopped, who holds locks.

A lock is held by being at a place: an LP that has stopped at LOCKED holds the global
lock, and leaves it by going on. So there is no lock variable that could disagree
with where the LPs are, and nothing to release.

In the same way TDH.SYS.SHUTDOWN changes the global state twice without an effect:
while an LP is at SHUTDOWN_TENTATIVE every LP reads SYS_SHUTDOWN, and `sys_state`
holds what will be the case if it has to give up.

Source: TDX module 1.5.01, tdx_locks.h, tdx_vmm_dispatcher.c, tdh_sys_shutdown.c.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from tdxcheck.checker.language import Map, Term, definition, exists, forall, ite, one_of
from tdxcheck.checker.language.terms import Element
from tdxcheck.spec.machine import Cpu, Tdmr
from tdxcheck.spec.module import Pages, SysState

# Any, because a variable of sort S starts as "an S" only by its type.
FIRST_TDMR: Any = Element(Tdmr, 0)


class Place(Enum):
    """How far an LP has come with its call; places inside leaves are their marks."""

    OUTSIDE = "no call"
    PRE_ENTRY = "entered, but not marked as busy yet"
    ENTRY = "marked as busy; nothing is checked yet"
    LOCKED = "has just taken the global lock exclusively"
    LOCKED_SHARED = "has just taken the global lock, shared"
    TDMR_LOCKED = "has just taken a TDMR's lock"
    SHUTDOWN_TENTATIVE = "has set SYS_SHUTDOWN, and will look for busy LPs"
    DONE = "has its answer and no lock; is still inside"


class Leaf(Enum):
    """Which call an LP has stopped in."""

    NONE = "none, or one that is done"
    INIT = "TDH.SYS.INIT"
    LP_INIT = "TDH.SYS.LP.INIT"
    INFO = "TDH.SYS.INFO"
    RD = "TDH.SYS.RD"
    RDALL = "TDH.SYS.RDALL"
    CONFIG = "TDH.SYS.CONFIG"
    KEY_CONFIG = "TDH.SYS.KEY.CONFIG"
    TDMR_INIT = "TDH.SYS.TDMR.INIT"
    SHUTDOWN = "TDH.SYS.SHUTDOWN"
    UPDATE = "TDH.SYS.UPDATE"
    LP_SHUTDOWN = "TDH.SYS.LP.SHUTDOWN"
    PAGE_RDMD = "TDH.PHYMEM.PAGE.RDMD"
    CREATE = "TDH.MNG.CREATE"


EXCLUSIVE = (Place.LOCKED, Place.SHUTDOWN_TENTATIVE)
"""Where an LP holds the global lock exclusively."""


class Interleaved(Pages):
    """The module's state with LPs that have stopped half-way through a call."""

    place = Map(Cpu, Place, Place.OUTSIDE)
    calling = Map(Cpu, Leaf, Leaf.NONE)
    tdmr_of: Map[Cpu, Tdmr] = Map(Cpu, Tdmr, FIRST_TDMR)
    """The TDMR that the LP was last asked to initialise."""

    @definition
    def busy(self, cpu: Cpu) -> Term[bool]:
        """The LP is marked as busy: it is inside the module."""
        return ~one_of(self.place[cpu], Place.OUTSIDE, Place.PRE_ENTRY)

    @definition
    def locks(self, cpu: Cpu) -> Term[bool]:
        """The LP holds the global lock exclusively."""
        return one_of(self.place[cpu], *EXCLUSIVE)

    @definition
    def shares_lock(self, cpu: Cpu) -> Term[bool]:
        """The LP holds the global lock together with others."""
        return self.place[cpu] == Place.LOCKED_SHARED

    @definition
    def locks_tdmr(self, cpu: Cpu, tdmr: Tdmr) -> Term[bool]:
        """The LP holds the TDMR's lock."""
        return (self.place[cpu] == Place.TDMR_LOCKED) & (self.tdmr_of[cpu] == tdmr)

    @definition
    def shutting_down(self) -> Term[bool]:
        """A shutdown has been announced that may still be taken back."""
        return exists(Cpu, lambda cpu: self.place[cpu] == Place.SHUTDOWN_TENTATIVE)

    @definition
    def can_lock(self, cpu: Cpu) -> Term[bool]:
        """Nobody else holds the global lock, so the LP can take it exclusively."""
        return forall(
            Cpu,
            lambda other: (
                (other == cpu) | ~(self.locks(other) | self.shares_lock(other))
            ),
        )

    @definition
    def can_share_lock(self, cpu: Cpu) -> Term[bool]:
        """Nobody else holds the global lock exclusively, so the LP can share it."""
        return forall(Cpu, lambda other: (other == cpu) | ~self.locks(other))

    @definition
    def can_lock_tdmr(self, cpu: Cpu, tdmr: Tdmr) -> Term[bool]:
        """Nobody else holds the TDMR's lock."""
        return forall(Cpu, lambda other: (other == cpu) | ~self.locks_tdmr(other, tdmr))

    @definition
    def is_alone(self, cpu: Cpu) -> Term[bool]:
        """No other LP is inside the module."""
        return forall(Cpu, lambda other: (other == cpu) | ~self.busy(other))

    @definition
    def state_shown(self) -> Term[SysState]:
        """The global state as an LP reads it that holds no lock."""
        return ite(self.shutting_down(), SysState.SYS_SHUTDOWN, self.sys_state)
