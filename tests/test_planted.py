"""Planted traps: rules that only seem to hold, taken through the whole command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.catalogue import Catalogue, Design, Machine, Rule, Setup, Sizes
from tdxcheck.checker.certificate_checker import Refused, check, read
from tdxcheck.checker.certificate_solvers import solvers
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.certificates.rechecking import Rechecker
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.work import ENGINES, Answer
from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    always_eventually,
    count,
    fairness,
    implies,
    invariant,
)
from tdxcheck.checker.verdict import Proved, ProvedForEvery, Vacuous


class Worker(Index):
    label = "worker"


class Shop(State):
    present = Map(Worker, bool, False)
    tired = Var(bool, False)
    fire = Var(bool, False)
    lit = Var(bool, False)


@action()
def comes(shop: Shop, worker: Worker) -> None:
    """{worker} comes."""
    shop.require(~shop.present[worker])
    shop.present[worker] = True


@action()
def is_crowded(shop: Shop) -> None:
    """Five are there, which is too much."""
    shop.require(count(Worker, lambda worker: shop.present[worker]) >= 5)
    shop.tired = True


@action()
def light(shop: Shop) -> None:
    """The light is switched on."""
    shop.require(~shop.lit)
    shop.lit = True


@action()
def darken(shop: Shop) -> None:
    """The light is switched off."""
    shop.require(shop.lit)
    shop.lit = False


@invariant()
def nobody_is_tired(shop: Shop) -> Term[bool]:
    """Nobody is tired: of five, somebody is."""
    return ~shop.tired


@invariant()
def a_fire_is_seen(shop: Shop) -> Term[bool]:
    """There is light where there is a fire, of which there is none."""
    return implies(shop.fire, shop.lit)


def anywhere(shop: Shop) -> Term[bool]:
    """Everywhere."""
    return implies(shop.lit, shop.lit)


SOMEBODY_LIGHTS = fairness(light)(anywhere)


@always_eventually(fair=(SOMEBODY_LIGHTS,))
def there_is_light(shop: Shop) -> Term[bool]:
    """There is light again and again, because somebody sees to it."""
    return shop.lit


@always_eventually(fair=())
def there_is_light_anyway(shop: Shop) -> Term[bool]:
    """The same, without the line of fairness."""
    return shop.lit


SHOP = TransitionSystem("shop", "Workers.", Shop, (comes, is_crowded, light, darken))


def build(sizes: Sizes) -> Setup:
    return Setup({Worker: sizes["workers"]}, {}, f"{sizes['workers']} workers")


RULES = (nobody_is_tired, a_fire_is_seen, there_is_light, there_is_light_anyway)


def catalogue(workers: int) -> Catalogue:
    return Catalogue(
        designs=(Design("shop", SHOP, {}),),
        rules=tuple(Rule(rule, "the shop") for rule in RULES),
        machine=Machine({"workers": workers}, build),
    )


def run(workers: int, *arguments: str) -> int:
    found = catalogue(workers)
    fresh = ["--no-cache"] * (arguments[0] == "verify")
    return main([*arguments, *fresh], Context(lambda: found, lambda: ENGINES))


def verdicts(
    capsys: pytest.CaptureFixture[str], workers: int, *arguments: str
) -> dict[str, Any]:
    run(workers, "verify", "--format", "json", *arguments)
    said = json.loads(capsys.readouterr().out)
    return {verdict["question"]: verdict for verdict in said["verdicts"]}


ENGINES_OF = ("--engine", "diagrams", "--engine", "pdr", "--engine", "parametric")


def test_what_fails_with_five_is_proved_of_four_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule = ("--rule", "nobody_is_tired", *ENGINES_OF)
    four = verdicts(capsys, 4, *rule)["nobody_is_tired"]
    assert four["verdict"]["kind"] == "exhausted"
    kinds = {engine: said["kind"] for engine, said in four["engines"].items()}
    assert kinds == {
        "diagrams": "exhausted",
        "pdr": "proved",
        "parametric": "only for small N",
    }
    five = verdicts(capsys, 5, *rule)["nobody_is_tired"]
    assert five["verdict"]["kind"] == "refuted"
    assert five["verdict"]["steps"] == 6
    assert five["trace"]["steps"][-1]["action"] == "is_crowded"


def case_of(name: str) -> Case:
    found = catalogue(4)
    (case,) = cases_of(found, [found.design("shop")], {}, names=[name])
    return case


FORGED = """; clause: {"of": [], "never": [{"what": "tired", "at": [], "is": [true]}]}
(set-logic ALL)
(declare-fun tired () Bool)

