"""What goes on and what comes in the end, for every number: nothing more is proved."""

from __future__ import annotations

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.parametric.ending import Ending, Level, Part, turns_of
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Lack
from tdxcheck.checker.engines.parametric.stopping import Going
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language import (
    Term,
    Turns,
    always_eventually,
    fairness,
    leads_to,
)
from tdxcheck.checker.verdict import HeldInSmall, Limit, ProvedForEvery, Unknown
from tests import test_parametric_ending as ending
from tests import test_parametric_stopping as stopping
from tests.faults.comparing import same
from tests.test_parametric_ending import Shop, anywhere, works

SECONDS = 5.0


def goes_on() -> None:
    """What stops with three is not proved, and a single one is not spoken of."""
    case = stopping.case_of(stopping.comes, stopping.goes_if_few_are_there)
    for verdict in stopping.verdicts_of(case):
        same("what stops with three", verdict, Unknown(Limit.FAMILY, "3 workers"))
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
    _lacks_levels()
    numbered = fairness(works, choosing={"worker": True})(anywhere)
    family = family_of(case.instance, case.unbounded)
    assert not list(turns_of(numbered, family)), "an element is chosen by its number"


def measured() -> None:
    """By what something comes is found where that is not seen at once."""

    def in_the_second_round(shop: Shop) -> Term[bool]:
        """All are done in the second round."""
        return (shop.round == ending.Round.SECOND) & ending.all_done(shop)

    def who_is_done_goes_round(shop: Shop) -> tuple[Term[bool], Term[bool]]:
        """Where all are done in the first round, there is a second."""
        first = (shop.round == ending.Round.FIRST) & ending.all_done(shop)
        return first, shop.round == ending.Round.SECOND

    turns = (works, ending.goes_round)
    sides = (ending.works_left, ending.works_right)
    strong = [fairness(one, strong=True)(anywhere) for one in sides]
    well = fairness(ending.works_or_fails, choosing={"fails": False})(anywhere)
    done = ending.done_in_the_end
    often = fairness(ending.works_left, strong=True)(anywhere)
    interrupted = done(often, ending.sweeps, ending.opens)
    for rule, actions, parts in (
        (always_eventually(fair=turns)(in_the_second_round), turns, 4),
        (leads_to(fair=turns)(who_is_done_goes_round), turns, 1),
        (done(*strong), (*sides, ending.turns_over), 3),
        (done(well), (ending.works_or_fails,), 2),
        (interrupted, ending.SWEEPING, 6),
    ):
        proof = ending.verdict_of(ending.case_of(rule, *actions))
        assert isinstance(proof, ProvedForEvery), f"not proved: {proof}"
        same("what it comes by", len(proof.because), parts)
    few = (ending.works_if_few_are_done,)
    verdict = ending.verdict_of(ending.case_of(done(*few), *few))
    same("where it holds", getattr(verdict, "machine", None), "3 workers")
    undone = ending.case_of(done(works), works, ending.undoes)
    same(
        "where it fails", ending.verdict_of(undone), Unknown(Limit.FAMILY, "2 workers")
    )


def _lacks_levels() -> None:
    """Nor is it that what interrupts the work may end, and may begin again."""
    fair = (ending.sweeps, ending.opens)
    case = ending.sweeping(*fair, strong=True, others=(ending.makes_a_mess,))
    family = family_of(case.instance, case.unbounded)
    (rule,) = family.system.properties
    work, *rest = (turn for line in rule.fair for turn in turns_of(line, family))
    then = Level((Part(Shop.swept, (False,)),), tuple(rest))
    by = Ending((Part(Shop.done, (False,)),), (work,), True, (then,))
    found = Prover(family).check(by.stated(rule, family), (), Clock(SECONDS))
    assert isinstance(found, Lack), "what is interrupted for ever is proved"


def _lacks(case: Case) -> None:
    """That fewer and fewer are left by any turn of the rule is no proof of it."""
    family = family_of(case.instance, case.unbounded)
    (rule,) = family.system.properties
    turns = tuple(turn for line in rule.fair for turn in turns_of(line, family))
    by = Ending((Part(Shop.done, (False,)),), turns, until=True)
    found = Prover(family).check(by.stated(rule, family), (), Clock(SECONDS))
    assert isinstance(found, Lack), f"{rule.name} is proved, which is not so"
