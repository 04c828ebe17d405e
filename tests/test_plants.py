"""Rules that are true for a wrong reason, or of small machines only: none is proved.

What is true of each comes from a search on machines of several sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

import pytest

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Budget
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
    all_of,
    always_eventually,
    any_of,
    count,
    deadlock_free,
    exists,
    fairness,
    forall,
    implies,
    invariant,
    leads_to,
    step_rule,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.verdict import (
    Exhausted,
    HeldInSmall,
    Limit,
    ProvedForEvery,
    Refuted,
    Unknown,
    Vacuous,
    Verdict,
)
from tests.demo import DEMO

SECONDS = 60.0


class Lamp(Index):
    """Something that is on or off."""


class Socket(Index):
    """What a lamp is plugged into."""


class Phase(Enum):
    IDLE = 0
    STARTED = 1
    ENDED = 2


class Hall(State):
    on = Map(Lamp, bool, False)
    plugged = Map2(Lamp, Socket, bool, False)
    wired = Map(Lamp, Socket)
    lit = Var(Int(0, 6), 0)
    phase = Var(Phase, Phase.IDLE)
    dark = Var(bool, False)


def are_on(hall: Hall) -> Term[int]:
    return count(Lamp, lambda lamp: hall.on[lamp])


def few_sockets(hall: Hall) -> Term[bool]:
    """There are fewer than five."""
    return count(Socket, lambda socket: all_of()) < 5


@action()
def switches(hall: Hall, lamp: Lamp) -> None:
    """{lamp} is switched on."""
    hall.require(~hall.on[lamp])
    hall.on[lamp] = True


@action()
def switches_and_counts(hall: Hall, lamp: Lamp) -> None:
    """{lamp} is switched on, and counted."""
    hall.require(~hall.on[lamp] & (hall.lit < 6))
    hall.on[lamp] = True
    hall.lit += 1


@action()
def switches_few(hall: Hall, lamp: Lamp) -> None:
    """{lamp} is switched on, if few are."""
    hall.require(~hall.on[lamp] & (are_on(hall) < 4))
    hall.on[lamp] = True


@action()
def is_off_again(hall: Hall, lamp: Lamp) -> None:
    """{lamp} is switched off, unless four are on."""
    hall.require(hall.on[lamp] & (are_on(hall) <= 3))
    hall.on[lamp] = False


@action()
def waits(hall: Hall) -> None:
    """All lamps are on, and nothing happens."""
    hall.require(forall(Lamp, lambda lamp: hall.on[lamp]))


@action()
def plugs(hall: Hall, lamp: Lamp, socket: Socket) -> None:
    """{lamp} is plugged into {socket}."""
    hall.plugged[lamp, socket] = True


@action()
def plugs_alone(hall: Hall, lamp: Lamp, socket: Socket) -> None:
    """{lamp} is plugged into {socket}, both of which are free."""
    hall.require(~exists(Socket, lambda other: hall.plugged[lamp, other]))
    hall.require(~exists(Lamp, lambda other: hall.plugged[other, socket]))
    hall.plugged[lamp, socket] = True


@action()
def fuses(hall: Hall) -> None:
    """Five were counted, which is too much."""
    hall.require(hall.lit >= 5)
    hall.dark = True


@action()
def overloads(hall: Hall, socket: Socket) -> None:
    """Five lamps hang on {socket}."""
    hall.require(count(Lamp, lambda lamp: hall.plugged[lamp, socket]) >= 5)
    hall.dark = True


@action()
def all_fuse(hall: Hall) -> None:
    """Five lamps have a socket each."""

    def has_one(lamp: Lamp) -> Term[bool]:
        return exists(Socket, lambda socket: hall.plugged[lamp, socket])

    hall.require(count(Lamp, has_one) >= 5)
    hall.dark = True


@action()
def starts(hall: Hall) -> None:
    """It is started."""
    hall.require(hall.phase == Phase.IDLE)
    hall.phase = Phase.STARTED


@action()
def ends(hall: Hall) -> None:
    """It ends."""
    hall.require(hall.phase == Phase.STARTED)
    hall.phase = Phase.ENDED


@action()
def ends_if_few_are_on(hall: Hall) -> None:
    """It ends, unless five lamps are on."""
    hall.require((hall.phase == Phase.STARTED) & (are_on(hall) < 5))
    hall.phase = Phase.ENDED


@action()
def dims(hall: Hall, lamp: Lamp) -> None:
    """{lamp} is switched off."""
    hall.require(hall.on[lamp])
    hall.on[lamp] = False


@action()
def all_go_on(hall: Hall) -> None:
    """All lamps go on where four are off."""
    hall.require(count(Lamp, lambda lamp: ~hall.on[lamp]) >= 4)
    hall.on.fill(True)


@action()
def flickers(hall: Hall, lamp: Lamp, socket: Socket) -> None:
    """{lamp} flickers where there is another, and another socket than {socket}."""
    hall.require(exists(Lamp, lambda other: ~(other == lamp)))
    hall.require(exists(Socket, lambda other: ~(other == socket)))
    hall.on[lamp] = ~hall.on[lamp]


@invariant()
def it_is_never_dark(hall: Hall) -> Term[bool]:
    """It is never dark."""
    return ~hall.dark


@invariant()
def few_are_there(hall: Hall) -> Term[bool]:
    """There are fewer than five lamps."""
    return count(Lamp, lambda lamp: all_of()) < 5


@invariant()
def no_socket_has_five(hall: Hall) -> Term[bool]:
    """No more than four lamps are wired to one socket, whatever the wiring."""

    def few(socket: Socket) -> Term[bool]:
        return count(Lamp, lambda lamp: hall.wired[lamp] == socket) < 5

    return forall(Socket, few)


@invariant()
def five_are_dark(hall: Hall) -> Term[bool]:
    """Where five are on it is dark or light."""
    return implies(are_on(hall) >= 5, hall.dark | ~hall.dark)


@invariant()
def what_has_ended_is_dark(hall: Hall) -> Term[bool]:
    """After the end it is dark."""
    return implies(hall.phase == Phase.ENDED, hall.dark)


@step_rule()
def few_go_on(before: Hall, step: Step, after: Hall) -> Term[bool]:
    """A step leaves no more than four on."""
    return are_on(after) <= 4


@step_rule()
def it_fuses_in_the_dark(before: Hall, step: Step, after: Hall) -> Term[bool]:
    """Where it fuses it was dark before."""
    return implies(step.is_(fuses), before.dark)


@deadlock_free()
def it_goes_on(hall: Hall) -> Term[bool]:
    """Something can always happen."""
    return any_of()


def anywhere(hall: Hall) -> Term[bool]:
    """It always applies."""
    return all_of()


def comes_to_an_end(*fair: Action | Fairness) -> Property:
    def it_ends(hall: Hall) -> tuple[Term[bool], Term[bool]]:
        """What is started ends."""
        return hall.phase == Phase.STARTED, hall.phase == Phase.ENDED

    return leads_to(fair=fair)(it_ends)


def all_go_off(*fair: Action | Fairness) -> Property:
    def it_is_off(hall: Hall) -> Term[bool]:
        """All are off, again and again."""
        return forall(Lamp, lambda lamp: ~hall.on[lamp])

    return always_eventually(fair=fair)(it_is_off)


def found(rule: Property, actions: tuple[Action, ...]) -> tuple[Verdict, Verdicts]:
    """What is said of every number, and what a search finds."""
    system = TransitionSystem("hall", "A hall.", Hall, actions, (rule,))
    (case,) = cases_of(DEMO, DEMO.designs[:1], {}, names=["goes_on"])
    question = replace(case.questions[0], rule=rule)
    instance = Instance(system, {Lamp: 2, Socket: 2})
    case = replace(
        case, instance=instance, questions=(question,), unbounded=(), common=()
    )
    said = generalized(case, Budget(seconds=SECONDS), lambda _: None)
    return said.answers[0].verdict, Verdicts(system)


class Verdicts:
    """What a search finds of the rule on machines of these sizes."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system

    def __call__(self, lamps: int, sockets: int) -> type[Verdict]:
        whole = ground(self.system, {Lamp: lamps, Socket: sockets})
        return type(survey(whole).verdicts[0])


