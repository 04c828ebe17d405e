"""The search over orbits: the same verdicts, counts and runs as the other engines."""

from __future__ import annotations

from dataclasses import replace
from math import comb, factorial

import pytest
from hypothesis import given

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.explicit import Limits
from tdxcheck.checker.engines.orbits import judge, stores
from tdxcheck.checker.engines.orbits.judge import Orbits
from tdxcheck.checker.engines.orbits.search import NoSymmetry, Search
from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.engines.visiting import explore
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.symmetry import symmetry_of
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import Budget, Findings, judge_by_orbits
from tdxcheck.checker.language import Term, TransitionSystem, invariant
from tdxcheck.checker.language.instance import Instance, Scope
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.trace import evidence_of, replay
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Limit,
    Reached,
    Refuted,
    Unknown,
)
from tdxcheck.models.classic import CLASSICS, Classic, lifecycle
from tests.demo import DEMO
from tests.random_systems import Drawn, examples, systems
from tests.sites import (
    KEYS,
    SHIFT,
    House,
    Mood,
    Site,
    Tired,
    Worker,
    begin,
    finish,
    finish_unless_last,
    light,
    one_at_a_time,
    site,
    the_first_is_tired,
    tire,
)


def each_way(system: GroundSystem) -> list[Orbits]:
    """By the kernel, by the kernel without pext, and by numpy."""
    kernel = stores.kernel()
    assert kernel is not None, "is there no compiler?"
    found = [judge.explore(system)]
    kernel.use_pext(False)
    found.append(judge.explore(system))
    kernel.use_pext(True)
    return [*found, judge.explore(system, compiled=False)]


def agree(system: GroundSystem) -> Orbits | None:
    """All ways to visit orbits find what visiting every state does, or refuse."""
    try:
        orbits = each_way(system)
    except (NoSymmetry, Unsuited):
        return None
    plain = explicit.explore(system)
    diagrams = survey(system)
    for found in orbits:
        assert found.limit is None
        assert (found.states, found.transitions) == (plain.states, plain.transitions)
        assert (found.depth, found.fired) == (plain.depth, plain.fired)
        judged = zip(found.verdicts, plain.verdicts, diagrams.verdicts, strict=True)
        for number, (mine, other, first) in enumerate(judged):
            if number in found.symmetry.asymmetric:
                assert mine == Unknown(Limit.SYMMETRY)
            elif isinstance(mine, Refuted | Reached):
                assert type(mine) is type(other)
                assert mine == first
                rule = system.properties[number].property
                replay(system.instance, rule, evidence_of(system, mine.run))
            else:
                assert mine == other
    assert orbits[0].orbits == orbits[1].orbits
    return orbits[0]


@examples(150)
@given(systems(most_states=2_000))
def test_random_systems(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    agree(system)


def _open_and_tired() -> TransitionSystem:
    system = site().variant("tired", "Some are tired.", added=(tire,))
    return replace(system, state=Tired)


FOUR: Scope = {Worker: 4, House: 2}
SITES: dict[str, tuple[TransitionSystem, Scope, int]] = {
    "alike": (site(), FOUR, 24),
    "many": (site(), {Worker: 6, House: 1}, 720),
    "one strong": (site(strong=lambda worker: worker == 1), FOUR, 6),
    "two strong": (site(strong=lambda worker: worker % 2 == 1), FOUR, 4),
    "last apart": (site(actions=(begin, finish_unless_last)), FOUR, 6),
    "tired": (_open_and_tired(), FOUR, 24),
    "first tired": (
        replace(_open_and_tired(), initial=(the_first_is_tired,)),
        FOUR,
        6,
    ),
    "houses": (
        site(actions=(begin, finish, light), houses=lambda worker: worker % 2),
        FOUR,
        8,
    ),
    "three houses": (
        site(actions=(begin, finish, light), houses=lambda worker: worker % 3),
        {Worker: 6, House: 3},
        48,
    ),
    "shift": (SHIFT, {Worker: 3, House: 1}, 6),
    "keys": (KEYS, {Worker: 3, House: 2}, 12),
}


@pytest.mark.parametrize("name", SITES)
def test_sites(name: str) -> None:
    system, scope, order = SITES[name]
    found = agree(ground(system, scope))
    assert found is not None
    assert found.symmetry.order == order
    assert found.orbits < found.states <= found.orbits * order


@pytest.mark.parametrize(
    "system", [lifecycle.LIFECYCLE, lifecycle.MEM_ONLINE, lifecycle.LPINIT_KERN]
)
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (3, 1)])
def test_a_host(system: TransitionSystem, size: tuple[int, int]) -> None:
    cpus, blocks = size
    found = agree(ground(system, lifecycle.scope(cpus, blocks)))
    assert found is not None
    assert found.symmetry.order == factorial(cpus) * factorial(blocks)


