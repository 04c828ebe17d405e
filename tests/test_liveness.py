"""Leads-to: the two engines, the naive reference, and what their lassos show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import combinations
from unittest.mock import patch

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.engines import lasso
from tdxcheck.checker.engines.diagrams import liveness as by_diagrams
from tdxcheck.checker.engines.liveness import judge as judge_by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.language import (
    Fairness,
    Index,
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
from tdxcheck.checker.language.instance import Assignment, Instance, Scope
from tdxcheck.checker.language.interpreter import Interpreter, View
from tdxcheck.checker.language.system import Action, Property
from tdxcheck.checker.language.terms import Element
from tdxcheck.checker.trace import (
    ReplayError,
    Trace,
    entries_of,
    evidence_of,
    owed_from,
    replay,
)
from tdxcheck.checker.turns import Turn, turns_of
from tdxcheck.checker.verdict import Exhausted, Refuted, Vacuous, Verdict
from tests.random_systems import Drawn, examples, systems

Node = tuple[object, ...]


@dataclass(frozen=True)
class Edge:
    source: Node
    target: Node
    step: tuple[object, tuple[object, ...]]


class Reference:
    """The reachable graph by the interpreter, and leads-to by trying everything out."""

    def __init__(self, instance: Instance, most: int) -> None:
        self.instance = instance
        self.interpreter = Interpreter(instance)
        self.states: dict[Node, Assignment] = {}
        self.edges: list[Edge] = []
        self.out: dict[Node, list[Edge]] = {}
        pending = deque(self.interpreter.initial_states())
        self.initial = [self.node(state) for state in pending]
        self.complete = True
        while pending:
            state = pending.popleft()
            node = self.node(state)
            if node in self.states:
                continue
            if len(self.states) >= most:
                self.complete = False
                return
            self.states[node] = state
            self.out[node] = []
            for taken in instance.system.actions:
                for arguments in instance.choices(taken):
                    after = self.interpreter.attempt(state, taken, arguments).after
                    if after is not None:
                        edge = Edge(node, self.node(after), (taken, arguments))
                        self.out[node].append(edge)
                        self.edges.append(edge)
                        pending.append(after)

    def node(self, state: Assignment) -> Node:
        return tuple(state[entry] for entry in entries_of(self.instance))

    def holds(self, term: object, node: Node) -> bool:
        return bool(self.interpreter.evaluate(term, View(self.states[node], {})))  # type: ignore[arg-type]

    def due(self, turn: Turn, node: Node) -> bool:
        return self.holds(turn.line.condition, node) and any(
            edge.step in turn.steps for edge in self.out[node]
        )

    def takes(self, turn: Turn, edge: Edge) -> bool:
        return edge.step in turn.steps and self.holds(turn.line.condition, edge.source)

    def owing(self, rule: Property) -> set[Node]:
        found: set[Node] = set()
        pending = [n for n in self.states if self.holds(rule.condition, n)]
        while pending:
            node = pending.pop()
            if node not in found and not self.holds(rule.goal, node):
                found.add(node)
                pending += [edge.target for edge in self.out[node]]
        return found

    def fair_nodes(self, rule: Property) -> set[Node]:
        """What is in a fair component: by every choice of strong turns to avoid."""
        turns = turns_of(self.instance, rule)
        strong = [turn for turn in turns if turn.line.strong]
        found: set[Node] = set()
        for size in range(len(strong) + 1):
            for avoided in combinations(strong, size):
                inside = {
                    node
                    for node in self.owing(rule)
                    if not any(self.due(turn, node) for turn in avoided)
                }
                graph = networkx.DiGraph()
                graph.add_nodes_from(inside)
                graph.add_edges_from(
                    (edge.source, edge.target)
                    for edge in self.edges
                    if edge.source in inside and edge.target in inside
                )
                for component in networkx.strongly_connected_components(graph):
                    if all(
                        turn in avoided or self.served(turn, component)
                        for turn in turns
                    ):
                        found |= component
        return found

    def served(self, turn: Turn, component: set[Node]) -> bool:
        if not turn.line.strong and any(not self.due(turn, n) for n in component):
            return True
        return any(
            edge.target in component and self.takes(turn, edge)
            for node in component
            for edge in self.out[node]
        )

    def shortest_stem(self, rule: Property, fair: set[Node]) -> int:
        level = {(node, False) for node in self.initial}
        seen: set[tuple[Node, bool]] = set()
        for steps in range(10_000):
            level |= {
                (node, True)
                for node, _ in level
                if self.holds(rule.condition, node) and not self.holds(rule.goal, node)
            }
            if any(owes and node in fair for node, owes in level):
                return steps
            seen |= level
            level = {
                (edge.target, owes)
                for node, owes in level
                for edge in self.out[node]
                if not (owes and self.holds(rule.goal, edge.target))
            } - seen
        raise AssertionError("there is a stem")

    def shortest_cycle(self, rule: Property, start: Node) -> int:
        """The steps of a shortest fair cycle from the node that owes the goal."""
        turns = turns_of(self.instance, rule)
        owing = self.owing(rule)
        due = {node: {t for t in turns if self.due(t, node)} for node in owing}
        if not due[start]:
            return 0
        level = {self._kept(start, frozenset(), frozenset(), turns, due)}
        seen: set[object] = set()
        for steps in range(1, 10_000):
            seen |= level
            level = {
                self._kept(
                    edge.target,
                    met | {t for t in turns if self.takes(t, edge)},
                    owed,
                    turns,
                    due,
                )
                for node, met, owed in level
                for edge in self.out[node]
                if edge.target in owing
            }
            for node, met, owed in level:
                weak = {turn for turn in turns if not turn.line.strong}
                if node == start and owed <= met and weak <= met:
                    return steps
            level -= seen
        raise AssertionError("there is a cycle")

    def _kept(
        self,
        node: Node,
        met: frozenset[Turn],
        owed: frozenset[Turn],
        turns: list[Turn],
        due: dict[Node, set[Turn]],
    ) -> tuple[Node, frozenset[Turn], frozenset[Turn]]:
        idle = {t for t in turns if not t.line.strong and t not in due[node]}
        strong = {t for t in due[node] if t.line.strong}
        return node, met | idle, owed | strong


class Without(Reference):
    """The part of a reference graph in which an action is never taken.

    What it could do makes a turn due all the same.
    """

    def __init__(self, whole: Reference, left_out: Action) -> None:
        self.instance = whole.instance
        self.interpreter = whole.interpreter
        self.whole = whole
        self.initial = whole.initial
        self.states, self.out = {}, {}
        pending = list(whole.initial)
        while pending:
            node = pending.pop()
            if node not in self.states:
                self.states[node] = whole.states[node]
                edges = [e for e in whole.out[node] if e.step[0] is not left_out]
                self.out[node] = edges
                pending += [edge.target for edge in edges]
        self.edges = [edge for edges in self.out.values() for edge in edges]

    def due(self, turn: Turn, node: Node) -> bool:
        return self.whole.due(turn, node)


class Process(Index):
    """One of two."""


class Held(State):
    """A lock that whoever comes first takes."""

    holder = Var(Int(0, 2), 0)
    """0 for nobody; else the number of the process, from 1."""
    busy = Var(bool, False)


def holds(held: Held, process: Process) -> Term[bool]:
    return held.holder == ite(process == Element(Process, 0), 1, 2)


@action()
def take(held: Held, process: Process) -> None:
    """{process} takes the lock."""
    held.require(held.holder == 0)
    held.holder = ite(process == Element(Process, 0), 1, 2)


@action()
def release(held: Held, process: Process) -> None:
    """{process} gives it back."""
    held.require(holds(held, process))
    held.holder = 0


@action()
def tick(held: Held) -> None:
    """Something else happens, which the lock has nothing to do with."""
    held.busy = ~held.busy


def anywhere(held: Held) -> Term[bool]:
    """Everywhere."""
    return all_of()


WEAKLY = fairness(take, release)(anywhere)
STRONGLY = fairness(take, release, strong=True)(anywhere)


def served(held: Held) -> Term[bool]:
    """The first process holds the lock again and again."""
    return held.holder == 1


def lock(*fair: Fairness) -> TransitionSystem:
    rule = always_eventually(fair=fair)(served)
    return TransitionSystem("lock", "A lock.", Held, (take, release, tick), (rule,))


def judged(system: TransitionSystem, scope: Scope) -> tuple[Verdict, Trace | None]:
    """The verdict on its one rule by both engines, and the trace, replayed."""
    grounded = ground(system, scope)
    part = slice_for(grounded, [0])
    verdict = part.lift_verdict(both(part.system))
    if not isinstance(verdict, Refuted):
        return verdict, None
    evidence = evidence_of(grounded, verdict.run)
    return verdict, replay(grounded.instance, system.properties[0], evidence)


def test_a_lock_needs_strong_fairness() -> None:
    """Weak fairness does not help who could take the lock only now and then."""
    verdict, trace = judged(lock(WEAKLY), {Process: 2})
    assert isinstance(verdict, Refuted)
    assert trace is not None
    assert [str(step.action.name) for step in trace.steps] == ["take", "release"]
    assert trace.loop_from == 0
    told = {found.turn.name: (found.taken, found.idle) for found in trace.served}
    assert told == {
        "take (process 0)": (None, 1),
        "take (process 1)": (1, None),
        "release (process 0)": (None, 0),
        "release (process 1)": (2, None),
    }
    verdict, _ = judged(lock(STRONGLY), {Process: 2})
    assert verdict == Exhausted(3, (STRONGLY.name,))


def test_what_nothing_is_fair_to_need_not_happen() -> None:
    """Not even where something else could go on for ever, or nothing could."""
    verdict, trace = judged(lock(), {Process: 2})
    assert isinstance(verdict, Refuted)
    assert (verdict.run.steps, verdict.run.loop) == ((), 0)
    assert trace is not None
    assert trace.loop is not None
    assert trace.loop.steps == ()


def test_a_deadlock_refutes() -> None:
    """Nothing happens any more, so the goal does not come."""
    system = TransitionSystem(
        "stuck",
        "Who takes the lock keeps it.",
        Held,
        (take,),
        (always_eventually(fair=(WEAKLY,))(served),),
    )
    verdict, trace = judged(system, {Process: 2})
    assert isinstance(verdict, Refuted)
    assert trace is not None
    assert [step.sentence for step in trace.steps] == ["process 1 takes the lock."]
    assert trace.loop_from == 1


def test_a_loop_that_leaves_others_turning_closes_in_the_whole() -> None:
    """The slice knows nothing of the clock, whose state must come round as well."""

    @action()
    def take_and_tick(held: Held, process: Process) -> None:
        """{process} takes the lock, and the clock ticks."""
        held.require(held.holder == 0)
        held.holder = ite(process == Element(Process, 0), 1, 2)
        held.busy = ~held.busy

    fair = fairness(take_and_tick, release)(anywhere)
    rule = always_eventually(fair=(fair,))(served)
    system = TransitionSystem("lock", ".", Held, (take_and_tick, release), (rule,))
    verdict, trace = judged(system, {Process: 2})
    assert isinstance(verdict, Refuted)
    assert not verdict.shortest
    assert trace is not None
    assert (trace.loop_from, len(trace.steps)) == (0, 4)


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (1, "the last state is not the one after step 1"),
        (None, "nothing says how the run goes on"),
        (7, "nothing says how the run goes on"),
    ],
)
def test_a_run_that_does_not_go_on_so_is_not_believed(
    loop: int | None, said: str
) -> None:
    _, trace = judged(lock(WEAKLY), {Process: 2})
    assert trace is not None
    with pytest.raises(ReplayError, match=said):
        replay(trace.instance, trace.rule, replace(trace.evidence(), loop=loop))


def test_a_run_that_is_not_fair_is_not_believed() -> None:
    """The same loop, under fairness that it does not meet."""
    _, trace = judged(lock(WEAKLY), {Process: 2})
    assert trace is not None
    system = lock(STRONGLY)
    (rule,) = system.properties
    with pytest.raises(ReplayError, match=r"take \(process 0\) is put off for ever"):
        replay(Instance(system, {Process: 2}), rule, trace.evidence())


def test_a_run_on_which_the_goal_comes_is_not_believed() -> None:
    _, trace = judged(lock(WEAKLY), {Process: 2})
    assert trace is not None

    def other(held: Held) -> Term[bool]:
        """The lock is free again and again."""
        return held.holder == 0

    rule = always_eventually(fair=())(other)
    with pytest.raises(ReplayError, match="owes nothing by other"):
        replay(trace.instance, rule, trace.evidence())


def test_vacuous_if_nothing_is_ever_owed() -> None:
    def never(held: Held) -> tuple[Term[bool], Term[bool]]:
        """What never is leads to what never comes."""
        return all_of(False), all_of(False)

    rule = leads_to(fair=())(never)
    system = TransitionSystem("lock", ".", Held, (take,), (rule,))
    verdict, _ = judged(system, {Process: 2})
    assert isinstance(verdict, Vacuous)


def single(system: GroundSystem, rule: GroundProperty) -> GroundSystem:
    """The whole system, with one rule."""
    return replace(system, properties=(rule,))


def both(system: GroundSystem) -> Verdict:
    """The verdict, which the two engines have in common to the last step."""
    (found,) = judge_by_graph(system)
    assert by_diagrams.judge(system) == (found,)
    return found


@examples(40)
@given(systems(400))
def test_cycles_by_way_of_every_turn_are_fair(drawn: Drawn) -> None:
    """As where there are too many turns for a shortest one: both engines' are one."""
    system = ground(drawn.living(), drawn.scope)
    if next(system.initial_states(), None) is None:
        return
    with patch.object(lasso, "MOST", 0):
        for asked in system.properties:
            verdict = both(single(system, asked))
            if isinstance(verdict, Refuted):
                evidence = evidence_of(system, verdict.run)
                trace = replay(system.instance, asked.property, evidence)
                assert owed_from(trace) is not None


