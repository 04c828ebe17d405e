"""Prisoners who must know when all of them have been in a room with two switches.

TLA+ Examples, Prisoners/Prisoners.tla. TLC reaches 214 states with four prisoners
(Prisoners.cfg); its depth of 14 counts states: 13 steps.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    State,
    Term,
    TransitionSystem,
    Turns,
    Var,
    action,
    all_of,
    any_of,
    count,
    deadlock_free,
    fairness,
    forall,
    implies,
    invariant,
    ite,
    leads_to,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.models.classic.arithmetic import size

MOST_COUNTED = 7
"""Of four prisoners, three move switch A up twice, and it may be up at the start."""


class Prisoner(Index):
    """A prisoner other than the one who counts."""


class Prison(State):
    a_up = Var(bool)
    """The switch that tells something; the other is there to be flipped instead."""

    b_up = Var(bool)
    times_switched = Map(Prisoner, Int(0, 2), 0)
    """How often the prisoner has moved switch A up."""

    counted = Var(Int(0, MOST_COUNTED), 0)
    """How often the counter has moved switch A down."""

    def done(self) -> Term[bool]:
        """The counter declares that all have been in the room."""
        return self.counted == size(Prisoner) + size(Prisoner)

    def signals(self, prisoner: Prisoner) -> Term[bool]:
        """The prisoner, in the room now, moves switch A up."""
        return ~self.a_up & (self.times_switched[prisoner] < 2)


@action()
def signal(prison: Prison, prisoner: Prisoner) -> None:
    """{prisoner} moves switch A up, for the first or the second time."""
    prison.require(prison.signals(prisoner))
    prison.a_up = True
    prison.times_switched[prisoner] = prison.times_switched[prisoner] + 1


@action()
def flip_other(prison: Prison, prisoner: Prisoner) -> None:
    """{prisoner} has nothing to tell, and flips switch B."""
    prison.require(~prison.signals(prisoner))
    prison.b_up = ~prison.b_up


@action()
def count_one(prison: Prison) -> None:
    """The counter moves switch A down, and counts."""
    prison.require(prison.a_up)
    prison.require(prison.counted < MOST_COUNTED)
    prison.a_up = False
    prison.counted = prison.counted + 1


@action()
def count_none(prison: Prison) -> None:
    """The counter finds switch A down, and flips switch B."""
    prison.require(~prison.a_up)
    prison.b_up = ~prison.b_up


@invariant()
def nobody_is_forgotten(prison: Prison) -> Term[bool]:
    """When the counter is done, every prisoner has been in the room."""
    return implies(
        prison.done(),
        forall(Prisoner, lambda prisoner: prison.times_switched[prisoner] > 0),
    )


@invariant()
def count_follows_the_switches(prison: Prison) -> Term[bool]:
    """The count is how often A went up, less what is not counted, or one more.

    One more, because the switch may have been up from the start.
    """
    once = count(Prisoner, lambda prisoner: prison.times_switched[prisoner] >= 1)
    twice = count(Prisoner, lambda prisoner: prison.times_switched[prisoner] >= 2)
    expected = once + twice - ite(prison.a_up, 1, 0)
    return (prison.counted == expected) | (prison.counted == expected + 1)


@invariant()
def count_has_room(prison: Prison) -> Term[bool]:
    """The bound of the count never holds the counter up."""
    return implies(prison.a_up, prison.counted < MOST_COUNTED)


@fairness(signal, flip_other, turns=Turns.EACH_ELEMENT)
def each_prisoner_is_called(prison: Prison) -> Term[bool]:
    """Each prisoner is brought into the room again and again."""
    return all_of()


@fairness(count_one, count_none, turns=Turns.TOGETHER)
def the_counter_is_called(prison: Prison) -> Term[bool]:
    """So is the one who counts."""
    return all_of()


@leads_to(fair=(each_prisoner_is_called, the_counter_is_called))
def prisoners_go_free(prison: Prison) -> tuple[Term[bool], Term[bool]]:
    """The counter, who is not done at first, is done in the end."""
    return prison.counted < size(Prisoner) + size(Prisoner), prison.done()


@deadlock_free()
def somebody_can_be_called(prison: Prison) -> Term[bool]:
    """There is always somebody who can be brought into the room."""
    return any_of()


PRISONERS = TransitionSystem(
    name="prisoners",
    summary="Four prisoners, one of whom counts, and two switches.",
    state=Prison,
    actions=(signal, flip_other, count_one, count_none),
    properties=(
        nobody_is_forgotten,
        count_follows_the_switches,
        count_has_room,
        prisoners_go_free,
        somebody_can_be_called,
    ),
)

SCOPE: Scope = {Prisoner: 3}
