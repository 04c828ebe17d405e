"""The explicit engine by tables: the same states, counts and runs as the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.explicit import Exploration, Limits
from tdxcheck.checker.engines.packed import native, visited, within
from tdxcheck.checker.engines.packed.breadth import Search
from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.engines.packed.layout import Layout
from tdxcheck.checker.engines.packed.program import Program
from tdxcheck.checker.engines.packed.search import explore
from tdxcheck.checker.engines.packed.split import split
from tdxcheck.checker.engines.packing import Packing
from tdxcheck.checker.engines.visiting import TINY
from tdxcheck.checker.engines.visiting import explore as visit
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.language import Int, Map, Mode, State, TransitionSystem
from tdxcheck.checker.verdict import Bounded, Limit, Reached, Refuted, Unknown
from tdxcheck.models.classic import CLASSICS, Classic, lifecycle
from tests.faults.workshop import CELLAR, Tool
from tests.random_systems import Drawn, examples, systems

LARGE = 100_000
"""States that only the compiled kernel is given in the tests."""


def _name(classic: Classic) -> str:
    size = "-".join(str(number) for number in classic.scope.values())
    return f"{classic.system.name} {size}".strip().replace(" ", "_")


WIDE = next(c for c in reversed(CLASSICS) if c.system.name == "coffee can")
"""Its numbers have too many values for tables."""
CASES = [pytest.param(c, id=_name(c)) for c in CLASSICS if c is not WIDE]


@pytest.fixture(params=["kernel", "kernel without pext", "numpy"])
def compiled(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Each way to take steps; whether it is the compiled one."""
    if request.param == "numpy":
        yield False
        return
    kernel = visited.kernel()
    if kernel is None:
        pytest.fail("the kernel was not built: is there no compiler?")
    kernel.use_pext(request.param == "kernel")
    yield True
    kernel.use_pext(True)


def same(one: Exploration, other: Exploration) -> None:
    assert one.states == other.states
    assert one.transitions == other.transitions
    assert one.depth == other.depth
    assert one.fired == other.fired
    for mine, theirs in zip(one.verdicts, other.verdicts, strict=True):
        assert type(mine) is type(theirs)
        if isinstance(mine, Refuted | Reached):
            assert isinstance(theirs, Refuted | Reached)
            assert len(mine.run.steps) == len(theirs.run.steps)
        else:
            assert mine == theirs


@pytest.mark.parametrize("classic", CASES)
def test_published_counts(classic: Classic, compiled: bool) -> None:
    if not compiled and (classic.states or 0) > LARGE:
        return
    system = ground(classic.system, classic.scope)
    found = explore(system, compiled=compiled)
    assert found.complete
    for published, counted in (
        (classic.states, found.states),
        (classic.steps, found.transitions),
        (classic.depth, found.depth),
    ):
        assert published is None or counted == published
    for rule, verdict in zip(classic.system.properties, found.verdicts, strict=True):
        if rule in classic.broken and rule.mode is not Mode.LEADS_TO:
            assert isinstance(verdict, Refuted)
            assert len(verdict.run.steps) == classic.broken[rule]


class Rack(State):
    """Places of three bits each, one of which is cut by the end of a limb."""

    place = Map(Tool, Int(-1, 5))


def test_integers_are_put_into_words_as_values_are() -> None:
    system = ground(TransitionSystem("rack", "A rack.", Rack, ()), {Tool: 50})
    packing, layout, random = Packing(system), Layout(system), Random(1)
    states = [
        tuple(random.randint(slot.term.low, slot.term.high) for slot in system.slots)
        for _ in range(20)
    ]
    integers = list(map(packing.pack, states))
    words = layout.pack_integers(integers, packing)
    assert np.array_equal(words, layout.pack_all(states))
    assert list(map(layout.unpack, words)) == states


def test_numbers_of_too_many_values_are_left_to_plain_python() -> None:
    system = ground(WIDE.system, WIDE.scope)
    with pytest.raises(Unsuited):
        explore(system)
    assert visit(system).states == WIDE.states