@examples(60)
@given(systems(400))
def test_engines_agree_with_the_reference(drawn: Drawn) -> None:
    """On whole systems and on slices, which know less and say the same."""
    system = ground(drawn.living(), drawn.scope)
    reference = Reference(system.instance, 30)
    if not reference.complete or not reference.initial:
        return
    for number, asked in enumerate(system.properties):
        rule = asked.property
        verdict = both(single(system, asked))
        part = slice_for(system, [number])
        sliced = both(part.system)
        fair = reference.fair_nodes(rule)
        if not any(reference.holds(rule.condition, node) for node in reference.states):
            assert isinstance(verdict, Vacuous)
            assert isinstance(sliced, Vacuous)
        elif not fair:
            assert isinstance(verdict, Exhausted)
            assert isinstance(sliced, Exhausted)
            assert verdict.rests_on == sliced.rests_on
        else:
            assert isinstance(verdict, Refuted)
            assert isinstance(sliced, Refuted)
            for run in (verdict.run, part.lift(sliced.run)):
                trace = replay(system.instance, rule, evidence_of(system, run))
                assert owed_from(trace) is not None
            stem = verdict.run.loop
            assert stem == reference.shortest_stem(rule, fair)
            end = reference.node(system.assignment(verdict.run.states[-1]))
            cycle = len(verdict.run.steps) - stem
            if verdict.shortest:
                assert cycle == reference.shortest_cycle(rule, end)


@examples(25)
@given(systems(400), st.integers(0, 5))
def test_what_is_owed_without_an_action_is_as_in_the_reference(
    drawn: Drawn, place: int
) -> None:
    """As `why --next` looks for lassos that do without an action."""
    system = ground(drawn.living(), drawn.scope)
    whole = Reference(system.instance, 30)
    if not whole.complete or not whole.initial:
        return
    actions = system.instance.system.actions
    left_out = actions[place % len(actions)]
    reference = Without(whole, left_out)
    for asked in system.properties:
        rule = asked.property
        verdict = by_diagrams.Ends(system, lambda: None, [left_out]).verdict(asked)
        fair = reference.fair_nodes(rule)
        assert isinstance(verdict, Refuted) == bool(fair)
        if isinstance(verdict, Refuted):
            trace = replay(system.instance, rule, evidence_of(system, verdict.run))
            assert left_out not in {step.action for step in trace.steps}
            assert verdict.run.loop == reference.shortest_stem(rule, fair)
