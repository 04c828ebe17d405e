"""The search: one state of each orbit, level by level, and what that says of all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from tdxcheck.checker.engines.explicit import (
    watches_of,
)
from tdxcheck.checker.engines.orbits import program
from tdxcheck.checker.engines.orbits.shape import Shape
from tdxcheck.checker.engines.orbits.stores import Numbers, Store, store_for
from tdxcheck.checker.engines.packed.layout import Words
from tdxcheck.checker.engines.packed.program import Command
from tdxcheck.checker.engines.packed.vector import moving
from tdxcheck.checker.engines.packing import Packing, Watch
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.symmetry import Symmetry
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode

CHUNK = 1 << 14
"""States expanded between two looks at the limits."""
MOST_ORDER = 1 << 44
"""Permutations, so that the steps of a chunk can be counted in a machine word."""


class NoSymmetry(Exception):
    """The system has none that the search could use."""


class Search:
    """A breadth-first search over orbits, one level at a time."""

    def __init__(
        self, system: GroundSystem, symmetry: Symmetry, *, compiled: bool = True
    ) -> None:
        if symmetry.is_trivial or symmetry.order > MOST_ORDER:
            raise NoSymmetry
        self.system = system
        self.symmetry = symmetry
        self.shape = Shape(system, symmetry)
        self.compiled = compiled
        self.groups = program.steps_of(system, self.shape)
        self.pending = [
            w for w in watches_of(system) if w.name // 2 not in symmetry.asymmetric
        ]
        watches = self._watches()
        self.store: Store = store_for(
            self.shape, [self.groups, watches], compiled=compiled
        )
        self.steps = self.store.prepared(self.groups)
        self.watches = self.store.prepared(watches)
        self.taken = [0] * len(system.steps)
        self.states = 0
        """That the levels have which were looked at."""
        self.levels = [0]
        """The number of the first state of each level, and that of the next state."""
        self.looked = -1
        """The last level whose states were all looked at."""
        self.found: dict[int, int] = {}
        """By the name of a watch: the level where it was first hit."""
        self.ends = {
            2 * number: rule.conditions[0]
            for number, rule in enumerate(system.properties)
            if rule.property.mode is Mode.DEADLOCK_FREE
            and number not in symmetry.asymmetric
        }

    @property
    def depth(self) -> int:
        """Steps to the states of the last level."""
        return len(self.levels) - 2

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        check_start(self.system)
        packing = Packing(self.system)
        states = starting_states(self.system, packing)
        while some := list(islice(states, CHUNK)):
            self.store.add(self.shape.layout.pack_integers(some, packing))
            between()
        self.levels.append(len(self.store))
        self.states += self.store.size(0, len(self.store))

    def deepen(self, between: Callable[[], None]) -> bool:
        """Look at the last level, and find the next; whether there is one."""
        begin, end = self.levels[-2:]
        self._look(begin, end)
        for at in range(begin, end, CHUNK):
            between()
            last = min(end, at + CHUNK)
            taken = np.zeros(len(self.taken), dtype=np.uint64)
            before = len(self.store)
            stuck = self.store.expand(self.steps, at, last, taken)
            self.states += self.store.size(before, len(self.store))
            for number in np.flatnonzero(taken):
                self.taken[number] += int(taken[number])
            if len(stuck) and self.ends:
                self._note_ends(stuck)
        if len(self.store) == end:
            return False
        self.levels.append(len(self.store))
        return True

    def _watches(self) -> program.Groups:
        """The tables of the watches that are still to be hit."""
        commands = [watch_command(self.system, watch) for watch in self.pending]
        self.hits: Numbers = np.full(len(commands), -1, dtype=np.int64)
        return program.watches_of(self.shape, commands)

    def _look(self, begin: int, end: int) -> None:
        if not self.pending:
            self.looked = self.depth
            return
        for at in range(begin, end, CHUNK):
            self.store.look(self.watches, at, min(end, at + CHUNK), self.hits)
        for number in np.flatnonzero(self.hits >= 0):
            self.found.setdefault(self.pending[number].name, self.depth)
        self.looked = self.depth
        left = [watch for watch in self.pending if watch.name not in self.found]
        if len(left) <= len(self.pending) // 2:
            self.pending = left
            self.watches = self.store.prepared(self._watches())

    def _note_ends(self, stuck: Numbers) -> None:
        states = self.rows(stuck)
        for name, allowed in list(self.ends.items()):
            among = self.hitting(Watch(name, allowed), states)
            if len(among) < len(states):
                self.found[name] = self.depth
                del self.ends[name]

    def hitting(self, watch: Watch, states: Words) -> Numbers:
        """The rows of the states in which the watch is hit."""
        tables = program.watches_of(
            self.shape, [watch_command(self.system, watch)]
        ).groups[0]
        return moving(tables.program, states)

    def rows(self, numbers: Numbers, store: Store | None = None) -> Words:
        """The states of these numbers, which ascend."""
        store = self.store if store is None else store
        parts = [store.states(0, 0)]
        for some in np.split(numbers, np.arange(CHUNK, len(numbers), CHUNK)):
            if len(some):
                begin, end = int(some[0]), int(some[-1]) + 1
                parts.append(store.states(begin, end)[some - begin])
        return np.concatenate(parts)


def watch_command(system: GroundSystem, watch: Watch) -> Command:
    guards = () if watch.step is None else system.steps[watch.step].guards
    return Command((*guards, watch.condition))
