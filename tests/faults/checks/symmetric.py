"""Symmetry: what it is, the canonical states, and the search over orbits."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import factorial

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.orbits import judge
from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.symmetry import symmetry_of
from tdxcheck.checker.language import TransitionSystem
from tdxcheck.checker.language.instance import Scope
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.trace import evidence_of, replay
from tdxcheck.checker.verdict import Limit, Reached, Refuted, Unknown
from tdxcheck.models.classic import lifecycle
from tests.faults.comparing import same
from tests.sites import one_at_a_time, site
from tests.test_orbits import FOUR, SITES, the_last_is_idle

SIZES: dict[str, tuple[TransitionSystem, Scope, int]] = {
    **{name: SITES[name] for name in SITES if name not in ("many", "three houses")},
    "host": (lifecycle.MEM_ONLINE, lifecycle.scope(2, 1), factorial(2)),
    "failing": (lifecycle.LPINIT_KERN, lifecycle.scope(2, 1), factorial(2)),
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


def images(system: GroundSystem, values: tuple[int, ...]) -> set[tuple[int, ...]]:
    """A state as every permutation of the symmetry moves it, one exchange at a time."""
    numbers = {slot.entry: slot.number for slot in system.slots}
    found, pending = {values}, [values]
    while pending:
        state = pending.pop()
        for permutation in symmetry_of(system).generators(system.instance.scope):
            moved = list(state)
            for slot in system.slots:
                variable: Variable = slot.entry[0]
                to = numbers[permutation.entry(slot.entry)]
                moved[to] = permutation.value(variable.sort, state[slot.number])
            if tuple(moved) not in found:
                found.add(tuple(moved))
                pending.append(tuple(moved))
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
        from tests.test_orbits import one_at_a_time, the_last_is_idle

    system = ground(site(properties=(one_at_a_time, the_last_is_idle)), FOUR)
    for compiled, kept in product((True, False), ((), (1,))):
        symmetry = symmetry_of(system, kept)
        same("order", symmetry.order, 6 if kept else 24)
        found = judge.explore(system, symmetry, compiled=compiled)
        plain = explicit.explore(system).verdicts
        same("rule of all", found.verdicts[0], plain[0])
        expected = plain[1] if kept else Unknown(Limit.SYMMETRY)
        same("rule of one", found.verdicts[1], expected)