FIVE = (5, 1)
BOTH = (5, 5)
"""So many lamps and sockets break it."""

SMALL: Mapping[str, tuple[Property, tuple[Action, ...], tuple[int, int]]] = {
    "a number that is counted up to": (
        it_is_never_dark, (switches_and_counts, fuses), FIVE,
    ),
    "a step that there is with five": (
        it_fuses_in_the_dark, (switches_and_counts, fuses), FIVE,
    ),
    "five to one": (it_is_never_dark, (plugs, overloads), FIVE),
    "five pairs": (it_is_never_dark, (plugs_alone, all_fuse), BOTH),
    "how many there are": (few_are_there, (switches,), FIVE),
    "how they are wired": (no_socket_has_five, (switches,), FIVE),
    "what a step leaves": (few_go_on, (switches,), FIVE),
    "what stops with five": (
        it_goes_on, (switches_few, is_off_again, waits), FIVE,
    ),
    "an end that five prevent": (
        comes_to_an_end(fairness(ends_if_few_are_on, strong=True)(anywhere)),
        (switches, starts, ends_if_few_are_on), FIVE,
    ),
    "a line that few need keep": (
        comes_to_an_end(fairness(ends)(few_sockets)), (starts, ends), (1, 5),
    ),
    "what four bring back": (all_go_off(dims), (dims, all_go_on), FIVE),
}  # fmt: skip


