"""A family without a small machine: what is told is not a limit of time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language import (
    Index,
    Map,
    Property,
    State,
    Term,
    TransitionSystem,
    action,
    any_of,
    count,
    deadlock_free,
    exists,
    forall,
    implies,
    initial,
    invariant,
    leads_to,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.report.as_json import verdict_as_json
from tdxcheck.checker.report.words import told_by
from tdxcheck.checker.verdict import Limit, Unknown
from tests.demo import DEMO


class Worker(Index):
    """Somebody who may come to work."""


class Shop(State):
    present = Map(Worker, bool)
    tired = Map(Worker, bool, False)


@initial
def many_are_there(shop: Shop) -> Term[bool]:
    """Six are there at first, so there are six."""
    return count(Worker, lambda worker: shop.present[worker]) > 5


@action()
def goes(shop: Shop, worker: Worker) -> None:
    """{worker} goes."""
    shop.require(shop.present[worker])
    shop.present[worker] = False


@action()
def comes(shop: Shop, worker: Worker) -> None:
    """{worker} comes."""
    shop.require(~shop.present[worker])
    shop.present[worker] = True


@invariant()
def nobody_is_tired(shop: Shop) -> Term[bool]:
    """Nobody who is there is tired."""
    return forall(
        Worker, lambda worker: implies(shop.present[worker], ~shop.tired[worker])
    )


@deadlock_free()
def it_goes_on(shop: Shop) -> Term[bool]:
    """It always goes on."""
    return any_of()


@leads_to(fair=(goes,))
def all_go(shop: Shop) -> tuple[Term[bool], Term[bool]]:
    """In the end nobody is there."""
    there = exists(Worker, lambda worker: shop.present[worker])
    return there, ~there


@pytest.mark.parametrize(
    "rule", [nobody_is_tired, it_goes_on, all_go], ids=lambda rule: rule.name
)
def test_it_is_told_that_there_is_no_small_machine(rule: Property) -> None:
    actions = (goes,) if rule is all_go else (goes, comes)
    system = TransitionSystem("shop", "W.", Shop, actions, (rule,), (many_are_there,))
    assert not list(ground(system, {Worker: 3}).initial_states())
    (case,) = cases_of(DEMO, DEMO.designs[:1], {}, names=["goes_on"])
    case = replace(
        case,
        instance=Instance(system, {Worker: 7}),
        unbounded=(Worker,),
        common=(),
        questions=(replace(case.questions[0], rule=rule),),
    )
    (answer,) = generalized(case, Budget(seconds=60.0), lambda _: None).answers
    verdict = answer.verdict
    assert isinstance(verdict, Unknown) and verdict.limit is Limit.SMALL
    assert "no initial state" in verdict.about
    assert answer.is_final
    assert verdict.about in told_by(Engine.PARAMETRIC, verdict)
    assert verdict_as_json(verdict)["reason"] == verdict.about
