"""Searches that visit every state: in Python, by tables, on files, by diagrams."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from tdxcheck.checker.engines import explicit
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits as Depths
from tdxcheck.checker.engines.explicit import Limits
from tdxcheck.checker.engines.packed import breadth, inputs, keeping, program
from tdxcheck.checker.engines.packed import within as lists
from tdxcheck.checker.engines.packed.memory import Memory
from tdxcheck.checker.engines.packed.search import explore as by_tables
from tdxcheck.checker.engines.packed.within import LISTED
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.verdict import Limit, Reached, Refuted
from tdxcheck.models.classic import CLASSICS
from tests.faults.comparing import (
    all_answered,
    same,
    same_answers,
    same_counts,
    systems,
)
from tests.faults.goals import to
from tests.faults.known import Known


def _far_away(explore: Callable[[GroundSystem], Any]) -> None:
    """The canonical runs to states that are far away."""
    for of, system in systems():
        asked = replace(system, properties=to(system, of.goals))
        for verdict, told in zip(
            explore(asked).verdicts, of.told_of_goals, strict=True
        ):
            assert isinstance(verdict, Reached), f"{verdict} of what can be reached"
            same("run", (verdict.run.states, verdict.run.steps), told.run)


def _published(explore: Callable[[GroundSystem], Any], *, depth: bool = True) -> None:
    """The counts that TLC gives of classic models."""
    for classic in CLASSICS:
        if classic.states is None or not 100 < classic.states < 800:
            continue
        found = explore(ground(classic.system, classic.scope))
        same(f"states of {classic.system.name}", found.states, classic.states)
        if classic.steps is not None:
            same(f"steps of {classic.system.name}", found.transitions, classic.steps)
        if depth and classic.depth is not None:
            same(f"depth of {classic.system.name}", found.depth, classic.depth)
        rules = zip(classic.system.properties, found.verdicts, strict=True)
        for rule, verdict in rules:
            steps = len(verdict.run.steps) if isinstance(verdict, Refuted) else None
            same(f"length of the run to {rule.name}", steps, classic.broken.get(rule))


def in_python() -> None:
    """The explicit engine, to the end and to a limit of states."""
    for of, system in systems():
        found = explicit.explore(system)
        same_counts(found, of)
        all_answered(found.verdicts)
        same_answers(system, found.verdicts, of.told, canonical=True)
        with patch.object(explicit, "CHUNK", 1):
            for most in (2, 9, len(of.reachable)):
                part = explicit.explore(system, Limits(states=most))
                same("limit", part.limit is Limit.STATES, len(of.reachable) >= most)
                same_answers(system, part.verdicts, of.told)
    _far_away(explicit.explore)
    _published(explicit.explore)


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
    _far_away(partial(by_tables, compiled=compiled))
    _published(partial(by_tables, compiled=compiled))


def by_kernel() -> None:
    """The explicit engine by tables, with the compiled kernel."""
    _tables(True)


def by_numpy() -> None:
    """The same with numpy."""
    _tables(False)


def within() -> None:
    """Steps within a part of a state, or within its root, are as many as there are."""
    for classic in CLASSICS:
        if classic.steps is None or not 100 < (classic.states or 0) < 6000:
            continue
        system = ground(classic.system, classic.scope)
        for compiled, most in product((True, False), (LISTED, 3)):
            with patch.object(lists, "LISTED", most):
                found = by_tables(system, compiled=compiled, split_from=1)
            same(f"states of {classic.system.name}", found.states, classic.states)
            same(f"steps of {classic.system.name}", found.transitions, classic.steps)
            if classic.depth is not None:
                same(f"depth of {classic.system.name}", found.depth, classic.depth)


def on_files() -> None:
    """The same with little memory, in small steps on files."""
    with patch.object(breadth, "CHUNK", 7), patch.object(keeping, "OFTEN", 0.0):
        with patch.object(os, "fsync", lambda _: None):
            for of, system in systems()[1:3]:
                for compiled, short in product((True, False), (True, False)):
                    _on_files(of, system, compiled, short)


def _on_files(of: Known, system: GroundSystem, compiled: bool, short: bool) -> None:
    room: dict[str, Any] = {"room": 600 if short else 1 << 30}
    if short:
        room["has_room"] = lambda _, more: more == 0
    with (
        TemporaryDirectory() as place,
        patch.multiple(Memory, **room),
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
    _far_away(survey)
    _published(survey, depth=False)


def by_diagrams_in_python() -> None:
    """The same with the manager that is written in Python."""
    for of, system in systems()[:6]:
        found = survey(system, pure=True)
        same_counts(found, of, depth=False)
        same_answers(system, found.verdicts, of.told, canonical=True)
