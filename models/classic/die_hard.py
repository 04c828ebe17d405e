"""Die hard: to measure four gallons with jugs of three and of five.

TLA+ Examples, DieHard/DieHard.tla. DieHard.cfg has TLC find the solution as a
violation. The number of states is not published there. Every step leaves a jug
empty or full, so of the 24 fillings only the 16 with one such jug can occur; and
from any of these the rest can be reached. The solution takes 6 steps.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Int,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    any_of,
    deadlock_free,
    invariant,
    ite,
    one_of,
)
from tdxcheck.checker.language.instance import Scope

SMALL = 3
BIG = 5
GOAL = 4


class Jugs(State):
    small = Var(Int(0, SMALL), 0)
    big = Var(Int(0, BIG), 0)


@action()
def fill_small(jugs: Jugs) -> None:
    """Fill the small jug."""
    jugs.small = SMALL


@action()
def fill_big(jugs: Jugs) -> None:
    """Fill the big jug."""
    jugs.big = BIG


@action()
def empty_small(jugs: Jugs) -> None:
    """Empty the small jug."""
    jugs.small = 0


@action()
def empty_big(jugs: Jugs) -> None:
    """Empty the big jug."""
    jugs.big = 0


@action()
def pour_into_big(jugs: Jugs) -> None:
    """Pour the small jug into the big one, as far as there is room."""
    water = jugs.small + jugs.big
    fits = water <= BIG
    jugs.small = ite(fits, 0, water - BIG)
    jugs.big = ite(fits, water, BIG)


@action()
def pour_into_small(jugs: Jugs) -> None:
    """Pour the big jug into the small one, as far as there is room."""
    water = jugs.small + jugs.big
    fits = water <= SMALL
    jugs.big = ite(fits, 0, water - SMALL)
    jugs.small = ite(fits, water, SMALL)


@invariant()
def one_jug_is_empty_or_full(jugs: Jugs) -> Term[bool]:
    """Some jug is empty or full."""
    return one_of(jugs.small, 0, SMALL) | one_of(jugs.big, 0, BIG)


@invariant()
def goal_is_not_measured(jugs: Jugs) -> Term[bool]:
    """The big jug does not hold four gallons. (Not so: this is the puzzle.)"""
    return jugs.big != GOAL


@deadlock_free()
def something_can_be_done(jugs: Jugs) -> Term[bool]:
    """Some step is always possible."""
    return any_of()


DIE_HARD = TransitionSystem(
    name="die hard",
    summary="Two jugs and a tap.",
    state=Jugs,
    actions=(
        fill_small,
        fill_big,
        empty_small,
        empty_big,
        pour_into_big,
        pour_into_small,
    ),
    properties=(one_jug_is_empty_or_full, goal_is_not_measured, something_can_be_done),
)

SCOPE: Scope = {}
