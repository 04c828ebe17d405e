"""Reachable sets: all at once, or level by level for a shortest run.

Visiting everything needs no levels: each action is taken from all that was found, those
of the same round included and again while it finds more, which ends after a few rounds.
Levels are built
only where a run is wanted, and only as far as its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.joining import joined
from tdxcheck.checker.engines.diagrams.manager import Diagram

Look = Callable[[], None]
"""Called often; raises what ends the search."""


def closure(
    encoding: Encoding,
    moves: Sequence[Move],
    start: Diagram,
    look: Look,
    note: Callable[[Diagram], None] = lambda found: None,
) -> Diagram:
    """Every state that the steps lead to from these; notes those found so far."""
    found = start
    joints = joined(encoding, moves)
    while True:
        before = found
        for joint in joints:
            while True:
                look()
                last = found
                found |= encoding.after(found, joint)
                note(found)
                if found == last or len(joint.moves) == 1:
                    break
        if found == before:
            return found
        encoding.manager.grown(found)


class Levels:
    """The states by the steps that it takes to reach them, found as they are needed.

    Each level has those of all levels before it: what is reached in so many steps or
    fewer makes smaller diagrams than what is reached in no fewer, and no shortest
    run is different.
    """

    def __init__(
        self, encoding: Encoding, moves: Sequence[Move], start: Diagram, look: Look
    ) -> None:
        self.encoding = encoding
        self.joints = joined(encoding, moves)
        self.levels = [start]
        self._look = look

    @property
    def depth(self) -> int:
        """Steps to the farthest states of the last level."""
        return len(self.levels) - 1

    @property
    def found(self) -> Diagram:
        """The last level."""
        return self.levels[-1]

    def deepen(self) -> bool:
        """Find the next level; whether it has more states."""
        found = self.found
        for joint in self.joints:
            self._look()
            found |= self.encoding.after(self.found, joint)
        if found == self.found:
            return False
        self.levels.append(found)
        self.encoding.manager.grown(found)
        return True

    def narrow(self, states: Diagram) -> None:
        """Go on from those states of the last level alone."""
        self.levels[-1] &= states
