"""What is proved for every size holds at first, whatever the size is."""

from __future__ import annotations

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Proof
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    action,
    count,
    invariant,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.verdict import Refuted


class Worker(Index):
    """Somebody who may come to work."""


class Shop(State):
    present = Map(Worker, bool, False)


@action()
def comes(shop: Shop, worker: Worker) -> None:
    """{worker} comes."""
    shop.require(~shop.present[worker])
    shop.present[worker] = True


@invariant()
def few_are_away(shop: Shop) -> Term[bool]:
    """Fewer than six are away: every step keeps it, and six break it at first."""
    return count(Worker, lambda worker: ~shop.present[worker]) < 6


@invariant()
def somebody_is_away_or_there(shop: Shop) -> Term[bool]:
    """Nobody is there of whom it was not said."""
    away = count(Worker, lambda worker: ~shop.present[worker])
    return away >= 0


SHOP = TransitionSystem(
    "shop",
    "Workers.",
    Shop,
    (comes,),
    (few_are_away, somebody_is_away_or_there),
)


def test_what_six_break_at_first_is_not_proved() -> None:
    """No step breaks it, and no machine that is small."""
    for size in (5, 6):
        verdict = survey(ground(SHOP, {Worker: size})).verdicts[0]
        assert isinstance(verdict, Refuted) == (size == 6)
    prover = Prover(family_of(Instance(SHOP, {Worker: 2})))
    assert not isinstance(prover.prove(0, Clock(20.0)), Proof)
    assert isinstance(prover.prove(1, Clock(20.0)), Proof)
