"""The search: every reachable state, level by level, by the tables of a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tdxcheck.checker.engines.explicit import watches_of
from tdxcheck.checker.engines.packed.choice import MANY, Choice
from tdxcheck.checker.engines.packed.folder import Folder
from tdxcheck.checker.engines.packed.keeping import Keeper, undisturbed
from tdxcheck.checker.engines.packed.layout import Layout, Words
from tdxcheck.checker.engines.packed.levels import Filed, Level
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.parted import Parted
from tdxcheck.checker.engines.packed.program import program
from tdxcheck.checker.engines.packed.runs import (
    Runs,
    among,
    step_command,
    watch_command,
)
from tdxcheck.checker.engines.packed.split import WORK
from tdxcheck.checker.engines.packed.visited import Visited
from tdxcheck.checker.engines.packing import Packing, Watch
from tdxcheck.checker.engines.starting import check_start, starting_states
from tdxcheck.checker.ground.fingerprint import fingerprint
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Run

CHUNK = 1 << 17
"""States expanded between two looks at the limits, by each thread."""


class Search:
    """A breadth-first search, one level at a time.

    With a folder it is kept there, and goes on from what is there. Raises FolderError
    if that cannot be, and Unsuited if a number has too many values for tables.
    """

    def __init__(
        self,
        system: GroundSystem,
        *,
        compiled: bool = True,
        threads: int = 1,
        split_from: int | None = MANY,
        memory: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self.system = system
        self.layout = Layout(system)
        numbers = range(len(system.steps))
        self.tables = program(self.layout, [step_command(system, n) for n in numbers])
        self.choice = Choice(
            system,
            self.layout,
            self.tables,
            compiled=compiled,
            threads=threads,
            split_from=split_from,
        )
        self.taking = self.choice.taking
        self.steps = self.taking.prepared(self.tables)
        self.taken = np.zeros(len(system.steps), dtype=np.uint64)
        self.levels: list[Level] = []
        self.ahead = Level()
        """As much of the next level as was found."""
        self.position = 0
        """States of the last level from which all steps were taken."""
        self.settled = 0
        """Parts of the next level that were compared with what was visited."""
        self.finished = False
        self._whole = True
        """Whether what was found is consistent: not so where memory ended."""
        self.chunk = CHUNK * threads
        self.looked = -1
        """The last level whose states were all looked at."""
        self.found: dict[int, int] = {}
        """By the name of a watch: the level where it was first hit."""
        self.pending = list(watches_of(system))
        self.ends = {
            2 * number: rule.conditions[0]
            for number, rule in enumerate(system.properties)
            if rule.property.mode is Mode.DEADLOCK_FREE
        }
        self._watch()
        self._saved: dict[str, Any] | None = None
        kept = None
        if folder is not None:
            self.fingerprint = fingerprint(system)
            kept, self._saved = Folder.opened(folder, self.fingerprint)
        self.keeper = Keeper(kept, Memory(memory))

    @property
    def visited(self) -> Visited:
        return self.choice.visited

    def __len__(self) -> int:
        """States that were found."""
        return sum(map(len, self.levels)) + len(self.ahead)

    @property
    def depth(self) -> int:
        """Steps to the states of the last level that is complete."""
        return len(self.levels) - 1

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """Find the initial states, or go on from what was saved."""
        if self._saved is not None:
            self._restore(self._saved, between)
            return
        check_start(self.system)
        packing = Packing(self.system)
        states = starting_states(self.system, packing)
        level = Level()
        while some := list(islice(states, CHUNK)):
            rows = self.layout.pack_integers(some, packing)
            level.append(self.visited.add(rows))
            between()
        self.levels.append(level)
        self.initial = np.concatenate(list(level.chunks(CHUNK)))
        with undisturbed():
            self.keeper.at_level(self)

    def deepen(self, between: Callable[[], None]) -> bool:
        """Look at the last level, and find the next; whether there is one."""
        if self.finished:
            return False
        here = self.levels[-1]
        self._look(here)
        while self.position < len(here):
            between()
            with undisturbed():
                self._expand(here.chunk(self.chunk, self.position))
                self.keeper.after_chunk(self)
        if isinstance(self.visited, Parted):
            self._settle(self.visited, between)
        with undisturbed():
            if len(self.ahead):
                self.levels.append(self.ahead)
                self.ahead, self.position, self.settled = Level(), 0, 0
            else:
                self.finished = True
            self.keeper.at_level(self)
        return not self.finished

    def stop(self) -> None:
        """Save what was found, for a search to come."""
        with undisturbed():
            if self.levels and self._whole:
                self.keeper.save(self)

    def _expand(self, states: Words) -> None:
        if self.keeper.memory.has_room(WORK):
            self.choice.reconsider(len(self), self.initial, self.all_states())
        self._whole = False
        found = self.visited.expand(self.steps, states, self.taken)
        self.ahead.extend(found.fresh)
        if len(found.stuck) and self.ends:
            self._note_ends(states[found.stuck])
        self.position += len(states)
        self._whole = True

    def _settle(self, visited: Parted, between: Callable[[], None]) -> None:
        """Find the next level among the candidates for it."""
        blocks = self.files()
        parts = visited.settle(blocks, self.settled)
        while True:
            between()
            with undisturbed():
                self._whole = False
                part, fresh = next(parts, (None, []))
                self._whole = True
                if part is None:
                    visited.settled()
                    return
                self.ahead.extend(fresh)
                self.settled = part + 1
                self.keeper.after_chunk(self)

    def all_states(self) -> Iterator[Words]:
        for level in (*self.levels, self.ahead):
            yield from level.chunks(CHUNK)

    def files(self) -> list[Filed]:
        """The files of all states, where all of them are on files."""
        found = []
        for level in (*self.levels, self.ahead):
            found += [block for block in level.blocks if isinstance(block, Filed)]
        return found

    # What is saved, and how it is gone on from.

    def state(self) -> dict[str, Any]:
        """All that a search to come must know, but the files."""
        return {
            "system": self.fingerprint,
            "name": self.system.name,
            "words": self.layout.words,
            "position": self.position,
            "settled": self.settled,
            "looked": self.looked,
            "finished": self.finished,
            "parted": isinstance(self.visited, Parted),
            "taken": self.taken.tolist(),
            "found": [[name, level] for name, level in self.found.items()],
            "ends": list(self.ends),
        }

    def _restore(self, saved: dict[str, Any], between: Callable[[], None]) -> None:
        folder = self.keeper.folder
        assert folder is not None, "what was saved is in a folder"
        *levels, ahead, candidates = folder.blocks(saved)
        self.levels = [Level(blocks) for blocks in levels]
        self.ahead = Level(ahead)
        self.looked = saved["looked"]
        self.position, self.settled = saved["position"], saved["settled"]
        self.finished = saved["finished"]
        self.taken[:] = saved["taken"]
        self.found = dict(map(tuple, saved["found"]))
        self.ends = {name: self.ends[name] for name in saved["ends"]}
        self.pending = [w for w in self.pending if w.name not in self.found]
        self._watch()
        self.initial = np.concatenate(list(self.levels[0].chunks(CHUNK)))
        if self.finished:
            return
        if saved["parted"]:
            self.choice.part(folder, self.keeper.memory, candidates)
            return
        if self.keeper.memory.has_room(WORK):
            self.choice.reconsider(len(self), self.initial, ())
        for states in self.all_states():
            between()
            if not self.keeper.memory.has_room(self.visited.growth(len(states))):
                self.choice.part(folder, self.keeper.memory)
                return
            self.visited.add(states)

    # What is looked for.

    def _watch(self) -> None:
        """Make the tables of the watches that are still to be hit."""
        commands = [watch_command(self.system, watch) for watch in self.pending]
        self.looking = program(self.layout, commands)
        self.watches = self.taking.prepared(self.looking)
        self.hits = np.zeros(len(commands), dtype=np.bool_)

    def _look(self, level: Level) -> None:
        if not self.pending:
            self.looked = self.depth
            return
        for states in level.chunks(self.chunk):
            self.taking.look(self.watches, states, self.hits)
        self._note_hits()

    def _note_hits(self) -> None:
        """Look no more for what was hit on the last level."""
        for number in np.flatnonzero(self.hits):
            self.found.setdefault(self.pending[number].name, self.depth)
        self.looked = self.depth
        left = [watch for watch in self.pending if watch.name not in self.found]
        if len(left) <= len(self.pending) // 2:
            self.pending = left
            self._watch()
        elif len(left) < len(self.pending):
            self.watches = self.taking.prepared(self.looking.only(~self.hits))

    def _note_ends(self, stuck: Words) -> None:
        for name, allowed in list(self.ends.items()):
            hit = among(self.system, self.layout, Watch(name, allowed), stuck)
            if len(hit) < len(stuck):
                self.found[name] = self.depth
                del self.ends[name]

    def runs(self) -> dict[int, Run]:
        """The canonical run to each violation, and to each goal."""
        names = [name for name in self.found if name % 2 == 0]
        return Runs(
            self.system, self.layout, self.tables, self.taking, self.levels, self.found
        ).to(names)
