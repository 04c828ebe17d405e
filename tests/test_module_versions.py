"""What is known to be otherwise with a version of the module is so, with it alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tdxcheck.checker.catalogue import HOLDS, Outcome
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.module_versions import MODULE_VERSIONS

SMALL: Mapping[str, int] = {"cpus": 2, "packages": 1, "blocks": 1}
KNOWN = [
    pytest.param(assumption.key, design, id=f"{assumption.key}-{design}")
    for assumption in MODULE_VERSIONS
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
