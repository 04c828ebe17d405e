"""Leads-to by diagrams: where a fair run can stay that owes a goal.

After Emerson and Lei: of the states that owe the goal, those are dropped again and
again from which some turn can neither be taken nor cease to be due without leaving
the rest. What is left are the states from which a fair run stays among them; if there
is none, the property holds. Where there is one, the fair components among them are
told apart for the states that a shortest stem leads to, and no others. Configuration
that no step changes tells components apart, so one of each is taken at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move, Unsuited
from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    Stop,
)
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.lasso import Stems, Turn, lasso
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Exhausted,
    Limit,
    Refuted,
    Unknown,
    Vacuous,
    Verdict,
)

Look = Callable[[], None]

INTERRUPTED = Unknown(Limit.INTERRUPT)


class Sets:
    """The states of a system as diagrams, for a lasso to be found among."""

    def __init__(self, encoding: Encoding, moves: Sequence[Move], look: Look) -> None:
        self.system = encoding.system
        self.encoding = encoding
        self.moves = {move.step.number: move for move in moves}
        self.look = look
        self.nothing: Diagram = encoding.manager.false
        written = {n for move in moves for n in move.step.updates}
        self.changing = [
            bit
            for number, bits in encoding.bits.items()
            if number in written
            for bit in bits
        ]

    @property
    def steps(self) -> Sequence[int]:
        return list(self.moves)

    def is_empty(self, states: Diagram) -> bool:
        return bool(states == self.nothing)

    def after(self, states: Diagram, step: int) -> Diagram:
        self.look()
        return self.encoding.after(states, self.moves[step])

    def before(self, states: Diagram, step: int) -> Diagram:
        self.look()
        return self.encoding.before(states, self.moves[step])

    def only(self, values: Values) -> Diagram:
        return self.encoding.state(values)

    def first(self, states: Diagram) -> Values:
        return self.encoding.first(states)

    def turns(self, rule: GroundProperty) -> list[Turn]:
        found = []
        for fair in rule.fair:
            applies = self.encoding.truth(fair.condition)
            possible = self.nothing
            for step in fair.steps:
                if step in self.moves:
                    possible |= self.moves[step].guard
            steps = frozenset(fair.steps) & self.moves.keys()
            found.append(Turn(steps, applies, applies & possible, fair.line.strong))
        return found

    def ahead(self, states: Diagram, inside: Diagram) -> Diagram:
        """All that the steps lead to from these, inside."""
        return self._closure(self.after, states & inside, inside)

    def behind(self, states: Diagram, inside: Diagram) -> Diagram:
        """All from where the steps lead to these, inside."""
        return self._closure(self.before, states & inside, inside)

    def _closure(
        self,
        image: Callable[[Diagram, int], Diagram],
        found: Diagram,
        inside: Diagram,
    ) -> Diagram:
        while True:
            before = found
            for step in self.moves:
                found |= image(found, step) & inside
            if found == before:
                return found

    def taken_in(self, turn: Turn, inside: Diagram) -> Diagram:
        """From where the turn is taken, with the step staying inside."""
        found = self.nothing
        for step in turn.steps:
            found |= self.before(inside, step)
        return found & turn.applies & inside

    def taken_to(self, turn: Turn, inside: Diagram) -> Diagram:
        """Where the turn leads to, when it is taken inside."""
        found = self.nothing
        for step in turn.steps:
            found |= self.after(inside & turn.applies, step)
        return found & inside

    def staying(self, inside: Diagram, turns: Sequence[Turn]) -> Diagram:
        """From where a fair run can stay inside, not resting on what came before."""
        left = inside
        while True:
            before = left
            for turn in turns:
                taken = self.taken_in(turn, left)
                if turn.strong:
                    left = self.behind(taken, left) | (left & ~turn.due)
                else:
                    left = self.behind(taken | (left & ~turn.due), left)
            if left == before:
                return left

    def between(self, inside: Diagram, turns: Sequence[Turn]) -> Diagram:
        """Of such states, those that also come after whatever a turn needs.

        Every fair component is among them, and what lies between two of them.
        """
        left = inside
        while True:
            before = left
            for turn in turns:
                taken = self.taken_to(turn, left)
                if turn.strong:
                    left = self.ahead(taken, left) | (left & ~turn.due)
                else:
                    left = self.ahead(taken | (left & ~turn.due), left)
            left = self.staying(left, turns)
            if left == before:
                return left

    def configurations(self, states: Diagram) -> Diagram:
        """What of the states no step changes."""
        return self.encoding.manager.exists(self.changing, states)

    def one_of_each(self, states: Diagram) -> Diagram:
        """One state for each configuration."""
        for bit in self.changing:
            low = states & ~self.encoding.manager.bit(bit)
            states = low | (states & ~self.configurations(low))
        return states

    def fair_around(
        self, states: Diagram, inside: Diagram, turns: Sequence[Turn]
    ) -> Diagram:
        """The fair components of these states, one for each configuration at most."""
        left = inside
        while True:
            around = self.ahead(states, left) & self.behind(states, left)
            keep = around
            for turn in turns:
                served = self.configurations(self.taken_in(turn, around))
                if turn.strong:
                    keep &= ~(around & turn.due & ~served)
                else:
                    keep &= served | self.configurations(around & ~turn.due)
            if keep == around:
                return around
            # A state that is itself dropped is in no fair component.
            states &= keep
            left = keep


class Components:
    """The fair components, found for the states that are asked about."""

    def __init__(self, sets: Sets, inside: Diagram, turns: Sequence[Turn]) -> None:
        self.sets = sets
        self.inside = inside
        self.turns = turns
        self.open = inside
        """States of which it is not known whether they are in one."""
        self.found: list[Diagram] = []
        self.resting = inside
        for turn in turns:
            self.resting &= ~turn.due

    def fair(self, states: Diagram) -> Diagram:
        """Those of the states that are in a fair component.

        Where a run can rest on one of them, only those where it can.
        """
        resting = states & self.resting
        if not self.sets.is_empty(resting):
            return resting
        while not self.sets.is_empty(asked := states & self.open):
            chosen = self.sets.one_of_each(asked)
            found = self.sets.fair_around(chosen, self.inside, self.turns)
            self.open &= ~(chosen | found)
            if not self.sets.is_empty(found):
                self.found.append(found)
        fair = self.sets.nothing
        for component in self.found:
            fair |= component & states
        return fair

    def of(self, values: Values) -> Diagram:
        """The component that the state is in."""
        here = self.sets.only(values)
        for component in self.found:
            if not self.sets.is_empty(here & component):
                return component & self.sets.configurations(here)
        raise AssertionError("the state is in a fair component")


def judge(
    system: GroundSystem, limits: Limits = NO_LIMITS, *, pure: bool = False
) -> Verdict:
    """The verdict on a leads-to property, which is the system's only one."""
    try:
        return _judged(system, Lookout(limits), pure)
    except Unsuited:
        return Unknown(Limit.NUMBERS)
    except (Stop, MemoryError):
        return Unknown(Limit.MEMORY)
    except KeyboardInterrupt:
        return Unknown(Limit.INTERRUPT)


