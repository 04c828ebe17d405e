"""What a runtime update of the TDX module adds to a host's state.

The P-SEAMLDR's session, the kernel's state machine of an update, and what an
update may do to others: to a TD that is being built, to whoever reads the version,
to a CPU's current VMCS.

Not modelled: sessions of SEAMLDR.SHUTDOWN and SEAMLDR.CLEANUP, which no kernel
starts; how many updates the SEAM database has room for.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import Map, Safeguard, State, Var
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.sources import (
    K6_16,
    L7_2,
    LOADER_1_5,
    SEAMLDR_7_2,
    TDX_HOST,
    UPDATE_V10,
)


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

    handoff_version_is_told = Var(bool, True, frozen=True)
    """The module tells, by TDH.SYS.RD, in which version it writes its handoff best."""
    update_file_is_good = Var(bool, True, frozen=True)
    """The file that the administrator gives has the header that it must have."""
    loader_counts_all_lps = Var(bool, True, frozen=True)
    """A session takes every LP that MCHECK counted, online or not."""
    update_corrupts_builds = Var(bool, True, frozen=True)
    """An update while a TD is built corrupts the TD's measurement (up to 1.5.16)."""
    seamret_clears_vmcs = Var(bool, False, frozen=True)
    """To return from P-SEAMLDR clears the CPU's current VMCS pointer."""

    # What a kernel does to protect TDX, and others, in an update.

    offers_update_only_if_tds_survive = Safeguard(
        sources=(TDX_HOST.at("supports_runtime_update()"),)
    )
    """Updates are offered only with a module that preserves TDs: it says so itself."""
    reads_handoff_version = Safeguard(
        sources=(L7_2.at("tdx_module_shutdown(), get_tdx_sys_info_handoff()"),)
    )
    """No module is shut down that does not tell which handoff version it writes."""
    runs_finished_tds_only = Safeguard(sources=(K6_16.at("tdx_vcpu_pre_run()"),))
    """KVM runs no TD whose measurement is not complete."""
    checks_update_file = Safeguard(sources=(SEAMLDR_7_2.at("init_seamldr_params()"),))
    """A file whose header is wrong is refused before anything is shut down."""
    stops_the_machine = Safeguard(
        sources=(SEAMLDR_7_2.at("seamldr_install_module(), stop_machine()"),)
    )
    """Every CPU is stopped for an update: none makes a call of its own meanwhile."""
    updates_in_lock_step = Safeguard(
        sources=(SEAMLDR_7_2.at("do_seamldr_install_module(), ack_state()"),)
    )
    """No CPU goes on to the next stage of an update before all have done theirs."""
    serializes_installs = Safeguard(sources=(SEAMLDR_7_2.at("seamldr_install()"),))
    """SEAMLDR.INSTALL is called by one CPU after the other, under a lock."""
    installs_as_update = Safeguard(
        sources=(
            SEAMLDR_7_2.at("seamldr_install()"),
            LOADER_1_5.at("seamldr_install.c"),
        )
    )
    """The image is installed as an update, which keeps TDs, and not loaded anew."""
    stops_update_on_failure = Safeguard(
        bugs=("B19",), sources=(UPDATE_V10.at("15/25"), SEAMLDR_7_2.at("ack_state()"))
    )
    """An update goes no further than the stage in which some CPU met an error."""
    resets_flags_on_update = Safeguard(
        bugs=("B20",),
        sources=(UPDATE_V10.at("17/25"), L7_2.at("tdx_module_shutdown()")),
    )
    """With the old module shut down, no CPU and no TDH.SYS.INIT counts as done."""
    avoids_compat_sensitive_update = Safeguard(
        bugs=("B21",), sources=(UPDATE_V10.at("22/25"),)
    )
    """TDH.SYS.SHUTDOWN is told to refuse while a TD is built; the update is -EBUSY."""
    locks_version_reads = Safeguard(
        bugs=("B22",), sources=(TDX_HOST.at("version_show()"),)
    )
    """No update stops the machine while somebody reads the module's version."""
    refuses_seamldr_on_vmcs_erratum = Safeguard(
        bugs=("B23",),
        sources=(
            SEAMLDR_7_2.at("seamldr_call()"),
            TDX_HOST.at("supports_runtime_update()"),
        ),
    )
    """No P-SEAMLDR call, and no update, where it would clear the current VMCS."""
    refreshes_version_only = Safeguard(bugs=("B24",), sources=(UPDATE_V10.at("21/25"),))
    """After an update the kernel reads the version again, and no feature or limit."""
