"""Proofs: an inductive invariant as what never occurs together, and its words."""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.checker.engines.symbolic.pdr.literals import Literals
from tdxcheck.checker.engines.symbolic.pdr.moves import Cube
from tdxcheck.checker.engines.symbolic.target import Target
from tdxcheck.checker.ground.system import GroundSlot, GroundSystem, decode
from tdxcheck.checker.language.instance import show_value


@dataclass(frozen=True)
class Never:
    """In no reachable state each of these slots has one of its values here."""

    slots: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Proof:
    """No run of the system hits any of the targets."""

    system: GroundSystem
    targets: tuple[Target, ...]
    clauses: tuple[Never, ...]
    """They hold at first, every step keeps them all, and no target is left by them.

    Without any of them that is not so.
    """

    def words(self, clause: Never) -> str:
        """What never occurs, in the specification's words."""
        return in_words(self.system, clause)

    @property
    def text(self) -> str:
        """The invariant, a line for each clause."""
        return "\n".join(f"never {self.words(clause)}" for clause in self.clauses)


def in_words(system: GroundSystem, clause: Never) -> str:
    """What the clause speaks of, in the specification's words."""
    return " and ".join(_part(system.slots[n], values) for n, values in clause.slots)


def _part(slot: GroundSlot, values: tuple[int, ...]) -> str:
    sort = slot.entry[0].sort
    every = range(slot.term.low, slot.term.high + 1)
    others = [value for value in every if value not in values]
    shown, relation, last = values, "is", "or"
    if len(others) < len(values):
        shown, relation, last = tuple(others), "is not", "nor"
    texts = [show_value(decode(value, sort), sort) for value in shown]
    if len(texts) == 1:
        return f"{slot.name} {relation} {texts[0]}"
    return f"{slot.name} {relation} {', '.join(texts[:-1])} {last} {texts[-1]}"


def never(literals: Literals, cube: Cube) -> Never:
    """The cube, by what its slots may be."""
    values: dict[int, list[int]] = {}
    for literal in cube:
        slot, value = literals.excluded(literal)
        term = literals.system.slots[slot].term
        left = values.setdefault(slot, list(range(term.low, term.high + 1)))
        left.remove(value)
    return Never(tuple((slot, tuple(values[slot])) for slot in sorted(values)))
