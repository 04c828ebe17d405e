"""Measuring: a measure of how far off a goal is, found in one small machine.

Every reachable state of it is known, and so is every step from where the goal is owed
to where it is owed still. A set is a part of the measure if no such step adds to it;
the steps that take something out of it are then done with, and the next part need only
be so of the others. What is left in the end leaves the measure as it is: a turn that no
such step takes, and that none ends, is one that the goal comes by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from itertools import product

from tdxcheck.checker.engines.diagrams.encoding import Encoding, Move
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.diagrams.reach import closure
from tdxcheck.checker.engines.parametric.ending import (
    Ending,
    Level,
    Part,
    Turn,
    turns_of,
)
from tdxcheck.checker.engines.parametric.family import Family
from tdxcheck.checker.engines.parametric.shapes import Sizes
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundFairness, GroundSlot, decode
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.variables import Int, Variable

FOR_NOTHING = "and makes nothing less that does not become more"

Left = dict[Move, Diagram]
"""Of each move, the states from which it makes the measure no less."""
Where = tuple[Variable, int] | None


class NoMeasure(Exception):
    """No measure was found; says what becomes of the turns."""


def ending_of(family: Family, rule: Property, sizes: Sizes, clock: Clock) -> Ending:
    """A measure and turns by which the goal comes on a machine of these sizes.

    Raises NoMeasure if none was found.
    """
    return _Measuring(family, rule, sizes, clock).ending()


class _Measuring:
    def __init__(
        self, family: Family, rule: Property, sizes: Sizes, clock: Clock
    ) -> None:
        self.family, self.rule, self.clock = family, rule, clock
        scope = family.instance(dict(sizes)).scope
        whole = ground(replace(family.system, properties=(rule,)), scope)
        self.system = slice_for(whole, (0,)).system
        (self.ground,) = self.system.properties
        self.diagrams = Encoding(self.system)
        self.moves = self.diagrams.moves()
        start = self.diagrams.initial()
        self.reachable = closure(self.diagrams, self.moves, start, clock.look)
        self.nothing = self.diagrams.manager.false
        assert self.ground.goal is not None, "it is a rule of what comes in the end"
        self.goal = self.diagrams.truth(self.ground.goal)
        self._leading: dict[tuple[Move, int, int], Diagram] = {}
        self.slots: dict[Variable, list[GroundSlot]] = {}
        for slot in self.system.slots:
            if _is_plain(slot.entry[0], family):
                self.slots.setdefault(slot.entry[0], []).append(slot)

    def ending(self) -> Ending:
        condition = self.diagrams.truth(self.ground.conditions[0])
        owed = self.reachable & condition & ~self.goal
        if owed == self.nothing:
            return Ending()
        open_ = self.reachable & ~self.goal
        until = open_ == owed or any(
            owed & move.guard & ~self._before(owed | self.goal, move) != self.nothing
            for move in self.moves
        )
        owed = open_ if until else owed
        left = {
            move: states
            for move in self.moves
            if (states := owed & move.guard & ~self._before(self.goal, move))
            != self.nothing
        }
        first, *then = self._levels(owed, left)
        return Ending(first.measure, first.turns, until, tuple(then))

    def _levels(self, owed: Diagram, left: Left) -> Iterator[Level]:
        """By what it comes, and by what where none of these turns is due, and so on."""
        while owed != self.nothing:
            rest = dict(left)
            found = [*self._measure(rest)]
            turns = self._turns(owed, rest)
            measure, left = self._lean(found, turns, owed, left)
            yield Level(tuple(measure), tuple(turns))
            for due in turns.values():
                owed &= ~due
            left = {
                move: states
                for move, made in left.items()
                if (states := made & owed & self._before(owed, move)) != self.nothing
            }

    def _before(self, states: Diagram, move: Move) -> Diagram:
        return self.diagrams.before(states, move)

    # The measure.

    def _measure(self, left: Left) -> Iterator[Part]:
        """Its parts; what is left are the steps that leave all of them as they are."""
        alone = True
        while True:
            self.clock.look()
            found = [*self._parts(left, alone=alone)]
            useful = False
            for part in found:
                if self._lessens(part, left):
                    useful = True
                    yield part
                    if not alone:
                        break
            if not useful and not alone:
                return
            alone = useful

    def _parts(self, left: Left, *, alone: bool) -> Iterator[Part]:
        """Sets that no step adds to, alone or where something else is so."""
        settled = [] if alone else [v for v in self.slots if self._is_settled(v, left)]
        for variable, slots in self.slots.items():
            moving = [m for m in left if any(s.number in m.step.updates for s in slots)]
            if moving:
                wheres: Iterable[Where] = (None,)
                if not alone:
                    wheres = self._wheres(variable, settled)
                for where in wheres:
                    self.clock.look()
                    edges = set(self._edges(slots, where, moving, left))
                    for values in _closed(edges):
                        yield self._part(variable, values, where)

    def _part(self, variable: Variable, values: Iterable[int], where: Where) -> Part:
        told = None if where is None else (where[0], decode(where[1], where[0].sort))
        meant = tuple(decode(value, variable.sort) for value in sorted(values))
        return Part(variable, meant, told)

    def _wheres(self, of: Variable, settled: Iterable[Variable]) -> Iterator[Where]:
        """What may be so of the same elements, or at all, of what does not change."""
        for variable in settled:
            if variable is not of and variable.index_sorts in ((), of.index_sorts):
                for value in _values(self.slots[variable][0]):
                    yield variable, value

    def _is_settled(self, variable: Variable, left: Left) -> bool:
        return not any(
            states & self.diagrams.holds(slot, value) & ~self._leads(m, slot, value)
            != self.nothing
            for slot in self.slots[variable]
            for m, states in left.items()
            if slot.number in m.step.updates
            for value in _values(slot)
        )

    def _edges(
        self,
        slots: Iterable[GroundSlot],
        where: Where,
        moving: Iterable[Move],
        left: Left,
    ) -> Iterator[tuple[int, int]]:
        """From which value to which a step leads, of any element."""
        holds = self.diagrams.holds
        for move, slot in product(moving, slots):
            if slot.number not in move.step.updates:
                continue
            states = left[move]
            if where is not None:
                states &= self._is_so(where, slot)
            for old in _values(slot):
                here = states & holds(slot, old)
                if here != self.nothing:
                    for new in _values(slot):
                        if new == old:
                            continue
                        if here & self._leads(move, slot, new) != self.nothing:
                            yield old, new

    def _leads(self, move: Move, slot: GroundSlot, value: int) -> Diagram:
        """The states from which the step has the slot take the value."""
        key = move, slot.number, value
        if key not in self._leading:
            held = self.diagrams.holds(slot, value)
            self._leading[key] = self._before(held, move)
        return self._leading[key]

    def _is_so(self, where: tuple[Variable, int], slot: GroundSlot) -> Diagram:
        """It is so of the elements that the slot is of, or at all."""
        variable, value = where
        for other in self.slots[variable]:
            if not variable.index_sorts or other.entry[1] == slot.entry[1]:
                return self.diagrams.holds(other, value)
        return self.nothing

    def _lessens(self, part: Part, left: Left) -> bool:
        """Take out the steps that take something out of the set, if there are any."""
        useful = False
        inside = dict(self._members(part))
        for move in list(left):
            gone = self.nothing
            for number, states in inside.items():
                if number in move.step.updates:
                    gone |= states & ~self._before(states, move)
            if left[move] & gone != self.nothing:
                useful = True
                left[move] &= ~gone
                if left[move] == self.nothing:
                    del left[move]
        return useful

    def _lean(
        self, measure: list[Part], turns: Iterable[Turn], owed: Diagram, left: Left
    ) -> tuple[list[Part], Left]:
        """The measure without what none of the turns needs, and what is left by it."""
        rest = left
        for part in (None, *reversed(measure)):
            others = [one for one in measure if one is not part]
            made = self._left_by(others, left)
            if made is not None and not any(
                isinstance(self._due(turn, owed, made), str) for turn in turns
            ):
                measure, rest = others, made
        return measure, rest

    def _left_by(self, parts: Iterable[Part], left: Left) -> Left | None:
        """What is left by the parts; None if a step adds to one."""
        left = dict(left)
        for part in parts:
            self.clock.look()
            if part.where is not None and not self._is_settled(part.where[0], left):
                return None
            inside = dict(self._members(part))
            if any(
                number in move.step.updates
                and states & ~held & self._before(held, move) != self.nothing
                for move, states in left.items()
                for number, held in inside.items()
            ):
                return None
            self._lessens(part, left)
        return left

    def _members(self, part: Part) -> Iterator[tuple[int, Diagram]]:
        """By the slot of each element, the states in which it is in the set."""
        for slot in self.slots[part.variable]:
            states = self.nothing
            for value in _values(slot):
                if decode(value, part.variable.sort) in part.values:
                    states |= self.diagrams.holds(slot, value)
            if part.where is not None:
                other, wanted = part.where
                codes = (
                    c
                    for c in _values(self.slots[other][0])
                    if decode(c, other.sort) == wanted
                )
                states &= self._is_so((other, next(codes)), slot)
            yield slot.number, states

    # The turns.

    def _turns(self, owed: Diagram, left: Left) -> dict[Turn, Diagram]:
        """Of those that lead on, as few as are enough where any of them is due.

        Raises NoMeasure if none is.
        """
        helpful: dict[Turn, Diagram] = {}
        reasons: list[str] = []
        for line in self.rule.fair:
            turns = list(turns_of(line, self.family))
            if not turns:
                reasons.append(f"the turns of {line.name} are not those of actions")
            for turn in turns:
                due = self._due(turn, owed, left)
                if isinstance(due, str):
                    reasons.append(due)
                elif due & owed == self.nothing:
                    reasons.append(f"none of {line.name} is due where nothing else is")
                else:
                    helpful[turn] = due & owed
        found: dict[Turn, Diagram] = {}
        while owed != self.nothing:
            counts = self.diagrams.count(*(owed & due for due in helpful.values()))
            most = max(counts, default=0)
            if not most:
                break
            turn = list(helpful)[counts.index(most)]
            found[turn] = helpful.pop(turn)
            owed &= ~found[turn]
        if not found:
            raise NoMeasure("; ".join(dict.fromkeys(reasons)) or "nothing is fair")
        return found

    def _due(self, turn: Turn, owed: Diagram, left: Left) -> Diagram | str:
        """Where it is due; or which step takes or ends it though nothing is less."""
        found = self.nothing
        for fair in self.ground.fair:
            if not self._is_of(fair, turn):
                continue
            applies = self.diagrams.truth(fair.condition)
            possible = self.nothing
            for move in self.moves:
                if move.step.number in fair.steps:
                    possible |= move.guard
            due = applies & possible
            for move, states in left.items():
                name = move.step.action.name
                if self._takes(move, turn) and states & applies != self.nothing:
                    return f"{name} takes a turn of {turn.line.name}, {FOR_NOTHING}"
                stays = self.nothing if turn.line.strong else ~self._before(due, move)
                if states & due & stays != self.nothing:
                    return f"{name} ends a turn of {turn.line.name}, {FOR_NOTHING}"
            found |= due
        return found

    @staticmethod
    def _is_of(fair: GroundFairness, turn: Turn) -> bool:
        return fair.line is turn.line and fair.action in (None, *turn.actions)

    @staticmethod
    def _takes(move: Move, turn: Turn) -> bool:
        """As the turn says it of a step: it may say so of some that do not."""
        step = move.step
        if step.action not in turn.actions:
            return False
        given = list(zip(step.action.parameters, step.arguments, strict=True))
        return all(
            any(p.sort is type(v) and argument == v for p, argument in given)
            for v in turn.line.choosing.values()
        )


def _is_plain(variable: Variable, family: Family) -> bool:
    """It may change, and has as many values whatever the size of the machine."""
    sort = variable.sort
    if variable.frozen:
        return False
    if isinstance(sort, Int):
        return sort.high not in family.unbounded
    return sort is bool or (isinstance(sort, type) and issubclass(sort, Enum))


def _values(slot: GroundSlot) -> range:
    return range(slot.term.low, slot.term.high + 1)


def _closed(edges: Iterable[tuple[int, int]]) -> Iterator[frozenset[int]]:
    """Of the values, those that none of the steps leads into, but some lead out of."""
    before: dict[int, set[int]] = {}
    for old, new in edges:
        before.setdefault(old, set())
        before.setdefault(new, set()).add(old)
    met = set()
    for value in before:
        found = {value}
        stack = [value]
        while stack:
            for old in before[stack.pop()]:
                if old not in found:
                    found.add(old)
                    stack.append(old)
        values = frozenset(found)
        leaving = any(old in values and new not in values for old, new in edges)
        if leaving and values not in met:
            met.add(values)
            yield values
