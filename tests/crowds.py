"""Systems that stand up to few elements, and proofs of their rules for every size."""

from __future__ import annotations

from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Proof
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.language import (
    Index,
    Map,
    Property,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    invariant,
)
from tdxcheck.checker.language.instance import Instance

SECONDS = 60.0


def prover_of(system: TransitionSystem, *sorts: type[Index]) -> Prover:
    return Prover(family_of(Instance(system, dict.fromkeys(sorts, 2))))


def proof_of(prover: Prover, rule: Property) -> Proof:
    number = prover.family.system.properties.index(rule)
    found = prover.prove(number, Clock(SECONDS))
    assert isinstance(found, Proof), found
    return found


class Worker(Index):
    """Somebody who may come to work."""


class Shop(State):
    present = Map(Worker, bool, False)
    tired = Var(bool, False)


@action()
def comes(shop: Shop, worker: Worker) -> None:
    """{worker} comes."""
    shop.require(~shop.present[worker])
    shop.present[worker] = True


@invariant()
def nobody_is_tired(shop: Shop) -> Term[bool]:
    """Nobody is tired."""
    return ~shop.tired
