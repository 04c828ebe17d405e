"""Judging: the engines' verdicts are combined, compared and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tdxcheck.checker.catalogue import Expectation, Outcome
from tdxcheck.checker.judging import confirming
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import (
    Disagreement,
    Engine,
    InternalError,
    combine,
)
from tdxcheck.checker.judging.judgement import Assessment, Standing, standing
from tdxcheck.checker.judging.processes import run_here
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.sharing import in_families, together
from tdxcheck.checker.judging.work import (
    ENGINES,
    Answer,
    Budget,
    Findings,
    Judge,
    Report,
    judge_by_diagrams,
    judge_explicitly,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.trace import Evidence, Trace, replay
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)
from tests.demo import DEMO


def run_of(steps: int) -> Run:
    return Run(((0,),) * (steps + 1), (0,) * steps)


def refuted(steps: int, *, shortest: bool = True) -> Refuted:
    return Refuted(run_of(steps), shortest)


CONTRADICTIONS = [
    (refuted(3), Exhausted(10)),
    (refuted(3), Proved("PDR")),
    (refuted(3), Vacuous("10 states")),
    (refuted(3), refuted(4)),
    (refuted(3), refuted(2, shortest=False)),
    (refuted(3), Bounded(3, Limit.TIME)),
    (Reached(run_of(3)), Unreachable("10 states")),
    (Vacuous("PDR"), Exhausted(10)),
    (refuted(3), Reached(run_of(3))),
]


PAIR = (Engine.EXPLICIT, Engine.SYMBOLIC)


@pytest.mark.parametrize(("one", "other"), CONTRADICTIONS)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_contradiction_is_an_internal_error(
    one: Verdict, other: Verdict, swapped: bool
) -> None:
    pair = (other, one) if swapped else (one, other)
    with pytest.raises(Disagreement, match=r"the engines disagree on it: .*explicit"):
        combine("it", dict(zip(PAIR, pair, strict=True)))


STRONGEST = [
    (Exhausted(10), Proved("PDR"), Exhausted),
    (Bounded(3, Limit.STATES), Proved("PDR"), Proved),
    (Bounded(3, Limit.STATES), refuted(4), Refuted),
    (Vacuous("10 states"), Proved("PDR"), Vacuous),
    (Unknown(Limit.TIME), Bounded(2, Limit.DEPTH), Bounded),
    (Unknown(Limit.TIME), Reached(run_of(2)), Reached),
    (Unknown(Limit.UNSUPPORTED), Unknown(Limit.TIME), Unknown),
]


@pytest.mark.parametrize(("one", "other", "kind"), STRONGEST)
def test_the_strongest_verdict_counts(
    one: Verdict, other: Verdict, kind: type[Verdict]
) -> None:
    assert isinstance(combine("it", dict(zip(PAIR, (one, other), strict=True))), kind)


def test_a_shorter_refutation_is_stronger_than_one_that_may_not_be_shortest() -> None:
    long = refuted(9, shortest=False)
    verdicts: Mapping[Engine, Verdict] = {
        Engine.EXPLICIT: refuted(4),
        Engine.SYMBOLIC: long,
    }
    assert combine("it", verdicts) == refuted(4)


KNOWN = Expectation()
HOLDS = Expectation(Outcome.HOLDS)
VACUOUS = Expectation(Outcome.VACUOUS)


@pytest.mark.parametrize(
    ("verdict", "expected", "demanded", "comes_to"),
    [
        (Exhausted(3), HOLDS, True, Standing.EXPECTED),
        (refuted(3), HOLDS, True, Standing.UNEXPECTED),
        (refuted(3), HOLDS, False, Standing.UNEXPECTED),
        (refuted(3), KNOWN, True, Standing.EXPECTED),
        (Unreachable("x"), KNOWN, True, Standing.EXPECTED),
        (Exhausted(3), KNOWN, True, Standing.UNEXPECTED),
        (Exhausted(3), KNOWN, False, Standing.EXPECTED),
        (Vacuous("x"), HOLDS, True, Standing.UNEXPECTED),
        (Vacuous("x"), HOLDS, False, Standing.EXPECTED),
        (Vacuous("x"), VACUOUS, True, Standing.EXPECTED),
        (Bounded(3, Limit.TIME), HOLDS, True, Standing.UNDECIDED),
        (Bounded(3, Limit.TIME), KNOWN, True, Standing.UNDECIDED),
        (Unknown(Limit.MEMORY), HOLDS, True, Standing.UNDECIDED),
        (Unknown(Limit.UNSUPPORTED), HOLDS, True, Standing.NOT_CHECKED),
        (refuted(3), None, True, Standing.EXPECTED),
    ],
)
def test_a_verdict_is_compared_with_what_is_known(
    verdict: Verdict, expected: Expectation | None, demanded: bool, comes_to: Standing
) -> None:
    assert standing(verdict, expected, demanded) is comes_to


UNLIMITED = Budget()


def judged(engines: Mapping[Engine, Judge], budget: Budget = UNLIMITED) -> Assessment:
    cases = cases_of(DEMO, DEMO.designs, {})
    return assess(cases, engines, budget, 2)


@pytest.fixture(scope="module")
def both() -> Assessment:
    return judged({e: j for e, j in ENGINES.items() if e is not Engine.PARAMETRIC})


def verdicts(assessment: Assessment) -> dict[str, tuple[str, str]]:
    return {
        judgement.label: (
            type(judgement.by_engine.get(Engine.EXPLICIT)).__name__,
            type(judgement.by_engine.get(Engine.SYMBOLIC)).__name__,
        )
        for judgement in assessment.judgements
    }


def test_both_engines_judge_every_rule_of_every_design(both: Assessment) -> None:
    found = verdicts(both)
    assert found["open-usable_memory_is_covered"] == ("Refuted", "Refuted")
    assert found["closed-usable_memory_is_covered"] == ("Exhausted", "Proved")
    assert found["open-covered_stays_covered"] == ("Exhausted", "Proved")
    assert found["open-nothing_without_blocks"] == ("Vacuous", "Vacuous")
    assert found["open-tdx_can_be_used"] == ("Reached", "Reached")
    assert found["open-goes_on"] == ("Exhausted", "Proved")
    assert found["open-starts"] == ("Exhausted", "Unknown")


def test_a_claim_is_asked_with_and_without_each_of_its_assumptions(
    both: Assessment,
) -> None:
    about = {
        j.question.name: type(j.verdict)
        for j in both.judgements
        if j.question.claim is not None
    }
    assert about == {
        "D1": Exhausted,
        "D1-without-no-hotplug": Refuted,
        "D1-without-no-erratum": Exhausted,
    }


def test_everything_about_the_demo_is_as_expected(both: Assessment) -> None:
    found = {judgement.standing for judgement in both.judgements}
    assert found == {Standing.EXPECTED}


def test_coverage_names_the_actions_never_taken(both: Assessment) -> None:
    (case, *_) = both.cases
    findings = both.of_engine(case, Engine.EXPLICIT)
    assert findings is not None and findings.statistics is not None
    assert findings.statistics.fired["hot_add"] > 0


def test_every_refutation_has_a_shortest_replayed_trace(both: Assessment) -> None:
    for judgement in both.judgements:
        if isinstance(judgement.verdict, Refuted | Reached):
            assert judgement.trace is not None
            assert len(judgement.trace.steps) == len(judgement.verdict.run.steps)


def test_a_run_is_replayed_once_whichever_engines_find_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replayed: list[str] = []

    def noted(instance: Instance, rule: Property, evidence: Evidence) -> Trace:
        replayed.append(rule.name)
        return replay(instance, rule, evidence)

    monkeypatch.setattr(confirming, "replay", noted)
    engines = {
        Engine.DIAGRAMS: judge_by_diagrams,
        Engine.EXPLICIT: judge_explicitly,
    }
    shown = [j for j in judged(engines).judgements if j.trace is not None]
    assert any(len(judgement.by_engine) == 2 for judgement in shown)
    assert sorted(replayed) == sorted(
        judgement.question.rule.name for judgement in shown
    )


def miscounting(case: Case, budget: Budget, report: Report) -> Findings:
    """An engine that misses a state."""
    found = judge_by_diagrams(case, budget, report)
    assert found.statistics is not None
    fewer = replace(found.statistics, states=found.statistics.states - 1)
    return replace(found, statistics=fewer)


def lying(case: Case, budget: Budget, report: Report) -> Findings:
    """An engine that finds that everything holds."""
    answers = (Answer(Proved("a lie"), None),) * len(case.questions)
    return Findings(case.label, Engine.SYMBOLIC, answers, 0.0)


def garbling(case: Case, budget: Budget, report: Report) -> Findings:
    """An engine whose traces skip their first step."""
    found = judge_explicitly(case, budget, report)
    answers = []
    for answer in found.answers:
        evidence = answer.evidence
        if evidence is not None and len(evidence.steps) > 1:
            states, steps = evidence.states[1:], evidence.steps[1:]
            evidence = replace(evidence, states=states, steps=steps)
        answers.append(replace(answer, evidence=evidence))
    return replace(found, answers=tuple(answers))


def crashing(case: Case, budget: Budget, report: Report) -> Findings:
    raise ZeroDivisionError("a fault")


def test_an_engine_that_lies_is_found_out() -> None:
    with pytest.raises(Disagreement, match="usable_memory_is_covered of open"):
        judged({Engine.EXPLICIT: judge_explicitly, Engine.SYMBOLIC: lying})


def test_engines_that_count_differently_are_found_out() -> None:
    with pytest.raises(Disagreement, match=r"engines disagree on open.* states"):
        judged({Engine.DIAGRAMS: miscounting, Engine.EXPLICIT: judge_explicitly})


def test_a_trace_that_does_not_replay_is_not_shown() -> None:
    with pytest.raises(InternalError, match="does not replay: the initial state"):
        judged({Engine.EXPLICIT: garbling})


def strongest(budget: Budget, judge: Judge, names: Sequence[str] = ()) -> Assessment:
    """Every case judged by diagrams, and then by the engine given, in what is left."""
    cases = cases_of(DEMO, DEMO.designs, {}, names=names)
    first = {Engine.DIAGRAMS: ENGINES[Engine.DIAGRAMS]}
    last = (Engine.PARAMETRIC, judge)
    return assess(cases, first, budget, 1, strongest=last, runner=run_here)


def test_the_strongest_proofs_are_looked_for_last_in_the_time_that_is_left() -> None:
    asked: list[tuple[bool, float]] = []

    def recording(case: Case, budget: Budget, report: Report) -> Findings:
        only_claims = all(question.claim for question in case.questions)
        asked.append((only_claims, budget.seconds or 0.0))
        unknown = Answer(Unknown(Limit.TIME), None)
        answers = (unknown,) * len(case.questions)
        return Findings(case.label, Engine.PARAMETRIC, answers, 0.0)

    found = strongest(Budget(seconds=1000.0), recording)
    groups = [group for group in together(found.cases) if not group.only_claims]
    assert [only_claims for only_claims, _ in asked] == [False] * len(groups)
    assert sum(seconds for _, seconds in asked) > 900.0
    assert Standing.UNDECIDED not in {j.standing for j in found.judgements}
    asked.clear()
    strongest(Budget(seconds=3.0), recording)
    assert not asked
    strongest(Budget(seconds=1000.0), recording, [DEMO.claims[0].key])
    assert asked and all(only_claims for only_claims, _ in asked)


def test_a_proof_of_what_was_refuted_is_found_out() -> None:
    def proving(case: Case, budget: Budget, report: Report) -> Findings:
        proof = ProvedForEvery("CPUs", "a lie", (), "")
        answers = (Answer(proof, None),) * len(case.questions)
        return Findings(case.label, Engine.PARAMETRIC, answers, 0.0)

    with pytest.raises(Disagreement, match="parametric: provedforevery"):
        strongest(Budget(), proving)


def test_an_engine_that_crashes_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match="ZeroDivisionError: a fault"):
        judged({Engine.SYMBOLIC: crashing})


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(states=20), Limit.STATES),
        (Budget(memory=1), Limit.MEMORY),
        (Budget(depth=2), Limit.DEPTH),
    ],
)
def test_a_limit_ends_in_a_partial_verdict(budget: Budget, limit: Limit) -> None:
    assessment = judged({Engine.EXPLICIT: judge_explicitly}, budget)
    found = {j.label: j.verdict for j in assessment.judgements}
    verdict = found["closed-usable_memory_is_covered"]
    assert isinstance(verdict, Bounded) and verdict.limit is limit
    assert limit is not Limit.DEPTH or verdict.depth == 2


def test_designs_that_are_one_system_are_judged_once() -> None:
    """A design that changes nothing but its name is explored with its base."""
    open_ = DEMO.design("open")
    renamed = replace(open_, key="renamed", system=open_.system.variant("renamed", ""))
    designs = (open_, renamed)
    cases = cases_of(replace(DEMO, designs=designs, claims=()), designs, {})
    assert len(together(cases)) == 1
    both = assess(cases, {Engine.EXPLICIT: judge_explicitly}, UNLIMITED, 1)
    assert [f.same_as for f in both.findings] == ["", "open"]
    by_label = {j.label: type(j.verdict) for j in both.judgements}
    assert by_label["renamed-usable_memory_is_covered"] is Refuted


def test_a_claim_and_its_dropped_assumptions_are_one_family() -> None:
    """One search of open switches says the same as one of each system."""
    cases = cases_of(DEMO, DEMO.designs, {}, names=["D1"])
    groups = together(cases)
    assert len(groups) == len(cases) == 3
    (family,) = in_families(groups)
    assert family.members == tuple(cases)
    at_once = assess(cases, {Engine.DIAGRAMS: judge_by_diagrams}, UNLIMITED, 1)
    one_by_one = assess(cases, {Engine.EXPLICIT: judge_explicitly}, UNLIMITED, 1)
    pairs = list(zip(at_once.judgements, one_by_one.judgements, strict=True))
    kinds = {judgement.label: type(judgement.verdict) for judgement, _ in pairs}
    assert kinds == {
        "open-D1": Exhausted,
        "open-D1-without-no-hotplug": Refuted,
        "open-D1-without-no-erratum": Exhausted,
    }
    for one, other in pairs:
        assert one.label == other.label
        assert type(one.verdict) is type(other.verdict)
        if one.trace is not None and other.trace is not None:
            assert one.trace.evidence() == other.trace.evidence()


def test_claims_on_different_machines_are_no_family() -> None:
    cases = [
        case
        for blocks in (2, 3)
        for case in cases_of(DEMO, DEMO.designs, {"blocks": blocks}, names=["D1"])
    ]
    assert [len(group.members) for group in in_families(together(cases))] == [3, 3]


def test_a_map_that_is_set_otherwise_makes_no_family() -> None:
    """Only plain switches can be left open: what a map is set to is a function."""
    one, other, *_ = cases_of(DEMO, DEMO.designs, {}, names=["D1"])
    system = other.instance.system
    maps = [v for v in system.state.variables() if v.index_sorts]
    changed = replace(system, settings={**system.settings, maps[0]: lambda *_: False})
    other = replace(other, instance=replace(other.instance, system=changed))
    assert [len(g.members) for g in in_families(together([one, other]))] == [1, 1]
