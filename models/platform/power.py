"""Suspend and hibernation: power goes, and with it the TDX module."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Kind,
    Refusal,
    action,
)
from tdxcheck.spec.events import (
    HIBERNATE,
    SUSPEND,
)
from tdxcheck.spec.host import (
    Actor,
    Host,
    Told,
)
from tdxcheck.spec.sources import (
    ACPI_SLEEP,
    L6_8,
    TDX_RST,
)


def reset_module(host: Host) -> None:
    """Power goes: the module and its TDs are lost, and no cache keeps a line."""
    host.seam_ready = False
    host.private_dirty.fill(False)
    host.pamt_dirty.fill(False)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=SUSPEND,
    sources=(
        TDX_RST.at("S3"),
        L6_8.at("tdx_init()"),
        ACPI_SLEEP.at("acpi_suspend_enter()"),
    ),
)
def suspend(host: Host) -> None:
    """The administrator suspends the machine to memory, and wakes it up again.

    A kernel that has turned TDX off, as it can hibernate, suspends as ever. The log
    line of the refusal is from boot.
    """
    host.require(host.suspend)
    host.require(host.in_service())
    host.require(~host.initializing())
    host.require(
        ~host.refuses_s3 | host.hidden_at_boot(),
        otherwise=Refusal(
            Told.ENOSYS,
            log="Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
        ),
    )
    reset_module(host)


@action(
    actor=Actor.ADMINISTRATOR,
    kinds={Kind.REQUEST},
    event=HIBERNATE,
    sources=(TDX_RST.at("hibernation"), L6_8.at("tdx_init()")),
)
def hibernate(host: Host) -> None:
    """The administrator hibernates the machine: the kernel wakes up where it was."""
    host.require(host.hibernation)
    host.require(host.in_service())
    host.require(~host.initializing())
    reset_module(host)
