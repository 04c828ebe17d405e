"""The search: what every run of up to k steps keeps, until a step more changes nothing.

Frame k is a set of clauses that hold after up to k steps. A state that breaks the rule
and satisfies the last frame is traced back: if no state of the frame before leads
there, a clause that excludes it, and as much beside it as can be had, joins the frames
up to there; if one does, that one is next. As states are only looked for where they
lead to the broken rule in exactly the steps that are left, the first run found is a
shortest one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from tdxcheck.checker.engines.symbolic.pdr.images import Images
from tdxcheck.checker.engines.symbolic.pdr.literals import TRUE
from tdxcheck.checker.engines.symbolic.pdr.moves import Cube, Move, Moves
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.verdict import Limit


class GaveUp(Exception):
    """There is no answer, for a reason that a verdict can name."""

    def __init__(self, limit: Limit, depth: int | None = None) -> None:
        self.limit = limit
        self.depth = depth
        """No run of so many steps hits the target; None if none was looked at."""
        super().__init__(limit.value)


@dataclass(frozen=True, eq=False)
class Obligation:
    """A cube all of whose states lead to the broken rule, and how."""

    cube: Cube
    step: int | None
    """The step to the next one; None where the rule is broken."""
    next: Obligation | None


@dataclass(frozen=True)
class Found:
    """A run to the target: where it begins, and the steps."""

    start: Values
    steps: tuple[int, ...]


class Search:
    """Looks for a run to the target, and for clauses that show that there is none."""

    def __init__(
        self,
        moves: Moves,
        bad: int,
        images: Images,
        seconds: float | None = None,
        effort: float | None = None,
        known: Iterable[Cube] = (),
    ) -> None:
        self.moves = moves
        self.literals = moves.literals
        self.solver = moves.literals.solver
        self.bad = bad
        self.end = None if seconds is None else time.monotonic() + seconds
        self.most = None if effort is None else time.process_time() + effort
        """Of the CPU's time."""
        self.images = images
        self.frames: list[dict[Cube, tuple[Cube, ...]]] = [{}]
        """By number, the cubes excluded up to there and not known to be further on.

        Of those that are images of each other, one, with the others.
        """
        self.active = [moves.literals.fresh()]
        self.solver.add_clause([-self.active[0], moves.initial])
        self.depth = 0
        self.cleared: int | None = None
        """Every run of so many steps misses the target."""
        self.known = list(known)
        """Cubes that are known to be excluded for ever: an inductive set."""
        self.always = moves.literals.fresh()
        for cube in self.known:
            self.solver.add_clause([-self.always, *(-literal for literal in cube)])

    def run(self, most: int | None = None) -> Found | list[Cube]:
        """A shortest run to the target, or an inductive set of excluded cubes."""
        if self._ask([self.active[0]], (self.bad,)):
            return Found(self.literals.state(self._model()), ())
        self.cleared = 0
        while most is None or self.depth < most:
            self._extend()
            found = self._clear()
            if found is not None:
                return found
            self.cleared = self.depth
            proof = self._propagate()
            if proof is not None:
                return [*self.known, *proof]
        raise GaveUp(Limit.DEPTH, self.cleared)

    def _extend(self) -> None:
        self.depth += 1
        self.frames.append({})
        self.active.append(self.literals.fresh())

    def _assumed(self, frame: int) -> list[int]:
        """What makes the solver keep to the frame."""
        return self.active[:1] if frame == 0 else self.active[frame:]

    def _ask(self, assumed: Sequence[int], more: Sequence[int]) -> bool:
        if self.end is not None and time.monotonic() > self.end:
            raise GaveUp(Limit.TIME, self.cleared)
        if self.most is not None and time.process_time() > self.most:
            raise GaveUp(Limit.TIME, self.cleared)
        return bool(self.solver.solve(assumptions=[self.always, *assumed, *more]))

    def _model(self) -> list[int]:
        model: list[int] = self.solver.get_model()
        return model

    def _clear(self) -> Found | None:
        """Exclude every bad state of the last frame, or find a run to one."""
        while self._ask(self._assumed(self.depth), (self.bad,)):
            cube = self._justified([self.bad])
            found = self._block(Obligation(cube, None, None))
            if found is not None:
                return found
        return None

    def _block(self, bad: Obligation) -> Found | None:
        """Exclude the cube from the last frame, or find a run into it."""
        pending = [(self.depth, 0, bad)]
        number = 0
        while pending:
            frame, _, obligation = pending[0]
            if self._is_excluded(obligation.cube, frame):
                heappop(pending)
                continue
            before = self._before(obligation, frame - 1)
            if isinstance(before, Found):
                return before
            if before is not None:
                number += 1
                heappush(pending, (frame - 1, -number, before))
                continue
            heappop(pending)
        return None

    def _is_excluded(self, cube: Cube, frame: int) -> bool:
        """The clauses of the frame exclude all of the cube."""
        return not self._ask(self._assumed(frame), tuple(cube))

    def _before(self, obligation: Obligation, frame: int) -> Obligation | Found | None:
        """A state of the frame that leads into the cube; if none does, exclude it."""
        cube = obligation.cube
        blocked: dict[int, frozenset[int]] = {}
        named = self._named(cube)
        try:
            for move in self.moves.into(cube):
                if not isinstance(move, Move):
                    blocked[move[0]] = frozenset(move[1:])
                    continue
                core = self._blocked(move, frame, named)
                if core is None:
                    model = self._model()
                    if frame == 0:
                        return self._found(move.step, obligation, model)
                    reason = [move.guard, *move.before]
                    before = self._justified(reason, model)
                    return Obligation(before, move.step, obligation)
                blocked[move.step] = core
        finally:
            self.solver.add_clause([-named])
        self._learn(cube, blocked, frame)
        return None

    def _found(self, step: int, obligation: Obligation, model: list[int]) -> Found:
        steps = [step]
        at: Obligation | None = obligation
        while at is not None and at.step is not None:
            steps.append(at.step)
            at = at.next
        return Found(self.literals.state(model), tuple(steps))

    def _named(self, cube: Cube) -> int:
        """A name for being outside of the cube."""
        name = self.literals.fresh()
        self.solver.add_clause([-name, *(-literal for literal in cube)])
        return name

    def _blocked(self, move: Move, frame: int, outside: int) -> frozenset[int] | None:
        """The literals of the cube for which no state of the frame makes the move.

        None if one does.
        """
        assumed = [*self._assumed(frame), outside, move.guard]
        if self._ask(assumed, tuple(move.before)):
            return None
        core = self.solver.get_core() or ()
        return frozenset(move.before[lit] for lit in core if lit in move.before)

    def _learn(
        self, cube: Cube, blocked: dict[int, frozenset[int]], frame: int
    ) -> None:
        """Exclude as much as can be excluded together with the cube."""
        kept = self._apart(cube).union(*blocked.values())
        smaller = self._smaller(frozenset(kept), blocked, frame)
        place = frame + 1
        while place < self.depth and self._is_kept(smaller, place):
            place += 1
        self._add(smaller, place)

    def _smaller(
        self, cube: Cube, blocked: dict[int, frozenset[int]], frame: int
    ) -> Cube:
        """Leave literals out for as long as no step leads into the cube."""
        blocked = {step: core for step, core in blocked.items() if core <= cube}
        for literal in sorted(cube, key=self._cost):
            if literal not in cube:
                continue
            tried = cube - {literal}
            found = self._retried(tried, literal, blocked, frame)
            if found is not None:
                blocked |= found
                cube = tried
        return cube

    def _cost(self, literal: int) -> tuple[int, int]:
        return (-len(self.moves.changing[self.literals.excluded(literal)[0]]), literal)

    def _retried(
        self,
        tried: Cube,
        without: int,
        blocked: dict[int, frozenset[int]],
        frame: int,
    ) -> dict[int, frozenset[int]] | None:
        """How the steps are blocked that were so by the literal left out."""
        if not self._is_apart(tried):
            return None
        found: dict[int, frozenset[int]] = {}
        named = 0
        slots = {self.literals.excluded(literal)[0] for literal in tried}
        steps = self.moves.system.steps
        try:
            for step, core in blocked.items():
                if without not in core or not slots & steps[step].updates.keys():
                    continue
                move = self.moves.move(step, tried)
                if not isinstance(move, Move):
                    found[step] = frozenset(move[1:])
                    continue
                named = named or self._named(tried)
                core_ = self._blocked(move, frame, named)
                if core_ is None:
                    return None
                found[step] = core_
        finally:
            if named:
                self.solver.add_clause([-named])
        return found

    def _apart(self, cube: Cube) -> Cube:
        """Literals of the cube that no initial state satisfies together."""
        for literal in cube:
            if literal in self.moves.at_start:
                return frozenset((literal,))
        if self._ask(self.active[:1], tuple(cube)):
            raise AssertionError("an initial state in a cube that no short run reaches")
        core = self.solver.get_core() or ()
        return frozenset(literal for literal in core if literal in cube)

    def _is_apart(self, cube: Cube) -> bool:
        if not self.moves.at_start.isdisjoint(cube):
            return True
        return not self._ask(self.active[:1], tuple(cube))

    def _is_kept(self, cube: Cube, frame: int) -> bool:
        """No step leads from the frame into the cube."""
        named = self._named(cube)
        try:
            return all(
                not isinstance(move, Move)
                or self._blocked(move, frame, named) is not None
                for move in self.moves.into(cube)
            )
        finally:
            self.solver.add_clause([-named])

    def _add(self, cube: Cube, place: int) -> None:
        """Exclude the cube, and its images, from the frames up to that one."""
        images = self.images.of(cube)
        for frame in self.frames[: place + 1]:
            for known in [k for k in frame if self.images.covers(cube, k)]:
                del frame[known]
        self.frames[place][cube] = images
        for image in images:
            clause = [-literal for literal in image]
            self.solver.add_clause([-self.active[place], *clause])

    def _propagate(self) -> list[Cube] | None:
        """Move clauses on where they are kept.

        Where a frame is left with none of its own, those of all further on are
        inductive.
        """
        for place in range(1, self.depth):
            for cube in list(self.frames[place]):
                if cube in self.frames[place] and self._is_kept(cube, place):
                    del self.frames[place][cube]
                    self._add(cube, place + 1)
            if not self.frames[place]:
                rest = self.frames[place + 1 :]
                return [
                    i for frame in rest for images in frame.values() for i in images
                ]
        return None

    def _justified(self, reason: Sequence[int], model: list[int] | None = None) -> Cube:
        """Literals of slots that are enough for these, by the solver's model."""
        model = self._model() if model is None else model
        cube: set[int] = set()
        seen: set[int] = set()
        pending = list(reason)
        while pending:
            literal = pending.pop()
            if literal in seen or literal == TRUE:
                continue
            seen.add(literal)
            inputs = self.literals.gates.get(abs(literal))
            if inputs is None:
                cube.update(self._told(literal))
            elif literal > 0:
                pending += inputs
            else:
                false = [-i for i in inputs if (model[abs(i) - 1] > 0) != (i > 0)]
                pending.append(min(false, key=lambda i: self._effort(i, seen)))
        return frozenset(cube)

    def _effort(self, literal: int, seen: set[int]) -> tuple[bool, bool, int]:
        """What a literal adds to a reason: nothing, a literal of a slot, or more."""
        is_slot = abs(literal) in self.literals.leaves
        return literal not in seen, not is_slot, abs(literal)

    def _told(self, literal: int) -> Iterator[int]:
        """The literals of a cube that say what a literal of a slot says."""
        slot, value = self.literals.leaves[abs(literal)]
        values = self.literals.slots[slot]
        if literal < 0 or len(values) == 2:
            yield literal
        else:
            yield from (-other for v, other in values.items() if v != value)