def _judged(system: GroundSystem, look: Look, pure: bool) -> Verdict:
    (rule,) = system.properties
    assert rule.goal is not None
    encoding = Encoding(system, pure=pure)
    moves = encoding.moves()
    sets = Sets(encoding, moves, look)
    start = encoding.initial()
    reachable = closure(encoding, moves, start, look)
    encoding.manager.settled()
    (states,) = encoding.count(reachable)
    condition, goal = encoding.truth(rule.conditions[0]), encoding.truth(rule.goal)
    if sets.is_empty(reachable & condition):
        return Vacuous(f"{states:,} states")
    turns = sets.turns(rule)
    owing = sets.ahead(reachable & condition & ~goal, reachable & ~goal)
    left = sets.staying(owing, turns)
    if sets.is_empty(left):
        return Exhausted(states, tuple(_rests_on(sets, rule, owing, turns)))
    components = Components(sets, sets.between(left, turns), turns)
    stems = Stems(sets, start, condition, goal)
    return Refuted(lasso(stems, turns, components.fair, components.of), shortest=True)


def _rests_on(
    sets: Sets, rule: GroundProperty, owing: Diagram, turns: Sequence[Turn]
) -> Iterable[str]:
    """The lines of fairness without any one of which the rule does not hold."""
    for line in rule.property.fair:
        rest = [
            turn
            for turn, fair in zip(turns, rule.fair, strict=True)
            if fair.line is not line
        ]
        if not sets.is_empty(sets.staying(owing, rest)):
            yield line.name


def verdicts(
    system: GroundSystem,
    found: Sequence[Verdict],
    limits: Limits = NO_LIMITS,
    *,
    pure: bool = False,
) -> tuple[Verdict, ...]:
    """The verdicts, with those on leads-to properties, each by a slice of its own."""
    complete = list(found)
    for number, rule in enumerate(system.properties):
        if rule.property.mode is not Mode.LEADS_TO:
            continue
        part = slice_for(system, [number])
        complete[number] = part.lift_verdict(judge(part.system, limits, pure=pure))
        if complete[number] == INTERRUPTED:
            return tuple(
                INTERRUPTED if later.property.mode is Mode.LEADS_TO and at > number
                else verdict
                for at, (later, verdict) in enumerate(
                    zip(system.properties, complete, strict=True)
                )
            )
    return tuple(complete)
