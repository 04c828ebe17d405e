"""Different counterexamples: runs that break a property in another way.

Two runs are the same counterexample if the same action breaks the same clause and the
same actions set what it reads. Of each kind a shortest run is looked for, in which
nothing is broken before the last step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from tdxcheck.checker.engines.diagrams.deciding import Target, deciding
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Levels, Look, closure
from tdxcheck.checker.engines.diagrams.runs import canonical_run
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.verdict import Run

Way = tuple[int, Action | None]
"""A clause that is broken, by its number, and the action that breaks it; None if the
initial state does."""


class Different:
    """The ways to break clauses, each a property of the system by itself."""

    def __init__(self, system: GroundSystem, look: Look = lambda: None) -> None:
        self.system = system
        self.look = look
        self.encoding = Encoding(system)
        moves = self.encoding.moves()
        self.targets = [
            deciding(self.encoding, moves, rule) for rule in system.properties
        ]
        good = self.encoding.manager.true
        for targets in self.targets:
            for target in targets:
                if target.step is None:
                    good &= ~target.states
        self.bad = ~good
        self.moves = [self._from(move, good) for move in moves]

    def _from(self, move: Move, states: Diagram) -> Move:
        """The step, taken from these states alone."""
        return replace(move, guard=move.guard & states, relation=move.relation & states)

    def ways(self) -> list[Way]:
        """Every way that there is, by clause and action."""
        reachable = closure(
            self.encoding, self.moves, self.encoding.initial(), self.look
        )
        false = self.encoding.manager.false
        found: dict[Way, None] = {}
        for clause, targets in enumerate(self.targets):
            for target in targets:
                if self.encoding.initial() & target.states != false:
                    if target.step is None:
                        found[clause, None] = None
            for move in self.moves:
                if any(
                    reachable & states != false for states in self._before(clause, move)
                ):
                    found[clause, move.step.action] = None
        return list(found)

    def _before(self, clause: int, move: Move) -> Iterator[Diagram]:
        """From where the step breaks the clause."""
        for target in self.targets[clause]:
            if target.step is None:
                yield self.encoding.before(target.states, move)
            elif target.step == move.step.number:
                yield target.states & move.guard

    def shortest(self, way: Way, left_out: Collection[Action]) -> Run | None:
        """A shortest run of this way that takes none of some actions."""
        clause, action = way
        moves = [move for move in self.moves if move.step.action not in left_out]
        levels = Levels(self.encoding, moves, self.encoding.initial(), self.look)
        targets = self._targets(clause, action, moves)
        false = self.encoding.manager.false
        while True:
            met = [t for t in targets if levels.found & t.states != false]
            if met:
                return canonical_run(self.encoding, levels.joints, levels.levels, met)
            if not levels.deepen():
                return None

    def _targets(
        self, clause: int, action: Action | None, moves: list[Move]
    ) -> list[Target]:
        """The last steps of the way, each with where it is taken."""
        if action is None:
            return [t for t in self.targets[clause] if t.step is None]
        return [
            Target(states, move.step.number)
            for move in moves
            if move.step.action is action
            for states in self._before(clause, move)
        ]


def is_divisible(mode: Mode) -> bool:
    """Properties of this mode are broken by a state or a step, and so in ways."""
    return mode in (Mode.INVARIANT, Mode.STEP_RULE)
