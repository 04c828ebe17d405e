"""Work: one engine on one design, inside a limit of time, as plain data.

Ground systems hold generated functions and cannot be sent between processes;
what an engine has found can, and that is all that leaves this module.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.ground.slicing import Slice
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.reading import variables_in
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.trace import Evidence, evidence_of
from tdxcheck.checker.verdict import (
    Bounded,
    Exhausted,
    HeldInSmall,
    Limit,
    Reached,
    Refuted,
    Unknown,
    Unreachable,
    Vacuous,
    Verdict,
)

if TYPE_CHECKING:
    from tdxcheck.checker.engines.explicit import Visit

Clauses = tuple[tuple[tuple[int, tuple[int, ...]], ...], ...]
"""An invariant: of each clause the slots that never have one of these values each."""


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    evidence: Evidence | None
    proof: Clauses | None = None
    """Of what a solver has proved, the invariant, over the slots of the rule's slice;
    where there is one to be had."""

    @property
    def is_final(self) -> bool:
        """More time, memory or states would not change it."""
        match self.verdict:
            case Bounded(limit=limit) | Unknown(limit=limit):
                return limit in FINAL
            case HeldInSmall():
                return False
        return True

    def counting(self, states: int) -> Answer:
        """The same, if it is about every state, with so many of them visited.

        A slice in which fewer questions are asked has fewer states; what holds in
        all of them holds in all of the larger one.
        """
        match self.verdict:
            case Exhausted():
                return Answer(replace(self.verdict, states=states), None)
            case Vacuous() | Unreachable():
                return Answer(replace(self.verdict, method=f"{states:,} states"), None)
        return self


FINAL = (
    Limit.DEPTH,
    Limit.NUMBERS,
    Limit.SYMMETRY,
    Limit.UNSUPPORTED,
    Limit.FAMILY,
    Limit.SMALL,
)
"""The limits that are met again whenever the same is asked."""


@dataclass(frozen=True)
class Statistics:
    """What an exploration has visited."""

    states: int
    transitions: int
    depth: int | None
    """Steps to the farthest state; None if it was not looked for."""
    limit: Limit | None
    fired: Mapping[str, int]
    """How often each action was taken, by its name."""
    kept: str = ""
    """How the states were kept, and why so, where that was chosen."""
    of: str = ""
    """What was counted: a digest of the slots and steps of the slice."""


@dataclass(frozen=True)
class Known:
    """What need not be found again, of a case and its system."""

    answers: Mapping[int, Answer] = field(default_factory=dict)
    """By the number of the question."""
    counts: Mapping[str, Statistics] = field(default_factory=dict)
    """By what was counted."""
    reached: Any = None
    """How far a search had come; and by `of`, what there is to be counted in it."""

    def open(self, case: Case) -> list[int]:
        """The questions that are still to be answered."""
        return [n for n in range(len(case.questions)) if n not in self.answers]


NOTHING_KNOWN = Known()


@dataclass(frozen=True)
class Budget:
    """Where an engine ends without an answer; None for no limit."""

    states: int | None = None
    memory: int | None = None
    """Of one process, in bytes."""
    depth: int | None = None
    seconds: float | None = None
    threads: int = 1
    """Of the explicit engine."""
    folder: Path | None = None
    """Where the explicit engine keeps its searches, one below for each case."""
    known: Known = NOTHING_KNOWN
    """What an engine may leave out, of the case that it is given."""


@dataclass(frozen=True)
class Findings:
    """What one engine says of one case."""

    case: str
    """The label of the case."""
    engine: Engine
    answers: tuple[Answer, ...]
    """In the order of the questions."""
    seconds: float
    statistics: Statistics | None = None
    note: str = ""
    """What the engine made use of, or why it could not."""
    same_as: str = ""
    """The case whose system this one shares, and that was judged in its place."""
    recalled: frozenset[int] = frozenset()
    """The questions whose answers are from an earlier run."""
    reached: Any = None
    """How far the search has come, as plain data, where it can go on from there."""
    usual: float | None = None
    """The seconds of the last search for this case that came to an end."""


@dataclass(frozen=True)
class Notice:
    """How far a search has come."""

    case: str
    engine: Engine
    text: str
    so_far: Findings | None = None
    """What is known already, should the search be ended from outside."""


Report = Callable[[Notice], None]
Judge = Callable[[Case, Budget, Report], Findings]
Engines = Mapping[Engine, Judge]


class OutOfTime(KeyboardInterrupt):
    """Raised by the alarm clock; the engines end as they do for Ctrl-C."""


def judge_by_diagrams(case: Case, budget: Budget, report: Report) -> Findings:
    """Visit the reachable states of the case's system as sets."""
    from tdxcheck.checker.judging.surveying import surveyed

    started = time.monotonic()
    with alarm(budget.seconds) as expired:
        try:
            return surveyed(case, budget, report, expired)
        except OutOfTime:
            return nothing(case, Engine.DIAGRAMS, Limit.TIME, started)


