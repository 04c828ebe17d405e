"""Joining: all steps of an action as one image, where no step is asked about alone.

An image visits the diagram of a set from top to bottom, however little the step does,
and those of one action do much the same: all together take hardly longer than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tdxcheck.checker.engines.diagrams.encoding import (
    Encoding,
    Image,
    Move,
    inverse,
    then_bit,
)
from tdxcheck.checker.language.system import Action


@dataclass(frozen=True, eq=False)
class Joint(Image):
    """Some steps of one action."""

    moves: tuple[Move, ...]

    @property
    def action(self) -> Action:
        return self.moves[0].step.action


def joined(encoding: Encoding, moves: Iterable[Move]) -> list[Joint]:
    """The moves, those of each action as one."""
    groups: dict[Action, list[Move]] = {}
    for move in moves:
        groups.setdefault(move.step.action, []).append(move)
    return [_joint(encoding, group) for group in groups.values()]


def _joint(encoding: Encoding, moves: Sequence[Move]) -> Joint:
    """What one of the moves changes and another does not, stays in that other."""
    manager = encoding.manager
    assigned = dict.fromkeys(bit for move in moves for bit in move.assigned)
    first = moves[0].constants
    constants = {
        bit: first[bit]
        for bit in first
        if all(move.constants.get(bit) == first[bit] for move in moves)
    }
    then = {then_bit(bit): bit for bit in assigned if bit not in constants}
    guard = relation = manager.false
    for move in moves:
        own = frozenset(move.assigned)
        mine = move.relation & manager.cube(
            {
                then_bit(bit): value
                for bit, value in move.constants.items()
                if bit not in constants
            }
        )
        for after, bit in then.items():
            if bit not in own:
                mine &= manager.same(bit, after)
        guard |= move.guard
        relation |= mine
    there = manager.cube(constants)
    names = manager.renaming(then), manager.renaming(inverse(then))
    return Joint(
        guard, relation, tuple(assigned), *names, constants, there, tuple(moves)
    )