@examples(60)
@given(systems(most_states=2_000))
def test_random_systems_are_visited_alike(drawn: Drawn) -> None:
    system = ground(drawn.system(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    plain = explicit.explore(system)
    by_diagrams = survey(system)
    for compiled, threads, split_from in product((True, False), (1, 2), (None, 0)):
        found = explore(
            system, Limits(threads=threads), compiled=compiled, split_from=split_from
        )
        same(found, plain)
        runs(found, by_diagrams.verdicts)


def runs(found: Exploration, verdicts: tuple[object, ...]) -> None:
    """The runs that are shown are the ones that decision diagrams show."""
    for mine, theirs in zip(found.verdicts, verdicts, strict=True):
        if isinstance(mine, Refuted | Reached) and not isinstance(theirs, Unknown):
            assert mine == theirs


def mutex() -> GroundSystem:
    name = "Lamport's mutual exclusion"
    classic = next(c for c in CLASSICS if c.system.name == name)
    return ground(classic.system, classic.scope)


def test_a_search_ends_at_its_limits(compiled: bool) -> None:
    system = mutex()
    found = explore(system, Limits(states=1_000), compiled=compiled)
    assert found.limit is Limit.STATES
    assert found.states >= 1_000
    assert all(isinstance(v, Bounded | Unknown | Refuted) for v in found.verdicts)


def test_a_search_ends_at_an_interrupt() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    found = explore(mutex(), progress=interrupt)
    assert found.limit is Limit.INTERRUPT
    # Not even the initial states were looked at.
    assert set(found.verdicts) == {Unknown(Limit.INTERRUPT)}


def test_what_was_not_expanded_may_be_a_deadlock() -> None:
    """A search that ends in the middle of a level does not know where runs may end."""
    system = ground(CELLAR, {})
    assert isinstance(explicit.explore(system).verdicts[-1], Refuted)
    with patch.object(explicit, "CHUNK", 1):
        found = explicit.explore(system, Limits(states=2))
    assert found.limit is Limit.STATES
    assert found.verdicts[-1] == Unknown(Limit.STATES)
    assert found.verdicts[0] == Bounded(0, Limit.STATES)


def test_tables_take_over_where_plain_python_ends() -> None:
    system = mutex()
    found = visit(system)
    assert found.states == 724_274 > TINY
    small = visit(system, Limits(states=100))
    assert small.limit is Limit.STATES
    assert small.states < TINY


def test_states_take_few_bytes() -> None:
    search = Search(mutex())
    search.start()
    while search.deepen(lambda: None):
        pass
    assert search.visited.nbytes / len(search) < 36


@pytest.mark.parametrize("name", ["bakery", "two-phase commit"])
def test_a_bit_for_each_state_where_the_slots_hardly_mix(
    name: str, compiled: bool
) -> None:
    classic = next(c for c in reversed(CLASSICS) if c.system.name == name)
    search = Search(
        ground(classic.system, classic.scope), compiled=compiled, split_from=1
    )
    search.start()
    while search.deepen(lambda: None):
        pass
    assert len(search) == classic.states
    assert search.choice.reason.startswith("a bit for each of ")
    assert 8 * search.visited.nbytes < 2 * len(search) + 8 * 64


def hardly_mixing() -> GroundSystem:
    name = "two-phase commit"
    classic = next(c for c in reversed(CLASSICS) if c.system.name == name)
    return ground(classic.system, classic.scope)


@pytest.mark.parametrize("split_from", [None, 1])
def test_threads_share_what_there_is_to_do(split_from: int | None) -> None:
    system = hardly_mixing()
    alone = explore(system, split_from=split_from)
    with patch.object(visited, "PIECE", 16):
        shared = explore(system, Limits(threads=3), split_from=split_from)
    same(shared, alone)
    assert shared.verdicts == alone.verdicts


@pytest.mark.parametrize("most", [within.LISTED, 1, 0])
def test_a_step_is_in_lists_or_left_to_a_program(most: int, compiled: bool) -> None:
    """How many are in lists makes no difference to what is found."""
    system = hardly_mixing()
    plain = explore(system, split_from=None, compiled=compiled)
    with patch.object(within, "LISTED", most):
        found = explore(system, split_from=1, compiled=compiled)
        search = Search(system)
        search.start()
        of = split(system, search.layout, search.initial)
        lists = within.within(system, search.layout, search.tables, of)
    same(found, plain)
    listed = set(np.flatnonzero(lists.commands.any(axis=0)))
    left = {n for cluster in lists.rest.clusters for n in cluster.commands}
    assert len(listed) <= most
    assert not listed & left
    assert listed | left == set(range(len(system.steps)))
    assert most < within.LISTED or len(listed) > 1


def test_states_are_hashed_where_the_slots_mix() -> None:
    search = Search(mutex())
    search.start()
    while search.deepen(lambda: None):
        pass
    assert search.choice.reason == "hash table: the slots mix too much"


def test_watches_that_are_too_much_for_the_kernel_are_left_to_numpy() -> None:
    """It was chosen for the steps, and goes on taking them."""
    system = ground(lifecycle.MEM_ONLINE, lifecycle.scope(2, 2))
    narrow = explore(system)
    left = []

    def fits(program: Program) -> bool:
        if program.commands == len(system.steps):
            return True
        left.append(program)
        return False

    with patch.object(native, "fits", fits):
        wide = explore(system)
    assert left, "some table is of watches"
    same(wide, narrow)
