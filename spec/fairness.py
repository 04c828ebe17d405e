"""Fairness: what a host does not put off for ever, by which something comes in the end.

Each line is an assumption about schedulers, about hardware or about people, and not
something that a design does. Of what no line speaks nothing is promised: it may never
happen, a reset included.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Term, Turns, all_of, fairness
from tdxcheck.spec.events import CRASH_KEXEC, KEXEC, MACHINE_CHECK, REBOOT, TD_END
from tdxcheck.spec.host import Actor, Host
from tdxcheck.spec.sources import (
    ASM_TDX,
    DISABLE_V3,
    K6_16,
    L6_8,
    PULL_6_8,
    SEAMLDR_7_2,
)

ACCIDENTS = (CRASH_KEXEC, MACHINE_CHECK, Kind.FAULT, Kind.HARDWARE)
"""What befalls a kernel: nobody has to wait for it."""


@fairness(
    Actor.KERNEL,
    Actor.KVM,
    excepted=ACCIDENTS,
    sources=(L6_8.at("tdx_enable(), init_tdx_module()"),),
)
def an_initialization_goes_on(host: Host) -> Term[bool]:
    """Who initialises TDX goes on with it, as long as there is a next step.

    It is done by one thread, which the scheduler does not leave out for ever. So does a
    kernel that boots, and comes to it in time.
    """
    return host.initializing() | host.booting()


@fairness(
    Actor.KERNEL,
    Actor.KVM,
    excepted=ACCIDENTS,
    choosing={"shortage": False},
    turns=Turns.TOGETHER,
    sources=(PULL_6_8.at("no entropy error in common code"), ASM_TDX.at("sc_retry()")),
)
def entropy_comes_back(host: Host) -> Term[bool]:
    """A call that is made again and again meets entropy in the end.

    TDX_RND_NO_ENTROPY says that RDRAND or RDSEED had nothing to give at the moment.
    """
    return host.initializing()


@fairness(
    KEXEC,
    CRASH_KEXEC,
    REBOOT,
    turns=Turns.TOGETHER,
    sources=(DISABLE_V3.at("tdx_shutdown(), retries"),),
)
def disabling_is_not_interrupted_for_ever(host: Host) -> Term[bool]:
    """A TDH.SYS.DISABLE that is made again and again comes to its end.

    Each call goes on where the last was interrupted: it is the module's promise of
    progress, and the kernel has nothing else, for it makes the call without bound.
    """
    return host.disabling


@fairness(
    Actor.KERNEL,
    excepted=ACCIDENTS,
    turns=Turns.TOGETHER,
    sources=(SEAMLDR_7_2.at("do_seamldr_install_module(), ack_state()"),),
)
def stopped_cpus_go_on(host: Host) -> Term[bool]:
    """A CPU that an update has stopped does what it has to do, and acknowledges it.

    They run with interrupts off, each in a loop that only the others end.
    """
    return host.updating()


@fairness(
    TD_END,
    strong=True,
    turns=Turns.TOGETHER,
    sources=(K6_16.at("tdx_mmu_release_hkid()"),),
)
def the_end_of_a_td_goes_on(host: Host) -> Term[bool]:
    """Who runs a TD ends it at some time, and KVM then goes on to the last call.

    He asks again where he could not: while the machine is stopped for an update, or
    no CPU is there that the call can be made on.
    """
    return all_of()


FAIRNESS = (
    an_initialization_goes_on,
    entropy_comes_back,
    disabling_is_not_interrupted_for_ever,
    stopped_cpus_go_on,
    the_end_of_a_td_goes_on,
)
