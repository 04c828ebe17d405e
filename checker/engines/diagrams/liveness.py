"""Leads-to by diagrams: where a fair run can stay that owes a goal.

After Emerson and Lei: of the states that owe the goal, those are dropped again and
again from which some turn can neither be taken nor cease to be due without leaving
the rest. What is left are the states from which a fair run stays among them; if there
is none, the property holds. Where there is one, the fair components among them are
told apart for the states that a shortest stem leads to, and no others. Configuration
that no step changes tells components apart, so one of each is taken at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from tdxcheck.checker.engines.diagrams.covers import Cube, cover
from tdxcheck.checker.engines.diagrams.encoding import Encoding, Image, Move
from tdxcheck.checker.engines.diagrams.joining import Joint, joined
from tdxcheck.checker.engines.diagrams.limits import (
    NO_LIMITS,
    Limits,
    Lookout,
    limited,
)
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.lasso import Stems, lasso
from tdxcheck.checker.engines.spaces import Turn
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem, Values
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.verdict import (
    Exhausted,
    Unknown,
    Vacuous,
    Verdict,
)

Look = Callable[[], None]
Staged = tuple[int, tuple[Cube, ...]]
Note = Callable[[int, Diagram, Diagram], None]
Take = Callable[[Diagram, Image], Diagram]
"""Where steps lead from some states, or from where they lead there."""


class Sets:
    """The states of a system as diagrams, for a lasso to be found among.

    No step of an action that is left out is taken; that it could be makes a turn due.
    """

    def __init__(
        self,
        encoding: Encoding,
        moves: Sequence[Move],
        look: Look,
        left_out: Collection[Action] = (),
    ) -> None:
        self.system = encoding.system
        self.encoding = encoding
        self.possible_moves = {move.step.number: move for move in moves}
        moves = [move for move in moves if move.step.action not in left_out]
        self.moves = {move.step.number: move for move in moves}
        self.joints = joined(encoding, moves)
        self._taking: dict[Turn, list[Joint]] = {}
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

    def after_any(self, states: Diagram) -> Diagram:
        return self._by(self.encoding.after, states, self.joints)

    def before_any(self, states: Diagram) -> Diagram:
        return self._by(self.encoding.before, states, self.joints)

    def _by(self, image: Take, states: Diagram, joints: Iterable[Joint]) -> Diagram:
        found = self.nothing
        for joint in joints:
            self.look()
            found |= image(states, joint)
        return found

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
                if step in self.possible_moves:
                    possible |= self.possible_moves[step].guard
            steps = frozenset(fair.steps) & self.moves.keys()
            found.append(Turn(steps, applies, applies & possible, fair.line.strong))
        return found

    def ahead(self, states: Diagram, inside: Diagram) -> Diagram:
        """All that the steps lead to from these, inside."""
        joints = self.possible(inside)
        return self._closure(
            self.encoding.after, states & inside, inside, inside, joints
        )

    def behind(self, states: Diagram, inside: Diagram) -> Diagram:
        """All from where the steps lead to these, inside."""
        joints = self.possible(inside)
        return self._closure(
            self.encoding.before, states & inside, inside, inside, joints
        )

    def _closure(
        self,
        image: Take,
        found: Diagram,
        inside: Diagram,
        wanted: Diagram,
        joints: Iterable[Joint],
    ) -> Diagram:
        """What is found by the steps inside, or all that is wanted as soon as it is."""
        while not self.is_empty(wanted & ~found):
            before = found
            for joint in joints:
                self.look()
                found |= image(found, joint) & inside
            if found == before:
                break
        return found

    def possible(self, inside: Diagram) -> list[Joint]:
        """The actions that some of the states allow."""
        meet = self.encoding.manager.meet
        return [joint for joint in self.joints if meet(inside, joint.guard)]

    def taken_in(self, turn: Turn, inside: Diagram) -> Diagram:
        """From where the turn is taken, with the step staying inside."""
        found = self._by(self.encoding.before, inside, self.taking(turn))
        return found & turn.applies & inside

    def taken_to(self, turn: Turn, inside: Diagram) -> Diagram:
        """Where the turn leads to, when it is taken inside."""
        there = inside & turn.applies
        return self._by(self.encoding.after, there, self.taking(turn)) & inside

    def taking(self, turn: Turn) -> list[Joint]:
        """The steps by which the turn is taken."""
        if turn not in self._taking:
            moves = [self.moves[step] for step in sorted(turn.steps)]
            self._taking[turn] = joined(self.encoding, moves)
        return self._taking[turn]

    def staying(
        self, inside: Diagram, turns: Sequence[Turn], note: Note = lambda *_: None
    ) -> Diagram:
        """From where a fair run can stay inside, not resting on what came before.

        `note` is told of each turn for which states are dropped, from which of those
        that were left it can neither be taken nor cease to be due, and what was left.
        """
        return self._kept(inside, turns, self.taken_in, self.encoding.before, note)

    def between(self, inside: Diagram, turns: Sequence[Turn]) -> Diagram:
        """Of such states, those that also come after whatever a turn needs.

        Every fair component is among them, and what lies between two of them.
        """
        left = inside
        while True:
            before = left
            left = self._kept(left, turns, self.taken_to, self.encoding.after)
            left = self.staying(left, turns)
            if left == before:
                return left

    def _kept(
        self,
        left: Diagram,
        turns: Sequence[Turn],
        taken_in: Callable[[Turn, Diagram], Diagram],
        image: Take,
        note: Note = lambda *_: None,
    ) -> Diagram:
        """The states that are left when each due turn can be taken, or ceases to be.

        A state where a turn is not due needs nothing of it: a weak turn is met there,
        and a strong one that can never be taken from there on is due nowhere after.
        """
        while True:
            before = left
            joints = self.possible(left)
            for number, turn in enumerate(turns):
                due = left & turn.due
                if self.is_empty(due):
                    continue
                met = taken_in(turn, left)
                if not turn.strong:
                    met |= left & ~turn.due
                found = self._closure(image, met, left, due, joints)
                if not self.is_empty(due & ~found):
                    note(number, left & ~found, left)
                    left &= found | ~turn.due
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


def owed(sets: Sets, reachable: Diagram, rule: GroundProperty) -> Diagram:
    """The reachable states that owe the goal of a leads-to."""
    assert rule.goal is not None
    condition = sets.encoding.truth(rule.conditions[0])
    goal = sets.encoding.truth(rule.goal)
    return sets.ahead(reachable & condition & ~goal, reachable & ~goal)


def breaking(
    encoding: Encoding, moves: Sequence[Move], reachable: Diagram, rule: GroundProperty
) -> Diagram:
    """The reachable states from which some fair run owes the goal for ever."""
    return _lasting(Sets(encoding, moves, lambda: None), reachable, rule)


def _lasting(sets: Sets, reachable: Diagram, rule: GroundProperty) -> Diagram:
    return sets.staying(owed(sets, reachable, rule), sets.turns(rule))


def judge(
    system: GroundSystem, limits: Limits = NO_LIMITS, *, pure: bool = False
) -> tuple[Verdict, ...]:
    """The verdicts on the properties of the system, which are all leads-to."""
    found: list[Verdict] = []
    with limited() as met:
        judged = Ends(system, Lookout(limits), pure=pure)
        for rule in system.properties:
            found.append(judged.verdict(rule))
    if met.limit is None:
        return tuple(found)
    rest = len(system.properties) - len(found)
    return (*found, *[Unknown(met.limit)] * rest)


class Ends:
    """What the properties of one system have in common."""

    def __init__(
        self,
        system: GroundSystem,
        look: Look,
        left_out: Collection[Action] = (),
        *,
        pure: bool = False,
    ) -> None:
        self.encoding = Encoding(system, pure=pure)
        self.sets = Sets(self.encoding, self.encoding.moves(), look, left_out)
        moves = list(self.sets.moves.values())
        self.start = self.encoding.initial()
        self.reachable = closure(self.encoding, moves, self.start, look)
        self.encoding.manager.settled()
        (self.states,) = self.encoding.count(self.reachable)

    def lasting(self, rule: GroundProperty) -> Diagram:
        """The reachable states from which some fair run owes the goal for ever."""
        return _lasting(self.sets, self.reachable, rule)

    def stages(self, rule: GroundProperty) -> tuple[tuple[Cube, ...], list[Staged]]:
        """Of a rule that holds: where its goal is owed, and in what stages it comes.

        Each stage has the number of a turn, and a region in which it is not taken but
        to leave it. What is not reachable is told as it is shortest. Raises
        TooManyCubes.
        """
        assert rule.goal is not None
        owing = owed(self.sets, self.reachable, rule)
        noted: list[tuple[int, Diagram, Diagram]] = []
        left = self.sets.staying(
            owing, self.sets.turns(rule), lambda *stage: noted.append(stage)
        )
        assert self.sets.is_empty(left), "the rule holds"
        goal = self.encoding.truth(rule.goal)
        owes = cover(self.encoding, owing, self.reachable & ~owing & ~goal)
        return owes, [
            (number, cover(self.encoding, region, inside & ~region))
            for number, region, inside in noted
        ]

    def verdict(self, rule: GroundProperty) -> Verdict:
        sets, reachable = self.sets, self.reachable
        condition = self.encoding.truth(rule.conditions[0])
        if sets.is_empty(reachable & condition):
            return Vacuous(f"{self.states:,} states")
        turns = sets.turns(rule)
        owing = owed(sets, reachable, rule)
        left = sets.staying(owing, turns)
        if sets.is_empty(left):
            return Exhausted(self.states, tuple(_rests_on(sets, rule, owing, turns)))
        return self.lasso(rule, left, self.start)

    def lasso(self, rule: GroundProperty, left: Diagram, start: Diagram) -> Verdict:
        """The canonical run from these initial states to where a fair run stays."""
        assert rule.goal is not None
        sets, turns = self.sets, self.sets.turns(rule)
        condition = self.encoding.truth(rule.conditions[0])
        goal = self.encoding.truth(rule.goal)
        components = Components(sets, sets.between(left, turns), turns)
        stems = Stems(sets, start, condition, goal)
        return lasso(stems, turns, components.fair, components.of)


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
