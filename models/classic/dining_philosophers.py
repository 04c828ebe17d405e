"""Dining philosophers who hand forks to each other, after Chandy and Misra.

TLA+ Examples, DiningPhilosophers/DiningPhilosophers.tla. TLC reaches 67 states
with five philosophers (DiningPhilosophers.cfg); its depth of 29 counts states, so
the last of them is 28 steps away. A look at both forks is one step there, with
three outcomes; here each outcome is an action.
"""

from __future__ import annotations

from enum import Enum

from tdxcheck.checker.language import (
    Index,
    Map,
    Property,
    State,
    Term,
    TransitionSystem,
    Turns,
    action,
    all_of,
    always_eventually,
    any_of,
    deadlock_free,
    exists,
    fairness,
    forall,
    implies,
    invariant,
    ite,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.terms import Element

PHILOSOPHERS = 5


class Activity(Enum):
    """Where a philosopher's program stands."""

    LOOK = 0
    EAT = 1
    THINK = 2


class Philosopher(Index):
    """A philosopher; they sit in a ring, in the order of their numbers."""


class Fork(Index):
    """A fork; each has the number of the philosopher on its right."""


class Table(State):
    left_fork = Map(Philosopher, Fork, frozen=True)
    right_fork = Map(Philosopher, Fork, frozen=True)
    left_neighbour = Map(Philosopher, Philosopher, frozen=True)
    right_neighbour = Map(Philosopher, Philosopher, frozen=True)

    holder = Map(Fork, Philosopher)
    clean = Map(Fork, bool, False)
    """Eating dirties a fork, and only a dirty fork is handed over."""

    activity = Map(Philosopher, Activity, Activity.LOOK)
    hungry = Map(Philosopher, bool, True)

    def holds_dirty(self, philosopher: Philosopher, fork: Term[Fork]) -> Term[bool]:
        return (self.holder[fork] == philosopher) & ~self.clean[fork]

    def can_eat(self, philosopher: Philosopher) -> Term[bool]:
        forks = self.left_fork[philosopher], self.right_fork[philosopher]
        return all_of(
            *(self.holder[fork] == philosopher for fork in forks),
            *(self.clean[fork] for fork in forks),
        )

    def next_activity(self, philosopher: Philosopher) -> Term[Activity]:
        """What the philosopher turns to after looking at the forks."""
        eats = ite(self.can_eat(philosopher), Activity.EAT, Activity.LOOK)
        return ite(self.hungry[philosopher], eats, Activity.THINK)

    def share_a_fork(self, one: Philosopher, other: Philosopher) -> Term[bool]:
        return exists(
            Fork,
            lambda fork: (
                ((self.left_fork[one] == fork) | (self.right_fork[one] == fork))
                & ((self.left_fork[other] == fork) | (self.right_fork[other] == fork))
            ),
        )


@action()
def hand_left_fork(table: Table, philosopher: Philosopher) -> None:
    """{philosopher} cleans the dirty left fork and hands it to the left."""
    fork = table.left_fork[philosopher]
    table.require(table.activity[philosopher] == Activity.LOOK)
    table.require(table.holds_dirty(philosopher, fork))
    table.activity[philosopher] = table.next_activity(philosopher)
    table.holder[fork] = table.left_neighbour[philosopher]
    table.clean[fork] = True


@action()
def hand_right_fork(table: Table, philosopher: Philosopher) -> None:
    """{philosopher}, with no dirty fork on the left, hands over the right one."""
    fork = table.right_fork[philosopher]
    table.require(table.activity[philosopher] == Activity.LOOK)
    table.require(~table.holds_dirty(philosopher, table.left_fork[philosopher]))
    table.require(table.holds_dirty(philosopher, fork))
    table.activity[philosopher] = table.next_activity(philosopher)
    table.holder[fork] = table.right_neighbour[philosopher]
    table.clean[fork] = True


@action()
def keep_forks(table: Table, philosopher: Philosopher) -> None:
    """{philosopher} has no dirty fork to hand over."""
    table.require(table.activity[philosopher] == Activity.LOOK)
    table.require(~table.holds_dirty(philosopher, table.left_fork[philosopher]))
    table.require(~table.holds_dirty(philosopher, table.right_fork[philosopher]))
    table.activity[philosopher] = table.next_activity(philosopher)


@action()
def eat(table: Table, philosopher: Philosopher) -> None:
    """{philosopher} eats, which dirties both forks."""
    left, right = table.left_fork[philosopher], table.right_fork[philosopher]
    table.require(table.activity[philosopher] == Activity.EAT)
    table.activity[philosopher] = Activity.LOOK
    table.hungry[philosopher] = False
    table.clean.update(
        lambda fork: table.clean[fork] & (left != fork) & (right != fork)
    )


@action()
def think(table: Table, philosopher: Philosopher) -> None:
    """{philosopher} thinks, and becomes hungry."""
    table.require(table.activity[philosopher] == Activity.THINK)
    table.activity[philosopher] = Activity.LOOK
    table.hungry[philosopher] = True


@invariant()
def neighbours_do_not_eat_together(table: Table) -> Term[bool]:
    """Of two philosophers who share a fork, at most one eats."""
    return forall(
        Philosopher,
        lambda one: forall(
            Philosopher,
            lambda other: implies(
                (one != other) & table.share_a_fork(one, other),
                ~(
                    (table.activity[one] == Activity.EAT)
                    & (table.activity[other] == Activity.EAT)
                ),
            ),
        ),
    )


@deadlock_free()
def somebody_can_act(table: Table) -> Term[bool]:
    """Some philosopher can always act."""
    return any_of()


@fairness(
    hand_left_fork, hand_right_fork, keep_forks, eat, think, turns=Turns.EACH_ELEMENT
)
def each_philosopher_goes_on(table: Table) -> Term[bool]:
    """No philosopher stops for ever while there is something to do.

    The module says so itself, of its `fair process`.
    """
    return all_of()


def _is_fed(number: int) -> Property:
    philosopher = Element(Philosopher, number)

    def rule(table: Table) -> Term[bool]:
        """The philosopher is not hungry, again and again."""
        return ~table.hungry[philosopher]

    rule.__name__ = f"philosopher_{number}_does_not_starve"
    return always_eventually(fair=(each_philosopher_goes_on,))(rule)


NOBODY_STARVES = tuple(map(_is_fed, range(PHILOSOPHERS)))
"""NobodyStarves, one for each philosopher."""


DINING_PHILOSOPHERS = TransitionSystem(
    name="dining philosophers",
    summary="Five philosophers who hand dirty forks to each other.",
    state=Table,
    actions=(hand_left_fork, hand_right_fork, keep_forks, eat, think),
    properties=(
        neighbours_do_not_eat_together,
        somebody_can_act,
        *NOBODY_STARVES,
    ),
    settings={
        Table.left_fork: lambda philosopher: philosopher,
        Table.right_fork: lambda philosopher: (philosopher + 1) % PHILOSOPHERS,
        Table.left_neighbour: lambda philosopher: (philosopher - 1) % PHILOSOPHERS,
        Table.right_neighbour: lambda philosopher: (philosopher + 1) % PHILOSOPHERS,
        # Each fork starts with its neighbour of the lower number.
        Table.holder: lambda fork: 0 if fork == 1 else fork,
    },
)

SCOPE: Scope = {Philosopher: PHILOSOPHERS, Fork: PHILOSOPHERS}
