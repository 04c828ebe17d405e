"""Memory, its kinds, its caches and its keys: what comes true, step by step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Claim, Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import Question, case_of, cases_of
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.terms import Reaction
from tdxcheck.checker.verdict import Refuted
from tdxcheck.models import assumptions
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.hazards import HAZARDS
from tdxcheck.models.relied_upon import RELIED_UPON
from tdxcheck.spec.environment import Integrity
from tdxcheck.spec.events import DEVICE_AS_MEMORY, MACHINE_CHECK, MEMORY_ONLINE
from tdxcheck.spec.host import Host as HostState
from tdxcheck.spec.host import Running
from tests.hosts import (
    ACCEPTED,
    NEVER,
    SMALL,
    START,
    TOLD,
    USUAL,
    Host,
    first_of,
    instance,
    judged,
)

SEVEN = {"cpus": 2, "packages": 2, "blocks": 7}
"""One block of every kind, and another of boot DRAM."""
CXL, SOFT_RESERVED = 5, 6


class Started(Host):
    """A design whose TDX is in use, on a machine of any size with other switches."""

    def __init__(
        self, key: str, sizes: Mapping[str, int], settings: dict[Any, Any] | None = None
    ) -> None:
        self.instance = instance(key, sizes, {**USUAL, **(settings or {})})
        self.interpreter = Interpreter(self.instance)
        self.state = first_of(self.instance)
        for name, *arguments in START[key.partition("-without-")[0]]:
            self.take(name, *arguments)

    def reads(self, variable: Any, *entry: int) -> Any:
        return self.state[variable, entry]


# What Linux relies on, denied.


def asks_without_denial(claim: Claim, name: str) -> bool:
    """The question that lets stand what the claim denies, all else being as given."""
    dropped = [a for a in claim.assumptions if name.endswith(f"without-{a.key}")]
    return bool(dropped) and dropped[0].denies


@pytest.mark.parametrize("claim", (*RELIED_UPON, *HAZARDS), ids=lambda claim: claim.key)
def test_what_is_denied_breaks_what_is_expected(claim: Claim) -> None:
    design = CATALOGUE.design(claim.design)
    for case in cases_of(CATALOGUE, [design], {}, names=[claim.key]):
        whole = ground(case.instance.system, case.instance.scope)
        part = slice_for(whole, range(len(whole.properties)))
        found = survey(part.system).verdicts
        for question, verdict in zip(case.questions, found, strict=True):
            if question.expected is not None:
                assert outcome_of(verdict) is question.expected.outcome
            elif claim.expected.outcome is Outcome.REFUTED and asks_without_denial(
                claim, question.name
            ):
                assert outcome_of(verdict) is not Outcome.REFUTED, question.name


def test_all_that_linux_relies_on_is_checked_or_can_be_denied() -> None:
    text = assumptions.__doc__ or ""
    rows = re.findall(r"^\| (A\d+) \|((?:.|\n(?!\| A))*)", text, re.MULTILINE)
    assert [row for row, _ in rows] == [f"A{n}" for n in range(1, 13)]
    for number, row in rows:
        names = re.findall(r"`([a-z_-]+)`", row)
        assert names, number
        for name in names:
            CATALOGUE.entry(name)


def test_every_denial_is_used() -> None:
    used = {a.key for claim in CATALOGUE.claims for a in claim.assumptions}
    assert {a.key for a in CATALOGUE.assumptions if a.denies} <= used


def judged_as_claimed(claim: Claim, key: str) -> Outcome | None:
    """What the claim says, of a design that may be another."""
    question = Question(claim.property, None)
    design = CATALOGUE.design(key)
    case = case_of(CATALOGUE, design, claim.assumptions, SMALL, [question])
    whole = ground(case.instance.system, case.instance.scope)
    return outcome_of(survey(slice_for(whole, [0]).system).verdicts[0])


@pytest.mark.parametrize(
    ("claim", "guard"),
    [
        ("opt-in", "waits_for_opt_in"),
        ("opt-in-v6.16", "waits_for_kvm_parameter"),
        ("virt-at-load", "requires_virtualization_at_load"),
        ("x2apic", "requires_x2apic"),
    ],
)
def test_what_a_claim_rests_on_is_the_check(claim: str, guard: str) -> None:
    asked = CATALOGUE.claim(claim)
    for key, outcome in (
        (asked.design, Outcome.HOLDS),
        (f"{asked.design}-without-{guard}", Outcome.REFUTED),
    ):
        assert judged_as_claimed(asked, key) is outcome


def test_a_kernel_without_cmr_checks_takes_a_table_with_a_gap() -> None:
    """The check is what gives TDX up: the module would have borne the table."""
    asked = CATALOGUE.claim("cmr-gaps")
    for key, outcome in (
        ("v3", Outcome.REFUTED),
        ("v3-without-checks_cmrs", Outcome.HOLDS),
    ):
        assert judged_as_claimed(asked, key) is outcome


# Lines that are written back late.


def test_a_line_left_by_kexec_overwrites_the_next_kernel() -> None:
    host = Started("v3", SMALL)
    host.take("kexec_load")
    host.take("kexec", 0)
    assert host.reads(HostState.running) is Running.SECOND
    assert not host.try_("evict_private_line", 1)
    host.take("evict_private_line", 0)
    assert host.reads(HostState.overwritten)


def test_a_flush_leaves_nothing_to_write_back() -> None:
    host = Started("v13", SMALL)
    host.take("kexec_load")
    host.take("kexec", 0)
    assert not any(host.try_("evict_private_line", cpu) for cpu in (0, 1))


@pytest.mark.parametrize("integrity", Integrity)
def test_a_spoilt_pamt_is_the_end_of_tdx(integrity: Integrity) -> None:
    key = "v6.8-without-flushes_before_key_config"
    host = Started(key, SMALL, {HostState.integrity: integrity})
    host.take("evict_pamt_line", 1)
    dies = integrity is not Integrity.ACCESS_CONTROL
    assert host.try_("module_reads_poison") == dies
    assert host.reads(HostState.seam_ready) != dies


def test_a_dead_module_answers_nothing() -> None:
    host = Started("v6.8-without-flushes_before_key_config", SMALL)
    host.take("evict_pamt_line", 0)
    host.take("module_reads_poison")
    action = host.action("machine_check")
    taken = host.interpreter.attempt(host.state, action, (1,))
    assert taken.answer is not None
    assert taken.answer.name == "VMFAIL_INVALID"


def test_a_cpu_that_is_offline_is_flushed_when_it_goes() -> None:
    rule = "pamt_is_clean_when_written"
    three = {"cpus": 3, "packages": 1, "blocks": 1}
    key = "v6.8-without-flushes_offlined_cpus"
    assert isinstance(judged(key, rule, three), Refuted)
    assert outcome_of(judged("v6.8", rule, three)) is Outcome.HOLDS


# kexec, and how late its caches are flushed.


def test_kexec_hangs_on_a_late_flush() -> None:
    late = Started("v6.18-without-flushes_when_seamcalls_end", SMALL, NO_ERRATUM)
    late.take("kexec_load")
    late.take("kexec_hangs", 0)
    assert late.reads(HostState.running) is Running.HUNG
    early = Started("v6.18", SMALL, NO_ERRATUM)
    early.take("kexec_load")
    assert not early.try_("kexec_hangs", 0)


NO_ERRATUM: dict[Any, Any] = {HostState.partial_write_erratum: False}


# Machine checks.


def test_a_machine_check_dirties_a_cache() -> None:
    host = Started("v6.18", SMALL, NO_ERRATUM)
    host.take("cpu_offline", 1)
    host.take("cpu_online_known", 1)
    assert not host.reads(HostState.marked, 1)
    host.take("machine_check", 1)
    assert host.reads(HostState.private_dirty, 1)
    assert host.reads(HostState.marked, 1)


def test_a_question_that_marks_no_cache_leaves_a_line() -> None:
    key = "v6.18-without-marks_cache_of_page_rdmd"
    rule = "no_private_line_survives_kexec"
    assert isinstance(judged(key, rule), Refuted)
    assert outcome_of(judged("v6.18", rule)) is Outcome.HOLDS


def test_a_machine_check_before_tdx_changes_nothing() -> None:
    host = Host("v6.8")
    before = dict(host.state)
    assert host.reacts(MACHINE_CHECK, 0) is ACCEPTED
    host.take("machine_check", 0)
    assert dict(host.state) == before


def test_v3_does_not_ask_on_a_machine_check() -> None:
    assert Host("v3").reacts(MACHINE_CHECK, 0) is NEVER


# Kinds of memory.


@pytest.mark.parametrize("block", [CXL, SOFT_RESERVED])
@pytest.mark.parametrize(
    ("key", "added", "onlined"),
    [
        ("v3", ACCEPTED, ACCEPTED),
        ("v5", TOLD, NEVER),
        ("v7", TOLD, NEVER),
        ("v6.8", ACCEPTED, TOLD),
        ("hotadd-precheck", TOLD, NEVER),
        ("v7.2", ACCEPTED, TOLD),
    ],
)
def test_who_takes_cxl_and_soft_reserved_memory(
    key: str, added: Reaction, onlined: Reaction, block: int
) -> None:
    host = Started(key, SEVEN, {HostState.legacy_pmem_convertible: True})
    assert host.reacts(DEVICE_AS_MEMORY, block) is added
    if added is ACCEPTED:
        host.take("device_as_memory", block)
    assert host.reacts(MEMORY_ONLINE, block) is onlined


def test_soft_reserved_memory_is_in_no_tdmr_of_v3() -> None:
    settings = {
        HostState.legacy_pmem_convertible: True,
        HostState.soft_reserved_convertible: True,
    }
    host = Started("v3", SEVEN, settings)
    listed = [host.reads(HostState.in_tdmr, block) for block in range(7)]
    assert listed == [True, False, False, True, True, False, False]


def test_an_early_failure_of_v7_unbalances_the_lock() -> None:
    host = Host("v7")
    host.take("kvm_load")
    host.take("begin", 0, True, 0)
    host.take("undo_with_list")
    assert host.state[HostState.memory_lock_miscount, ()] == -1


def test_a_late_failure_of_v7_does_not() -> None:
    host = Host("v7")
    for name, *arguments in START["v7"][:8]:
        host.take(name, *arguments)
    host.take("initialize_tdmr_breaks_off", 0, 0)
    host.take("undo_with_list")
    assert host.state[HostState.memory_lock_miscount, ()] == 0
