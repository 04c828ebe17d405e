"""The symbolic engines, each by itself; that they agree is tested elsewhere."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from typing import Any

import pytest
import z3

from tdxcheck.checker.engines.explicit import successors_of
from tdxcheck.checker.engines.symbolic import (
    Budget,
    Judge,
    bmc,
    certificate,
    judge,
    pairs,
    spacer,
)
from tdxcheck.checker.engines.symbolic.bounds import escape
from tdxcheck.checker.engines.symbolic.encoding import Encoding, constant
from tdxcheck.checker.engines.symbolic.lemmas import Lemma, conjunction, needed
from tdxcheck.checker.engines.symbolic.show import show
from tdxcheck.checker.engines.symbolic.solving import (
    Clock,
    EngineError,
    GaveUp,
    answer,
    check_path,
    check_start,
    satisfiable,
)
from tdxcheck.checker.engines.symbolic.target import Target, target_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.terms import Terms, evaluate
from tdxcheck.checker.language import (
    Index,
    Int,
    Map,
    Property,
    State,
    Step,
    Term,
    TransitionSystem,
    Var,
    action,
    deadlock_free,
    exists,
    forall,
    implies,
    invariant,
    ite,
    leads_to,
    reachable,
    step_rule,
)
from tdxcheck.checker.verdict import (
    Bounded,
    Limit,
    Proved,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Vacuous,
)


class Cell(Index):
    """A place in a ring."""


class Ring(State):
    """A token goes round; the hand follows it, and the count goes up to a limit."""

    token = Var(Cell)
    marked = Map(Cell, bool, False)
    count = Var(Int(0, 9), 0)
    below = Var(Int(-3, 2), -3)
    stopped = Var(bool, False)


@action()
def passes(ring: Ring, cell: Cell) -> None:
    """The token goes to {cell}."""
    ring.require(~ring.stopped)
    ring.require(ring.token != cell)
    ring.require(ring.count < 9)
    ring.marked[ring.token] = False
    ring.token = cell
    ring.count = ring.count + 1


@action()
def marks(ring: Ring) -> None:
    """The token marks its place."""
    ring.require(~ring.stopped)
    ring.marked[ring.token] = True
    ring.below = ite(ring.below < 2, ring.below + 1, ring.below)


@action()
def stops(ring: Ring) -> None:
    """It stops."""
    ring.require(ring.count > 5)
    ring.stopped = True


@invariant()
def only_the_token_is_marked(ring: Ring) -> Term[bool]:
    """What is marked has the token."""
    return forall(Cell, lambda cell: implies(ring.marked[cell], ring.token == cell))


@invariant()
def count_stays_small(ring: Ring) -> Term[bool]:
    """The count stays below 4."""
    return ring.count < 4


@invariant()
def two_tokens_are_marked(ring: Ring) -> Term[bool]:
    """Where two cells are marked, it has stopped: there never are."""
    return implies(
        exists(
            Cell,
            lambda one: exists(
                Cell, lambda two: (one != two) & ring.marked[one] & ring.marked[two]
            ),
        ),
        ring.stopped,
    )


@step_rule()
def below_goes_up(before: Ring, step: Step, after: Ring) -> Term[bool]:
    """A mark lets `below` go up."""
    return implies(step.is_(marks), before.below < after.below)


@step_rule()
def count_never_falls(before: Ring, step: Step, after: Ring) -> Term[bool]:
    """The count never falls."""
    return before.count <= after.count


@step_rule()
def nothing_after_the_end(before: Ring, step: Step, after: Ring) -> Term[bool]:
    """What passes after the stop is not counted: nothing passes."""
    return implies(before.stopped & step.is_(passes), after.count == before.count)


@reachable()
def it_can_stop(ring: Ring) -> Term[bool]:
    """It can stop."""
    return ring.stopped


@reachable()
def it_can_stop_early(ring: Ring) -> Term[bool]:
    """It can stop before it has counted to six."""
    return ring.stopped & (ring.count < 6)


@deadlock_free()
def never_ends(ring: Ring) -> Term[bool]:
    """Some step is always possible."""
    return ring.stopped & (ring.count < 0)


@leads_to(fair=(stops,))
def it_stops(ring: Ring) -> tuple[Term[bool], Term[bool]]:
    """It stops in the end."""
    return ring.count > 5, ring.stopped


PROPERTIES = (
    only_the_token_is_marked,
    count_stays_small,
    two_tokens_are_marked,
    below_goes_up,
    count_never_falls,
    nothing_after_the_end,
    it_can_stop,
    it_can_stop_early,
    never_ends,
    it_stops,
)


def ring(*properties: Property, cells: int = 3) -> GroundSystem:
    system = TransitionSystem(
        "ring", "A ring.", Ring, (passes, marks, stops), properties
    )
    return ground(system, {Cell: cells})


def test_each_property_is_judged_by_what_is_able_to() -> None:
    verdicts = judge(ring(*PROPERTIES), Budget(depth=20, seconds=60))
    shown = [
        len(v.run.steps) if isinstance(v, Refuted | Reached) else type(v)
        for v in verdicts
    ]
    assert shown == [
        Proved,
        4,
        Vacuous,
        6,
        Proved,
        Vacuous,
        7,
        Unreachable,
        Proved,
        Unknown,
    ]
    assert verdicts[-1] == Unknown(Limit.UNSUPPORTED)
    assert isinstance(verdicts[0], Proved)
    assert verdicts[0].method


def test_bounded_model_checking_tells_its_depth() -> None:
    verdicts = bmc(ring(*PROPERTIES), depth=5)
    assert verdicts[0] == Bounded(5, Limit.DEPTH)
    assert isinstance(verdicts[1], Refuted)
    assert len(verdicts[1].run.steps) == 4
    assert verdicts[4] == Bounded(5, Limit.DEPTH)
    assert verdicts[6] == Unknown(Limit.DEPTH)
    assert verdicts[9] == Unknown(Limit.UNSUPPORTED)


def test_no_time_gives_no_answer() -> None:
    verdicts = bmc(ring(*PROPERTIES), depth=5, seconds=0)
    assert set(verdicts) == {Unknown(Limit.TIME), Unknown(Limit.UNSUPPORTED)}
    verdicts = judge(ring(*PROPERTIES), Budget(seconds=0))
    assert set(verdicts) == {Unknown(Limit.TIME), Unknown(Limit.UNSUPPORTED)}


def test_time_that_runs_out_leaves_what_was_shown() -> None:
    """Hanoi-like depth: the clock is stopped by hand after three steps."""
    judged = Judge(ring(it_can_stop_early, only_the_token_is_marked))
    hunt = judged.hunt
    hunt.start()
    for _ in range(3):
        hunt.go_on()
    hunt.limit(Clock(0))
    with pytest.raises(GaveUp) as caught:
        hunt.go_on()
    assert caught.value.limit is Limit.TIME
    assert hunt.depth == 3
    hunt.limit(Clock(None))
    hunt.go_on()
    assert hunt.depth == 4


class Answers:
    """Stands for a solver that says nothing, for a reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def set(self, *_: Any) -> None:
        pass

    def reason_unknown(self) -> str:
        return self.reason


