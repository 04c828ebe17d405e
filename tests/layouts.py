"""Kernels on memory maps, for tests."""

from __future__ import annotations

from pathlib import Path

from tdxcheck.models.layouts.changes import changes
from tdxcheck.models.layouts.generations import Generation, generation
from tdxcheck.models.layouts.outcome import Outcome, outcome
from tests.memory_maps import DATA, REAL, read_map

EMR = DATA / "memmaps" / "emr-foxcreekpass-reserved-exhausted.json"


def named(key: str) -> Generation:
    found = generation(key)
    assert found
    return found


V6_8 = named("v6.8")


def on(path: Path, key: str = "v6.8") -> Outcome:
    return outcome(named(key), read_map(path))


KNOWN = [path for path in REAL if on(path).memory.ranges]


def told(path: Path, key: str = "v6.8") -> dict[str, str]:
    found = on(path, key)
    return {each.what: each.effect(found.works) for each in changes(found)}
