"""Proofs for every size that speak of events and of counts: they lack nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.family import Unsupported
from tdxcheck.checker.engines.parametric.results import Broken, Open
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground import ground
from tdxcheck.checker.language import (
    Event,
    Index,
    Int,
    Map,
    Map2,
    Property,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    count,
    exists,
    forall,
    implies,
    initial,
    invariant,
)
from tdxcheck.checker.language.system import Initial
from tdxcheck.checker.verdict import Refuted
from tests.crowds import (
    SECONDS,
    Shop,
    Worker,
    comes,
    nobody_is_tired,
    proof_of,
    prover_of,
)

# What an event would be answered, and what has the name of something else.

KNOCK = Event("knock", "Somebody knocks.", ())
ALIKE = Event("knock", "Somebody knocks.", ())


class Door(State):
    inside = Map(Worker, bool, False)
    ajar = Var(bool, False)
    quiet = Var(bool, True)
    tired = Var(bool, False)


@action()
def is_inside(door: Door, worker: Worker) -> None:
    """{worker} is inside."""
    door.inside[worker] = True


@action()
def is_opened(door: Door) -> None:
    """It is opened, if there are five to do so."""
    door.require(count(Worker, lambda worker: door.inside[worker]) >= 5)
    door.ajar = True


@action(event=KNOCK)
def is_let_in(door: Door) -> None:
    """Somebody knocks, and is let in."""
    door.require(door.ajar)


@action(event=ALIKE)
def is_heard(door: Door) -> None:
    """Somebody knocks, and is heard."""
    door.require(~door.quiet)


@action()
def gets_tired(door: Door) -> None:
    """It is open for too long."""
    door.require(door.ajar)
    door.tired = True


@initial
def nobody_is_let_in(door: Door) -> Term[bool]:
    """At first, nobody who knocks is let in."""
    return ~door.accepts(KNOCK)


@invariant()
def nobody_inside_is_tired(door: Door) -> Term[bool]:
    """Nobody is tired."""
    return ~door.tired


@invariant()
def nobody_is_heard_or_let_in(door: Door) -> Term[bool]:
    """Nobody is heard, nor let in."""
    return ~door.accepts(ALIKE) & ~door.accepts(KNOCK)


@pytest.mark.parametrize(
    ("rule", "first"),
    [(nobody_inside_is_tired, (nobody_is_let_in,)), (nobody_is_heard_or_let_in, ())],
)
def test_how_events_are_answered_may_change_with_five(
    rule: Property, first: tuple[Initial, ...]
) -> None:
    actions = (is_inside, is_opened, is_let_in, is_heard, gets_tired)
    system = TransitionSystem("door", "Workers.", Door, actions, (rule,), first)
    for size in (4, 5):
        verdict = survey(ground(system, {Worker: size})).verdicts[0]
        assert isinstance(verdict, Refuted) == (size >= 5)
    assert isinstance(prover_of(system, Worker).prove(0, Clock(SECONDS)), Open)


Alike: Any = type("Worker", (Index,), {})


class Visit(State):
    hosts = Map(Alike, bool, False)
    visitors = Map(Worker, bool, False)


@action()
def visits(visit: Visit, worker: Worker) -> None:
    """{worker} visits."""
    visit.visitors[worker] = True


@invariant()
def few_visit_one(visit: Visit) -> Term[bool]:
    """Where there is but one host, there is but one visitor."""
    hosts = forall(Alike, lambda a: forall(Alike, lambda b: a == b))
    several = count(Worker, lambda worker: visit.visitors[worker]) > 1
    return implies(hosts, ~several)


def test_two_sorts_of_one_name_are_not_taken_for_one() -> None:
    rules = (few_visit_one,)
    system = TransitionSystem("visit", "Workers.", Visit, (visits,), rules)
    scope: dict[type[Index], int] = {Alike: 1, Worker: 2}
    assert isinstance(survey(ground(system, scope)).verdicts[0], Refuted)
    with pytest.raises(Unsupported, match="more than one sort with the name Worker"):
        prover_of(system, Alike, Worker)


# Counting.


class Keys(State):
    configured = Map(Worker, bool, False)
    done = Var(Int(0, Worker), 0)
    ready = Var(bool, False)


@action()
def configure(keys: Keys, worker: Worker) -> None:
    """{worker} is configured, and counted."""
    keys.require(~keys.configured[worker])
    every = count(Worker, lambda _: all_of(True))
    keys.require(keys.done < every)
    keys.configured[worker] = True
    keys.ready = keys.done + 1 == every
    keys.done = keys.done + 1


@invariant()
def all_are_configured_when_ready(keys: Keys) -> Term[bool]:
    """What is ready is configured throughout."""
    return implies(keys.ready, forall(Worker, lambda w: keys.configured[w]))


@invariant()
def ready_at_once(keys: Keys) -> Term[bool]:
    """Who is configured makes it ready, which is not so with two."""
    return implies(exists(Worker, lambda w: keys.configured[w]), keys.ready)


def test_a_count_is_what_it_counts() -> None:
    rules = (all_are_configured_when_ready, ready_at_once)
    system = TransitionSystem("keys", "Keys.", Keys, (configure,), rules)
    prover = prover_of(system, Worker)
    proof = proof_of(prover, all_are_configured_when_ready)
    assert any(
        "the number of Worker" in part or "done" in part for part in proof.invariant
    )
    assert isinstance(prover.prove(1, Clock(SECONDS)), Broken)


class Hall(State):
    likes = Map2(Worker, Worker, bool, False)


@action()
def meets(hall: Hall, a: Worker, b: Worker) -> None:
    """{a} meets {b}."""
    hall.likes[a, b] = True


@invariant()
def nobody_likes_many(hall: Hall) -> Term[bool]:
    """Nobody likes four or more, which is not so with four."""
    return (
        count(
            Worker,
            lambda one: count(Worker, lambda other: hall.likes[one, other]) >= 4,
        )
        < 1
    )


def test_a_count_for_each_element_is_refused() -> None:
    system = TransitionSystem("hall", "Workers.", Hall, (meets,), (nobody_likes_many,))
    found = prover_of(system, Worker).prove(0, Clock(SECONDS))
    assert isinstance(found, Open)
    assert "a count for each of any number of elements" in found.reason


@action()
def is_crowded_by_counting(shop: Shop) -> None:
    """Five are there, each of whom is one."""
    there = count(Worker, lambda worker: shop.present[worker])
    ones = count(Worker, lambda one: count(Worker, lambda other: one == other) >= 1)
    shop.require((there >= 5) & (ones >= 5))
    shop.tired = True


def test_a_count_of_the_element_itself_is_not_a_count_of_all() -> None:
    system = TransitionSystem(
        "shop", "Workers.", Shop, (comes, is_crowded_by_counting), (nobody_is_tired,)
    )
    verdict = survey(ground(system, {Worker: 5})).verdicts[0]
    assert isinstance(verdict, Refuted)
    found = prover_of(system, Worker).prove(0, Clock(SECONDS))
    assert isinstance(found, Open)
