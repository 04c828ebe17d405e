"""The towers of Hanoi.

TLA+ Examples, tower_of_hanoi/Hanoi.tla. The log Hanoi.toolbox/Model_1/MC.out has
243 states for five disks and three towers, in a depth of 32 states: 31 steps. A
tower is a number there, with a bit for each disk that lies on it; here each disk
has its tower, which says the same.
"""

from __future__ import annotations

from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    any_of,
    deadlock_free,
    exists,
    forall,
    implies,
    invariant,
)
from tdxcheck.checker.language.instance import Scope

TOWERS = 3


class Disk(Index):
    """A disk; the lower its number, the smaller it is."""


class Tower(Index):
    """A tower."""


class Towers(State):
    width = Map(Disk, Int(0, Disk), frozen=True)
    goal = Var(Tower, frozen=True)

    tower = Map(Disk, Tower)
    """The tower on which the disk lies, below all smaller disks there."""


@action()
def move(towers: Towers, disk: Disk, target: Tower) -> None:
    """Move {disk} to {target}; no smaller disk lies on it, or there."""
    towers.require(towers.tower[disk] != target)
    towers.require(
        forall(
            Disk,
            lambda other: implies(
                towers.width[other] < towers.width[disk],
                (towers.tower[other] != towers.tower[disk])
                & (towers.tower[other] != target),
            ),
        )
    )
    towers.tower[disk] = target


@invariant()
def puzzle_is_not_solved(towers: Towers) -> Term[bool]:
    """Some disk is not on the last tower. (Not so: this is the puzzle.)"""
    return exists(Disk, lambda disk: towers.tower[disk] != towers.goal)


@deadlock_free()
def some_disk_can_be_moved(towers: Towers) -> Term[bool]:
    """Some disk can always be moved."""
    return any_of()


HANOI = TransitionSystem(
    name="towers of Hanoi",
    summary="Five disks and three towers.",
    state=Towers,
    actions=(move,),
    properties=(puzzle_is_not_solved, some_disk_can_be_moved),
    settings={
        Towers.width: lambda disk: disk,
        Towers.goal: TOWERS - 1,
        Towers.tower: lambda disk: 0,
    },
)

SCOPE: Scope = {Disk: 5, Tower: TOWERS}
