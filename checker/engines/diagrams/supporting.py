"""Supporting: the guards that a proof of a property rests on.

The proof is an inductive invariant: a condition that holds at first, that every step
keeps, and that excludes what would break the property. It is what is known of a few
variables in the reachable states: those of the property, and one after the other those
that keep steps from leading out of it, until none does. A
guard supports it if some step would lead out of it otherwise. That is a question about
each action by itself, so a minimal set of guards is found without another search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import Look, closure
from tdxcheck.checker.ground.system import GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import support
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.language.variables import Variable

Place = tuple[Action, int]
"""A guard of an action, by its place there."""


class Supporting:
    """What supports the one property of a system, which holds."""

    def __init__(self, system: GroundSystem, look: Look = lambda: None) -> None:
        self.system = system
        self.rule = system.properties[0]
        self.encoding = Encoding(system)
        self.moves = self.encoding.moves()
        self.look = look
        start = self.encoding.initial()
        self.reachable = closure(self.encoding, self.moves, start, look)
        self.encoding.manager.settled()
        self.kept: set[Variable] = set()
        """The variables that the invariant speaks of."""
        self.safe = self._strengthened()
        """The states of the invariant."""

    def _broken(self, step: GroundStep) -> Diagram:
        """From where taking the step would itself break a step rule."""
        if self.rule.property.mode is not Mode.STEP_RULE:
            return self.encoding.manager.false
        return ~self.encoding.truth(self.rule.conditions[step.number])

    def _strengthened(self) -> Diagram:
        """What is known of as few variables as are enough for an invariant."""
        read = support(*self.rule.conditions)
        self.kept = {self.system.slots[number].entry[0] for number in read}
        every = {slot.entry[0] for slot in self.system.slots}
        while (out := self._leading_out(self._known(self.kept))) is not None:
            left = {
                variable: out & self._known(self.kept | {variable})
                for variable in sorted(every - self.kept, key=lambda v: v.name)
            }
            counts = self.encoding.count(*left.values())
            ranked = zip(counts, map(self._width, left), left, strict=True)
            *_, best = min(ranked, key=lambda entry: entry[:2])
            self.kept.add(best)
        for variable in sorted(self.kept, key=self._width, reverse=True):
            fewer = self.kept - {variable}
            if self._leading_out(self._known(fewer)) is None:
                self.kept = fewer
        return self._known(self.kept)

    def _known(self, variables: set[Variable]) -> Diagram:
        """The values of these variables that are reachable together."""
        bits = [
            bit
            for slot in self.system.slots
            if slot.entry[0] not in variables
            for bit in self.encoding.bits[slot.number]
        ]
        return self.encoding.manager.exists(bits, self.reachable)

    def _width(self, variable: Variable) -> tuple[int, str]:
        slots = [slot for slot in self.system.slots if slot.entry[0] is variable]
        return sum(len(self.encoding.bits[s.number]) for s in slots), variable.name

    def _leading_out(self, states: Diagram) -> Diagram | None:
        """Those from which some step leads out, or breaks the property."""
        false = self.encoding.manager.false
        if self.rule.property.mode is Mode.INVARIANT:
            bad = states & ~self.encoding.truth(self.rule.conditions[0])
            if bad != false:
                return bad
        for move in self.moves:
            self.look()
            bad = states & move.guard & self._broken(move.step)
            if bad == false and self.encoding.after(states, move) & ~states != false:
                bad = states & self.encoding.before(~states, move)
            if bad != false:
                return bad
        return None

    def needs(self, dropped: Place, seconds: float) -> bool | None:
        """Without this guard, and with all others, the property is broken.

        None if that is not found out in so many seconds.
        """
        action, place = dropped
        changed = [
            replace(
                step, guards=tuple(g for n, g in enumerate(step.guards) if n != place)
            )
            for step in self.system.steps
            if step.action is action
        ]
        others = [move for move in self.moves if move.step.action is not action]
        moves = [*others, *self.encoding.moves(changed)]
        ends = time.monotonic() + seconds
        found, before = self.reachable, self.encoding.manager.false
        while found != before:
            before = found
            for move in moves:
                self.look()
                if time.monotonic() > ends:
                    return None
                found |= self.encoding.after(found, move)
            if self._some_break(found, moves):
                return True
        return False

    def _some_break(self, found: Diagram, moves: Iterable[Move]) -> bool:
        false = self.encoding.manager.false
        if self.rule.property.mode is Mode.INVARIANT:
            broken = found & ~self.encoding.truth(self.rule.conditions[0])
            return bool(broken != false)
        return any(found & m.guard & self._broken(m.step) != false for m in moves)

    def guards(self, rank: Callable[[Place], int]) -> list[Place]:
        """A minimal set of guards that keeps every step from leading out.

        Those of a low rank are kept in the place of others.
        """
        found: list[Place] = []
        for action in self.system.instance.system.actions:
            steps = [step for step in self.system.steps if step.action is action]
            out = [(step, self._out(step)) for step in steps]
            dangerous = [
                (step, states)
                for step, states in out
                if states != self.encoding.manager.false
            ]
            if dangerous:
                found += self._minimal(action, dangerous, rank)
        return found

    def _out(self, step: GroundStep) -> Diagram:
        """From which safe states the step would lead out, had it no guards."""
        self.look()
        (free,) = self.encoding.moves([replace(step, guards=())])
        out = self.encoding.before(~self.safe, free)
        return self.safe & (out | self._broken(step))

    def _minimal(
        self,
        action: Action,
        dangerous: list[tuple[GroundStep, Diagram]],
        rank: Callable[[Place], int],
    ) -> list[Place]:
        kept = list(range(len(action.guards)))
        for place in sorted(kept, key=lambda n: (-rank((action, n)), n)):
            rest = [other for other in kept if other != place]
            if all(self._holds(step, states, rest) for step, states in dangerous):
                kept = rest
        return [(action, place) for place in kept]

    def _holds(self, step: GroundStep, states: Diagram, kept: list[int]) -> bool:
        """So many of its guards keep the step from being taken there."""
        for place in kept:
            states &= self.encoding.truth(step.guards[place])
        stopped: bool = states == self.encoding.manager.false
        return stopped
