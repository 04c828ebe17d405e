"""Proofs for every size: they hold in instances, and what fails is not proved."""

from __future__ import annotations

from typing import Any

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import Broken, Open, Proof, Prover
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language import SpecificationError, TransitionSystem
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Refuted
from tests.random_systems import SORTS, Drawn
from tests.test_parametric import (
    Keys,
    Shop,
    Worker,
    all_are_configured_when_ready,
    comes,
    configure,
    is_crowded,
    is_crowded_by_name,
    nobody_is_tired,
    ready_at_once,
)

SECONDS = 10.0


def _prover(system: TransitionSystem) -> Prover:
    return Prover(family_of(Instance(system, {Worker: 2})))


def counts() -> None:
    """What a count makes so is proved, and what it does not make so is broken."""
    rules = (all_are_configured_when_ready, ready_at_once)
    system = TransitionSystem("keys", "Keys.", Keys, (configure,), rules)
    prover = _prover(system)
    found = prover.prove(0, Clock(SECONDS))
    assert isinstance(found, Proof), f"not proved: {found}"
    assert isinstance(prover.prove(1, Clock(SECONDS)), Broken)


def crowds() -> None:
    """What fails with five is not proved."""
    for crowd in (is_crowded, is_crowded_by_name):
        system = TransitionSystem(
            "shop", "Workers.", Shop, (comes, crowd), (nobody_is_tired,)
        )
        found = _prover(system).prove(0, Clock(SECONDS))
        assert isinstance(found, Open), f"{found} of what fails with five"


RANDOM: tuple[Drawn, ...] = ()


def instances() -> None:
    """What is proved of random systems holds in every instance."""
    proved = 0
    for drawn in RANDOM:
        system = drawn.system()
        try:
            prover = Prover(family_of(Instance(system, drawn.scope)))
        except Unsupported:
            continue
        for number, rule in enumerate(system.properties):
            if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
                continue
            if isinstance(prover.prove(number, Clock(3.0)), Proof):
                proved += 1
                _holds(prover, number)
    assert proved >= len(RANDOM), "proofs are missing"


def _holds(prover: Prover, number: int) -> None:
    family = prover.family
    for size in (1, 2, 3, 4):
        sizes: dict[Any, int] = dict.fromkeys(SORTS, 1) | family.fixed
        sizes |= {sort: max(size, family.least(sort)) for sort in family.unbounded}
        try:
            verdict = survey(ground(family.system, sizes)).verdicts[number]
        except SpecificationError:  # There is no machine of this size.
            continue
        assert not isinstance(verdict, Refuted), f"{number} is broken with {size}"
