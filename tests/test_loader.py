"""The P-SEAMLDR by itself: sessions, and what becomes of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import TransitionSystem
from tdxcheck.models.seamldr import (
    INSTALL_REFUSED,
    seamldr_install,
    seamldr_install_breaks,
    seamldr_install_completes,
)
from tdxcheck.spec.host import Host, Presence
from tdxcheck.spec.module import Handoff, Status, SysState
from tdxcheck.spec.update import Image
from tests.hosts import first_of
from tests.quiet import instance

LOADER = (
    seamldr_install,
    seamldr_install_completes,
    *INSTALL_REFUSED.values(),
    seamldr_install_breaks,
)
LOADER_SYSTEM = TransitionSystem(
    "loader", "The P-SEAMLDR, called by anybody.", Host, LOADER
)
SHUT_DOWN: Mapping[Any, Any] = {
    Host.vmx_on: True,
    Host.seam_ready: True,
    Host.sys_state: SysState.SYS_SHUTDOWN,
    Host.handoff: Handoff.VALID,
    Host.counted: True,
    Host.seamrr_valid: True,
    Host.cpu: Presence.ONLINE,
}
"""A module that was shut down, on CPUs in VMX operation."""


class Loader:
    """The loader in one state, called in the order that a test wants."""

    def __init__(self, settings: Mapping[Any, Any] | None = None) -> None:
        made = instance(LOADER_SYSTEM, {**SHUT_DOWN, **(settings or {})})
        self.interpreter = Interpreter(made)
        self.state = first_of(made)

    def call(
        self,
        cpu: int,
        verdict: Status = Status.TDX_SUCCESS,
        *,
        keeps_tds: bool = True,
        alone: bool = True,
        breaks: bool = False,
    ) -> Any:
        """What SEAMLDR.INSTALL answers; the effects are kept."""
        given = {
            "cpu": cpu,
            "verdict": verdict,
            "keeps_tds": keeps_tds,
            "alone": alone,
        }
        actions = (seamldr_install_breaks,) if breaks else LOADER[:-1]
        for leaf in actions:
            arguments = tuple(given[p.name] for p in leaf.parameters)
            outcome = self.interpreter.attempt(self.state, leaf, arguments)
            if outcome.after is not None:
                self.state = outcome.after
                return leaf.success
            if outcome.answer is not None:
                return outcome.answer
        raise AssertionError("no action of the loader says what happens")

    def value(self, variable: Any, *indices: int) -> Any:
        return self.state[variable, indices]


def test_the_first_call_makes_the_module_unreachable() -> None:
    loader = Loader()
    assert loader.call(0) is Status.TDX_SUCCESS
    assert not loader.value(Host.seam_ready)
    assert loader.value(Host.in_session, 0)
    assert loader.value(Host.image) is Image.BOOT


def test_the_last_call_installs_the_image() -> None:
    loader = Loader()
    assert [loader.call(1), loader.call(0)] == [Status.TDX_SUCCESS] * 2
    assert loader.value(Host.seam_ready)
    assert loader.value(Host.sys_state) is SysState.SYSINIT_PENDING
    assert loader.value(Host.image) is Image.NEW
    assert loader.value(Host.handoff) is Handoff.VALID
    assert not any(loader.value(Host.in_session, cpu) for cpu in (0, 1))
    assert loader.call(0) is Status.TDX_SUCCESS, "a new session may begin"


def test_an_lp_calls_once_in_a_session() -> None:
    loader = Loader()
    loader.call(0)
    before = loader.state
    assert loader.call(0) is Status.SEAMLDR_EBADCALL
    assert loader.state == before


@pytest.mark.parametrize(
    ("settings", "alone", "answer"),
    [
        ({Host.vmx_on: False}, True, Status.UD),
        ({Host.loader_ready: False}, True, Status.VMFAIL_INVALID),
        ({}, False, Status.VMFAIL_INVALID),
    ],
)
def test_who_cannot_enter(
    settings: Mapping[Any, Any], alone: bool, answer: Status
) -> None:
    loader = Loader(settings)
    assert loader.call(0, alone=alone) is answer
    assert loader.value(Host.seam_ready)


def test_an_lp_without_seamrr_faults() -> None:
    loader = Loader({Host.seamrr_valid: lambda cpu: cpu == 0})
    assert loader.call(1) is Status.GP


def test_only_the_last_call_looks_at_the_image() -> None:
    loader = Loader()
    assert loader.call(0, Status.SEAMLDR_EBADSIG) is Status.TDX_SUCCESS
    assert loader.call(1, Status.SEAMLDR_EBADSIG) is Status.SEAMLDR_EBADSIG


@pytest.mark.parametrize(
    "status", [s for s in INSTALL_REFUSED if s is not Status.SEAMLDR_EBADHANDOFF]
)
def test_a_refused_image_gives_the_old_one_back(status: Status) -> None:
    """It can be entered again, and says only that it is shut down."""
    loader = Loader()
    loader.call(0)
    assert loader.call(1, status) is status
    assert loader.value(Host.seam_ready)
    assert loader.value(Host.sys_state) is SysState.SYS_SHUTDOWN
    assert loader.value(Host.handoff) is Handoff.VALID
    assert loader.value(Host.image) is Image.BOOT
    assert [loader.call(0), loader.call(1)] == [Status.TDX_SUCCESS] * 2
    assert loader.value(Host.image) is Image.NEW, "another session succeeds"


def test_an_erased_image_is_gone() -> None:
    loader = Loader()
    loader.call(0)
    assert loader.call(1, breaks=True) is Status.SEAMLDR_EBADHASH
    assert not loader.value(Host.seam_ready)
    loader.call(0)
    assert loader.call(1) is Status.SEAMLDR_EBADPARAM, "there is nothing to update"
    assert not loader.value(Host.seam_ready)
    loader.call(0, keeps_tds=False)
    assert loader.call(1, keeps_tds=False) is Status.TDX_SUCCESS
    assert loader.value(Host.seam_ready)


def test_an_update_needs_the_handoff_and_a_load_does_not() -> None:
    running = {Host.sys_state: SysState.SYS_READY, Host.handoff: Handoff.NONE}
    loader = Loader(running)
    loader.call(0)
    assert loader.call(1) is Status.SEAMLDR_EBADHANDOFF
    assert loader.value(Host.sys_state) is SysState.SYS_READY
    assert loader.value(Host.seam_ready)
    loader.call(0, keeps_tds=False)
    assert loader.call(1, keeps_tds=False) is Status.TDX_SUCCESS
    assert loader.value(Host.sys_state) is SysState.SYSINIT_PENDING


@pytest.mark.parametrize("counts_all", [True, False])
def test_the_session_counts_the_lps_of_mcheck(counts_all: bool) -> None:
    """Unless it is assumed that it counts those that are online."""
    loader = Loader(
        {
            Host.cpu: lambda cpu: Presence.OFFLINE if cpu else Presence.ONLINE,
            Host.loader_counts_all_lps: counts_all,
        }
    )
    assert loader.call(0) is Status.TDX_SUCCESS
    assert loader.value(Host.seam_ready) is not counts_all
