"""What comes in the end: two engines, the naive reference, and what lassos show."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from tdxcheck.checker.engines import lasso
from tdxcheck.checker.engines.diagrams import liveness as by_diagrams
from tdxcheck.checker.engines.enduring import with_leads_to
from tdxcheck.checker.engines.liveness import judge as by_graph
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
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
