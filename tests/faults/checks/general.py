"""Proofs for every size: they hold in instances, and what fails is not proved."""

from __future__ import annotations

from collections.abc import Iterable

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import family_of
from tdxcheck.checker.engines.parametric.prover import Prover
from tdxcheck.checker.engines.parametric.results import Broken, Lack, Open, Proof
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.ground import ground
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
from tdxcheck.checker.verdict import Refuted
from tests import test_beginning as beginning
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

SECONDS = 5.0


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


def _lacks(prover: Prover, rule: Property, clauses: Iterable[Clause]) -> None:
    """The clauses are no proof of the rule."""
    try:
        found = prover.check(rule, clauses, Clock(SECONDS))
    except GaveUp:
        return
    assert isinstance(found, Lack), f"{rule.name} is proved, which is not so"
