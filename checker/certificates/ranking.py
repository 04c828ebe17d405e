"""Rankings: how a certificate shows what comes in the end, found by diagrams.

What is to be shown of one is said in `checker/certificate_endings.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificate_endings import Cube, Ranking, Stage
from tdxcheck.checker.engines.diagrams.liveness import Ends
from tdxcheck.checker.engines.symbolic.pdr.proof import Never, in_words
from tdxcheck.checker.ground.slicing import Slice
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem


def ranking_of(system: GroundSystem, rule: GroundProperty) -> Ranking:
    """Of a leads-to rule that holds. Raises TooManyCubes."""
    owes, stages = Ends(system, lambda: None).stages(rule)
    return Ranking(owes, tuple(Stage(*stage) for stage in stages))


def lifted(ranking: Ranking, part: Slice) -> Ranking:
    """The same over the slots of the whole system."""
    place = {slot.entry: slot.number for slot in part.whole.slots}
    return _moved(ranking, {s.number: place[s.entry] for s in part.system.slots})


def lowered(ranking: Ranking, part: Slice) -> Ranking:
    """The same over the slots of the part. Raises Refused where it has not all."""
    place = {slot.entry: slot.number for slot in part.system.slots}
    slots = part.whole.slots
    return _moved(
        ranking, {s.number: place[s.entry] for s in slots if s.entry in place}
    )


def _moved(ranking: Ranking, number: Mapping[int, int]) -> Ranking:
    def cubes(some: tuple[Cube, ...]) -> tuple[Cube, ...]:
        return tuple(
            tuple((number[slot], values) for slot, values in cube) for cube in some
        )

    try:
        stages = (Stage(stage.turn, cubes(stage.region)) for stage in ranking.stages)
        return Ranking(cubes(ranking.owes), tuple(stages))
    except KeyError as error:
        raise Refused(f"the rule cannot depend on variable {error}") from error


def told(ranking: Ranking, system: GroundSystem, rule: GroundProperty) -> Iterator[str]:
    """The ranking for people."""
    if not ranking.stages:
        return
    yield "The goal is owed, unless it has come, where"
    yield from _list(ranking.owes, system)
    yield ""
    yield "It comes in stages. From the region of each, less what those before it"
    yield "have settled, a step leads to the goal, to those, or to the region again;"
    yield "one that takes the turn does not lead to the region again. So where the"
    yield "turn is due there no run can stay for ever, and that is settled."
    for number, stage in enumerate(ranking.stages, 1):
        fair = rule.fair[stage.turn]
        who = "" if fair.action is None else f" of {fair.action.name}"
        kind = "strong" if fair.line.strong else "weak"
        yield f"{number:5}. the turn of {fair.line.name}{who} ({kind}), where"
        yield from _list(stage.region, system)
    yield ""


def _list(cubes: tuple[Cube, ...], system: GroundSystem) -> Iterator[str]:
    for place, cube in enumerate(cubes):
        words = in_words(system, Never(cube)) or "nothing else is the case"
        yield f"         {'or ' * bool(place)}{words}"
