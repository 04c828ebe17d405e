"""Verdicts: what a check has established, and no more than that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tdxcheck.checker.ground.system import Values


@dataclass(frozen=True)
class Run:
    """A run of a ground system: its states, and the number of each step between.

    With `loop` it goes on for ever: its last state is the one at that place, and
    what lies between is repeated. Where that is nothing, the run is at rest.
    """

    states: tuple[Values, ...]
    steps: tuple[int, ...]
    loop: int | None = None


class Limit(Enum):
    """Why a check ended before it had an answer."""

    STATES = "the limit of states"
    MEMORY = "the limit of memory"
    TIME = "the limit of time"
    DEPTH = "the limit of depth"
    INTERRUPT = "an interrupt"
    SOLVER = "the solver, which gave up"
    NUMBERS = "numbers of too many values"
    SYMMETRY = "elements that are told apart"
    FAMILY = "a machine of the same family that breaks the rule"
    CERTIFICATE = "a proof of an earlier run that has no certificate"
    SMALL = "neither a proof for every number nor a small machine to visit"
    UNSUPPORTED = "a kind of question that this engine does not answer"


@dataclass(frozen=True)
class Exhausted:
    """Holds in every reachable state of this instance: all were visited."""

    states: int
    rests_on: tuple[str, ...] = ()
    """Of a leads-to property: the lines of fairness without any of which it fails."""


@dataclass(frozen=True)
class Proved:
    """Holds in every reachable state of this instance: a proof was re-checked."""

    method: str
    """How: "k-induction, k = 2", or "PDR"."""
    invariant: str = ""
    """The inductive invariant, as text, where the method gives one."""


@dataclass(frozen=True)
class ProvedForEvery:
    """Holds in every machine of a family, of any size: the proof was checked."""

    family: str
    """What there may be any number of."""
    method: str
    """How, and by which solvers it was checked."""
    invariant: tuple[str, ...]
    """The inductive invariant, of which all parts hold together."""
    certificate: str
    """What the solvers have discharged, as one SMT-LIB file, below its clauses."""
    excepted: str = ""
    """Machines of which nothing is said, if there are any."""
    because: tuple[str, ...] = ()
    """Why the rule follows from the invariant, if it is not a part of it."""


@dataclass(frozen=True)
class HeldInSmall:
    """Holds in every machine of a small size; no proof for every size was found."""

    machine: str
    """The largest that was visited, with every configuration of its family."""
    reason: str
    """What the proof is missing."""


@dataclass(frozen=True)
class Bounded:
    """Holds for `depth` steps from every initial state; beyond, nothing is known."""

    depth: int
    limit: Limit


@dataclass(frozen=True)
class Refuted:
    """The run leads from an initial state to one, or a step, that breaks the rule."""

    run: Run
    shortest: bool


@dataclass(frozen=True)
class Reached:
    """The run leads from an initial state to one that satisfies the condition."""

    run: Run


@dataclass(frozen=True)
class Unreachable:
    """No reachable state of this instance satisfies the condition."""

    method: str


@dataclass(frozen=True)
class Vacuous:
    """Holds, but only because what it speaks of never happens."""

    method: str
    family: str = ""
    """Of what there may be any number, where that is proved for every number, ..."""
    invariant: tuple[str, ...] = ()
    """... the parts of the invariant that shows it, ..."""
    certificate: str = ""
    """... and what the solvers have discharged."""

    @property
    def every(self) -> ProvedForEvery | None:
        """The proof for every number that it never happens, if there is one."""
        if not self.certificate:
            return None
        return ProvedForEvery(
            self.family, self.method, self.invariant, self.certificate
        )


@dataclass(frozen=True)
class Unknown:
    """Nothing was established."""

    limit: Limit
    about: str = ""
    """With Limit.FAMILY, a machine that breaks the rule; with Limit.SMALL, why."""


Verdict = (
    Exhausted
    | Proved
    | ProvedForEvery
    | HeldInSmall
    | Bounded
    | Refuted
    | Reached
    | Unreachable
    | Vacuous
    | Unknown
)


def every_of(verdict: Verdict) -> ProvedForEvery | None:
    """The proof for every number that the verdict rests on, if it does on one."""
    if isinstance(verdict, Vacuous):
        return verdict.every
    return verdict if isinstance(verdict, ProvedForEvery) else None
