"""Locks: small systems in which one line of fairness makes the difference."""

from __future__ import annotations

from tdxcheck.checker.language import (
    Fairness,
    Term,
    TransitionSystem,
    action,
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


LOCKS = (
    lock(),
    lock(WEAKLY),
    lock(STRONGLY),
    lock(BUSY_WEAKLY),
    lock(BUSY_STRONGLY),
    lock(BUSY_STRONGLY, TICKING),
    lock(STRONGLY, BUSY_WEAKLY, TICKING),
    _ticking(),
    _breaking(STRONGLY),
    _breaking(BUSY_STRONGLY, TICKING),
    _breaking(WEAKLY, TICKING),
)