def judge_explicitly(
    case: Case, budget: Budget, report: Report, large: Visit | None = None
) -> Findings:
    """Visit the reachable states of the case's system; many in the way given."""
    from tdxcheck.checker.engines.explicit import FolderError
    from tdxcheck.checker.judging.exploring import explored

    started = time.monotonic()
    with alarm(budget.seconds) as expired:
        try:
            return explored(case, budget, report, expired, large)
        except OutOfTime:
            return nothing(case, Engine.EXPLICIT, Limit.TIME, started)
        except FolderError as error:
            raise UsageError(str(error)) from error


def judge_symbolically(case: Case, budget: Budget, report: Report) -> Findings:
    """Ask a solver about each property of the case's system."""
    from tdxcheck.checker.judging.solving import solved

    return solved(case, budget, report)


def judge_by_orbits(case: Case, budget: Budget, report: Report) -> Findings:
    """Visit the reachable states of the case's system up to symmetry."""
    from tdxcheck.checker.judging.orbiting import orbited

    started = time.monotonic()
    with alarm(budget.seconds) as expired:
        try:
            return orbited(case, budget, report, expired)
        except OutOfTime:
            return nothing(case, Engine.ORBITS, Limit.TIME, started)


def judge_by_pdr(case: Case, budget: Budget, report: Report) -> Findings:
    """Prove each rule of the case's system by an invariant, or find a shortest run."""
    from tdxcheck.checker.judging.proving import proved

    started = time.monotonic()
    with alarm(budget.seconds) as expired:
        try:
            return proved(case, budget, report, expired)
        except OutOfTime:
            return nothing(case, Engine.PDR, Limit.TIME, started)


def judge_parametrically(case: Case, budget: Budget, report: Report) -> Findings:
    """Look for proofs that hold for any number of the things a machine has."""
    from tdxcheck.checker.judging.generalizing import generalized

    return generalized(case, budget, report)


ENGINES: Engines = {
    Engine.DIAGRAMS: judge_by_diagrams,
    Engine.EXPLICIT: judge_explicitly,
    Engine.SYMBOLIC: judge_symbolically,
    Engine.ORBITS: judge_by_orbits,
    Engine.PDR: judge_by_pdr,
    Engine.PARAMETRIC: judge_parametrically,
}
NEEDED = {
    Engine.DIAGRAMS: "surveying",
    Engine.EXPLICIT: "exploring",
    Engine.SYMBOLIC: "solving",
}
"""The module beside this one that an engine of many tasks is called by."""
ON_DEMAND = (Engine.ORBITS, Engine.PDR, Engine.PARAMETRIC)
"""Those that are only asked where they are named."""


def prepare(engines: Iterable[Engine]) -> None:
    """Import what engines need, once for all processes that are forked from here."""
    for engine in engines:
        if engine in NEEDED:
            import_module(f"tdxcheck.checker.judging.{NEEDED[engine]}")


def nothing(case: Case, engine: Engine, limit: Limit, started: float) -> Findings:
    """What is found by an engine that was stopped before it had begun."""
    unknown = Answer(Unknown(limit), None)
    return Findings(
        case.label,
        engine,
        (unknown,) * len(case.questions),
        time.monotonic() - started,
    )


def is_open(verdict: Verdict) -> bool:
    """More time might bring an answer."""
    match verdict:
        case Bounded(limit=limit) | Unknown(limit=limit):
            return limit is not Limit.UNSUPPORTED
    return False


def answer(
    system: GroundSystem, verdict: Verdict, proof: Clauses | None = None
) -> Answer:
    if isinstance(verdict, Refuted | Reached):
        return Answer(verdict, evidence_of(system, verdict.run))
    return Answer(verdict, None, proof)


def fired_by_name(part: Slice, fired: Mapping[Action, int]) -> Mapping[str, int]:
    """How often each action was possible, save those of which that says nothing.

    A slice has lost effects, and with them the actions that had no other; and an
    action that a design has switched off is not possible by intention.
    """
    instance = part.whole.instance
    here = {step.action for step in part.whole.steps}
    off = {
        action
        for action in instance.system.actions
        if action not in here
        and any(
            variable in instance.system.settings
            for guard in action.guards
            for variable in variables_in(guard.condition)
        )
    }
    return {
        action.name: times
        for action, times in fired.items()
        if times or (part.system is part.whole and action not in off)
    }


@contextmanager
def alarm(seconds: float | None) -> Iterator[Callable[[], bool]]:
    """Interrupt what runs inside after so many seconds, and tell whether it did."""
    rang = False
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal rang
        rang = True
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01))
    try:
        yield lambda: rang
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
