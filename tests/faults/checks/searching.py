"""Searches that visit every state: in Python, by tables, on files, by diagrams."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits as Depths
from tdxcheck.checker.engines.explicit import Limits
from tdxcheck.checker.engines.packed import breadth, inputs, keeping, program
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.search import explore as by_tables
from tdxcheck.checker.ground import GroundSystem
from tdxcheck.checker.verdict import Limit
from tests.faults.comparing import (
    all_answered,
    same,
    same_answers,
    same_counts,
    systems,
)
from tests.faults.known import Known


def in_python() -> None:
    """The explicit engine, to the end and to a limit of states."""
    for of, system in systems():
        found = explicit.explore(system)
        same_counts(found, of)
        all_answered(found.verdicts)
        same_answers(system, found.verdicts, of.told, canonical=True)
        with patch.object(explicit, "CHUNK", 1):
            for most in (2, 9):
                part = explicit.explore(system, Limits(states=most))
                same("limit", part.limit is Limit.STATES, len(of.reachable) >= most)
                same_answers(system, part.verdicts, of.told)


def _tables(compiled: bool) -> None:
    """As hash table and as bits; and with narrow tables, which leave much to rests."""
    for of, system in systems():
        for split_from in (None, 0):
            found = by_tables(system, compiled=compiled, split_from=split_from)
            same_counts(found, of)
            all_answered(found.verdicts)
            same_answers(system, found.verdicts, of.told, canonical=True)
    with patch.object(program, "LIMIT", 4), patch.object(inputs, "LIMIT", 4):
        for of, system in systems()[:2]:
            found = by_tables(system, compiled=compiled)
            same_counts(found, of)
            same_answers(system, found.verdicts, of.told, canonical=True)


def by_kernel() -> None:
    """The explicit engine by tables, with the compiled kernel."""
    _tables(True)


def by_numpy() -> None:
    """The same with numpy."""
    _tables(False)


def on_files() -> None:
    """The same with little memory, in small steps on files."""
    with patch.object(breadth, "CHUNK", 7), patch.object(keeping, "OFTEN", 0.0):
        with patch.object(os, "fsync", lambda _: None):
            for of, system in systems()[1:3]:
                for compiled, short in product((True, False), (True, False)):
                    _on_files(of, system, compiled, short)


def _on_files(of: Known, system: GroundSystem, compiled: bool, short: bool) -> None:
    room = {"has_room": lambda _, more: more == 0} if short else {}
    with (
        TemporaryDirectory() as place,
        patch.multiple(Memory, room=600 if short else 1 << 30, **room),
    ):
        limits = Limits(folder=Path(place))
        stopped = by_tables(
            system,
            Limits(states=len(of.reachable) // 2, folder=limits.folder),
            compiled=compiled,
        )
        same_answers(system, stopped.verdicts, of.told)
        for _ in range(2):
            found = by_tables(system, limits, compiled=compiled)
            same_counts(found, of)
            same_answers(system, found.verdicts, of.told, canonical=True)


def by_diagrams() -> None:
    """Decision diagrams, to the end and to a depth."""
    for of, system in systems():
        found = survey(system)
        same_counts(found, of, depth=False)
        all_answered(found.verdicts)
        same_answers(system, found.verdicts, of.told, canonical=True)
        for depth in (1, 3, 30):
            part = survey(system, Depths(depth=depth))
            if part.depth is not None and part.limit is None:
                same_counts(part, of)
            same_answers(system, part.verdicts, of.told, canonical=True)


def by_diagrams_in_python() -> None:
    """The same with the manager that is written in Python."""
    for of, system in systems()[:6]:
        found = survey(system, pure=True)
        same_counts(found, of, depth=False)
        same_answers(system, found.verdicts, of.told, canonical=True)
