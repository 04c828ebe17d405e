"""What comes in the end: two engines, the naive reference, and what lassos show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, permutations, product
from random import Random
from unittest.mock import patch

from tdxcheck.checker.certificate_endings import Ranking, Stage, as_invariant
from tdxcheck.checker.certificates.ranking import ranking_of
from tdxcheck.checker.engines import lasso
from tdxcheck.checker.engines.diagrams import liveness as by_diagrams
from tdxcheck.checker.engines.diagrams.covers import cover
from tdxcheck.checker.engines.diagrams.encoding import Encoding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.enduring import with_leads_to
from tdxcheck.checker.engines.liveness import judge as by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.trace import evidence_of, owed_from, replay
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Refuted,
    Unknown,
    Vacuous,
    Verdict,
)
from tests.faults.comparing import same
from tests.faults.known import Owed, references
from tests.test_certificates_endings import Reachable, some_cubes
from tests.test_liveness import Reference


def engines() -> None:
    """Both engines say what the reference says, and their lassos are shortest."""
    for living, scope, reference, owed in references():
        system = ground(living, scope)
        for number, asked in enumerate(system.properties):
            alone = replace(system, properties=(asked,))
            (graph,) = by_graph(alone)
            (diagrams,) = by_diagrams.judge(alone)
            for verdict in (graph, diagrams):
                _holds_up(system, reference, owed[number], number, verdict)
            same("the other engine's verdict", diagrams, graph)


def slices() -> None:
    """The same of slices, put together."""
    for living, scope, reference, owed in references():
        system = ground(living, scope)
        nothing: list[Verdict] = [Unknown(Limit.UNSUPPORTED)] * len(system.properties)
        for judge in (by_graph, by_diagrams.judge):
            for number, verdict in enumerate(with_leads_to(system, nothing, judge)):
                _holds_up(system, reference, owed[number], number, verdict, whole=False)
        for number in range(len(system.properties)):
            part = slice_for(system, [number])
            (verdict,) = by_graph(part.system)
            lifted = part.lift_verdict(verdict)
            _holds_up(system, reference, owed[number], number, lifted, whole=False)


def rounds() -> None:
    """Cycles by way of every turn, as where there are too many for a shortest one."""
    with patch.object(lasso, "MOST", 0):
        for living, scope, reference, owed in references():
            system = ground(living, scope)
            for number, asked in enumerate(system.properties):
                alone = replace(system, properties=(asked,))
                (graph,) = by_graph(alone)
                _holds_up(system, reference, owed[number], number, graph)
                same("the other engine's verdict", by_diagrams.judge(alone)[0], graph)


def endings() -> None:
    """Stages are told where the goal comes in the end; elsewhere none are believed."""
    for living, scope, _, owed in references():
        system = ground(living, scope)
        states = Reachable(system)
        for number, asked in enumerate(system.properties):
            if not owed[number].happens:
                continue
            if owed[number].fair:
                for forged in _forged(system, asked):
                    assert not states.keep(as_invariant(system, asked, forged)), (
                        f"{forged} is believed of what never comes"
                    )
                continue
            ranking = ranking_of(system, asked)
            same("ranking that is read", Ranking.of(ranking.info), ranking)
            assert states.keep(as_invariant(system, asked, ranking)), (
                f"{ranking} is not believed of what comes"
            )


def _forged(system: GroundSystem, asked: GroundProperty) -> Iterator[Ranking]:
    """Stages for every turn, of everything and of some states."""
    turns = range(len(asked.fair))
    everything = ((),)
    yield Ranking()
    yield Ranking((), tuple(Stage(turn, everything) for turn in turns))
    for order in islice(permutations(turns), 6):
        yield Ranking(everything, tuple(Stage(turn, everything) for turn in order))
    yield from _forged_debts(system, asked)
    random = Random(len(system.slots))
    for _ in range(30 if turns else 0):
        stages = [
            Stage(random.choice(turns), some_cubes(system, random))
            for _ in range(random.randint(0, 2))
        ]
        stages += [Stage(turn, everything) for turn in turns]
        yield Ranking(everything, tuple(stages))


def _forged_debts(system: GroundSystem, asked: GroundProperty) -> Iterator[Ranking]:
    """The goal is owed where it begins to be, and what is elsewhere is settled."""
    assert asked.goal is not None
    encoding = Encoding(system)
    begins = encoding.truth(asked.conditions[0]) & ~encoding.truth(asked.goal)
    begins &= _values(encoding)
    rest = _values(encoding) & ~begins
    owes, others = cover(encoding, begins, rest), cover(encoding, rest, begins)
    for first, turn in product(range(len(asked.fair)), repeat=2):
        yield Ranking(owes, (Stage(first, others), Stage(turn, ((),))))


def _values(encoding: Encoding) -> Diagram:
    """The states in which every slot has one of its values."""
    found = encoding.manager.true
    for slot in encoding.system.slots:
        some = encoding.manager.false
        for value in range(slot.term.low, slot.term.high + 1):
            some |= encoding.holds(slot, value)
        found &= some
    return found


def _holds_up(
    system: GroundSystem,
    reference: Reference,
    owed: Owed,
    number: int,
    verdict: Verdict,
    *,
    whole: bool = True,
) -> None:
    """The verdict is what the reference says; of a part, its counts are another's."""
    if not owed.happens:
        same("verdict", type(verdict), Vacuous)
        return
    if not owed.fair:
        assert isinstance(verdict, Exhausted), f"{verdict} of what holds"
        same("fairness that is needed", verdict.rests_on, owed.needed)
        if whole:
            same("states", verdict.states, len(reference.states))
        return
    assert isinstance(verdict, Refuted), f"{verdict} of what fails"
    run, rule = verdict.run, system.properties[number].property
    trace = replay(system.instance, rule, evidence_of(system, run))
    assert owed_from(trace) is not None
    assert run.loop is not None
    if not whole:
        return
    assert owed.lasso is not None
    stem, cycle = owed.lasso
    same("stem", run.steps[: run.loop], stem)
    if verdict.shortest:
        same("cycle", run.steps[run.loop :], cycle)