@pytest.mark.parametrize("plant", SMALL)
def test_what_only_small_machines_keep_is_not_proved(plant: str) -> None:
    rule, actions, (lamps, sockets) = SMALL[plant]
    said, on = found(rule, actions)
    assert on(min(lamps, 4), min(sockets, 4)) is not Refuted
    assert on(lamps, sockets) is Refuted
    assert isinstance(said, HeldInSmall), said
    assert said.machine in ("2 lamps, 2 sockets", "3 lamps, 3 sockets")
    assert said.reason


def test_what_is_about_five_is_neither_proved_nor_vacuous() -> None:
    said, on = found(five_are_dark, (switches,))
    assert (on(4, 1), on(5, 1)) == (Vacuous, Exhausted)
    assert isinstance(said, HeldInSmall), said
    assert said.reason.startswith("there what it speaks of never happens; ")


def test_what_never_happens_is_vacuous_with_any_number() -> None:
    said, on = found(what_has_ended_is_dark, (switches, starts))
    assert isinstance(said, Vacuous)
    assert on(5, 5) is Vacuous


def test_machines_that_stop_are_named_or_it_is_not_proved() -> None:
    """Where a single lamp stops, and a single socket, one exception is not enough."""
    said, on = found(it_goes_on, (flickers,))
    assert [on(1, 2), on(2, 1), on(2, 2)] == [Refuted, Refuted, Exhausted]
    assert said == Unknown(Limit.FAMILY, "1 lamp, 1 socket")
    said, on = found(it_goes_on, (switches, is_off_again))
    assert isinstance(said, HeldInSmall) and on(5, 1) is Refuted


def test_without_its_line_of_fairness_it_never_ends() -> None:
    actions = (switches, dims, starts, ends)
    said, _ = found(comes_to_an_end(ends), actions)
    assert isinstance(said, ProvedForEvery)
    for other in ((), (starts,), (dims,)):
        said, _ = found(comes_to_an_end(*other), actions)
        assert said == Unknown(Limit.FAMILY, "1 lamp, 1 socket")
