"""SEAMLDR.INSTALL: every LP calls the P-SEAMLDR, and the last one installs an image.

Of the ways in which it can end, each is an action: a call that is not the last of
its session only counts, whatever it is given; the last installs the image, or
refuses it and lets the old one run again, or leaves no module at all.

Source: SEAM loader 1.5, seamldr_install.c.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tdxcheck.checker.language import (
    Action,
    Kind,
    Refusal,
    Term,
    action,
    count,
    exists,
    implies,
    ite,
)
from tdxcheck.checker.language.terms import Const
from tdxcheck.models.module.dispatch import YES
from tdxcheck.models.module.update import load
from tdxcheck.spec.host import Host
from tdxcheck.spec.machine import Cpu
from tdxcheck.spec.module import Handoff, Status
from tdxcheck.spec.sources import CPU_SPEC, LOADER_1_5
from tdxcheck.spec.update import Image

INSTALL = (LOADER_1_5.at("seamldr_install.c"), CPU_SPEC.at("SEAMCALL, operation"))
CALL = frozenset({Kind.SEAMCALL, Kind.LOADER})
GOOD_IMAGE: Final[Term[Status]] = Const(Status.TDX_SUCCESS)
RECOVERABLE: Final[str] = "RDX = 0"


def enter(host: Host, cpu: Cpu, alone: Term[bool]) -> None:
    """What SEAMCALL checks, then that this LP has not called before."""
    host.require(host.vmx_on[cpu], Status.UD)
    host.require(host.seamrr_valid[cpu], Status.GP)
    host.require(alone, Status.VMFAIL_INVALID)
    host.require(host.loader_ready, Status.VMFAIL_INVALID)
    host.require(
        ~host.in_session[cpu], Refusal(Status.SEAMLDR_EBADCALL, detail=RECOVERABLE)
    )


def last_of_session(host: Host) -> Term[bool]:
    """All LPs but one have called: the next call is the last.

    The loader counts to the total of MCHECK's table, whoever is online.
    """
    everyone = host.loader_counts_all_lps
    called = count(Cpu, lambda c: host.in_session[c])
    wanted = count(Cpu, lambda c: host.counted[c] & (everyone | host.online(c)))
    return called + 1 >= wanted


def found_module(host: Host) -> Term[bool]:
    """A module could be entered when the session began, which may be now."""
    begun = exists(Cpu, lambda c: host.in_session[c])
    return ite(begun, host.session_found_module, host.seam_ready)


@action(kinds=CALL, success=Status.TDX_SUCCESS, sources=INSTALL)
def seamldr_install(host: Host, cpu: Cpu, alone: Term[bool] = YES) -> None:
    """SEAMLDR.INSTALL on {cpu}, not the last LP: counted; no module can be entered."""
    enter(host, cpu, alone)
    host.require(~last_of_session(host))
    host.session_found_module = found_module(host)
    host.in_session[cpu] = True
    host.seam_ready = False


def _check_last(
    host: Host, cpu: Cpu, alone: Term[bool], keeps_tds: Term[bool]
) -> Term[bool]:
    """The checks of the last LP; the answer is whether the handoff can be taken.

    A version that the kernel has guessed is taken for one that the image does not know.
    """
    enter(host, cpu, alone)
    host.require(last_of_session(host))
    known = host.handoff_version_readable[host.handoff_version]
    readable = known & host.handoff_version_is_told
    return implies(keeps_tds, (host.handoff == Handoff.VALID) & readable)


def _end_session(host: Host) -> None:
    host.in_session.update(lambda cpu: Const(False))
    host.session_found_module = False


@action(kinds=CALL, success=Status.TDX_SUCCESS, sources=INSTALL)
def seamldr_install_completes(
    host: Host,
    cpu: Cpu,
    keeps_tds: Term[bool] = YES,
    verdict: Term[Status] = GOOD_IMAGE,
    alone: Term[bool] = YES,
) -> None:
    """SEAMLDR.INSTALL on {cpu}, the last LP: the new image can be entered."""
    handed_over = _check_last(host, cpu, alone, keeps_tds)
    host.require(implies(keeps_tds, found_module(host)))
    host.require(verdict == Status.TDX_SUCCESS)
    host.require(handed_over)
    load(host, keeps_tds)
    host.image = Image.NEW
    _end_session(host)


def _refused(status: Status) -> Action:
    """The refusal with this status, after which the old image is there again."""
    this_status: Term[Status] = Const(status)

    @action(
        name=f"seamldr_install_refused_{status.name}",
        kinds=CALL,
        success=status,
        sources=INSTALL,
    )
    def seamldr_install_refused(
        host: Host,
        cpu: Cpu,
        keeps_tds: Term[bool] = YES,
        verdict: Term[Status] = this_status,
        alone: Term[bool] = YES,
    ) -> None:
        """SEAMLDR.INSTALL on {cpu}, the last LP, refuses: the old image is back."""
        handed_over = _check_last(host, cpu, alone, keeps_tds)
        none_before = keeps_tds & ~found_module(host)
        match status:
            case Status.SEAMLDR_EBADPARAM:
                host.require((verdict == status) | none_before)
            case Status.SEAMLDR_EBADHANDOFF:
                # The loader looks at the handoff last, of an image that is good.
                host.require(~none_before & ~handed_over)
            case _:
                host.require(~none_before & (verdict == status))
        host.seam_ready = found_module(host)
        _end_session(host)

    return seamldr_install_refused


INSTALL_REFUSED: Final = MappingProxyType(
    {
        status: _refused(status)
        for status in (
            Status.SEAMLDR_EBADPARAM,
            Status.SEAMLDR_EBADSIG,
            Status.SEAMLDR_EUNSUPPORTED,
            Status.SEAMLDR_EUNSUPCPU,
            Status.SEAMLDR_ENOENTROPY,
            Status.SEAMLDR_ENOMEM,
            Status.SEAMLDR_EBADCALL,
            Status.SEAMLDR_EBADHANDOFF,
        )
    }
)
"""The last LP's call that is refused before anything is erased, by its status."""


@action(kinds={*CALL, Kind.FAULT}, success=Status.SEAMLDR_EBADHASH, sources=INSTALL)
def seamldr_install_breaks(
    host: Host,
    cpu: Cpu,
    keeps_tds: Term[bool] = YES,
    alone: Term[bool] = YES,
) -> None:
    """SEAMLDR.INSTALL on {cpu}, the last LP, fails with the old image erased."""
    handed_over = _check_last(host, cpu, alone, keeps_tds)
    host.require(implies(keeps_tds, found_module(host)))
    host.require(handed_over)
    host.handoff = Handoff.NONE
    host.seam_ready = False
    _end_session(host)