@pytest.mark.parametrize(
    ("reason", "limit"),
    [("timeout", Limit.TIME), ("incomplete", Limit.SOLVER), ("", Limit.SOLVER)],
)
def test_unknown_is_no_answer(reason: str, limit: Limit) -> None:
    with pytest.raises(GaveUp) as caught:
        answer(Answers(reason), lambda: z3.unknown, Clock(100))
    assert caught.value.limit is limit


@pytest.mark.parametrize("reason", ["interrupted from keyboard", "canceled"])
def test_an_interrupt_passes_through(reason: str) -> None:
    def interrupted() -> Any:
        raise z3.Z3Exception(reason)

    with pytest.raises(KeyboardInterrupt):
        answer(Answers(reason), lambda: z3.unknown, Clock(100))
    with pytest.raises(KeyboardInterrupt):
        answer(Answers(""), interrupted, Clock(None))


def test_a_hard_question_ends_in_time() -> None:
    """Whether a number has two factors: no solver knows within 50 ms."""
    one, other = z3.BitVecs("one other", 64)
    solver = z3.SolverFor("QF_BV")
    solver.add(z3.ZeroExt(64, one) * z3.ZeroExt(64, other) == 18446744073709551629**1)
    solver.add(one > 1, other > 1)
    clock = Clock(0.05)
    with pytest.raises(GaveUp) as caught:
        satisfiable(solver, clock)
    assert caught.value.limit is Limit.TIME
    assert clock.left > -5


