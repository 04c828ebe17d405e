"""What never occurs in a small machine: every reachable state of it is known.

Where a state is not reachable, a part of it never occurs. The part is made as small as
it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tdxcheck.checker.engines.diagrams.deciding import deciding
from tdxcheck.checker.engines.diagrams.manager import Diagram
from tdxcheck.checker.engines.parametric.grounded import Cube, Part, Seen
from tdxcheck.checker.engines.parametric.visited import Visited
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.ground.slicing import Dependence
from tdxcheck.checker.ground.terms import support
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.language.variables import Variable


class _Tree(NamedTuple):
    """Parts of a cube, by halves: that all of them hold costs but one conjunction."""

    all: Diagram
    slot: int = 0
    """If it is but one of them."""
    halves: tuple[_Tree, _Tree] | None = None


def _joined(parts: list[_Tree]) -> _Tree:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    first, second = _joined(parts[:half]), _joined(parts[half:])
    return _Tree(first.all & second.all, halves=(first, second))


def _needed(found: Diagram, parts: _Tree, false: Diagram) -> list[_Tree]:
    """Those without any of which some of the states are left; the first, if any do.

    By halves: of the second half only what the first does not exclude by itself.
    """
    if found == false:
        return []
    if parts.halves is None:
        return [parts]
    first, second = parts.halves
    more = _needed(found & first.all, second, false)
    for one in more:
        found &= one.all
    return [*_needed(found, first, false), *more]


class Oracle(Visited):
    """The reachable states of one machine, and clauses from what is never so there."""

    def __init__(self, part: Part, clock: Clock) -> None:
        super().__init__(part, clock)
        self.see(self._counting(part.conditions))
        elements = list(self.elements())
        self._numbers = {e: n for n, e in enumerate(reversed(elements), 1)}
        self._ranks: dict[tuple[int, tuple[int, ...]], tuple[bool, int]] = {}
        self._orders: dict[frozenset[int], list[int]] = {}
        self._dependence = Dependence(part.system)

    def _counting(self, conditions: Sequence[Seen]) -> list[Seen]:
        """The conditions; of those that say what a number counts, the truest.

        In a small machine others seem to say something, too.
        """
        best: dict[Variable, tuple[int, Seen]] = {}
        for seen in conditions:
            if (number := seen.condition.counts) is not None:
                true = self.reachable & self.diagrams.truth(seen.node)
                (states,) = self.diagrams.count(true)
                if number not in best or states > best[number][0]:
                    best[number] = states, seen
        chosen = [seen for _, seen in best.values()]
        return [s for s in conditions if s.condition.counts is None or s in chosen]

    def breaks(self, number: int) -> bool:
        """The machine breaks the rule with this number."""
        false = self.diagrams.manager.false
        targets = deciding(self.diagrams, self.moves, self.rules[number])
        return any(self.reachable & target.states != false for target in targets)

    def happens(self, number: int) -> bool:
        """What the rule with this number speaks of."""
        rule = self.rules[number]
        truth, false = self.diagrams.truth, self.diagrams.manager.false
        if rule.property.mode is Mode.INVARIANT:
            return bool(self.reachable & truth(rule.premises[0]) != false)
        return any(
            self.reachable & m.guard & truth(rule.premises[m.step.number]) != false
            for m in self.moves
        )

    def about_rule(self, number: int) -> tuple[frozenset[int], frozenset[int]]:
        """The slots, and conditions, that this rule can depend on; the likelier first.

        What only other rules ask about is of little use, and makes a cube large.
        """
        name = self.rules[number].property.name
        cone = self._dependence.cone([list(self.rules).index(number)])
        whole, near = set(cone), set(cone)
        for place, seen in enumerate(self.conditions, self.slots):
            if support(seen.node) <= cone:
                whole.add(place)
                if not seen.condition.rules or name in seen.condition.rules:
                    near.add(place)
        return frozenset(near), frozenset(whole)

    def smallest(self, cube: Cube, last: frozenset[int]) -> Cube:
        """As little of the cube as never occurs, of as few elements as can be.

        The slots that are to be kept, if it can be, are given.
        """
        order = [slot for slot in self._by_worth(last) if slot in cube]
        order.sort(key=lambda slot: self._rank(slot, cube[slot]))
        parts = [_Tree(self._holds(slot, cube[slot]), slot) for slot in order]
        kept = _needed(self.reachable, _joined(parts), self._false) if parts else []
        cube = {slot: cube[slot] for slot in sorted(part.slot for part in kept)}
        for slot in list(cube):
            if self._widens(slot):
                others = self.diagrams.manager.true
                for other in cube.keys() - {slot}:
                    others &= self._holds(other, cube[other])
                rest = self.reachable & others
                term = self.system.slots[slot].term
                cube[slot] += tuple(
                    value
                    for value in range(term.low, term.high + 1)
                    if value not in cube[slot]
                    and rest & self._holds(slot, (value,)) == self._false
                )
        return cube

    def _rank(self, slot: int, values: tuple[int, ...]) -> tuple[bool, int]:
        """How much a part of a cube had better be kept for the elements it is about."""
        key = slot, values
        if key not in self._ranks:
            about = (self._numbers.get(e, 0) for e in self.about(slot, values))
            self._ranks[key] = self.is_a_size(slot), max(about, default=0)
        return self._ranks[key]

    def _by_worth(self, last: frozenset[int]) -> list[int]:
        """All slots and conditions, beginning with what had better be kept."""
        if last not in self._orders:
            every = range(self.slots + len(self.conditions))
            order = sorted(every, key=lambda n: self._worth(n, last), reverse=True)
            self._orders[last] = order
        return self._orders[last]

    def _worth(
        self, slot: int, last: frozenset[int]
    ) -> tuple[bool, bool, bool, bool, int]:
        """What had better be left out comes first."""
        condition = slot >= self.slots
        if condition:
            return (False, True, False, False, -slot)
        variable, numbers = self.system.slots[slot].entry
        names = isinstance(variable.sort, type) and issubclass(variable.sort, Index)
        if names and not variable.frozen:
            return (False, False, False, False, -slot)
        return (True, slot in last, not variable.frozen, bool(numbers), -slot)

    def _widens(self, slot: int) -> bool:
        if slot >= self.slots:
            return False
        item = self.system.slots[slot]
        sort = item.entry[0].sort
        element = isinstance(sort, type) and issubclass(sort, Index)
        return not item.term.boolean and not element
