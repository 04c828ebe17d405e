"""The search over orbits: the same verdicts, counts and runs as the other engines."""

from __future__ import annotations

from hypothesis import given

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.orbits import judge
from tdxcheck.checker.engines.orbits.judge import Orbits
from tdxcheck.checker.engines.orbits.search import NoSymmetry
from tdxcheck.checker.engines.packed.inputs import Unsuited
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.trace import evidence_of, replay
from tdxcheck.checker.verdict import Limit, Reached, Refuted, Unknown
from tests.random_systems import Drawn, examples, systems


def agree(system: GroundSystem) -> Orbits | None:
    """Both ways to visit orbits find what visiting every state does, or refuse."""
    try:
        orbits = [judge.explore(system, compiled=c) for c in (True, False)]
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
