"""Symmetry: what it is, the canonical states, and the search over orbits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from functools import cache
from itertools import product
from math import factorial
from random import Random
from typing import Any

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.orbits import judge
from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.symmetry import symmetry_of
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language import (
    Action,
    Int,
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    deadlock_free,
    exists,
    forall,
    ite,
)
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.trace import evidence_of, replay
from tdxcheck.checker.verdict import Limit, Reached, Refuted, Unknown
from tdxcheck.models.classic import lifecycle
from tests.faults.comparing import same
from tests.sites import (
    KEYS,
    SHIFT,
    House,
    Mood,
    Shift,
    Site,
    Tired,
    Worker,
    begin,
    finish,
    one_at_a_time,
    rest,
    site,
)
from tests.test_orbits import FOUR, SITES, the_last_is_idle
from tests.test_symmetry import moved, reachable_states


@deadlock_free()
def all_go_home(site: Site) -> Term[bool]:
    """It ends when all are done."""
    return forall(Worker, lambda worker: site.mood[worker] == Mood.DONE)


@deadlock_free()
def nobody_goes_home(site: Site) -> Term[bool]:
    """It ends with somebody idle."""
    return exists(Worker, lambda worker: site.mood[worker] == Mood.IDLE)


@action()
def relieve(shift: Shift) -> None:
    """The first, who is on duty and idle, finds that nothing is done."""
    first = Element(Worker, 0)
    shift.require((shift.on_duty == first) & (shift.mood[first] == Mood.IDLE))
    shift.done = 0


class Who(Enum):
    ADA = "Ada"
    BOB = "Bob"


@action(actor=Who.BOB)
def begin_for_bob(site: Site, worker: Worker) -> None:
    """{worker} begins, as Bob has said."""
    site.require(site.mood[worker] == Mood.IDLE)
    site.require(~exists(Worker, lambda w: site.mood[w] == Mood.BUSY))
    site.mood[worker] = Mood.BUSY


class Scales(State):
    """Who carries how much, and looks at whom."""

    weight = Map(Worker, Int(0, 2), 0)
    looks_at = Map(Worker, Worker, frozen=True)
    tipped = Var(bool, False)


@action()
def load(scales: Scales, worker: Worker) -> None:
    """{worker} carries more."""
    scales.require(scales.weight[worker] < 2)
    scales.weight[worker] = scales.weight[worker] + 1


@action()
def unload(scales: Scales, worker: Worker) -> None:
    """{worker} carries nothing, and the first still something."""
    scales.require(scales.weight[worker] == 2)
    scales.weight[worker] = ite(worker == Element(Worker, 0), 1, 0)


@action()
def tip(scales: Scales) -> None:
    """The second carries more than the first."""
    first, second = Element(Worker, 0), Element(Worker, 1)
    scales.require(scales.weight[first] < scales.weight[second])
    scales.tipped = True


@action()
def follow(scales: Scales, worker: Worker) -> None:
    """{worker} carries what the one looked at carries."""
    at = scales.looks_at[worker]
    scales.require(scales.weight[at] > scales.weight[worker])
    scales.weight[worker] = scales.weight[at]


def scales(*actions: Action, looks: Sequence[int] = (0, 1, 2)) -> TransitionSystem:
    settings: dict[Variable, Any] = {Scales.looks_at: lambda worker: looks[worker]}
    return TransitionSystem("scales", "Scales.", Scales, actions, (), (), settings)


THREE: Scope = {Worker: 3, House: 1}
SIZES: dict[str, tuple[TransitionSystem, Scope, int]] = {
    **{name: SITES[name] for name in SITES if name not in ("many", "three houses")},
    "host": (lifecycle.MEM_ONLINE, lifecycle.scope(2, 1), factorial(2)),
    "failing": (lifecycle.LPINIT_KERN, lifecycle.scope(2, 1), factorial(2)),
    "ends": (
        site(actions=(begin, finish), properties=(all_go_home, nobody_goes_home)),
        {Worker: 3, House: 2},
        factorial(3),
    ),
    "one starts tired": (
        SITES["tired"][0].variant(
            "one tired", "One is.", settings={Tired.tired: lambda worker: worker == 1}
        ),
        FOUR,
        6,
    ),
    "one is on duty": (
        SHIFT.variant(
            "on duty", "One is.", settings={Shift.on_duty: Element(Worker, 0)}
        ),
        THREE,
        2,
    ),
    "one is relieved": (
        replace(SHIFT, actions=(*SHIFT.actions, relieve)),
        THREE,
        2,
    ),
    "by two": (
        site(
            actions=(
                replace(begin, actor=Who.ADA),
                replace(finish, actor=Who.BOB),
                begin_for_bob,
                replace(rest, actor=Who.BOB),
            )
        ),
        {Worker: 3, House: 1},
        factorial(3),
    ),
    "carrying": (scales(load), THREE, 6),
    "first unloads otherwise": (scales(load, unload), THREE, 2),
    "two are compared": (scales(load, tip), THREE, 1),
    "all look at one": (scales(load, follow, looks=(2, 2, 2)), THREE, 2),
    "two look at each other": (scales(load, follow, looks=(1, 0, 2)), THREE, 2),
}
"""Systems, each with how many permutations carry it onto itself."""


@cache
def systems() -> dict[str, GroundSystem]:
    return {name: ground(system, scope) for name, (system, scope, _) in SIZES.items()}


def orders() -> None:
    """As many permutations are found as there are."""
    for name, system in systems().items():
        found = symmetry_of(system)
        same(f"permutations of {name}", found.order, SIZES[name][2])
        same(f"asymmetric of {name}", dict(found.asymmetric), {})


def carries() -> None:
    """What is found to be a symmetry is one, state by state and step by step."""
    for name, system in systems().items():
        symmetry = symmetry_of(system)
        states = reachable_states(system)
        successors = explicit.successors_of(system)
        permutations = list(symmetry.generators(system.instance.scope))
        for other in symmetry.others[:4]:
            permutations += [other.after(first) for first in symmetry.others[:4]]
        for permutation in permutations:
            for state in sorted(states)[:60]:
                image = moved(system, permutation, state)
                assert image in states, f"{name}: {state} is carried to {image}"
                leads = {moved(system, permutation, s) for _, s in successors(state)}
                same("steps", {s for _, s in successors(image)}, leads)
                for number, rule in enumerate(system.properties):
                    if number in symmetry.asymmetric or len(rule.conditions) > 1:
                        continue
                    (term,) = rule.conditions
                    same("rule", evaluate(term, image), evaluate(term, state))


def wide_states() -> None:
    """Of states of several words the canonical ones are those of their images, too."""
    system = ground(replace(KEYS, properties=()), {Worker: 16, House: 4})
    symmetry = symmetry_of(system)
    shape = Shape(system, symmetry)
    assert shape.layout.words > 1 and shape.others
    random = Random(1)
    for _ in range(20):
        state = tuple(random.randrange(2) for _ in system.slots)
        images_ = [state]
        for permutation in random.choices(symmetry.others, k=5):
            images_.append(moved(system, permutation, images_[-1]))
        found = shape.canonical(shape.layout.pack_all(images_))
        same("canonical states", len({*map(shape.layout.unpack, found)}), 1)


def images(system: GroundSystem, values: tuple[int, ...]) -> set[tuple[int, ...]]:
    """A state as every permutation of the symmetry moves it, one exchange at a time."""
    found, pending = {values}, [values]
    while pending:
        state = pending.pop()
        for permutation in symmetry_of(system).generators(system.instance.scope):
            image = moved(system, permutation, state)
            if image not in found:
                found.add(image)
                pending.append(image)
    return found


def canonical_states() -> None:
    """Of an orbit the first state is the canonical one, and it stands for them all."""
    for name in ("alike", "two strong", "houses", "shift", "keys", "failing"):
        system = systems()[name]
        shape = Shape(system, symmetry_of(system))
        states = list(dict.fromkeys(_some(system)))[:40]
        for state in states:
            orbit = images(system, state)
            packed = shape.layout.pack_all([state])
            first = shape.canonical(packed)
            canonical = shape.layout.unpack(first[0])
            if not shape.others:
                same("canonical state", canonical, min(orbit))
            others = shape.canonical(shape.layout.pack_all(sorted(orbit)))
            same("canonical states", {*map(shape.layout.unpack, others)}, {canonical})
            assert canonical in orbit
            same("states of the orbit", int(shape.sizes(first)[0]), len(orbit))
            found = {shape.layout.unpack(one) for one in shape.images(first)}
            assert found <= orbit, f"{found} are not all of one orbit"
            same("first of the images", min(found), min(orbit))


def _some(system: GroundSystem) -> list[tuple[int, ...]]:
    successors = explicit.successors_of(system)
    found = list(system.initial_states())[:3]
    for state in found:
        found += [after for _, after in successors(state)]
        if len(found) > 60:
            break
    return found


def _orbits(compiled: bool) -> None:
    for name, system in systems().items():
        if SIZES[name][2] == 1:
            continue
        found = judge.explore(system, compiled=compiled)
        plain = explicit.explore(system)
        same(f"limit of {name}", found.limit, None)
        same("states", found.states, plain.states)
        same("steps", found.transitions, plain.transitions)
        same("depth", found.depth, plain.depth)
        same("actions", found.fired, plain.fired)
        assert found.orbits < found.states
        for number, (mine, other) in enumerate(
            zip(found.verdicts, plain.verdicts, strict=True)
        ):
            same(f"verdict {number} of {name}", mine, other)
            if isinstance(mine, Refuted | Reached):
                rule = system.properties[number].property
                replay(system.instance, rule, evidence_of(system, mine.run))


def orbits_by_kernel() -> None:
    """Orbits count as many states as there are, and show the same runs."""
    _orbits(True)


def orbits_by_numpy() -> None:
    """The same with numpy."""
    _orbits(False)


def rules_that_tell_apart() -> None:
    """A rule that speaks of one element is not judged by orbits."""

    system = ground(site(properties=(one_at_a_time, the_last_is_idle)), FOUR)
    for compiled, kept in product((True, False), ((), (1,))):
        symmetry = symmetry_of(system, kept)
        same("order", symmetry.order, 6 if kept else 24)
        found = judge.explore(system, symmetry, compiled=compiled)
        plain = explicit.explore(system).verdicts
        same("rule of all", found.verdicts[0], plain[0])
        expected = plain[1] if kept else Unknown(Limit.SYMMETRY)
        same("rule of one", found.verdicts[1], expected)
