"""Certificates of what holds vacuously, however many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.certificates.rechecking import Rechecker
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.plain import from_answer, to_answer
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import ENGINES, Answer, Budget
from tdxcheck.checker.language import (
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.verdict import Vacuous
from tdxcheck.models.catalogue import CATALOGUE
from tests.crowds import Worker
from tests.test_parametric_ending import case_of

DESIGN, RULE = "v7.1", "no_version_is_torn"


class Doors(State):
    open = Map(Worker, bool, False)
    locked = Map(Worker, bool, False)
    alarm = Var(bool, False)


@action()
def opens(doors: Doors, worker: Worker) -> None:
    """{worker} opens a door."""
    doors.require(~doors.locked[worker])
    doors.open[worker] = True


@action()
def locks(doors: Doors, worker: Worker) -> None:
    """{worker} locks a door."""
    doors.require(~doors.open[worker])
    doors.locked[worker] = True


@action()
def breaks(doors: Doors, worker: Worker) -> None:
    """{worker} breaks a door open."""
    doors.open[worker] = True


@invariant()
def what_is_open_and_locked_is_told(doors: Doors) -> Term[bool]:
    """Where a door is open and locked there is an alarm."""
    return forall(
        Worker, lambda w: implies(doors.open[w] & doors.locked[w], doors.alarm)
    )


def doors_with(*actions: Action) -> Case:
    rules = (what_is_open_and_locked_is_told,)
    system = TransitionSystem("doors", "Doors.", Doors, actions, rules)
    case = case_of(rules[0], *system.actions)
    return replace(case, instance=Instance(system, {Worker: 2}), unbounded=(Worker,))


DOORS = doors_with(opens, locks)


def answer_of(case: Case) -> Answer:
    (answer,) = generalized(case, Budget(seconds=20.0), lambda _: None).answers
    return answer


@pytest.fixture(scope="module")
def answer() -> Answer:
    return answer_of(DOORS)


@pytest.fixture(scope="module")
def proof(answer: Answer) -> str:
    assert isinstance(answer.verdict, Vacuous)
    assert answer.verdict.method == "any number of workers"
    assert answer.verdict.every is not None
    return answer.verdict.certificate


def test_that_it_never_happens_is_certified(proof: str) -> None:
    assert Families().check(DOORS, 0, proof, vacuous=True) > 0


def test_it_is_none_that_the_rule_holds(proof: str) -> None:
    with pytest.raises(Refused, match="not what it asks"):
        Families().check(DOORS, 0, proof)


def test_it_is_none_where_it_happens(proof: str) -> None:
    with pytest.raises(Refused, match="is not asked: breaks"):
        Families().check(doors_with(opens, locks, breaks), 0, proof, vacuous=True)


def test_it_is_checked_before_it_is_believed(answer: Answer) -> None:
    kept = to_answer(from_answer(answer))
    assert kept == answer
    assert Rechecker()(DOORS, 0, kept)
    assert isinstance(kept.verdict, Vacuous)
    forged = kept.verdict.certificate.replace("(check-sat)", "", 1)
    bad = replace(kept, verdict=replace(kept.verdict, certificate=forged))
    assert not Rechecker()(DOORS, 0, bad)


def run(*arguments: str) -> int:
    return main(arguments, Context(lambda: CATALOGUE, lambda: ENGINES))


def test_a_file_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("vacuous")
    cache = str(tmp_path_factory.mktemp("cache"))
    arguments = ("--engine", "parametric", "--rule", RULE, "--cache", cache)
    assert run("verify", DESIGN, *arguments, "--certificate", str(folder)) == 0
    path = folder / f"{DESIGN}-{RULE}.smt2"
    text = path.read_text()
    assert f"; Below, {RULE} is that what it speaks of never happens." in text
    assert run("check-certificate", str(folder)) == 0
    path.write_text(text.replace("holds vacuously for every", "holds for every"))
    assert run("check-certificate", str(path)) == 1
