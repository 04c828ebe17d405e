"""What breaks where something that Linux relies on is not so, as claims to be judged.

By the numbers of `models/assumptions.py`.
"""

from __future__ import annotations

from tdxcheck.models import assumptions as given
from tdxcheck.models import denials as denied
from tdxcheck.models.hazards import HOT_CPU, MOVABLE, hazard
from tdxcheck.spec import hazards as at_stake
from tdxcheck.spec.rules.caches import no_private_line_survives_failure
from tdxcheck.spec.rules.coverage import (
    no_td_is_killed_by_its_memory,
    td_memory_lies_in_tdmrs,
)
from tdxcheck.spec.rules.power import tdx_in_use_has_a_module
from tdxcheck.spec.rules.service import a_td_can_run
from tdxcheck.spec.sources import (
    BASE_SPEC,
    DH_1122,
    L6_8,
    MODULE_1_5,
    V3_TREE,
    V13,
)

RELIED_UPON = (
    hazard(
        "A3",
        "No TD is killed though the allocator owns the first MiB.",
        "v6.8",
        no_td_is_killed_by_its_memory,
        denied.LOW_MEMORY_IS_GIVEN_OUT,
        breaks="no TDMR has the first MiB: a page of it kills the TD",
        source=L6_8.at("build_tdx_memlist()"),
    ),
    hazard(
        "A4",
        "The list has all memory though memblock forgets what was added.",
        "v6.8",
        td_memory_lies_in_tdmrs,
        denied.MEMBLOCK_FORGETS_HOTPLUG,
        breaks="what went online before TDX was initialised is not listed",
        source=L6_8.at("build_tdx_memlist()"),
    ),
    hazard(
        "A5",
        "Memory that went offline returns though its block spans two entries.",
        "v6.8",
        at_stake.listed_memory_may_return_online,
        denied.BLOCKS_SPAN_ENTRIES,
        breaks="no single entry of the list has the whole block",
        bug="B9",
        source=L6_8.at("is_tdx_memory()"),
        sizes=MOVABLE,
    ),
    hazard(
        "A5-v7",
        "TDX is initialised though a range of memory spans two CMRs.",
        "v7",
        a_td_can_run,
        denied.BLOCKS_SPAN_CMRS,
        breaks="no single CMR has the whole range",
        bug="B9",
        source=DH_1122.at("on build_tdx_memory()"),
    ),
    hazard(
        "A5-v6.8",
        "TDX is initialised though a range of memory spans two CMRs.",
        "v6.8",
        a_td_can_run,
        denied.BLOCKS_SPAN_CMRS,
        source=L6_8.at("build_tdx_memlist()"),
    ),
    hazard(
        "A5-v7-touching",
        "TDX is initialised though a range of memory spans two CMRs.",
        "v7",
        a_td_can_run,
        denied.BLOCKS_SPAN_CMRS,
        given.TOUCHING_CMRS_COUNT_AS_ONE,
        source=DH_1122.at("on build_tdx_memory()"),
    ),
    hazard(
        "A6",
        "The module lives though somebody else writes the PAMT.",
        "v6.8",
        tdx_in_use_has_a_module,
        denied.STRAY_WRITES,
        breaks="the module reads poison, and TDX is dead until reset",
        source=BASE_SPEC.at("ch. 4.4.2, 16.6"),
    ),
    hazard(
        "A6-access-control",
        "Without integrity, no stray write is a machine check in the module.",
        "v6.8",
        tdx_in_use_has_a_module,
        denied.STRAY_WRITES,
        given.ACCESS_CONTROL_ONLY,
        source=MODULE_1_5.at("loader_data.h, helpers.c"),
    ),
    hazard(
        "A6-td",
        "A TD lives though somebody else writes its memory.",
        "v6.8",
        at_stake.no_td_dies_of_a_machine_check,
        denied.STRAY_WRITES,
        breaks="the TD reads poison, and is marked fatal",
        source=BASE_SPEC.at("ch. 16.5"),
    ),
    hazard(
        "A7",
        "A TD runs though KVM gives it the module's KeyID.",
        "v6.8",
        a_td_can_run,
        denied.TDS_GET_THE_GLOBAL_KEYID,
        breaks="TDH.MNG.CREATE answers TDX_HKID_NOT_FREE",
        source=MODULE_1_5.at("tdh_mng_create.c"),
    ),
    hazard(
        "A8",
        "A TD runs though there is one private KeyID.",
        "v6.8",
        a_td_can_run,
        denied.ONE_PRIVATE_KEYID,
        breaks="the kernel does not offer TDX",
        source=L6_8.at("tdx_init(), too few private KeyIDs available"),
    ),
    hazard(
        "A10",
        "A machine check comes back though unverified CPUs are let into the module.",
        "v6.18",
        at_stake.a_machine_check_comes_back,
        denied.UNVERIFIED_CPUS_ARE_LET_IN,
        source=V13.at("00/22 (LP.INIT on a hot-added CPU would fail)"),
        sizes=HOT_CPU,
    ),
    hazard(
        "A10-B16",
        "A machine check comes back though nobody watches the CPUs.",
        "v6.16",
        at_stake.a_machine_check_comes_back,
        denied.UNVERIFIED_CPUS_ARE_LET_IN,
        breaks="a CPU without LP.INIT is online while the module is ready",
        bug="B16",
        source=L6_8.at("paddr_is_tdx_private()"),
        sizes=HOT_CPU,
    ),
    hazard(
        "A12",
        "No line of a freed PAMT is left though a failed TDH.SYS.CONFIG wrote it.",
        "v6.8",
        no_private_line_survives_failure,
        denied.FAILED_CONFIG_WRITES_PAMT,
        given.NO_FAULTS,
        breaks="the PAMT is freed without flush, as no key was programmed",
        source=L6_8.at("init_tdx_module(), error path"),
    ),
    hazard(
        "A12-v3",
        "No line of a freed PAMT is left though a failed TDH.SYS.CONFIG wrote it.",
        "v3",
        no_private_line_survives_failure,
        denied.FAILED_CONFIG_WRITES_PAMT,
        source=V3_TREE.at("init_tdx_module(), error path"),
    ),
)
