"""That something can always happen, for every number: proved, refused, told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.possibilities import going_on
from tdxcheck.checker.engines.parametric.shapes import SHAPES, sizes_of
from tdxcheck.checker.engines.parametric.stopping import MARK, Going
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language import (
    Action,
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    any_of,
    count,
    deadlock_free,
    exists,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.verdict import (
    Limit,
    ProvedForEvery,
    Refuted,
    Unknown,
    Verdict,
)
from tests.demo import DEMO

SECONDS = 60.0


class Worker(Index):
    """Somebody who may come to work."""


class Shop(State):
    present = Map(Worker, bool, False)
    closed = Var(bool, False)


@action()
def comes(shop: Shop, worker: Worker) -> None:
    """{worker} comes."""
    shop.require(~shop.present[worker] & ~shop.closed)
    shop.present[worker] = True


@action()
def goes(shop: Shop, worker: Worker) -> None:
    """{worker} goes."""
    shop.require(shop.present[worker])
    shop.present[worker] = False


@action()
def goes_if_few_are_there(shop: Shop, worker: Worker) -> None:
    """{worker} goes, unless three are there."""
    shop.require(shop.present[worker])
    shop.require(count(Worker, lambda one: shop.present[one]) < 3)
    shop.present[worker] = False


@action()
def goes_if_another_stays(shop: Shop, worker: Worker) -> None:
    """{worker} goes, if somebody else is there."""
    shop.require(shop.present[worker])
    others = exists(Worker, lambda one: shop.present[one] & ~(one == worker))
    shop.require(others)
    shop.present[worker] = False


@action()
def closes(shop: Shop, for_good: Term[bool]) -> None:
    """The shop is closed, or opened again."""
    shop.closed = for_good


@action()
def closes_for_good(shop: Shop) -> None:
    """The shop is closed when nobody is there."""
    shop.require(~exists(Worker, lambda one: shop.present[one]))
    shop.require(~shop.closed)
    shop.closed = True


@deadlock_free()
def something_goes_on(shop: Shop) -> Term[bool]:
    """Something can always happen."""
    return any_of()


@deadlock_free()
def something_goes_on_till_it_is_closed(shop: Shop) -> Term[bool]:
    """Something can always happen until the shop is closed."""
    return all_of(shop.closed)


def case_of(*actions: Action, size: int = 2) -> Case:
    rules = (something_goes_on, something_goes_on_till_it_is_closed)
    system = TransitionSystem("shop", "Workers.", Shop, actions, rules)
    (case,) = cases_of(DEMO, DEMO.designs[:1], {}, names=["goes_on"])
    (question,) = case.questions
    return replace(
        case,
        instance=Instance(system, {Worker: size}),
        unbounded=(Worker,),
        common=(),
        questions=tuple(replace(question, rule=r) for r in rules),
    )


def verdicts_of(case: Case) -> list[Verdict]:
    found = generalized(case, Budget(seconds=SECONDS), lambda _: None)
    return [answer.verdict for answer in found.answers]


def stops(case: Case, number: int, size: int) -> bool:
    """Whether it stops with so many, by a search."""
    whole = ground(case.instance.system, {Worker: size})
    return isinstance(survey(whole).verdicts[number], Refuted)


def test_what_always_goes_on_is_proved() -> None:
    case = case_of(comes, goes, closes_for_good)
    stopped, proof = verdicts_of(case)
    assert isinstance(stopped, Unknown) and stopped.limit is Limit.FAMILY
    assert isinstance(proof, ProvedForEvery) and not proof.excepted
    assert f'{MARK}{{"by": ["comes", "goes"], "several": []}}' in proof.certificate
    assert Families().check(case, 1, proof.certificate) > 0
    assert [stops(case, n, 4) for n in range(2)] == [True, False]


def test_a_choice_is_enough() -> None:
    proof, _ = verdicts_of(case_of(comes, closes))
    assert isinstance(proof, ProvedForEvery)
    assert '"by": ["closes"]' in proof.certificate


def test_what_stops_with_three_is_not_proved() -> None:
    case = case_of(comes, goes_if_few_are_there)
    assert [stops(case, 0, size) for size in (1, 2, 3)] == [False, False, True]
    assert verdicts_of(case) == [Unknown(Limit.FAMILY, "3 workers")] * 2


def test_what_stops_with_two_is_broken() -> None:
    case = case_of(comes)
    assert stops(case, 0, 2)
    assert verdicts_of(case) == [Unknown(Limit.FAMILY, "2 workers")] * 2


def test_a_single_one_that_stops_is_excepted() -> None:
    case = case_of(comes, goes_if_another_stays)
    assert [stops(case, 0, size) for size in (1, 2, 3)] == [True, False, False]
    proof, _ = verdicts_of(case)
    assert isinstance(proof, ProvedForEvery)
    assert proof.excepted == "but one worker"
    families = Families()
    assert families.check(case, 0, proof.certificate) > 0
    assert families.told(case, 0, proof.certificate).excepted == "but one worker"
    every = proof.certificate.replace('"several": ["Worker"]', '"several": []')
    with pytest.raises(Refused, match="this is not "):
        families.check(case, 0, every)
    alone = replace(case, instance=replace(case.instance, scope={Worker: 1}))
    with pytest.raises(Refused, match="says nothing of machines with but one worker"):
        families.check(alone, 0, proof.certificate)
    assert verdicts_of(alone) == [Unknown(Limit.FAMILY, "1 worker")] * 2


FORGERIES = {
    "actions that are not always possible": ('"goes"]', '"closes_for_good"]'),
    "no actions": ('["comes", "goes"]', "[]"),
    "actions of another system": ('"goes"]', '"leaves"]'),
    "no data": (MARK, f"{MARK}("),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_refused(forgery: str) -> None:
    case = case_of(comes, goes, closes_for_good)
    family = family_of(case.instance, case.unbounded)
    rule = family.system.properties[1]
    sizes = sizes_of(family, SHAPES[0])
    going = going_on(family, rule, sizes, sizes, Clock(SECONDS))
    assert isinstance(going, Going)
    assert [one.name for one in going.by] == ["comes", "goes"]
    proof = verdicts_of(case)[1]
    assert isinstance(proof, ProvedForEvery)
    old, new = FORGERIES[forgery]
    text = proof.certificate.replace(old, new, 1)
    assert text != proof.certificate
    with pytest.raises(Refused, match=r"this is not |no actions of this"):
        Families().check(case, 1, text)