@pytest.mark.parametrize(
    ("cpus", "blocks", "orbits", "states"),
    [
        (2, 2, 14_558, 47_870),
        (3, 2, 51_200, 397_232),
        (3, 3, 180_840, 3_442_088),
        (4, 4, 1_444_920, 231_768_590),
    ],
)
def test_as_many_orbits_and_states_as_published(
    cpus: int, blocks: int, orbits: int, states: int
) -> None:
    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(cpus, blocks))
    found = judge.explore(system)
    assert (found.orbits, found.states) == (orbits, states)
    counted = survey(system)
    assert (found.states, found.transitions) == (counted.states, counted.transitions)


@pytest.mark.parametrize("system", [lifecycle.MEM_ONLINE, lifecycle.LPINIT_KERN])
def test_runs_of_a_large_host(system: TransitionSystem) -> None:
    """The run is the one that the other engines show."""
    large = ground(system, lifecycle.scope(3, 3))
    mine = judge.explore(large).verdicts
    assert mine == survey(large).verdicts
    assert mine == explore(large).verdicts


MOST = 20_000
"""States of the classic models that are visited one by one for comparison."""


@pytest.mark.parametrize(
    "classic",
    [
        pytest.param(c, id=f"{c.system.name} {'-'.join(map(str, c.scope.values()))}")
        for c in CLASSICS
        if c.states is None or c.states <= MOST
    ],
)
def test_classic_models(classic: Classic) -> None:
    system = ground(classic.system, classic.scope)
    found = agree(system)
    assert (found is None) is (symmetry_of(system).is_trivial)
    if found is not None and classic.states is not None:
        assert found.states == classic.states


@pytest.mark.parametrize("compiled", [True, False])
def test_states_of_several_words(compiled: bool) -> None:
    workers, houses, depth = 10, 8, 4
    keys = replace(KEYS, properties=())
    system = ground(keys, {Worker: workers, House: houses})
    search = Search(system, symmetry_of(system), compiled=compiled)
    assert search.shape.layout.words > 1
    search.start()
    for _ in range(depth):
        assert search.deepen(lambda: None)
    keys_given = (comb(houses, n) * workers**n for n in range(depth + 1))
    assert search.states == sum(keys_given)


@invariant()
def the_last_is_idle(site: Site) -> Term[bool]:
    """The last worker never works."""
    return site.mood[Element(Worker, 3)] == Mood.IDLE


def judged(system: TransitionSystem, scope: Scope) -> Findings:
    questions = tuple(Question(rule, None) for rule in system.properties)
    instance = Instance(system, scope)
    case = Case(DEMO.designs[0], "site", (), {}, "", instance, questions)
    return judge_by_orbits(case, Budget(), lambda _: None)


def test_a_rule_that_singles_one_out_is_judged_alone() -> None:
    system = site(properties=(one_at_a_time, the_last_is_idle))
    found = judged(system, FOUR)
    holds, refuted = (answer.verdict for answer in found.answers)
    assert isinstance(holds, Exhausted)
    assert found.statistics is not None
    assert found.statistics.states == holds.states
    assert refuted == survey(ground(system, FOUR)).verdicts[1]
    assert "worker 0, 1, 2 and 3 are interchangeable" in found.note
    assert "the_last_is_idle tells them apart" in found.note
    assert "alone" in found.note and "worker 0, 1 and 2 are" in found.note


def test_without_symmetry_nothing_is_judged_and_the_reason_told() -> None:
    found = judged(site(strong=lambda worker: worker == 0), {Worker: 2, House: 1})
    assert {a.verdict for a in found.answers} == {Unknown(Limit.SYMMETRY)}
    assert found.statistics is None
    assert "strong[worker 0] is yes, strong[worker 1] is no" in found.note


def test_canonical_states_are_the_first_of_their_orbits() -> None:
    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(3, 1))
    shape = Shape(system, symmetry_of(system))
    for state in list(system.initial_states()):
        packed = shape.layout.pack_all([state])
        canonical = shape.layout.unpack(shape.canonical(packed)[0])
        assert canonical <= state
        again = shape.layout.pack_all([canonical])
        assert shape.layout.unpack(shape.canonical(again)[0]) == canonical


def test_a_search_ends_at_its_limits() -> None:
    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(4, 4))
    found = judge.explore(system, limits=Limits(states=1_000))
    assert found.limit is Limit.STATES
    assert found.orbits >= 1_000
    assert all(isinstance(v, Bounded) for v in found.verdicts)


def test_a_search_that_would_pass_the_limit_of_memory_says_so() -> None:
    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(2, 2))
    found = judge.explore(system, limits=Limits(memory=1))
    assert found.limit is Limit.MEMORY
    assert set(found.verdicts) == {Unknown(Limit.MEMORY)}


def test_a_search_ends_at_an_interrupt() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    system = ground(lifecycle.LIFECYCLE, lifecycle.scope(2, 2))
    found = judge.explore(system, progress=interrupt)
    assert found.limit is Limit.INTERRUPT
    # Not even the initial states were looked at.
    assert set(found.verdicts) == {Unknown(Limit.INTERRUPT)}