; at first: nobody_is_tired
(push 1)
(assert (not tired))
(assert tired)
(check-sat)
(pop 1)
"""


def test_no_certificate_says_it_of_every_number() -> None:
    case = case_of("nobody_is_tired")
    with pytest.raises(Refused, match="its invariant is another one"):
        Families().check(case, 0, FORGED)
    parts = ";     1. nobody_is_tired\n;     2. !tired\n"
    with pytest.raises(Refused, match="is not asked: is_crowded"):
        Families().check(case, 0, f"{parts}{FORGED}")
    forged = ProvedForEvery("workers", "an inductive invariant", (), FORGED)
    assert not Rechecker()(case, 0, Answer(forged, None))


def test_the_certificate_for_four_is_none_for_five(tmp_path: Path) -> None:
    written = ("--rule", "nobody_is_tired", "--certificate", str(tmp_path))
    assert run(4, "verify", "--engine", "diagrams", *written) == 0
    (path,) = tmp_path.glob("*.smt2")
    assert run(4, "check-certificate", str(path)) == 0
    path.write_text(path.read_text().replace("workers 4", "workers 5"))
    assert run(4, "check-certificate", str(path)) == 1


def test_what_holds_for_a_wrong_reason_is_vacuous(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("--rule", "a_fire_is_seen", "--certificate", str(tmp_path))
    said = verdicts(capsys, 2, *asked, *ENGINES_OF)["a_fire_is_seen"]
    assert {v["kind"] for v in said["engines"].values()} == {"vacuous"}
    assert said["standing"] == "unexpected"
    (path,) = tmp_path.glob("*.smt2")
    assert 'says "holds vacuously for every number"' in path.read_text()
    assert run(2, "check-certificate", str(path)) == 0
    capsys.readouterr()
    verdicts(capsys, 2, *asked, *ENGINES_OF[:4])
    text = path.read_text()
    assert 'says "holds vacuously"' in text
    assert run(2, "check-certificate", str(path)) == 0
    case = case_of("a_fire_is_seen")
    system = ground(case.instance.system, case.instance.scope)
    holds = text.replace('says "holds vacuously"', 'says "holds"')
    holds = holds.replace("define-fun premise", "define-fun |part 9|")
    with pytest.raises(Refused, match="but vacuously"):
        check(read(holds), system, system.properties[0], solvers())


def test_a_kept_proof_says_that_it_is_of_nothing() -> None:
    """A proof that what the rule speaks of never happens is no proof that it holds."""
    case = case_of("a_fire_is_seen")
    assert Rechecker()(case, 0, Answer(Vacuous("PDR"), None, ()))
    assert not Rechecker()(case, 0, Answer(Proved("PDR"), None, ()))


@pytest.mark.parametrize("engine", ["diagrams", "explicit"])
def test_without_its_line_of_fairness_it_does_not_hold(
    capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    said = verdicts(capsys, 2, "--engine", engine)
    held = said["there_is_light"]["verdict"]
    assert held["kind"] == "exhausted" and held["rests_on"] == [SOMEBODY_LIGHTS.name]
    lost = said["there_is_light_anyway"]
    assert lost["verdict"]["kind"] == "refuted" and "loop" in lost["verdict"]
    assert lost["trace"]["loop"] == lost["verdict"]["loop"]


def test_what_comes_in_the_end_rests_on_its_line_of_fairness(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Its certificate is accepted, and not of the same rule without the line."""
    asked = ("--rule", "there_is_light", "--certificate", str(tmp_path))
    run(2, "verify", "--engine", "diagrams", *asked)
    capsys.readouterr()
    (path,) = tmp_path.glob("*.smt2")
    assert run(2, "check-certificate", str(path)) == 0
    assert "accepted by z3" in capsys.readouterr().out
    assert SOMEBODY_LIGHTS.name in path.with_suffix(".txt").read_text()
    text = path.read_text()
    path.write_text(text.replace("there_is_light", "there_is_light_anyway"))
    assert run(2, "check-certificate", str(path)) == 1
    assert "a turn that the rule does not have" in capsys.readouterr().out
    path.write_text(re.sub('tdxcheck-stages "[^"]*"', 'tdxcheck-stages ""', text))
    assert run(2, "check-certificate", str(path)) == 1
    assert "rule is not that of the system" in capsys.readouterr().out
