"""What goes on and what comes in the end, for every number: nothing more is proved."""

from __future__ import annotations

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.parametric.ending import Ending, Part, turns_of
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Lack
from tdxcheck.checker.engines.parametric.stopping import Going
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language import Turns, fairness
from tdxcheck.checker.verdict import HeldInSmall, ProvedForEvery
from tests import test_parametric_ending as ending
from tests import test_parametric_stopping as stopping
from tests.test_parametric_ending import Shop, anywhere, works

SECONDS = 5.0


def goes_on() -> None:
    """What stops with three is not proved, and a single one is not spoken of."""
    case = stopping.case_of(stopping.comes, stopping.goes_if_few_are_there)
    for verdict in stopping.verdicts_of(case):
        assert isinstance(verdict, HeldInSmall), f"{verdict} of what stops with three"
    family = family_of(case.instance, case.unbounded)
    going = Going(family.system.actions, (stopping.Worker,))
    said = going.stated(family.system.properties[0], family)
    found = Prover(family).check(said, (), Clock(SECONDS))
    assert isinstance(found, Lack), "two are said to be enough"
    case = stopping.case_of(stopping.comes, stopping.goes_if_another_stays)
    proof, _ = stopping.verdicts_of(case)
    assert isinstance(proof, ProvedForEvery), f"not proved: {proof}"
    assert proof.excepted == "but one worker"
    every = proof.certificate.replace('"several": ["Worker"]', '"several": []')
    alone = stopping.case_of(stopping.comes, stopping.goes_if_another_stays, size=1)
    for of, text in ((case, every), (alone, proof.certificate)):
        try:
            Families().check(of, 0, text)
        except Refused:
            continue
        raise AssertionError("it is accepted of what stops")


def comes() -> None:
    """What comes is proved, and nothing by a measure or a turn that is not enough."""
    together = fairness(works, turns=Turns.TOGETHER)(anywhere)
    rule = ending.done_in_the_end(together)
    case = ending.case_of(rule, works)
    proof = ending.verdict_of(case)
    assert isinstance(proof, ProvedForEvery), f"not proved: {proof}"
    asked = proof.certificate
    assert "; at first: all_are_done" in asked, "the beginning is not asked about"
    assert "; works: all_are_done step by step" in asked, "steps are not asked about"
    few = ending.works_if_few_are_done
    verdict = ending.verdict_of(ending.case_of(ending.done_in_the_end(few), few))
    assert isinstance(verdict, HeldInSmall), f"{verdict} of what five cannot do"
    _lacks(ending.case_of(rule, works, ending.undoes))
    _lacks(
        ending.case_of(
            ending.done_in_the_end(ending.works_or_fails), ending.works_or_fails
        )
    )
    weak = ending.done_in_the_end(ending.works_left, ending.works_right)
    _lacks(
        ending.case_of(weak, ending.works_left, ending.works_right, ending.turns_over)
    )
    numbered = fairness(works, choosing={"worker": True})(anywhere)
    family = family_of(case.instance, case.unbounded)
    assert not list(turns_of(numbered, family)), "an element is chosen by its number"


def _lacks(case: Case) -> None:
    """That fewer and fewer are left by any turn of the rule is no proof of it."""
    family = family_of(case.instance, case.unbounded)
    (rule,) = family.system.properties
    turns = tuple(turn for line in rule.fair for turn in turns_of(line, family))
    by = Ending((Part(Shop.done, (False,)),), turns, until=True)
    found = Prover(family).check(by.stated(rule, family), (), Clock(SECONDS))
    assert isinstance(found, Lack), f"{rule.name} is proved, which is not so"
