"""A kettle, whose guards are taken out in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tdxcheck.checker.catalogue import (
    Catalogue,
    Design,
    Expectation,
    Feature,
    Machine,
    Outcome,
    Rule,
    Setup,
)
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.removal import Removal
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import (
    Safeguard,
    Severity,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    implies,
    invariant,
    reachable,
    step_rule,
)
from tdxcheck.checker.verdict import Refuted, Verdict
from tests.demo import MANUAL


class Kettle(State):
    """A kettle that may boil dry."""

    filled = Var(bool, True)
    hot = Var(bool, False)
    dry = Var(bool, False)

    plugged = Var(bool, frozen=True)
    """There is power."""
    spout = Var(bool, frozen=True)
    """It can be poured out."""
    stops_when_hot = Safeguard(bugs=("B1",), sources=(MANUAL.at("chapter 1"),))
    """It turns itself off when it boils."""
    stops_when_empty = Safeguard(sources=(MANUAL.at("chapter 2"),))
    """It does not heat what is not there."""
    has_a_handle = Safeguard(sources=(MANUAL.at("chapter 3"),))
    """It can be held."""


@action()
def heat(kettle: Kettle) -> None:
    """The kettle heats the water."""
    kettle.require(kettle.plugged)
    kettle.require(~kettle.hot | ~kettle.stops_when_hot)
    kettle.require(kettle.filled | ~kettle.stops_when_empty)
    kettle.dry = kettle.dry | kettle.hot | ~kettle.filled
    kettle.hot = True


@action()
def pour(kettle: Kettle) -> None:
    """Somebody pours the water out."""
    kettle.require(kettle.spout & (kettle.has_a_handle | kettle.filled))
    kettle.require(kettle.filled)
    kettle.filled = False
    kettle.hot = False


@invariant(severity=Severity.SERVICE, sources=(MANUAL.at("chapter 3"),))
def never_boils_dry(kettle: Kettle) -> Term[bool]:
    """The kettle never boils dry."""
    return ~kettle.dry


@step_rule(severity=Severity.SERVICE)
def stays_dry(before: Kettle, step: Step, after: Kettle) -> Term[bool]:
    """What has boiled dry stays so."""
    return implies(before.dry, after.dry)


@reachable()
def water_gets_hot(kettle: Kettle) -> Term[bool]:
    """Water can be heated."""
    return kettle.hot


PLAIN = TransitionSystem("plain", "A kettle.", Kettle, (heat, pour))
SAFE = PLAIN.variant(
    "safe",
    "A kettle with a thermostat.",
    settings={
        Kettle.stops_when_hot: True,
        Kettle.stops_when_empty: True,
        Kettle.has_a_handle: True,
    },
)
CALM = Expectation(Outcome.VACUOUS, "nothing ever boils dry")
DRY = Expectation(note="it boils dry")
REDUNDANT = {"has_a_handle": Expectation(note="only for comfort")}
RULES = tuple(
    Rule(rule, "kettles") for rule in (never_boils_dry, stays_dry, water_gets_hot)
)
FEATURES = (
    Feature("power", "There is power.", Kettle.plugged),
    Feature("spout", "It has a spout.", Kettle.spout),
)


def catalogue(redundant: Mapping[str, Expectation] = REDUNDANT) -> Catalogue:
    machine = Machine({"cpus": 1}, lambda sizes: Setup({}), FEATURES, water_gets_hot)
    return Catalogue(
        designs=(
            Design("plain", PLAIN, {"never_boils_dry": DRY}),
            Design("safe", SAFE, {"stays_dry": CALM}, redundant),
        ),
        rules=RULES,
        machine=machine,
    )


def run(*arguments: str, of: Catalogue | None = None) -> int:
    return main(arguments, Context(lambda: of or catalogue(), lambda: ENGINES))


def told(removal: Removal) -> dict[str, tuple[type[Verdict], int]]:
    """The worse rules of a removal, each with its verdict and the length of its run."""
    assert not removal.undecided
    return {
        j.question.name: kind(j.verdict) for j in (*removal.broken, *removal.sooner)
    }


def kind(verdict: Any) -> tuple[type[Verdict], int]:
    return type(verdict), len(verdict.run.steps) if isinstance(verdict, Refuted) else 0
