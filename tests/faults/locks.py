"""Locks: small systems in which one line of fairness makes the difference."""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.language import (
    Action,
    Fairness,
    Int,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    all_of,
    always_eventually,
    fairness,
    ite,
    leads_to,
)
from tdxcheck.checker.language.terms import Element
from tests.test_liveness import (
    STRONGLY,
    WEAKLY,
    Held,
    Process,
    anywhere,
    lock,
    release,
    take,
    tick,
)


def busily(held: Held) -> Term[bool]:
    """While something else goes on."""
    return held.busy


BUSY_WEAKLY = fairness(take, release)(busily)
BUSY_STRONGLY = fairness(take, release, strong=True)(busily)


def free(held: Held) -> Term[bool]:
    """While nobody has it."""
    return held.holder == 0


WHILE_FREE = fairness(take, strong=True)(free)
RELEASING = fairness(release)(anywhere)
TICKING = fairness(tick)(anywhere)


@action()
def take_and_tick(held: Held, process: Process) -> None:
    """{process} takes the lock, and the clock ticks."""
    held.require(held.holder == 0)
    held.holder = ite(process == Element(Process, 0), 1, 2)
    held.busy = ~held.busy


@action()
def break_off(held: Held, process: Process) -> None:
    """{process} takes the lock for good, where something else goes on."""
    held.require((held.holder == 0) & held.busy)
    held.holder = ite(process == Element(Process, 0), 1, 2)
    held.busy = False


def held_after_all(held: Held) -> tuple[Term[bool], Term[bool]]:
    """What is held by the second is held by the first in the end."""
    return held.holder == 2, held.holder == 1


def served(held: Held) -> Term[bool]:
    """The first process holds the lock again and again."""
    return held.holder == 1


def _ticking() -> TransitionSystem:
    fair = fairness(take_and_tick, release)(anywhere)
    rule = always_eventually(fair=(fair,))(served)
    return TransitionSystem("lock", ".", Held, (take_and_tick, release), (rule,))


def _breaking(*fair: Fairness) -> TransitionSystem:
    rules = (leads_to(fair=fair)(held_after_all), always_eventually(fair=fair)(served))
    actions = (take, release, tick, break_off)
    return TransitionSystem("lock", "A lock.", Held, actions, rules)


class Track(State):
    """Where somebody is."""

    at = Var(Int(0, 5), 0)


def _way(begin: int, end: int) -> Action:
    def go(track: Track) -> None:
        track.require(track.at == begin)
        track.at = end

    go.__doc__ = f"From {begin} to {end}."
    return action(name=f"go_{begin}_{end}")(go)


def _track(
    ways: Sequence[tuple[int, int]],
    weak: Sequence[tuple[int, int]],
    strong: Sequence[tuple[int, int]],
    begin: int,
    end: int | None,
) -> TransitionSystem:
    """Whoever comes by the begin is owed the end; if there is none, in vain."""
    actions = {way: _way(*way) for way in ways}

    def everywhere(track: Track) -> Term[bool]:
        """Everywhere."""
        return all_of()

    def on_the_way(track: Track) -> Term[bool]:
        """Everywhere as well."""
        return all_of()

    def comes(track: Track) -> tuple[Term[bool], Term[bool]]:
        """Who begins comes to the end."""
        goal = all_of(False) if end is None else track.at == end
        return track.at == begin, goal

    lines = [fairness(*(actions[way] for way in weak))(everywhere)] if weak else []
    for way in strong:
        lines.append(fairness(actions[way], strong=True)(on_the_way))
    rule = leads_to(fair=tuple(lines))(comes)
    return TransitionSystem("track", "A track.", Track, (*actions.values(),), (rule,))


TRACKS = (
    # Between two components: 3, which is nearer than the first of them.
    _track(
        ((0, 3), (0, 1), (1, 2), (2, 1), (2, 3), (3, 4), (4, 5), (5, 4)),
        ((0, 3), (1, 2), (2, 1), (3, 4), (4, 5), (5, 4)),
        (),
        0,
        None,
    ),
    # By way of the goal it is nearer than past it.
    _track(
        ((0, 3), (0, 1), (1, 2), (2, 1), (2, 3), (2, 5), (3, 4), (4, 5), (5, 4)),
        ((1, 2), (2, 1), (3, 4), (4, 5), (5, 4)),
        ((2, 3), (2, 5)),
        0,
        3,
    ),
    # Two ways to 2, of which the first does not come by where it is owed.
    _track(
        ((0, 3), (0, 1), (3, 2), (1, 2), (2, 5), (4, 5), (5, 4)),
        ((0, 1), (1, 2), (2, 5), (4, 5), (5, 4)),
        (),
        1,
        None,
    ),
)
LOCKS = (
    *TRACKS,
    lock(),
    lock(WEAKLY),
    lock(STRONGLY),
    lock(BUSY_WEAKLY),
    lock(BUSY_STRONGLY),
    lock(BUSY_STRONGLY, TICKING),
    lock(STRONGLY, BUSY_WEAKLY, TICKING),
    lock(WHILE_FREE, RELEASING),
    _ticking(),
    _breaking(STRONGLY),
    _breaking(BUSY_STRONGLY, TICKING),
    _breaking(WEAKLY, TICKING),
)
