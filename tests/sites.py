"""Workers and houses: small systems with a symmetry, and what breaks it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from tdxcheck.checker.language import (
    Action,
    Index,
    Int,
    Map,
    Map2,
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
    initial,
    invariant,
    ite,
    reachable,
    step_rule,
)
from tdxcheck.checker.language.system import Initial
from tdxcheck.checker.language.terms import Element


class Worker(Index):
    """A worker."""

    label = "worker"


class House(Index):
    """A house, in which workers are."""

    label = "house"


class Mood(Enum):
    IDLE = 0
    BUSY = 1
    DONE = 2


class Site(State):
    """Workers who work one after the other, in houses that are lit or not."""

    mood = Map(Worker, Mood, Mood.IDLE)
    strong = Map(Worker, bool, False, frozen=True)
    lit = Map(House, bool, False)
    house_of = Map(Worker, House, frozen=True)
    done = Var(Int(0, Worker), 0)


@action()
def begin(site: Site, worker: Worker) -> None:
    """{worker} begins."""
    site.require(site.mood[worker] == Mood.IDLE)
    site.require(~exists(Worker, lambda w: site.mood[w] == Mood.BUSY))
    site.mood[worker] = Mood.BUSY


@action()
def finish(site: Site, worker: Worker) -> None:
    """{worker} is done."""
    site.require(site.mood[worker] == Mood.BUSY)
    site.done = count(Worker, lambda w: (w == worker) | (site.mood[w] == Mood.DONE))
    site.mood[worker] = Mood.DONE


@action()
def rest(site: Site, worker: Worker) -> None:
    """{worker} is idle again, which the strong need not be."""
    site.require(site.mood[worker] == Mood.DONE)
    site.require(~site.strong[worker] & (site.done > 0))
    site.done = count(Worker, lambda w: (w != worker) & (site.mood[w] == Mood.DONE))
    site.mood[worker] = Mood.IDLE


@action()
def light(site: Site, worker: Worker) -> None:
    """{worker} lights the house."""
    site.require(site.mood[worker] == Mood.BUSY)
    site.lit[site.house_of[worker]] = True


@invariant()
def one_at_a_time(site: Site) -> Term[bool]:
    """At most one worker is busy."""
    return count(Worker, lambda w: site.mood[w] == Mood.BUSY) <= 1


@reachable()
def all_can_be_done(site: Site) -> Term[bool]:
    """Every worker can be done."""
    return forall(Worker, lambda w: site.mood[w] == Mood.DONE)


@step_rule()
def who_is_done_was_busy(before: Site, step: Step, after: Site) -> Term[bool]:
    """Only who was busy becomes done."""
    return forall(
        Worker,
        lambda w: implies(
            (after.mood[w] == Mood.DONE) & (before.mood[w] != Mood.DONE),
            before.mood[w] == Mood.BUSY,
        ),
    )


class Tired(Site):
    """Workers who are tired or not, as settings have it."""

    tired = Map(Worker, bool)


@action()
def tire(site: Tired, worker: Worker) -> None:
    """{worker} gets tired, or fresh."""
    site.require(site.mood[worker] != Mood.DONE)
    site.tired[worker] = ~site.tired[worker]


@initial
def the_first_is_tired(site: Tired) -> Term[bool]:
    """The first worker is tired."""
    return site.tired[Element(Worker, 0)]


class Shift(Site):
    """Workers, one of whom is on duty."""

    on_duty = Var(Worker)


@action()
def hand_over(site: Shift, worker: Worker) -> None:
    """{worker} is on duty."""
    site.require(site.mood[site.on_duty] == Mood.IDLE)
    site.on_duty = worker


@invariant()
def who_is_on_duty_is_idle(site: Shift) -> Term[bool]:
    """Who is on duty does not work."""
    return site.mood[site.on_duty] == Mood.IDLE


SHIFT = TransitionSystem(
    "shift",
    "Workers, one of whom is on duty.",
    Shift,
    (begin, finish, hand_over),
    (one_at_a_time, who_is_on_duty_is_idle),
    (),
    {Site.house_of: lambda worker: 0},
)


class Keys(State):
    """Who has the key of which house."""

    has = Map2(Worker, House, bool, False)


@action()
def give(keys: Keys, worker: Worker, house: House) -> None:
    """{worker} is given the key of {house}."""
    keys.require(~exists(Worker, lambda w: keys.has[w, house]))
    keys.has[worker, house] = True


@action()
def take(keys: Keys, worker: Worker, other: Worker, house: House) -> None:
    """{worker} takes the key of {house} from {other}, having none of it."""
    keys.require(keys.has[other, house] & ~keys.has[worker, house])
    keys.has[other, house] = False


@reachable()
def somebody_has_all(keys: Keys) -> Term[bool]:
    """One worker can have every key."""
    return exists(Worker, lambda w: forall(House, lambda h: keys.has[w, h]))


@step_rule()
def keys_are_kept(before: Keys, step: Step, after: Keys) -> Term[bool]:
    """No key is taken from who has another."""
    return forall(
        Worker,
        lambda w: forall(
            House,
            lambda h: implies(
                before.has[w, h] & ~after.has[w, h],
                ~exists(House, lambda other: (other != h) & before.has[w, other]),
            ),
        ),
    )


KEYS = TransitionSystem(
    "keys", "Keys.", Keys, (give, take), (somebody_has_all, keys_are_kept)
)


@action()
def finish_unless_last(site: Site, worker: Worker) -> None:
    """{worker} is done, if it is not the last."""
    site.require(site.mood[worker] == Mood.BUSY)
    site.require(worker != Element(Worker, 3))
    site.mood[worker] = Mood.DONE


@action()
def reset(site: Site) -> None:
    """All but the first are idle."""
    mood = site.mood
    site.mood.update(lambda w: ite(w == Element(Worker, 0), mood[w], Mood.IDLE))


def site(
    *,
    actions: tuple[Action, ...] = (begin, finish, rest),
    properties: tuple[Property, ...] = (
        one_at_a_time,
        all_can_be_done,
        who_is_done_was_busy,
    ),
    conditions: tuple[Initial, ...] = (),
    houses: Callable[[int], int] = lambda worker: 0,
    strong: Callable[[int], bool] = lambda worker: False,
) -> TransitionSystem:
    return TransitionSystem(
        "site",
        "Workers.",
        Site,
        actions,
        properties,
        conditions,
        {Site.house_of: houses, Site.strong: strong},
    )
