"""Proofs for every size: they hold in instances, and what fails is not proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Broken, Lack, Open, Proof
from tdxcheck.checker.engines.parametric.stepping import Stepping
from tdxcheck.checker.engines.parametric.telling import SETTLED
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language import (
    Int,
    Map,
    Property,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    count,
    exists,
    forall,
    implies,
    invariant,
    ite,
    step_rule,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import ProvedForEvery, Refuted, Vacuous
from tests import test_beginning as beginning
from tests.crowds import Shop, Worker, comes, nobody_is_tired
from tests.faults.comparing import same, systems
from tests.faults.known import Sample
from tests.test_certificates_every import (
    QUESTION,
    given_at_first,
    test_a_constant_means_one_thing_throughout,
    test_what_z3_writes_in_another_order_is_the_same,
)
from tests.test_certificates_vacuous import DOORS, answer_of
from tests.test_parametric import (
    BEGINNINGS,
    is_crowded,
    is_crowded_by_name,
    test_it_is_known_how_a_sort_of_a_fixed_size_begins,
)
from tests.test_parametric_counting import (
    Keys,
    all_are_configured_when_ready,
    configure,
    ready_at_once,
)
from tests.test_parametric_ending import case_of
from tests.test_parametric_names import test_a_rule_of_such_names_is_proved

SECONDS = 5.0
NO = "(assert false)"


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
    _lacks(prover, ready_at_once, ())
    _lacks(prover, all_are_configured_when_ready, ())


def crowds() -> None:
    """What fails with five is not proved."""
    for crowd in (is_crowded, is_crowded_by_name):
        system = TransitionSystem(
            "shop", "Workers.", Shop, (comes, crowd), (nobody_is_tired,)
        )
        found = _prover(system).prove(0, Clock(SECONDS))
        assert isinstance(found, Open), f"{found} of what fails with five"
        same("the machine in which it holds", found.upto, "3 workers")
        _lacks(_prover(system), nobody_is_tired, ())
    prover = Prover(family_of(Instance(beginning.SHOP, {beginning.Worker: 2})))
    found = prover.prove(0, Clock(SECONDS))
    assert isinstance(found, Open), f"{found} of what six break at first"


class Office(State):
    """Who sits where, who has a key, and what is closed."""

    sits = Map(Worker, bool, False)
    key = Map(Worker, bool, False)
    owner = Var(Worker, frozen=True)
    closed = Var(bool, True)
    guests = Var(Int(0, 2), 0)


@action()
def give_key(office: Office, worker: Worker) -> None:
    """The owner has a key, and gives one."""
    office.require((worker == office.owner) | office.key[office.owner])
    office.key[worker] = True


@action()
def sit(office: Office, worker: Worker) -> None:
    """{worker} sits down, if it is open, or with a key."""
    office.require(office.key[worker] | ~office.closed)
    office.sits[worker] = True


@action()
def open_up(office: Office, worker: Worker) -> None:
    """{worker}, who sits and has a key, opens."""
    office.require(office.sits[worker] & office.key[worker])
    office.closed = False


@action()
def close(office: Office) -> None:
    """It is closed when nobody sits there."""
    office.require(~exists(Worker, lambda worker: office.sits[worker]))
    office.closed = True


@action()
def leave(office: Office, worker: Worker) -> None:
    """{worker} leaves, as a guest or not."""
    office.require(office.sits[worker])
    office.sits[worker] = False
    office.guests = ite(office.guests < 2, office.guests + 1, 2)


@action()
def all_leave(office: Office) -> None:
    """Everybody leaves."""
    office.sits.fill(False)
    office.guests = 0


@invariant()
def who_sits_there_closed_has_a_key(office: Office) -> Term[bool]:
    """Who sits behind a closed door has a key."""
    return forall(
        Worker,
        lambda worker: implies(office.closed & office.sits[worker], office.key[worker]),
    )


@invariant()
def the_owner_has_a_key(office: Office) -> Term[bool]:
    """As soon as anybody has a key, the owner has."""
    return implies(
        exists(Worker, lambda worker: office.key[worker]), office.key[office.owner]
    )


@invariant()
def few_guests(office: Office) -> Term[bool]:
    """There are two guests at most."""
    return office.guests < 3


@invariant()
def one_guest(office: Office) -> Term[bool]:
    """There is one guest at most, which is not so."""
    return office.guests < 2


@invariant()
def nobody_sits_alone(office: Office) -> Term[bool]:
    """Somebody who sits there is not alone, which is not so."""
    return count(Worker, lambda worker: office.sits[worker]) != 1


@step_rule()
def keys_are_kept(before: Office, step: Step, after: Office) -> Term[bool]:
    """Nobody loses a key, and only who sits leaves."""
    kept = forall(Worker, lambda w: implies(before.key[w], after.key[w]))
    sat = forall(Worker, lambda w: implies(step.at(w), before.sits[w]))
    return kept & implies(step.is_(leave), sat)


@step_rule()
def closed_by_nobody(before: Office, step: Step, after: Office) -> Term[bool]:
    """It is closed only when nobody sits there, which closing sees to."""
    closing = ~before.closed & after.closed
    return implies(closing, step.is_(close) & ~exists(Worker, lambda w: before.sits[w]))


@step_rule()
def sits_down_where_it_is_open(before: Office, step: Step, after: Office) -> Term[bool]:
    """Who sits down finds it open, which is not so."""
    return forall(
        Worker,
        lambda w: implies(~before.sits[w] & after.sits[w], ~before.closed & step.at(w)),
    )


@invariant()
def fewer_sit_than_have_a_key(office: Office) -> Term[bool]:
    """Fewer sit there than have a key, which is not so."""
    sitting = count(Worker, lambda w: office.sits[w])
    return sitting <= count(Worker, lambda w: office.key[w])


@step_rule()
def opened_by_the_owner(before: Office, step: Step, after: Office) -> Term[bool]:
    """Only the owner opens, which is not so."""
    return implies(before.closed & ~after.closed, step.at(before.owner))


HOLDING = (
    who_sits_there_closed_has_a_key,
    the_owner_has_a_key,
    few_guests,
    keys_are_kept,
    closed_by_nobody,
)
BROKEN = (
    one_guest,
    nobody_sits_alone,
    opened_by_the_owner,
    sits_down_where_it_is_open,
    fewer_sit_than_have_a_key,
)
OFFICE = TransitionSystem(
    "office",
    "An office.",
    Office,
    (give_key, sit, open_up, close, leave, all_leave),
    (*HOLDING, *BROKEN),
)


def office() -> None:
    """What holds of any number is proved, and what does not hold is broken."""
    prover = _prover(OFFICE)
    verdicts = survey(ground(OFFICE, {Worker: 3})).verdicts
    for number, rule in enumerate(OFFICE.properties):
        holds = rule in HOLDING
        assert isinstance(verdicts[number], Refuted) != holds
        found = prover.prove(number, Clock(SECONDS))
        assert isinstance(found, Proof if holds else Broken), f"{rule.name}: {found}"
        if isinstance(found, Proof):
            for clause in found.clauses:
                rest = [other for other in found.clauses if other is not clause]
                _lacks(prover, rule, rest)
        else:
            _lacks(prover, rule, ())


def stepped() -> None:
    """What holds after a step is told by the state before it."""
    for of, system in systems()[:3]:
        stepping = Stepping(system)
        for slot in system.slots:
            more = stepping.value(slot.number, [slot.term.high + 1])
            same("more than there is", stepping.possible([more]), False)
        for sample in of.samples:
            here = [stepping.value(n, [v]) for n, v in enumerate(sample.values)]
            taken = dict(sample.steps)
            for step in range(len(system.steps)):
                holds = stepping.possible([*here, stepping.guard(step)])
                same("a step is possible", holds, step in taken)
            for step, after in sample.steps:
                for place, value in enumerate(after):
                    so = stepping.value_after(step, place, [value])
                    same("a value", stepping.possible([*here, so]), True)
                    same("another one", stepping.possible([*here, -so]), False)
                    changes = step in stepping.changing([place])
                    same("it changes", changes or sample.values[place] == value, True)
            for rule in system.properties:
                if rule.property.mode is Mode.INVARIANT:
                    _breaks(stepping, rule, here, sample)


def _breaks(
    stepping: Stepping, rule: GroundProperty, here: list[int], sample: Sample
) -> None:
    """A rule that holds is broken by the steps that lead to where it does not."""
    (condition,) = rule.conditions
    held = bool(evaluate(condition, sample.values))
    lost = False
    for step, after in sample.steps:
        holds = bool(evaluate(condition, after))
        lost |= held and not holds
        so = stepping.truth_after(step, condition)
        same("a rule after a step", stepping.possible([*here, so]), holds)
        same("its contrary", stepping.possible([*here, -so]), not holds)
    same("a rule", stepping.possible([*here, stepping.truth(condition)]), held)
    same("it is broken", stepping.possible([*here, stepping.broken(rule)]), lost)


def certified() -> None:
    """A certificate is accepted, and refused once anything in it is another."""
    for case, text in (_of_an_office(), _of_keys()):
        families = Families()
        assert families.check(case, 0, text)
        for name, forged in _forgeries(text):
            if forged == text:
                continue
            try:
                families.check(case, 0, forged)
            except Refused:
                continue
            raise AssertionError(f"accepted: {name}")
        assert families.check(case, 0, text)
    verdict = answer_of(DOORS).verdict
    assert isinstance(verdict, Vacuous) and verdict.certificate
    assert Families().check(DOORS, 0, verdict.certificate, vacuous=True)


def constants() -> None:
    """A constant stands for one thing throughout a question."""
    test_a_constant_means_one_thing_throughout()


def orders() -> None:
    """What z3 orders otherwise is the same, and nothing else is."""
    test_what_z3_writes_in_another_order_is_the_same()


def begins() -> None:
    """What begins with a value of its own for each of a few things is known."""
    for each in BEGINNINGS:
        test_it_is_known_how_a_sort_of_a_fixed_size_begins(*each)


def names() -> None:
    """What a solver has a meaning for may be the name of something."""
    test_a_rule_of_such_names_is_proved()


def _of_an_office() -> tuple[Case, str]:
    rules = (who_sits_there_closed_has_a_key,)
    return _certificate(replace(OFFICE, properties=rules))


def _of_keys() -> tuple[Case, str]:
    rules = (all_are_configured_when_ready,)
    return _certificate(TransitionSystem("keys", "K.", Keys, (configure,), rules))


def _certificate(system: TransitionSystem) -> tuple[Case, str]:
    case = case_of(system.properties[0], *system.actions)
    case = replace(case, instance=Instance(system, {Worker: 2}), unbounded=(Worker,))
    (answer,) = generalized(case, Budget(seconds=SECONDS), lambda _: None).answers
    assert isinstance(answer.verdict, ProvedForEvery), f"not proved: {answer}"
    return case, answer.verdict.certificate


def _forgeries(text: str) -> Iterator[tuple[str, str]]:
    """What no certificate of the rule is, and what is wrong with it."""
    asked = QUESTION.findall(text)
    declared = r"^\(declare-fun (\w+\.\d+) \(\) Worker\)$"
    constants = set(re.findall(declared, text, re.MULTILINE))
    for name in constants:
        worker = f"(declare-fun {name} () Worker)"
        yield "another sort", text.replace(worker, worker.replace("Worker", "Bool"))
    for number, one in enumerate(asked):
        yield "a question less", text.replace(one, "")
        for other in asked[:number]:
            if one.splitlines()[:2] == other.splitlines()[:2]:
                yield "a question twice", text.replace(one, other)
        left = one.replace("(pop 1)", "(pop 0)")
        yield "what was asked before is given", text.replace(one, left)
        yield (
            "a contradiction",
            text.replace(one, one.replace("(check", f"{NO}\n(check")),
        )
        empty = re.sub(r"\(assert (?:.|\n)*?\n(?=\(check)", "", one)
        yield "nothing that is asserted", text.replace(one, empty)
        inside = sorted(set(re.findall(r"\b\w+\.\d+\b", one)) & constants)
        for name, other in pairwise(inside):
            merged = re.sub(rf"\b{name}\b", other, one)
            yield "two that are one", text.replace(one, merged)
    for number in re.findall(r" (\d)\)", text):
        yield "another number", text.replace(f" {number})", f" {int(number) + 5})")
    one_value = "(declare-datatypes ((Worker 0)) (((a))))"
    yield "one value", text.replace("(declare-sort Worker 0)", one_value)
    yield "other parts", re.sub(r"^; by .*$", "; by 1", text, flags=re.MULTILINE)
    part = re.sub(r"^(; +2\.) .*$", r"\1 anything", text, flags=re.MULTILINE)
    yield "another part", part
    settled = rf"{re.escape(SETTLED.rstrip())} ?"
    yield "what changes", re.sub(settled, f"{SETTLED}closed, ready, ", text)
    yield "what there is not", re.sub(settled, f"{SETTLED}nothing, ", text)
    numbers = ", ".join(re.findall(r"^; +(\d+)\. ", text, re.MULTILINE))
    for by in re.findall(r"^; by .*\n", text, re.MULTILINE):
        yield "more parts than are given", text.replace(by, f"; by {numbers}\n", 1)
    yield "what is to be shown, given at first", given_at_first(text)
    more = ";     99. anything\n(set-logic"
    yield "a part more", text.replace("(set-logic", more)


def _lacks(prover: Prover, rule: Property, clauses: Iterable[Clause]) -> None:
    """The clauses are no proof of the rule."""
    try:
        found = prover.check(rule, clauses, Clock(SECONDS))
    except GaveUp:
        return
    assert isinstance(found, Lack), f"{rule.name} is proved, which is not so"
