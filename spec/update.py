"""What a runtime update of the TDX module adds to a host's state.

The P-SEAMLDR's session, the kernel's state machine of an update, and what an
update may do to others: to a TD that is being built, to whoever reads the version,
to a CPU's current VMCS.

Not modelled: sessions of SEAMLDR.SHUTDOWN and SEAMLDR.CLEANUP, which no kernel
starts; how many updates the SEAM database has room for.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import Map, State, Var
from tdxcheck.spec.machine import Cpu


class Image(Enum):
    """Which image of the TDX module."""

    BOOT = "the one that the kernel found when it booted"
    NEW = "one that an update brought"


class Stage(Enum):
    """What the CPUs do that an update has stopped.

    The kernel's START and SHUTDOWN are the step into them, since nobody can come
    between, and DONE is the step out of them.
    """

    NONE = 0
    CPU_INSTALL = 1
    CPU_INIT = 2
    RUN_UPDATE = 3


class Build(Enum):
    """Whether the TD's memory is between TDH.MEM.PAGE.ADD and TDH.MR.FINALIZE."""

    NONE = 0
    GOING_ON = 1
    CORRUPTED = 2


class Reading(Enum):
    """Somebody who reads the module's version, which is several numbers."""

    NONE = 0
    HALF = 1
    TORN = 2


class Updates(State):
    """The loader, an update under way, and what it can harm."""

    runtime_update = Var(bool, True, frozen=True)
    """The administrator updates the module while the machine runs."""
    loader_ready = Var(bool, True, frozen=True)
    """P-SEAMLDR can be entered (P_SEAMLDR_READY)."""
    in_session = Map(Cpu, bool, False)
    """The LP has called SEAMLDR.INSTALL in the session that is open."""
    session_found_module = Var(bool, False)
    """A module could be entered when the session began."""
    image = Var(Image, Image.BOOT)
    """What was last installed."""

    stage = Var(Stage, Stage.NONE)
    known_version = Var(Image, Image.BOOT)
    """Whose version the kernel tells."""
    known_features = Var(Image, Image.BOOT)
    """Whose features and limits the kernel goes by; it set up those of BOOT."""
    reading = Var(Reading, Reading.NONE)
    td_build = Var(Build, Build.NONE)

    update_file_is_good = Var(bool, True, frozen=True)
    """The file that the administrator gives has the header that it must have."""
    loader_counts_all_lps = Var(bool, True, frozen=True)
    """A session takes every LP that MCHECK counted, online or not."""
    update_corrupts_builds = Var(bool, True, frozen=True)
    """An update while a TD is built corrupts the TD's measurement (up to 1.5.16)."""
    seamret_clears_vmcs = Var(bool, False, frozen=True)
    """To return from P-SEAMLDR clears the CPU's current VMCS pointer."""
