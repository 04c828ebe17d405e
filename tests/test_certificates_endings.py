"""Certificates of what comes in the end: accepted where it does, and only there."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.certificate_checker import Refused, check, read
from tdxcheck.checker.certificate_endings import (
    Cube,
    Ranking,
    Stage,
    as_invariant,
    shown,
)
from tdxcheck.checker.certificate_solvers import by_z3, solvers
from tdxcheck.checker.certificates import Subject, certify
from tdxcheck.checker.certificates.ranking import ranking_of
from tdxcheck.checker.certificates.wording import says_what_is_shown
from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.liveness import Ends
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.symbolic.pdr import Budget
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.verdict import Exhausted, Refuted, Vacuous
from tests.demo import DEMO
from tests.random_systems import Drawn, examples, systems


def written(system: GroundSystem, number: int, says: str = "holds") -> str:
    rule = system.properties[number].property
    subject = Subject(system.name, rule.name, says, {}, (), rule)
    found = certify(system, number, subject, Budget())
    read_again = read(found.script)
    said = says_what_is_shown(found.script, read_again, system, number, subject)
    assert said == found.story
    return found.script


def accepted(text: str, system: GroundSystem, number: int) -> int:
    certificate = read(text)
    rule = shown(system, system.properties[number], certificate.info)
    return check(certificate, system, rule, solvers())


class Reachable:
    """Every reachable state of a system."""

    def __init__(self, system: GroundSystem) -> None:
        self.encoding = Encoding(system)
        moves, start = self.encoding.moves(), self.encoding.initial()
        self.states: Diagram = closure(self.encoding, moves, start, lambda: None)

    def keep(self, rule: GroundProperty) -> bool:
        broken = self.states & ~self.encoding.truth(rule.conditions[0])
        return bool(broken == self.encoding.manager.false)


def some_cubes(system: GroundSystem, random: Random) -> tuple[Cube, ...]:
    """A region; often everything, which is the most that can be said."""
    found = []
    for _ in range(random.choice((1, 1, 2))):
        cube = []
        for slot in system.slots:
            values = range(slot.term.low, slot.term.high + 1)
            if random.random() < 0.25:
                chosen = sorted(random.sample(values, random.randint(1, len(values))))
                cube.append((slot.number, tuple(chosen)))
        found.append(tuple(cube))
    return tuple(found)


@examples(40)
@given(systems(400))
def test_what_comes_in_the_end_has_a_certificate(drawn: Drawn) -> None:
    """The checker and the file itself accept it, and neither if a stage is missing."""
    system = ground(drawn.living(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    ends = Ends(system, lambda: None)
    states = Reachable(system)
    for number, rule in enumerate(system.properties):
        verdict = ends.verdict(rule)
        if isinstance(verdict, Vacuous):
            accepted(written(system, number, "holds vacuously"), system, number)
        if not isinstance(verdict, Exhausted):
            continue
        text = written(system, number)
        accepted(text, system, number)
        assert set(by_z3(text)) == {"unsat"}
        ranking = ranking_of(system, rule)
        assert states.keep(as_invariant(system, rule, ranking))
        if ranking.stages:
            less = replace(ranking, stages=ranking.stages[:-1])
            assert not states.keep(as_invariant(system, rule, less))
            forged = text.replace(ranking.info["stages"], less.info["stages"])
            if forged != text:
                with pytest.raises(Refused):
                    accepted(forged, system, number)


@examples(60)
@given(systems(400), st.integers(0, 2**32 - 1))
def test_what_never_comes_has_none(drawn: Drawn, seed: int) -> None:
    """Whatever stages are told, some reachable state tells against them."""
    system = ground(drawn.living(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    random = Random(seed)
    ends = Ends(system, lambda: None)
    states = Reachable(system)
    for rule in system.properties:
        if not isinstance(ends.verdict(rule), Refuted):
            continue
        for _ in range(20):
            turns = range(len(rule.fair))
            stages = tuple(
                Stage(random.choice(turns), some_cubes(system, random))
                for _ in range(random.randint(0, 4) if turns else 0)
            )
            ranking = Ranking(some_cubes(system, random), stages)
            assert Ranking.of(ranking.info) == ranking
            assert not states.keep(as_invariant(system, rule, ranking))


@pytest.fixture(scope="module")
def demo() -> GroundSystem:
    (case,) = cases_of(DEMO, [DEMO.design("closed")], {}, names=["starts"])
    return ground(case.instance.system, case.instance.scope)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"owes": "x=1"}, "no part of a stage: x=1"),
        ({"owes": "9999=1"}, "the system has no variable 9999"),
        ({"owes": "0=77"}, "variable 0 has none of the values"),
        ({"stages": "one:*"}, "no stage: one"),
        ({"stages": "99:*"}, "a turn that the rule does not have"),
    ],
)
def test_stages_that_cannot_be_are_refused(
    demo: GroundSystem, info: dict[str, str], said: str
) -> None:
    (rule,) = demo.properties
    with pytest.raises(Refused, match=said):
        as_invariant(demo, rule, Ranking.of(info))
