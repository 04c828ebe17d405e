"""What a kernel started by kexec does, by its kind, and what the claims rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Assumption, Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import Case, Question, case_of, cases_of
from tdxcheck.checker.language import Term, reachable
from tdxcheck.models.assumptions import (
    NEXT_KERNEL_IGNORES_TDX,
    NEXT_KERNEL_IS_OLD,
    NEXT_KERNEL_IS_THE_SAME,
    NEXT_KERNEL_STOPS,
)
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.host import Host, Running

SMALL: Mapping[str, int] = {"cpus": 2, "packages": 1, "blocks": 1}
WIDE: Mapping[str, int] = {"cpus": 4, "packages": 2, "blocks": 1}
"""A package has a CPU to spare, and another one is hot-added."""
HOLDS, REFUTED, VACUOUS = Outcome.HOLDS, Outcome.REFUTED, Outcome.VACUOUS
KEXEC = "next_kernel_stops_at_first_seamcall"
UNASKED_AT_MACHINE_CHECKS = Assumption(
    "unasked-at-machine-checks",
    "A machine check asks nothing of the module.",
    {Host.asks_module_on_machine_check: False},
)


def judged(case: Case) -> list[Outcome | None]:
    whole = ground(case.instance.system, case.instance.scope)
    part = slice_for(whole, range(len(whole.properties))).system
    return [outcome_of(verdict) for verdict in survey(part).verdicts]


@cache
def verdict(
    design: str, rule: str, assumed: tuple[Assumption, ...] = ()
) -> Outcome | None:
    question = Question(CATALOGUE.rule(rule).property, None)
    case = case_of(CATALOGUE, CATALOGUE.design(design), assumed, SMALL, [question])
    return judged(case)[0]


KINDS: Iterable[tuple[Assumption, str, Outcome]] = (
    (NEXT_KERNEL_IGNORES_TDX, "v3", VACUOUS),
    (NEXT_KERNEL_IGNORES_TDX, "v7.2", VACUOUS),
    (NEXT_KERNEL_STOPS, "v3", HOLDS),
    (NEXT_KERNEL_STOPS, "v6.18", HOLDS),
    (NEXT_KERNEL_STOPS, "v7.2", HOLDS),
    (NEXT_KERNEL_IS_OLD, "v3", REFUTED),
    (NEXT_KERNEL_IS_OLD, "v6.18", REFUTED),
    (NEXT_KERNEL_IS_OLD, "v7.2", REFUTED),
    # v3 again shuts TDX down; v6.18 remembers; v7.2 asks at a machine check and in a
    # panic.
    (NEXT_KERNEL_IS_THE_SAME, "v3", REFUTED),
    (NEXT_KERNEL_IS_THE_SAME, "v6.18", HOLDS),
    (NEXT_KERNEL_IS_THE_SAME, "v7.2", REFUTED),
)


@pytest.mark.parametrize(("kind", "design", "wanted"), KINDS)
def test_each_kind_of_next_kernel_is_judged(
    kind: Assumption, design: str, wanted: Outcome
) -> None:
    assert verdict(design, KEXEC, (kind,)) is wanted


@pytest.mark.parametrize(
    ("design", "wanted"),
    [("v7.2", REFUTED), ("v7.2-without-disables_module_in_panic", HOLDS)],
)
def test_the_same_kernel_asks_again_when_it_panics(
    design: str, wanted: Outcome
) -> None:
    """Though TDH.SYS.INIT has failed there, and nobody asks at a machine check."""
    assumed = NEXT_KERNEL_IS_THE_SAME, UNASKED_AT_MACHINE_CHECKS
    assert verdict(design, KEXEC, assumed) is wanted


@pytest.mark.parametrize(
    ("design", "crash_kernel_calls"),
    [("v6.18", False), ("v7.1", True), ("v7.2", True)],
)
def test_a_crash_kernel_calls_a_module_where_tdx_is_initialised_at_boot(
    design: str, crash_kernel_calls: bool
) -> None:
    """Nothing asks whether the kernel that boots is there for a dump only."""

    @reachable()
    def a_crash_kernel_has_called(host: Host) -> Term[bool]:
        """A crash kernel has made a SEAMCALL."""
        return (host.running == Running.CRASH) & host.seamcall_made

    case = case_of(
        CATALOGUE,
        CATALOGUE.design(design),
        (NEXT_KERNEL_IS_THE_SAME,),
        SMALL,
        [Question(a_crash_kernel_has_called, None)],
    )
    assert judged(case) == [HOLDS if crash_kernel_calls else REFUTED]


@pytest.mark.parametrize("design", ["v6.18", "v7.1"])
@pytest.mark.parametrize(
    "kind",
    [
        NEXT_KERNEL_IGNORES_TDX,
        NEXT_KERNEL_STOPS,
        NEXT_KERNEL_IS_OLD,
        NEXT_KERNEL_IS_THE_SAME,
    ],
)
def test_memory_is_handed_over_clean_to_every_kind(
    design: str, kind: Assumption
) -> None:
    for rule in ("no_private_line_survives_kexec", "next_kernel_is_not_poisoned"):
        assert verdict(design, rule, (kind,)) is HOLDS


def claims() -> list[Any]:
    v3 = CATALOGUE.design("v3")
    keys = ("C1", "C2", "C3", "C4", "C5", "C6", "C10")
    cases = [
        *cases_of(CATALOGUE, [v3], SMALL, names=keys),
        *cases_of(CATALOGUE, [v3], WIDE, names=["C11"]),
        *cases_of(CATALOGUE, [CATALOGUE.design("v7.2")], SMALL, names=["C6-update"]),
    ]
    return [pytest.param(case, id=case.questions[0].name) for case in cases]


@pytest.mark.parametrize("case", claims())
def test_a_claim_holds_under_its_assumptions_and_rests_on_each(case: Case) -> None:
    for question, outcome in zip(case.questions, judged(case), strict=True):
        assert outcome is (REFUTED if question.dropped else HOLDS), question.name


def test_a_copy_of_the_memory_list_alone_is_not_enough() -> None:
    """The list agrees, but the PAMT is in the allocator of who took the module over."""
    alike = CATALOGUE.assumption("taken-over-with-same-map")
    reserved = CATALOGUE.assumption("taken-over-with-pamt")
    question = Question(CATALOGUE.claim("C6").property, None)
    awake = CATALOGUE.assumption("no-sleep")

    def outcome(*assumed: Assumption) -> Outcome | None:
        made = (awake, *assumed)
        v3 = CATALOGUE.design("v3")
        return judged(case_of(CATALOGUE, v3, made, SMALL, [question]))[0]

    assert outcome(alike) is REFUTED
    assert outcome(alike, reserved) is HOLDS


BUGS = (
    ("v6.8", "B30", "tsx_control_is_not_final"),
    ("v6.18", "B31", "an_older_module_is_not_final"),
    ("v6.16", "B35", "no_list_holds_a_failed_vcpu"),
    ("v6.18", "B15", "no_assertion_fails"),
    ("v7.2", "B15", "no_assertion_fails"),
)
REMOVED = (
    ("v7", "clears_tsx_control", "tsx_control_is_not_final"),
    ("v7.2", "forgets_failed_vcpus", "no_list_holds_a_failed_vcpu"),
    # B38: no design asks before VMXON; one that did would remember it for good.
    ("v6.8", "turns_vmx_on_first", "only_answers_are_remembered"),
    ("v7.2", "turns_vmx_on_first", "only_answers_are_remembered"),
    # B37: in v7.2 only the write-back of a dead CPU comes after the last SEAMCALL.
    ("v7.2", "flushes_offlined_cpus", "no_private_line_survives_kexec"),
)


@pytest.mark.parametrize(("design", "bug", "rule"), BUGS)
def test_each_bug_is_found(design: str, bug: str, rule: str) -> None:
    assert CATALOGUE.design(design).expected[rule].bug == bug
    assert verdict(design, rule) is REFUTED


@pytest.mark.parametrize(("design", "guard", "rule"), REMOVED)
def test_each_safeguard_is_needed(design: str, guard: str, rule: str) -> None:
    assert verdict(design, rule) is not REFUTED
    assert verdict(f"{design}-without-{guard}", rule) is REFUTED


def test_where_the_flush_comes_last_a_dead_cpu_need_not_write_back() -> None:
    """B37 is a matter of order: v6.18 flushes after TDH.VP.FLUSH, v7.2 before."""
    rule = "no_private_line_survives_kexec"
    assert verdict("v6.18-without-flushes_offlined_cpus", rule) is HOLDS
    assert verdict("v7.2-without-flushes_offlined_cpus", rule) is REFUTED


def test_who_declares_tdx_disabled_leaves_it_alone() -> None:
    """The hole of kexec-mutex that its author admits: the first calls of a CPU."""
    assert verdict("kexec-mutex", "disabled_tdx_is_left_alone") is REFUTED
    assert verdict("v7.1", "disabled_tdx_is_left_alone") is HOLDS


def test_only_v7_2_tells_the_module_before_a_reset() -> None:
    rule = "a_reboot_can_leave_the_module_disabled"
    assert verdict("v7.2", rule) is HOLDS
    assert verdict("v7.1", rule) is REFUTED
