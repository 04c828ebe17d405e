"""What is made of answers: replays, comparisons of engines, results that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.judging import content
from tdxcheck.checker.judging.combine import Disagreement, Engine, combine
from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    State,
    TransitionSystem,
    Var,
    action,
    all_of,
    exists,
    fairness,
    forall,
    initial,
    invariant,
    ite,
    leads_to,
)
from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.trace import Evidence, ReplayError, evidence_of, replay
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Proved,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)
from tests import test_coverage as coverage
from tests.faults.comparing import same, systems

RUN = Run(((0,), (1,), (2,)), (0, 0))
SHORT = Run(((0,), (2,)), (0,))
ROUND = replace(RUN, loop=1)
VERDICTS: dict[str, Verdict] = {
    "refuted": Refuted(RUN, shortest=True),
    "refuted sooner": Refuted(SHORT, shortest=True),
    "refuted at length": Refuted(RUN, shortest=False),
    "refuted for ever": Refuted(ROUND, shortest=True),
    "exhausted": Exhausted(3),
    "exhausted by fairness": Exhausted(3, ("line",)),
    "proved": Proved("PDR"),
    "vacuous": Vacuous("3 states"),
    "bounded by 1": Bounded(1, Limit.DEPTH),
    "bounded by 2": Bounded(2, Limit.DEPTH),
    "reached": Reached(RUN),
    "unreachable": Unreachable("3 states"),
    "unknown": Unknown(Limit.TIME),
}
COMPATIBLE = (
    {"refuted", "refuted at length", "bounded by 1", "unknown"},
    {"refuted sooner", "refuted at length", "unknown"},
    {"refuted for ever", "bounded by 1", "unknown"},
    {"exhausted", "proved", "bounded by 1", "bounded by 2", "unknown"},
    {"exhausted by fairness", "proved", "bounded by 1", "bounded by 2", "unknown"},
    {"vacuous", "proved", "bounded by 1", "bounded by 2", "unknown"},
    {"reached", "bounded by 1", "bounded by 2", "unknown"},
    {"unreachable", "bounded by 1", "bounded by 2", "unknown"},
)
"""Verdicts that can all be true of one question."""


def comparisons() -> None:
    """Two engines that cannot both be right are said to disagree, and no others."""
    for one, other in product(VERDICTS, repeat=2):
        fit = any(one in some and other in some for some in COMPATIBLE)
        both = {Engine.DIAGRAMS: VERDICTS[one], Engine.PDR: VERDICTS[other]}
        try:
            told = combine("a rule", both)
        except Disagreement:
            assert not fit, f"{one} and {other} are said to disagree"
            continue
        assert fit, f"{one} and {other} are said to agree"
        assert told in both.values()
    strongest = [
        ("refuted", "bounded by 1"),
        ("refuted", "refuted at length"),
        ("exhausted", "bounded by 2"),
        ("bounded by 2", "bounded by 1"),
        ("bounded by 1", "unknown"),
        ("unreachable", "unknown"),
        ("vacuous", "proved"),
    ]
    for stronger, weaker in strongest:
        found = combine(
            "a rule",
            {Engine.DIAGRAMS: VERDICTS[weaker], Engine.PDR: VERDICTS[stronger]},
        )
        same("the strongest", found, VERDICTS[stronger])


def replays() -> None:
    """A run is believed, and none that is changed at any place."""
    tried = 0
    for of, system in systems():
        starts = [evidence_of(system, Run((v,), ())).states[0] for v in of.initial]
        interpreter = Interpreter(system.instance)
        for number, verdict in enumerate(explore(system).verdicts):
            if not isinstance(verdict, Refuted | Reached):
                continue
            rule = system.properties[number].property
            evidence = evidence_of(system, verdict.run)
            trace = replay(system.instance, rule, evidence)
            same("evidence of the trace", trace.evidence(), evidence)
            for step in system.steps if evidence.steps else ():
                run = Run(verdict.run.states, (*verdict.run.steps[:-1], step.number))
                before = system.assignment(run.states[-2])
                after = interpreter.attempt(before, step.action, step.arguments).after
                if after == system.assignment(run.states[-1]):
                    continue
                tried += 1
                with pytest.raises(ReplayError):
                    replay(system.instance, rule, evidence_of(system, run))
            if evidence.steps and evidence.states[1] not in starts:
                later = Evidence(evidence.states[1:], evidence.steps[1:])
                with pytest.raises(ReplayError, match="initial state"):
                    replay(system.instance, rule, later)
            for forged in _forged(evidence):
                tried += 1
                try:
                    replay(system.instance, rule, forged)
                except ReplayError:
                    continue
                raise AssertionError(f"{forged} is believed instead of {evidence}")
    assert tried > 200


def _forged(evidence: Evidence) -> Iterator[Evidence]:
    """The run with one value changed, with no end, and with a step left out."""
    states, steps = evidence.states, evidence.steps
    for place, state in enumerate(states[1:], 1):
        for slot in range(len(state)):
            other = (*state[:slot], state[slot] + 1, *state[slot + 1 :])
            yield replace(
                evidence, states=(*states[:place], other, *states[place + 1 :])
            )
    if steps:
        yield replace(evidence, states=states[:-1], steps=steps[:-1])
        yield replace(evidence, states=states[:-1])


class Room(Index):
    """A room, which has a lamp."""


class Lamps(State):
    lit = Map(Room, bool, False)
    used = Var(Int(0, 2), 0)
    broken = Map(Room, bool, False, frozen=True)


def house(
    *,
    guard: Callable[[Any, Any], Any] = lambda lamps, room: ~lamps.lit[room],
    effect: Callable[[Any], Any] = lambda lamps: ite(lamps.used < 2, lamps.used + 1, 2),
    rule: Callable[[Any], Any] = lambda lamps: exists(Room, lambda r: lamps.lit[r]),
    goal: Callable[[Any], Any] = lambda lamps: lamps.used == 2,
    fair: bool = True,
    strong: bool = False,
    start: Any = False,
    conditions: bool = False,
    rooms: int = 2,
    again: bool = False,
    words: str = "Somebody is at home.",
) -> Instance:
    """Rooms whose lamps are lit, and one thing about them that is different."""

    @action()
    def light(lamps: Lamps, room: Room) -> None:
        """{room} is lit."""
        lamps.require(guard(lamps, room))
        lamps.used = effect(lamps)
        lamps.lit[room] = True

    def anywhere(lamps: Lamps) -> Any:
        return all_of()

    def at_home(lamps: Lamps) -> Any:
        return rule(lamps)

    def in_the_end(lamps: Lamps) -> Any:
        return rule(lamps), goal(lamps)

    def dark(lamps: Lamps) -> Any:
        return lamps.used == 0

    in_the_end.__doc__ = at_home.__doc__ = words
    dark.__doc__ = anywhere.__doc__ = "It is so."
    lines = (fairness(light, strong=strong)(anywhere),) if fair else ()
    system = TransitionSystem(
        "house",
        "A house.",
        Lamps,
        (light, light) if again else (light,),
        (invariant()(at_home), leads_to(fair=lines)(in_the_end)),
        (initial(dark),) if conditions else (),
        {Lamps.broken: lambda room: room == start},
    )
    return Instance(system, {Room: rooms})


OTHERS: dict[str, dict[str, Any]] = {
    "a guard": {"guard": lambda lamps, room: lamps.lit[room]},
    "no guard": {"guard": lambda lamps, room: all_of()},
    "an effect": {"effect": lambda lamps: ite(lamps.used < 2, lamps.used + 1, 0)},
    "a comparison": {"effect": lambda lamps: ite(lamps.used < 1, lamps.used + 1, 2)},
    "a rule": {"rule": lambda lamps: forall(Room, lambda r: lamps.lit[r])},
    "a variable": {"rule": lambda lamps: exists(Room, lambda r: lamps.broken[r])},
    "a goal": {"goal": lambda lamps: lamps.used == 1},
    "no fairness": {"fair": False},
    "strong fairness": {"strong": True},
    "a setting": {"start": 1},
    "an initial condition": {"conditions": True},
    "another size": {"rooms": 3},
}


def digests() -> None:
    """What is kept of a system is not found again for one that is different."""

    def whole(instance: Instance) -> tuple[str, ...]:
        rules = instance.system.properties
        said = [content.of_property(instance, rule) for rule in rules]
        return content.of_system(instance), *said, content.of_instance(instance)

    plain = whole(house())
    same("the digest of the same", whole(house()), plain)
    same("the digest in other words", whole(house(words="So it is.")), plain)
    found = {name: whole(house(**change)) for name, change in OTHERS.items()}
    for name, digest in found.items():
        assert digest[-1] != plain[-1], f"{name} makes no difference"
        assert digest[:-1] != plain[:-1], f"{name} is not told apart"
    parts = [digest[:-1] for digest in (plain, *found.values())]
    same("digests", len(set(parts)), len(parts))


def arrows() -> None:
    """An arrow is one however it is written, and below another only as such."""
    for way in coverage.WAYS:
        coverage.test_an_arrow_is_one_however_it_is_written(way)
    coverage.test_below_an_arrow_only_implies_is_one()


def idle() -> None:
    """What no design could break is told from what this one keeps."""
    for words in coverage.IDLE:
        coverage.test_a_rule_that_no_design_could_break_is_dead(words)
    for words in coverage.SAYING:
        coverage.test_a_rule_that_some_design_could_break_is_not(words)
    for words in coverage.IDLE_STEPS:
        coverage.test_a_rule_that_no_step_could_break_is_dead(words)
    for words in coverage.SAYING_STEPS:
        coverage.test_a_rule_that_some_step_could_break_is_not(words)
    coverage.test_a_goal_that_is_there_already_is_nothing_to_come()
