"""Cones: the runs that decide a property, found in the part that it depends on.

A shortest run takes no step that changes nothing of the property's cone, so levels
need only the slots of the cone, which makes them a good deal smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tdxcheck.checker.engines.diagrams.deciding import Target
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.reach import Levels, Look
from tdxcheck.checker.engines.diagrams.runs import canonical_run
from tdxcheck.checker.ground.slicing import Dependence, taken
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.verdict import Run

SPREAD = 12
"""Slots that cones may differ in for their properties to be looked for together."""


class Cone:
    """The levels of a part of the slots, which depends on no other."""

    def __init__(
        self,
        encoding: Encoding,
        moves: Sequence[Move],
        slots: frozenset[int],
        look: Look,
    ) -> None:
        self.encoding = encoding
        self.moves = moves
        self.slots = slots
        start = encoding.initial(slots)
        self.levels = Levels(encoding, encoding.moves_in(slots, moves), start, look)

    def run_to(self, targets: Sequence[Target], depth: int) -> Run:
        """The canonical run of the whole to one of the targets.

        They are first met on this level.
        """
        levels = self.levels
        part = canonical_run(
            self.encoding, levels.joints, levels.levels[: depth + 1], targets
        )
        start = self.encoding.initial()
        for slot in self.encoding.system.slots:
            if slot.number in self.slots:
                start &= self.encoding.holds(slot, part.states[0][slot.number])
        states = [self.encoding.first(start)]
        for number in part.steps:
            states.append(taken(self.encoding.system.steps[number], states[-1]))
        return Run(tuple(states), part.steps)


def clusters(
    system: GroundSystem, numbers: Iterable[int]
) -> list[tuple[frozenset[int], list[int]]]:
    """The properties with these numbers, those with nearly the same cone together."""
    dependence = Dependence(system)
    cones = [(dependence.cone([number]), number) for number in numbers]
    found: list[tuple[frozenset[int], list[int]]] = []
    least = 0
    for cone, number in sorted(cones, key=lambda pair: (len(pair[0]), pair[1])):
        if found and len(joined := found[-1][0] | cone) <= least + SPREAD:
            found[-1] = joined, [*found[-1][1], number]
        else:
            found.append((cone, [number]))
            least = len(cone)
    return found
