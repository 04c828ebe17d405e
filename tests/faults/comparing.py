"""Comparing what an engine says with what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.trace import evidence_of, replay
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    Proved,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)
from tests.faults.known import Known, Told, known

KINDS: Mapping[type, str] = {
    Refuted: "refuted",
    Reached: "reached",
    Unreachable: "unreachable",
    Vacuous: "vacuous",
    Exhausted: "holds",
    Proved: "holds",
}


def systems() -> list[tuple[Known, GroundSystem]]:
    """What is known, and of which systems."""
    return [(of, ground(of.system, of.scope)) for of in known()]


def same(what: str, found: Any, expected: Any) -> None:
    assert found == expected, f"{what}: {found} instead of {expected}"


def same_answers(
    system: GroundSystem,
    verdicts: Iterable[Verdict],
    told: Iterable[Told],
    numbers: Mapping[int, int] | None = None,
    *,
    canonical: bool = False,
) -> None:
    """The verdicts are what is known, and their runs are runs of the system.

    A verdict that says less says nothing wrong.
    """
    places = list(numbers or range(len(system.properties)))
    for number, verdict, of in zip(places, verdicts, told, strict=True):
        if isinstance(verdict, Unknown):
            continue
        if isinstance(verdict, Bounded):
            enough = of.length is None or of.length > verdict.depth
            same(f"no run of {verdict.depth} steps to {number}", enough, True)
            continue
        same(f"verdict {number}", KINDS[type(verdict)], of.kind)
        if isinstance(verdict, Refuted | Reached):
            run = verdict.run
            same(f"length of the run to {number}", len(run.steps), of.length)
            rule = system.properties[number].property
            replay(system.instance, rule, evidence_of(system, run))
            if canonical:
                same(f"run to {number}", (run.states, run.steps), of.run)


def same_counts(found: Any, of: Known, *, depth: bool = True) -> None:
    """States, steps and how often each action is taken."""
    same("states", found.states, len(of.reachable))
    same("steps", found.transitions, of.transitions)
    same("actions", {a.name: n for a, n in found.fired.items()}, of.fired)
    if depth:
        same("depth", found.depth, of.depth)
    for verdict in found.verdicts:
        if isinstance(verdict, Exhausted):
            same("states told", verdict.states, len(of.reachable))


def all_answered(verdicts: Iterable[Verdict]) -> None:
    for number, verdict in enumerate(verdicts):
        told = not isinstance(verdict, Unknown | Bounded)
        assert told, f"verdict {number} is open: {verdict}"
