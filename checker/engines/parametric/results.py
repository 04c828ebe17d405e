"""What becomes of a rule of a family: a proof, and what argues for it, or a lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.discharging import Discharged
from tdxcheck.checker.engines.parametric.obligations import Fact
from tdxcheck.checker.verdict import Limit


@dataclass(frozen=True)
class Proof:
    """The rule holds for every number of elements."""

    family: str
    """What there may be any number of."""
    invariant: tuple[str, ...]
    """The inductive invariant, of which all parts hold together."""
    clauses: tuple[Clause, ...]
    """Those of its parts that were found, as they are checked."""
    obligations: int
    checked_by: tuple[str, ...]
    text: str
    """All obligations as SMT-LIB."""
    vacuous: bool = False
    """What was shown is that what the rule speaks of never happens."""


@dataclass(frozen=True)
class Lack:
    """What is missing for a proof."""

    reason: str
    fact: Fact | None = None
    """The part of the invariant that some action does not keep, if it is one."""


@dataclass(frozen=True, eq=False)
class Argument:
    """Facts that hold always, and by what that is shown."""

    facts: tuple[Fact, ...]
    clauses: tuple[Clause, ...]
    own: tuple[Discharged, ...]
    """What shows a rule of steps by the facts."""
    by: dict[Fact, list[Discharged]]
    """What shows that each of the facts is kept."""
    settled: tuple[Discharged, ...]
    """What shows that variables keep the value that is put in."""
    solvers: tuple[str, ...] = ("z3",)
    """Those that agree."""

    @property
    def shown(self) -> tuple[Discharged, ...]:
        return (*self.settled, *self.own, *chain.from_iterable(self.by.values()))


def together(arguments: Sequence[Argument]) -> Argument:
    """One for all; a fact is shown but once."""
    by: dict[Fact, list[Discharged]] = {}
    for one in arguments:
        by = {**one.by, **by}
    return Argument(
        tuple(dict.fromkeys(fact for one in arguments for fact in one.facts)),
        tuple(dict.fromkeys(clause for one in arguments for clause in one.clauses)),
        tuple(each for one in arguments for each in one.own),
        by,
        arguments[0].settled,
    )


@dataclass(frozen=True)
class Open:
    """No proof was found; the rule holds in small machines."""

    upto: str
    """The largest machine that was visited; empty if there is none."""
    reason: str
    limit: Limit | None = None
    """The one that was met, if one was."""


@dataclass(frozen=True)
class Broken:
    """Some machine of the family breaks the rule."""

    machine: str


Result = Proof | Open | Broken
