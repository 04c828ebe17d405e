"""What is known to be otherwise with a version of the module is so, with it alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tdxcheck.checker.catalogue import HOLDS, Assumption, Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import Case, Question, case_of, cases_of
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.host import Host

SMALL: Mapping[str, int] = {"cpus": 2, "packages": 1, "blocks": 1}
KNOWN = [
    pytest.param(assumption.key, design, id=f"{assumption.key}-{design}")
    for assumption in CATALOGUE.assumptions
    for design in assumption.known
]


def judged(case: Case) -> list[Outcome | None]:
    whole = ground(case.instance.system, case.instance.scope)
    part = slice_for(whole, range(len(whole.properties))).system
    return [outcome_of(verdict) for verdict in survey(part).verdicts]


@pytest.mark.parametrize(("version", "key"), KNOWN)
def test_what_is_known_under_a_version_is_so(version: str, key: str) -> None:
    assumed, design = CATALOGUE.assumption(version), CATALOGUE.design(key)
    known = assumed.known[key]
    cases = cases_of(CATALOGUE, [design], SMALL, names=known, assumed=(assumed,))
    (case,) = cases
    assert [question.name for question in case.questions] == [
        rule.id for rule in CATALOGUE.rules if rule.id in known
    ]
    wanted = [known[question.name].outcome for question in case.questions]
    assert [q.expected for q in case.questions] == [
        known[n.name] for n in case.questions
    ]
    assert judged(case) == wanted


@pytest.mark.parametrize(("version", "key"), KNOWN)
def test_it_is_otherwise_without_the_version(version: str, key: str) -> None:
    design = CATALOGUE.design(key)
    for rule, expected in CATALOGUE.assumption(version).known[key].items():
        assert design.expected.get(rule, HOLDS).outcome is not expected.outcome
        assert expected.note
        assert expected.sources


@pytest.mark.parametrize(
    ("every", "wanted"), [(True, Outcome.HOLDS), (False, Outcome.REFUTED)]
)
def test_v9_rests_on_a_module_that_wants_every_lp(every: bool, wanted: Outcome) -> None:
    """Of a CPU that was offline when TDX was initialised it never thinks again."""
    rule = CATALOGUE.rule("seamcall_needs_vmxon_and_lp_init").property
    assumed = Assumption("lps", "LPs.", {Host.wants_every_lp: every})
    made = assumed, CATALOGUE.assumption("no-cpu-hotplug")
    v9 = CATALOGUE.design("v9")
    case = case_of(CATALOGUE, v9, made, SMALL, [Question(rule, None)])
    assert judged(case) == [wanted]


def test_nothing_is_known_of_a_design_that_the_assumption_does_not_name() -> None:
    old = CATALOGUE.assumption("module-is-1.0")
    names = ["a_td_can_run", "a_shortage_of_entropy_is_not_final"]
    (case,) = cases_of(
        CATALOGUE, [CATALOGUE.design("v3")], SMALL, names=names, assumed=(old,)
    )
    v3 = CATALOGUE.design("v3").expected
    assert [q.expected for q in case.questions] == [
        v3.get(q.name, HOLDS) for q in case.questions
    ]
