"""The fewest clauses: those of an inductive set without which it is none.

A clause is held because of others: those by which no step leads into what it excludes.
What the target is excluded by is needed, and what that is held by. Of these, each is
then tried without: if something that rests on it does not hold, it stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from tdxcheck.checker.engines.symbolic.pdr.moves import Cube, Move, Moves


class NotInductive(Exception):
    """The clauses are no invariant, or leave room for a bad state."""


Held = dict[Cube, set[Cube]]
"""By clause, those by which it is held."""


def minimum(moves: Moves, bad: int, cubes: Iterable[Cube]) -> list[Cube]:
    """Some of the excluded cubes, inductive and free of bad states, none to spare."""
    reducer = _Reducer(moves, bad, sorted(cubes, key=lambda cube: sorted(cube)))
    while reducer.drop_one():
        pass
    return list(reducer.kept)


class _Reducer:
    def __init__(self, moves: Moves, bad: int, cubes: list[Cube]) -> None:
        self.moves = moves
        self.bad = bad
        self.solver = moves.literals.solver
        self.names: dict[Cube, int] = {}
        for cube in cubes:
            name = self.names[cube] = moves.literals.fresh()
            self.solver.add_clause([-name, *(-literal for literal in cube)])
        self.cube_of = {name: cube for cube, name in self.names.items()}
        self.into: dict[Cube, list[Move]] = {}
        self.held: Held = {}
        self.safe: set[Cube] = set()
        self.kept: dict[Cube, None] = dict.fromkeys(cubes)
        self.needed: set[Cube] = set()
        """Those that were tried without, and are needed."""
        safe = self._why((), [bad])
        if safe is None:
            raise NotInductive
        self.safe = safe
        self._close()

    def _why(self, without: Iterable[Cube], asked: list[int]) -> set[Cube] | None:
        """By which clauses this is impossible; None if it is possible."""
        names = [self.names[cube] for cube in self.kept if cube not in without]
        if self.solver.solve(assumptions=[*asked, *names]):
            return None
        core = self.solver.get_core() or ()
        return {self.cube_of[name] for name in core if name in self.cube_of}

    def _why_held(self, cube: Cube, without: Iterable[Cube] = ()) -> set[Cube] | None:
        if cube not in self.into:
            moves = self.moves.into(cube)
            self.into[cube] = [move for move in moves if isinstance(move, Move)]
        found: set[Cube] = set()
        for move in self.into[cube]:
            why = self._why(without, [move.guard, *move.before])
            if why is None:
                return None
            found |= why
        return found

    def _close(self) -> None:
        """Keep what the target is excluded by, and what that is held by."""
        found: dict[Cube, None] = {}
        pending = list(self.safe)
        while pending:
            cube = pending.pop()
            if cube in found:
                continue
            found[cube] = None
            if cube not in self.held:
                held = self._why_held(cube)
                if held is None:
                    raise NotInductive
                self.held[cube] = held
            pending += self.held[cube]
        self.kept = {cube: None for cube in self.kept if cube in found}

    def drop_one(self) -> bool:
        """Do without a clause, if one can be spared."""
        for cube in self.kept:
            if cube not in self.needed and self._dropped(cube):
                self.needed.clear()
                return True
            self.needed.add(cube)
        return False

    def _dropped(self, cube: Cube) -> bool:
        """Do without the clause, if all else holds without it."""
        held: Held = {}
        safe = self.safe
        if cube in safe:
            found = self._why((cube,), [self.bad])
            if found is None:
                return False
            safe = found
        for other in self.kept:
            if other != cube and cube in self.held[other]:
                found = self._why_held(other, (cube,))
                if found is None:
                    return False
                held[other] = found
        self.safe = safe
        self.held |= held
        del self.kept[cube]
        self._close()
        return True
