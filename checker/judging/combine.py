"""Combining: the verdicts of two engines on one question, which must not disagree."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Proved,
    ProvedForEvery,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)


class Engine(Enum):
    DIAGRAMS = "diagrams"
    EXPLICIT = "explicit"
    SYMBOLIC = "symbolic"
    ORBITS = "orbits"
    PDR = "pdr"
    PARAMETRIC = "parametric"


class InternalError(Exception):
    """The tool contradicts itself: nothing that it says can be relied on."""


class Disagreement(InternalError):
    """Two engines establish what cannot both be true."""


def combine(subject: str, verdicts: Mapping[Engine, Verdict]) -> Verdict:
    """The strongest verdict that an engine has reached on the subject."""
    found = list(verdicts.items())
    for number, (engine, verdict) in enumerate(found):
        for other, against in found[number + 1 :]:
            reason = conflict(verdict, against) or conflict(against, verdict)
            if reason:
                raise Disagreement(
                    f"the engines disagree on {subject}: {reason} "
                    f"({engine.value}: {name(verdict)}; {other.value}: {name(against)})"
                )
    return max(verdicts.values(), key=_strength, default=Unknown(Limit.UNSUPPORTED))


def name(verdict: Verdict) -> str:
    """The verdict in a word or two, for a message."""
    match verdict:
        case Refuted(run) | Reached(run):
            told = f"{type(verdict).__name__.lower()} in {len(run.steps)} steps"
            return told if run.loop is None else f"{told}, after {run.loop} for ever"
        case Exhausted(rests_on=rests_on) if rests_on:
            return f"exhausted, because of {', '.join(rests_on)}"
        case Bounded(depth):
            return f"holds for {depth} steps"
    return type(verdict).__name__.lower()


def conflict(one: Verdict, other: Verdict) -> str:
    """Why the first verdict contradicts the second, or nothing."""
    match one, other:
        case Refuted(), Exhausted() | Proved() | ProvedForEvery() | Vacuous():
            return "one refutes what the other establishes"
        case Reached(), Unreachable():
            return "one reaches what the other proves unreachable"
        case Vacuous(), Exhausted():
            return "one finds empty what the other has seen happen"
        case Refuted(run), Refuted(other_run) if run.loop != other_run.loop:
            return "one goes round elsewhere than the other"
        case Exhausted(rests_on=one_line), Exhausted(rests_on=other_line) if (
            one_line != other_line
        ):
            return "one needs fairness that the other does not"
        case Refuted(run), Bounded(depth) if len(run.steps) <= depth:
            return f"one refutes within the {depth} steps that the other has searched"
        case Refuted(run, shortest=True), Refuted(shorter):
            if len(shorter.steps) < len(run.steps):
                return "the shortest counterexample of one is longer than the other's"
        case (
            Refuted() | Exhausted() | Proved() | ProvedForEvery() | Vacuous(),
            Reached() | Unreachable(),
        ):
            return "one answers another kind of question"
    return ""


def _strength(verdict: Verdict) -> tuple[int, int]:
    match verdict:
        case Refuted(run, shortest):
            return (6 if shortest else 5), -len(run.steps)
        case Reached(run):
            return 5, -len(run.steps)
        case Vacuous():
            return 4, 0
        case Unreachable() | Exhausted():
            return 3, 1
        case ProvedForEvery():
            return 3, 2
        case Proved():
            return 3, 0
        case HeldInSmall():
            return 1, 2
        case Bounded(depth):
            return 2, depth
        case Unknown(limit):
            return 1, limit is Limit.UNSUPPORTED
    raise TypeError(f"not a verdict: {verdict!r}")
