"""Symmetry: what is found is there, and what singles an element out is noticed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from tdxcheck.checker.engines.explicit import successors_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.permutation import Permutation
from tdxcheck.checker.ground.symmetry import Symmetry, symmetry_of
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language import Step, Term, TransitionSystem, invariant, step_rule
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Element
from tdxcheck.models.classic import lifecycle
from tests.random_systems import Drawn, examples, systems
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
    finish_unless_last,
    light,
    one_at_a_time,
    reset,
    site,
    the_first_is_tired,
    tire,
)


def found(system: TransitionSystem, workers: int = 4, houses: int = 2) -> Symmetry:
    return symmetry_of(ground(system, {Worker: workers, House: houses}))


def elements(symmetry: Symmetry) -> list[tuple[int, ...]]:
    return [c.elements for c in symmetry.classes]


def test_workers_are_interchangeable() -> None:
    symmetry = found(site())
    assert elements(symmetry) == [(0, 1, 2, 3)]
    assert symmetry.order == 24
    assert not symmetry.asymmetric
    assert not symmetry.apart


def test_cpus_and_blocks_of_a_host() -> None:
    symmetry = symmetry_of(ground(lifecycle.LIFECYCLE, lifecycle.scope(3, 4)))
    assert sorted(elements(symmetry)) == [(0, 1, 2), (0, 1, 2, 3)]
    assert symmetry.order == 6 * 24


# One element is singled out.


def test_by_a_setting() -> None:
    symmetry = found(site(strong=lambda worker: worker == 1))
    assert elements(symmetry) == [(0, 2, 3)]
    (apart,) = symmetry.apart
    assert apart.element == 1
    assert "strong[worker 0] is no, strong[worker 1] is yes" in str(apart)
    assert "sites.py:" in str(apart)


def test_by_an_initial_value() -> None:
    system = site().variant("tired", "One is tired.", added=(tire,))
    system = replace(system, state=Tired)
    alike = system.variant("all", "All are.", settings={Tired.tired: True})
    assert elements(found(alike)) == [(0, 1, 2, 3)]
    one = system.variant(
        "one", "One is.", settings={Tired.tired: lambda worker: worker == 2}
    )
    symmetry = found(one)
    assert elements(symmetry) == [(0, 1, 3)]
    assert "tired[worker 0] is no, tired[worker 2] is yes" in str(symmetry.apart[0])


def test_by_an_initial_condition() -> None:
    system = site().variant("tired", "One is tired.", added=(tire,))
    system = replace(system, state=Tired, initial=(the_first_is_tired,))
    symmetry = found(system)
    assert elements(symmetry) == [(1, 2, 3)]
    assert "the_first_is_tired" in str(symmetry.apart[0])


def test_by_a_guard() -> None:
    symmetry = found(site(actions=(begin, finish_unless_last)))
    assert elements(symmetry) == [(0, 1, 2)]
    assert "finish_unless_last" in str(symmetry.apart[0])


def test_by_an_effect() -> None:
    symmetry = found(site(actions=(begin, finish, reset)))
    assert elements(symmetry) == [(1, 2, 3)]
    assert "reset" in str(symmetry.apart[0])


@pytest.mark.parametrize("number", range(4))
def test_by_a_property(number: int) -> None:
    @invariant()
    def one_is_idle(site: Site) -> Term[bool]:
        """One worker never works."""
        return site.mood[Element(Worker, number)] == Mood.IDLE

    symmetry = found(site(properties=(one_at_a_time, one_is_idle)))
    assert elements(symmetry) == [(0, 1, 2, 3)]
    assert list(symmetry.asymmetric) == [1]
    assert "one_is_idle" in symmetry.asymmetric[1]
    assert "test_symmetry.py:" in symmetry.asymmetric[1]


def test_by_a_step_rule() -> None:
    @step_rule()
    def the_last_does_nothing(before: Site, step: Step, after: Site) -> Term[bool]:
        """The last worker does not begin."""
        return ~(step.is_(begin) & step.at(Element(Worker, 3)))

    symmetry = found(site(properties=(the_last_does_nothing, one_at_a_time)))
    assert list(symmetry.asymmetric) == [0]


# Elements that are values, and that belong together.


def test_houses_with_their_workers() -> None:
    system = site(actions=(begin, finish, light), houses=lambda worker: worker % 2)
    symmetry = found(system)
    assert sorted(elements(symmetry)) == [(0, 2), (1, 3)]
    assert len(symmetry.others) == 1
    assert symmetry.order == 8
    crowded = site(actions=(begin, finish, light), houses=lambda w: int(w == 0))
    symmetry = found(crowded)
    assert elements(symmetry) == [(1, 2, 3)]
    assert not symmetry.others


def test_elements_that_are_values() -> None:
    symmetry = found(SHIFT, workers=3)
    assert not symmetry.classes
    assert len(symmetry.others) == 5
    assert [c.elements for c in symmetry.parts] == [(0, 1, 2)]
    started = SHIFT.variant(
        "started", "The first begins.", settings={Shift.on_duty: Element(Worker, 0)}
    )
    symmetry = found(started, workers=3)
    assert [c.elements for c in symmetry.parts] == [(1, 2)]
    many = symmetry_of(ground(SHIFT, {Worker: 7, House: 1}))
    assert many.is_trivial
    assert "too many orders" in str(many.apart[-1])


def test_maps_over_two_sorts() -> None:
    symmetry = symmetry_of(ground(KEYS, {Worker: 3, House: 2}))
    assert elements(symmetry) == [(0, 1, 2)]
    assert [c.elements for c in symmetry.parts] == [(0, 1)]
    assert symmetry.order == 12


# What is claimed is true, state by state.


@examples(150)
@given(systems(most_states=2_000))
def test_what_is_found_carries_states_and_steps_to_others(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    symmetry = symmetry_of(system)
    states = reachable_states(system)
    if not states:
        return
    successors = successors_of(system)
    for permutation in symmetry.generators(system.instance.scope):
        assert {moved(system, permutation, s) for s in states} == states
        for state in states:
            image = moved(system, permutation, state)
            leads = {moved(system, permutation, s) for _, s in successors(state)}
            assert leads == {s for _, s in successors(image)}
        for number, rule in enumerate(system.properties):
            if number not in symmetry.asymmetric and rule.property.mode in STATIC:
                for state in states:
                    image = moved(system, permutation, state)
                    (condition,) = rule.conditions
                    assert evaluate(condition, state) == evaluate(condition, image)


STATIC = (Mode.INVARIANT, Mode.REACHABLE, Mode.DEADLOCK_FREE)


def reachable_states(system: GroundSystem) -> set[Values]:
    successors = successors_of(system)
    found = set(system.initial_states())
    frontier = list(found)
    while frontier:
        for _, after in successors(frontier.pop()):
            if after not in found:
                found.add(after)
                frontier.append(after)
    return found


def moved(system: GroundSystem, permutation: Permutation, state: Values) -> Values:
    numbers = {slot.entry: slot.number for slot in system.slots}
    image = [0] * len(state)
    for slot, value in zip(system.slots, state, strict=True):
        to = numbers[permutation.entry(slot.entry)]
        image[to] = permutation.value(slot.entry[0].sort, value)
    return tuple(image)


def test_a_planted_asymmetry_is_noticed() -> None:
    """The oracle above tells a wrong claim from a right one."""
    system = ground(site(strong=lambda worker: worker == 1), {Worker: 3, House: 1})
    successors = successors_of(system)
    states = reachable_states(system)
    wrong = Permutation({Worker: (1, 0, 2)})
    right = Permutation({Worker: (2, 1, 0)})
    for permutation, holds in ((wrong, False), (right, True)):
        kept = all(
            {moved(system, permutation, s) for _, s in successors(state)}
            == {s for _, s in successors(moved(system, permutation, state))}
            for state in states
        )
        assert kept is holds


def test_permutations_compose() -> None:
    turn = Permutation({Worker: (1, 2, 0)})
    assert turn.after(turn).after(turn).key == frozenset()
    for one, other in pairwise((turn, Permutation({House: (1, 0)}))):
        assert one.after(other).key == one.key | other.key