RANGES = [(0, 1), (0, 5), (2, 6), (-1, 0), (-4, 3), (-3, -2), (3, 4)]


@pytest.mark.parametrize("left", RANGES)
@pytest.mark.parametrize("right", RANGES)
def test_arithmetic_never_wraps(left: tuple[int, int], right: tuple[int, int]) -> None:
    """Sums, differences and comparisons of two slots, of all their values."""
    members = {"x": Var(Int(*left)), "y": Var(Int(*right)), "c": Var(bool)}
    numbers = type("Numbers", (State,), members)
    system = ground(TransitionSystem("numbers", "N.", numbers, ()), {})
    x, y, c = (slot.term for slot in system.slots)
    terms = Terms()
    chosen = terms.ite(c, x, y)
    totals = [
        terms.add(x, y),
        terms.sub(x, y),
        terms.sub(terms.add(x, x), chosen),
        terms.add(terms.sub(x, y), terms.number(-3)),
    ]
    probes = [
        *(terms.eq(total, chosen) for total in totals),
        *(terms.lt(total, y) for total in totals),
        *(terms.lt(terms.number(1), total) for total in totals),
        terms.eq(x, y),
        terms.lt(x, y),
        terms.eq(chosen, terms.number(3)),
        terms.eq(terms.eq(x, y), c),
    ]
    encoding = Encoding(system)
    spans = (range(s.term.low, s.term.high + 1) for s in system.slots)
    for values in product(*spans):
        known = [
            (held, constant(slot, value))
            for slot, held, value in zip(
                system.slots, encoding.now.state, values, strict=True
            )
        ]
        for probe in probes:
            formula = z3.simplify(z3.substitute(encoding.term(probe), *known))
            assert z3.is_true(formula) == bool(evaluate(probe, values))


def test_ranges_hold_exactly_the_values_of_a_slot() -> None:
    system = ring(only_the_token_is_marked)
    encoding = Encoding(system)
    for slot, held in zip(system.slots, encoding.now.state, strict=True):
        if slot.term.boolean:
            continue
        solver = z3.Solver()
        solver.add(encoding.within)
        found = set()
        while solver.check() == z3.sat:
            value = solver.model().eval(held, model_completion=True)
            signed = slot.term.low < 0
            found.add(value.as_signed_long() if signed else value.as_long())
            solver.add(held != value)
        assert found == set(range(slot.term.low, slot.term.high + 1))


def test_a_false_certificate_is_refused() -> None:
    system = ring(only_the_token_is_marked, count_stays_small)
    encoding = Encoding(system)
    good, bad = (target_of(system, rule) for rule in system.properties)
    clock = Clock(None)
    true = z3.Not(encoding.hit(good))
    certificate.check(encoding, true, good, clock)
    count = next(s for s in system.slots if s.name == "count")
    small = z3.ULT(encoding.now.state[count.number], 4)
    marked = next(s for s in system.slots if s.name == "marked[cell 0]")
    never = z3.Not(encoding.now.state[marked.number])
    with pytest.raises(EngineError, match="consecution"):
        certificate.check(encoding, never, None, clock)
    with pytest.raises(EngineError, match="consecution"):
        certificate.check(encoding, small, bad, clock)
    with pytest.raises(EngineError, match="safety"):
        certificate.check(encoding, z3.BoolVal(True), bad, clock)
    with pytest.raises(EngineError, match="initiation and"):
        certificate.check(encoding, z3.Not(never), None, clock)


def test_safety_of_steps_is_checked_where_a_step_is_possible() -> None:
    system = ring(count_never_falls, below_goes_up)
    encoding = Encoding(system)
    rises, falls = (target_of(system, rule) for rule in system.properties)
    certificate.check(encoding, z3.BoolVal(True), rises, Clock(None))
    with pytest.raises(EngineError, match="safety"):
        certificate.check(encoding, z3.BoolVal(True), falls, Clock(None))


def test_spacer_gives_an_invariant_or_says_that_there_is_none() -> None:
    system = ring(two_tokens_are_marked, it_can_stop, count_never_falls)
    encoding = Encoding(system)
    unmarked, stops_, rises = (target_of(system, r) for r in system.properties)
    for target in (unmarked, rises):
        claim = spacer.invariant(encoding, target, Clock(60))
        assert claim is not None
        certificate.check(encoding, claim, target, Clock(60))
    assert spacer.invariant(encoding, stops_, Clock(60)) is None


