"""What is at stake where something taken for granted is not so, as properties.

They hold as long as everything is as Linux relies on it; `models/hazards.py` denies
one thing at a time.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Severity,
    Step,
    Term,
    exists,
    forall,
    implies,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.spec.events import (
    CRASH_KEXEC,
    DEVICE_AS_MEMORY,
    KEXEC,
    MEMORY_HOT_REMOVE,
    MEMORY_ONLINE,
    REBOOT,
)
from tdxcheck.spec.host import Host, Presence, Running, Td, Tdx
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import SysState
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DH_1122,
    DISABLE_V3,
    DW_0428,
    K6_16,
    KEXEC_V4,
    L6_8,
    L7_DEVELOPMENT,
    MEMMAP,
    MODULE_1_5,
    V3,
    V5,
    V6,
    VIRT_AT_LOAD,
)


@invariant(
    severity=Severity.SERVICE,
    sources=(DH_1122.at("on build_tdx_memory()"), L6_8.at("is_tdx_memory()")),
)
def listed_memory_may_return_online(host: Host) -> Term[bool]:
    """While TDX is in use, memory of its TDMRs that went offline may come back."""
    return forall(
        Block,
        lambda block: implies(
            host.tdx_in_use()
            & host.in_tdmr[block]
            & ~host.impossible(MEMORY_ONLINE, block),
            ~host.refuses(MEMORY_ONLINE, block),
        ),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(V3.at("20/21, tdx_host=on"), K6_16.at("tdx_bringup(), tdx=1")),
)
def tdx_is_initialized_where_it_is_asked_for(host: Host) -> Term[bool]:
    """TDX is initialised only where the administrator has asked for it.

    It takes a part of all memory, and forbids what else the machine might do.
    """
    return ~((host.tdx == Tdx.INITIALIZED) & ~host.tdx_is_opted_into)


@invariant(
    severity=Severity.SERVICE,
    sources=(
        VIRT_AT_LOAD.at("commit message"),
        K6_16.at("tdx_bringup(), enable_virt_at_load"),
    ),
)
def vmx_is_left_to_others(host: Host) -> Term[bool]:
    """Where VMX is to be on for guests only, it is off while there is none.

    Another hypervisor may want it then. TDX needs it for as long as it is there.
    """
    wanted_elsewhere = host.vmx_is_for_guests_only & (host.td == Td.NONE)
    return ~(wanted_elsewhere & exists(Cpu, lambda cpu: host.vmx_on[cpu]))


@invariant(severity=Severity.GUEST, sources=(V6.at("tdx_init(), x2apic_enabled()"),))
def tdx_is_used_with_x2apic(host: Host) -> Term[bool]:
    """TDX is used only where the local APICs are in x2APIC mode.

    Registers that are memory have leaked data of enclaves; TDs are not immune.
    """
    return ~(host.tdx_in_use() & host.xapic)


@invariant(severity=Severity.SERVICE, sources=(DW_0428.at("on soft-reserved memory"),))
def convertible_devices_may_be_used(host: Host) -> Term[bool]:
    """A device's memory that lies in a CMR may be given to the kernel.

    Unless TDX is initialised with TDMRs that leave it out.
    """
    return forall(
        Block,
        lambda block: implies(
            host.convertible(block)
            & implies(host.tdx == Tdx.INITIALIZED, host.in_tdmr[block])
            & ~host.impossible(DEVICE_AS_MEMORY, block),
            ~host.refuses(DEVICE_AS_MEMORY, block),
        ),
    )


@invariant(severity=Severity.GUEST, sources=(MEMMAP.at("on memmap_on_memory"),))
def no_other_memory_is_used(host: Host) -> Term[bool]:
    """While TDX is in use the kernel uses no memory outside the TDMRs, for anything.

    With memmap_on_memory the struct pages of added memory lie in it before it goes
    online, and so before a notifier is asked. No TD is ever given one of those.
    """

    def used(block: Block) -> Term[bool]:
        online = host.memory[block] == Presence.ONLINE
        return online | host.memmap_inside[block]

    return forall(
        Block,
        lambda block: implies(host.tdx_in_use() & used(block), host.in_tdmr[block]),
    )


@step_rule(severity=Severity.MACHINE, sources=(V5.at("03/22"),))
def removed_memory_is_met_with_bug(before: Host, step: Step, after: Host) -> Term[bool]:
    """Memory never goes unnoticed where the platform says that it cannot go.

    The words of v5, whose way to notice is BUG().
    """
    return implies(
        step.is_(MEMORY_HOT_REMOVE) & before.acpi_memory_attribute,
        after.running == Running.NONE,
    )


@step_rule(severity=Severity.SERVICE, sources=(V5.at("03/22"),))
def memory_that_may_go_is_let_go(before: Host, step: Step, after: Host) -> Term[bool]:
    """Memory that the platform may take away it can, and the kernel goes on."""
    return implies(
        step.is_(MEMORY_HOT_REMOVE) & ~before.acpi_memory_attribute,
        after.running != Running.NONE,
    )


@invariant(
    severity=Severity.MACHINE,
    sources=(L6_8.at("paddr_is_tdx_private()"), MODULE_1_5.at("helpers.c")),
)
def a_machine_check_comes_back(host: Host) -> Term[bool]:
    """While TDX is in use, a machine check asks the module only after LP.INIT (A10).

    On any other CPU that lets it in, the module maps its PAMT without mappings of
    its own, and never returns. Where it is not let in, the refusal does no harm.
    """
    asks = host.asks_module_on_machine_check & host.tdx_in_use() & host.seam_ready
    return forall(
        Cpu,
        lambda cpu: implies(
            asks & host.online(cpu) & host.vmx_on[cpu] & host.seamrr_valid[cpu],
            host.lp_initialized[cpu],
        ),
    )


@step_rule(
    severity=Severity.SERVICE,
    sources=(DISABLE_V3.at("cover letter, tdx_shutdown()"),),
)
def every_reboot_disables_the_module(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """Whatever reboots the machine, a module that can be disabled is.

    Otherwise its memory stays private until something resets it: what runs first on
    the machine that was reset meets it.
    """
    used = (before.running == Running.FIRST) & (before.tdx == Tdx.INITIALIZED)
    able = before.module_has_disable & before.seam_ready
    return implies(step.is_(REBOOT) & used & able, ~after.module_touched())


@step_rule(
    severity=Severity.MACHINE,
    sources=(DISABLE_V3.at("cover letter, tdx_shutdown()"),),
)
def a_module_that_was_shut_down_is_disabled(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """An old module that is shut down is disabled before another kernel runs.

    It is there after an update in which the P-SEAMLDR has refused the image, and in one
    that has not come to it. Otherwise all memory of the TDs and of the PAMT is still
    private to whoever runs next.
    """
    leaves = step.is_(KEXEC) | step.is_(CRASH_KEXEC)
    down = before.seam_ready & (before.sys_state == SysState.SYS_SHUTDOWN)
    updated = before.updating() | before.update_failed()
    left = updated & down & before.module_has_disable
    return implies(leaves & left, ~after.private_page_in_allocator)


@invariant(
    severity=Severity.SERVICE,
    sources=(KEXEC_V4.at("cover letter, on kdump"), L7_DEVELOPMENT.at("tdx_enable()")),
)
def a_crash_kernel_has_its_memory_for_the_dump(host: Host) -> Term[bool]:
    """A crash kernel that has booted gave no memory to TDX, which it has no use for.

    What was reserved for it is little, and a PAMT is one piece of it.
    """
    booted = one_of(host.tdx, Tdx.INITIALIZED, Tdx.ERROR, Tdx.DISABLED)
    return implies((host.running == Running.CRASH) & booted, ~host.pamt_allocated)


@invariant(severity=Severity.GUEST, sources=(BASE_SPEC.at("ch. 16.5"),))
def no_td_dies_of_a_machine_check(host: Host) -> Term[bool]:
    """No TD reads poison in its own memory."""
    return implies(host.td_spoilt, ~host.td_poisoned)


@invariant(
    severity=Severity.MACHINE,
    sources=(KEXEC_V4.at("cover letter"), BASE_SPEC.at("ch. 16.2.3")),
)
def private_memory_may_be_read(host: Host) -> Term[bool]:
    """The next kernel may read what the first one left private: that poisons nothing.

    So a crash dump may hold private memory, which reads as zeros.
    """
    return implies(
        one_of(host.running, Running.SECOND, Running.CRASH)
        & host.private_page_in_allocator,
        ~host.poisoned,
    )
