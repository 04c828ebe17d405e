"""Rules of which memory TDX can use, and which it is given."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Severity,
    Step,
    Term,
    forall,
    implies,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.spec.host import Host, Running, Tdx
from tdxcheck.spec.machine import Block
from tdxcheck.spec.sources import BASE_SPEC, DH_1459, L6_8, MODULE_1_5, SEED, TDX_RST


@invariant(
    severity=Severity.GUEST,
    sources=(
        SEED.at("memory hotplug"),
        L6_8.at("is_tdx_memory(), tdx_memory_notifier()"),
        TDX_RST.at("Physical memory hotplug"),
    ),
)
def td_memory_lies_in_tdmrs(host: Host) -> Term[bool]:
    """Every page that the allocator may hand to a TD lies in a configured TDMR.

    Linux gives a TD any page of the allocator. The module refuses one outside
    the TDMRs with TDX_OPERAND_ADDR_RANGE_ERROR, and the TD is killed.
    """
    return forall(
        Block,
        lambda block: implies(host.td_memory_available(block), host.in_tdmr[block]),
    )


@invariant(
    severity=Severity.SERVICE,
    sources=(MODULE_1_5.at("tdh_sys_config.c"), BASE_SPEC.at("ch. 4.1.3.1")),
)
def tdmrs_lie_in_cmrs(host: Host) -> Term[bool]:
    """Memory in a TDMR, other than its reserved areas, lies in a CMR.

    Only memory that firmware checked at boot is convertible. The module refuses
    any other with TDX_TDMR_OUTSIDE_CMRS.
    """
    return forall(
        Block,
        lambda block: implies(host.in_tdmr[block], host.convertible(block)),
    )


@invariant(
    severity=Severity.GUEST,
    sources=(SEED.at("NVDIMM"), DH_1459.at('on "cannot physically happen"')),
)
def no_td_is_killed_by_its_memory(host: Host) -> Term[bool]:
    """No TD is killed because the host gave it a page that TDX cannot use."""
    return implies(host.tdx_in_use(), ~host.td_page_refused)


@step_rule(
    severity=Severity.PRECAUTION,
    sources=(
        L6_8.at("init_tdx_module(), get_online_mems()"),
        L6_8.at("build_tdx_memlist(), tdx_memory_notifier()"),
    ),
)
def memory_stands_still_while_it_is_listed(
    before: Host, step: Step, after: Host
) -> Term[bool]:
    """While the kernel builds and configures TDMRs no memory comes or goes.

    What comes after memblock was read is in no TDMR, and what goes may be where the
    PAMT is. That the list, from its first entry on, excludes what is not in it is
    another check, in the notifier.
    """
    first = (before.running == Running.FIRST) & (after.running == Running.FIRST)
    built = one_of(before.tdx, Tdx.BUILT, Tdx.CONFIGURED)
    goes_on = first & built & one_of(after.tdx, Tdx.BUILT, Tdx.CONFIGURED)
    same = forall(Block, lambda block: before.memory[block] == after.memory[block])
    return implies(goes_on, same)


COVERAGE = (
    td_memory_lies_in_tdmrs,
    tdmrs_lie_in_cmrs,
    no_td_is_killed_by_its_memory,
    memory_stands_still_while_it_is_listed,
)