def test_spacer_uses_the_lemmas_that_it_is_given() -> None:
    system = ring(two_tokens_are_marked)
    encoding = Encoding(system)
    target = target_of(system, system.properties[0])
    lemma = z3.Not(encoding.hit(target))
    claim = spacer.invariant(encoding, target, Clock(60), [lemma])
    assert claim is not None


def test_quantifiers_are_spelled_out() -> None:
    x, y = z3.BitVec("x", 2), z3.Bool("y")
    z = z3.BitVec("z", 2)
    for quantifier, expected in ((z3.Exists, {1, 2, 3}), (z3.ForAll, {3})):
        formula = z3.And(quantifier([x, y], z3.Implies(y, z3.UGE(z, x))), z != 0)
        if quantifier is z3.Exists:
            formula = z3.And(z3.Exists([x, y], z3.And(y, z == x)), z != 0)
        spelled = spacer.expanded(formula)
        found = {
            value
            for value in range(4)
            if z3.is_true(
                z3.simplify(z3.substitute(spelled, (z, z3.BitVecVal(value, 2))))
            )
        }
        assert found == expected
    wide, free = z3.BitVecs("wide free", 32)
    with pytest.raises(GaveUp):
        spacer.expanded(z3.Exists([wide], z3.ULT(wide, free)))


def test_impossible_pairs_are_found_and_true() -> None:
    system = ring(two_tokens_are_marked, cells=2)
    encoding = Encoding(system)
    lemmas = pairs.pair_lemmas(encoding, Clock(60))
    named = {slot.name: slot.number for slot in system.slots}
    both = ((named["marked[cell 0]"], 1), (named["marked[cell 1]"], 1))
    elsewhere = ((named["token"], 1), (named["marked[cell 0]"], 1))
    found = [set(lemma.literals) for lemma in lemmas]
    assert set(both) in found
    assert set(elsewhere) in found
    assert reachable_respect(system, lemmas)


def test_a_proof_needs_few_of_the_lemmas() -> None:
    system = ring(two_tokens_are_marked)
    encoding = Encoding(system)
    target = target_of(system, system.properties[0])
    lemmas = pairs.pair_lemmas(encoding, Clock(60))
    few = needed(encoding, lemmas, target, Clock(60))
    assert 0 < len(few) < len(lemmas)
    claim = conjunction(encoding, few)
    certificate.check(encoding, claim, target, Clock(60))
    with pytest.raises(EngineError, match="none"):
        needed(encoding, lemmas[:1], target, Clock(60))


class Lamp(State):
    """A door and a lamp, which agree only by day."""

    hour = Var(Int(0, 2), 0)
    door = Var(bool, False)
    lamp = Var(bool, False)


@action()
def passes_time(lamp: Lamp) -> None:
    """Go on to the next hour; by day, what is shut is dark."""
    lamp.hour = ite(lamp.hour < 2, lamp.hour + 1, 0)
    lamp.lamp = lamp.door


@action()
def opens(lamp: Lamp, door: Term[bool]) -> None:
    """Open or shut the door, in the dark."""
    lamp.require(lamp.hour != 1)
    lamp.door = door


@invariant()
def day_is_bright(lamp: Lamp) -> Term[bool]:
    """By day, door and lamp agree."""
    return implies(lamp.hour == 1, lamp.door == lamp.lamp)


def test_pairs_that_are_impossible_in_a_phase_are_found() -> None:
    rules = (passes_time, opens)
    system = TransitionSystem("lamp", "L.", Lamp, rules, (day_is_bright,))
    encoding = Encoding(ground(system, {}))
    assert pairs.pair_lemmas(encoding, Clock(60)) == ()
    found = [set(x.literals) for x in pairs.phase_lemmas(encoding, Clock(60))]
    hour, door, lamp = 0, 1, 2
    assert {(hour, 1), (door, 0), (lamp, 1)} in found
    assert {(hour, 1), (door, 1), (lamp, 0)} in found
    assert all((hour, 1) in literals for literals in found)


class Free(State):
    bits = Map(Cell, bool)


