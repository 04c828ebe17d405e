"""The coffee can: a puzzle of Scholten's about the last of many beans.

TLA+ Examples, CoffeeCan/CoffeeCan.tla. TLC reaches 501,500 states with up to 1,000
beans (CoffeeCan1000Beans.cfg) and 5,150 with up to 100 (CoffeeCan100Beans.cfg):
every can of one bean or more. All are initial, so its depth of 1 state is 0 steps.

Not stated: that the color of the last bean tells the parity of the white ones, as
the language has no remainder. It follows from the rules that are: each step takes
one bean, keeps that parity, and only a single bean ends it.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Index,
    Int,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    deadlock_free,
    initial,
    invariant,
    one_of,
    step_rule,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.arithmetic import size


class Bean(Index):
    """A place for a bean in the can."""


class Can(State):
    black = Var(Int(0, Bean))
    white = Var(Int(0, Bean))

    def beans(self) -> Term[int]:
        return self.black + self.white


@initial
def there_is_a_bean(can: Can) -> Term[bool]:
    """The can is not empty."""
    return can.beans() >= 1


@initial
def beans_fit(can: Can) -> Term[bool]:
    """The can holds no more beans than there are places."""
    return can.beans() <= size(Bean)


@action()
def take_two_black(can: Can) -> None:
    """Throw two black beans out, and put a black one in."""
    can.require(can.black >= 2)
    can.black = can.black - 1


@action()
def take_two_white(can: Can) -> None:
    """Throw two white beans out, and put a black one in."""
    can.require(can.white >= 2)
    can.require(can.black < size(Bean))
    can.black = can.black + 1
    can.white = can.white - 2


@action()
def take_one_of_each(can: Can) -> None:
    """Take two beans that differ, and put the white one back."""
    can.require(can.black >= 1)
    can.require(can.white >= 1)
    can.black = can.black - 1


@invariant()
def beans_still_fit(can: Can) -> Term[bool]:
    """There are never more beans than places."""
    return can.beans() <= size(Bean)


@invariant()
def can_is_not_empty(can: Can) -> Term[bool]:
    """There is always a bean left."""
    return can.beans() >= 1


@step_rule()
def each_step_takes_one_bean(before: Can, step: Step, after: Can) -> Term[bool]:
    """Each step leaves one bean less."""
    return after.beans() == before.beans() - 1


@step_rule()
def white_parity_is_kept(before: Can, step: Step, after: Can) -> Term[bool]:
    """Each step takes two white beans or none."""
    return (after.white == before.white) | (after.white == before.white - 2)


@deadlock_free()
def only_the_last_bean_stops_it(can: Can) -> Term[bool]:
    """It goes on until there is one bean."""
    return one_of(can.beans(), 1)


COFFEE_CAN = TransitionSystem(
    name="coffee can",
    summary="Beans are taken two by two until one is left.",
    state=Can,
    actions=(take_two_black, take_two_white, take_one_of_each),
    properties=(
        beans_still_fit,
        can_is_not_empty,
        each_step_takes_one_bean,
        white_parity_is_kept,
        only_the_last_bean_stops_it,
    ),
    initial=(there_is_a_bean, beans_fit),
)

HUNDRED_BEANS: Scope = {Bean: 100}
THOUSAND_BEANS: Scope = {Bean: 1000}
