"""The measure of partial order reduction: small where nothing depends on anything."""

from __future__ import annotations

from benchmarks.partial_order import measure
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.language import (
    Index,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    exists,
    invariant,
)


class Lamp(Index):
    label = "lamp"


class Lamps(State):
    lit = Map(Lamp, bool, False)
    alarm = Var(bool, False)


@action()
def light(lamps: Lamps, lamp: Lamp) -> None:
    """A lamp is lit."""
    lamps.require(~lamps.lit[lamp])
    lamps.lit[lamp] = True


@action()
def sound(lamps: Lamps) -> None:
    """The alarm sounds."""
    lamps.require(~lamps.alarm)
    lamps.alarm = True


@invariant()
def silence(lamps: Lamps) -> Term[bool]:
    """The alarm is silent."""
    return ~lamps.alarm


@invariant()
def darkness(lamps: Lamps) -> Term[bool]:
    """Some lamp is dark."""
    return exists(Lamp, lambda lamp: ~lamps.lit[lamp])


LAMPS = TransitionSystem(
    "lamps", "Lamps.", Lamps, (light, sound), properties=(silence, darkness)
)


def test_where_no_lamp_is_seen_one_at_a_time_is_enough() -> None:
    whole = ground(LAMPS, {Lamp: 3})
    assert measure(whole, 100) == (16, 32, 32)
    both = TransitionSystem(
        "both", "Both.", Lamps, (light, sound), properties=(silence,)
    )
    unseen = measure(ground(both, {Lamp: 3}), 100)
    assert unseen[:2] == (16, 32)
    assert unseen[2] < 32


def test_a_slice_has_the_same_measure_as_what_it_leaves() -> None:
    part = slice_for(ground(LAMPS, {Lamp: 2}), [0]).system
    assert measure(part, 100) == (2, 1, 1)