def test_no_pair_is_impossible_where_everything_may_be_so_at_first() -> None:
    """More initial states than walks begin in."""
    system = TransitionSystem("free", "F.", Free, ())
    encoding = Encoding(ground(system, {Cell: 12}))
    assert pairs.pair_lemmas(encoding, Clock(60)) == ()


def reachable_respect(system: GroundSystem, lemmas: tuple[Lemma, ...]) -> bool:
    """No reachable state has all the literals of any lemma."""
    successors = successors_of(system)
    seen = set(system.initial_states())
    frontier = list(seen)
    while frontier:
        state = frontier.pop()
        for lemma in lemmas:
            if all(state[slot] == value for slot, value in lemma.literals):
                return False
        for _, after in successors(state):
            if after not in seen:
                seen.add(after)
                frontier.append(after)
    return True


def test_runs_are_checked_step_by_step() -> None:
    system = ring(count_stays_small)
    (verdict,) = bmc(system, depth=4)
    assert isinstance(verdict, Refuted)
    run = verdict.run
    check_start(system, run.states[0])
    check_path(system, run)
    with pytest.raises(EngineError, match="does not begin"):
        check_start(system, run.states[1])
    swapped = (run.states[0], *run.states[2:], run.states[1])
    with pytest.raises(EngineError, match=r"leads elsewhere|not possible"):
        check_path(system, Run(swapped, run.steps))
    stop = next(step.number for step in system.steps if step.action is stops)
    with pytest.raises(EngineError, match="not possible"):
        check_path(system, Run(run.states, (stop, *run.steps[1:])))
    with pytest.raises(EngineError, match="cannot be 77"):
        check_path(system, Run((tuple(77 for _ in run.states[0]),), ()))


def test_an_escape_satisfies_the_guards_and_leaves_the_bound() -> None:
    system = ring()
    named = {slot.name: slot.term for slot in system.slots}
    terms = Terms()
    count, below = named["count"], named["below"]
    more = terms.add(count, below)
    found = escape(system, [terms.lt(count, terms.number(9))], count, more)
    assert found is not None
    total = found[count.number] + found[below.number]
    assert not 0 <= total <= 9
    assert found[count.number] < 9
    kept = [terms.lt(count, terms.number(8)), terms.eq(below, terms.number(2))]
    assert escape(system, kept, count, more) is None
    assert escape(system, [], below, terms.sub(below, terms.number(1))) == {
        below.number: -3
    }


def test_invariants_are_shown_in_names() -> None:
    system = ring(only_the_token_is_marked)
    encoding = Encoding(system)
    named = {
        slot.name: held
        for slot, held in zip(system.slots, encoding.now.state, strict=True)
    }
    formula = z3.And(
        z3.Or(z3.Not(named["marked[cell 0]"]), named["token"] == 0),
        z3.Not(z3.And(named["stopped"], named["below"] == -3)),
    )
    assert show(encoding, formula) == (
        "not marked[cell 0] or token = cell 0\nnot (stopped and below = -3)"
    )
    assert show(encoding, z3.BoolVal(True)) == ""


def test_targets_of_a_kind_are_hit_by_states_or_by_steps() -> None:
    system = ring(*PROPERTIES)
    start = next(system.initial_states())
    state = target_of(system, system.properties[6])
    step = target_of(system, system.properties[3])
    assert isinstance(state, Target)
    assert not state.hit(start, None)
    assert not step.hit(start, None)
    with pytest.raises(ValueError, match="no target decides leads-to"):
        target_of(system, system.properties[9])


def test_a_system_without_steps_is_decided_by_its_initial_states() -> None:
    system = TransitionSystem(
        "still",
        "S.",
        Ring,
        (),
        (only_the_token_is_marked, count_never_falls, never_ends),
    )
    verdicts = judge(ground(system, {Cell: 2}), Budget(depth=3))
    assert isinstance(verdicts[0], Vacuous)
    assert isinstance(verdicts[1], Vacuous)
    assert isinstance(verdicts[2], Refuted)
    assert verdicts[2].run.steps == ()


def test_z3_is_imported_only_when_it_is_needed() -> None:
    code = (
        "import sys, tdxcheck.checker.ground, tdxcheck.checker.engines.explicit;"
        "sys.exit('z3' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
