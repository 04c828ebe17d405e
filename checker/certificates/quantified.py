"""Certificates of proofs for every number of things, checked again.

The clauses of the invariant stand in the file as plain data. What is to be shown of
them is worked out anew from the specification as it is now, and must be what the file
says that it is; the file's own text is then put to each solver as it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from tdxcheck.checker.certificate_checker import Refused, Undecided
from tdxcheck.checker.certificates.asked import Asked, file_of
from tdxcheck.checker.certificates.matching import Due
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import Family, Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import SETTLED, Prover
from tdxcheck.checker.engines.parametric.recorded import (
    Reader,
    Unreadable,
    lines_in,
)
from tdxcheck.checker.engines.parametric.restating import restated_in
from tdxcheck.checker.engines.parametric.results import Argument, Lack
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.variables import Variable

PATIENCE = 120.0
"""Seconds for working it out again."""
ASKED = re.compile(r"^; (.*)\n(?:; by ([\d, ]+)\n)?\(push 1\)$", re.MULTILINE)
"""The heading of a question in the file, and the numbers of what it is shown by."""
PART_LINE = re.compile(r"^; +(\d+)\. (.*)$", re.MULTILINE)
"""A part of the invariant, and its number."""
SETTLED_LINE = re.compile(rf"^; {re.escape(SETTLED)}(.*)$", re.MULTILINE)
"""The variables whose first value is put in."""


class Families:
    """Checks such certificates; what is known of a family serves all its rules."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._settled = frozenset[str]()
        self._prover: Prover | None = None
        self._clauses: dict[str, Clause] = {}
        self._reader: Reader | None = None
        self._asked = Asked()
        self._due: Due | None = None

    def check(self, case: Case, number: int, text: str) -> int:
        """Refuse the certificate of the case's rule, or tell how many parts it has."""
        try:
            prover = self._of(case, text)
            stated = _stated(case, prover, number, text)
            clauses = self._read(text, prover)
            by = _by(text)
            named = {asked.partition(": ")[2] for asked in by}
            found = prover.check(stated, clauses, Clock(PATIENCE), named, by)
        except (Unreadable, Unsupported, SpecificationError) as error:
            raise Refused(str(error)) from error
        except GaveUp as limit:
            raise Undecided(f"{limit.limit.value} was met") from limit
        if isinstance(found, Lack):
            raise Refused(f"it does not show the rule: {found.reason}")
        file = file_of(text, _asks_all(text, found))
        _tells_what_is_shown(text, prover, found)
        self._due = self._due or Due(prover.obligations)
        alike = self._asked.agrees(file)
        self._due.compare(file, _headings(text), found, alike=alike)
        self._asked.check(file, alike=alike)
        return len(found.facts)

    def excepted(self, case: Case, number: int, text: str) -> str:
        """The machines of which an accepted certificate says nothing, in words."""
        family = self._of(case, text).family
        by = restated_in(text, family, family.system.properties[number])
        return "" if by is None else by.excepted

    def _of(self, case: Case, text: str) -> Prover:
        settled = frozenset(", ".join(SETTLED_LINE.findall(text)).split(", "))
        if self._prover is None or (self._case, self._settled) != (case, settled):
            self._case, self._settled = case, settled
            family = family_of(case.instance, case.unbounded, case.common)
            constants = _first_values(family, settled)
            self._prover = Prover(family, constants=constants)
            self._clauses = {}
            self._reader = None
            self._asked = Asked()
            self._due = None
        return self._prover

    def _read(self, text: str, prover: Prover) -> list[Clause]:
        """The clauses of the file; one that another file had as well is the same."""
        lines = lines_in(text)
        if len(set(lines)) != len(lines):
            raise Refused("it has clauses that show nothing")
        self._reader = self._reader or Reader(prover.family)
        for line in lines:
            if line not in self._clauses:
                self._clauses[line] = self._reader.clause(line)
        return [self._clauses[line] for line in lines]


def _stated(case: Case, prover: Prover, number: int, text: str) -> tuple[Property, ...]:
    """What there is to show of the rule, by what the file says that is chosen."""
    rule = prover.family.system.properties[number]
    by = restated_in(text, prover.family, rule)
    if by is not None:
        if not by.covers(case.instance.scope):
            raise Refused(f"it says nothing of machines with {by.excepted}")
        return by.stated(rule, prover.family)
    if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
        raise Refused("what it says of the rule is not understood")
    return (rule,)


def _first_values(family: Family, settled: Collection[str]) -> dict[Variable, Any]:
    """What the variables of these names, and those of the configuration, begin with.

    That no step changes them is shown with the rest.
    """
    starts = {v: family.start(v) for v in family.system.state.variables()}
    return {
        variable: start
        for variable, start in starts.items()
        if (variable.frozen or variable.name in settled)
        and start is not None
        and not callable(start)
    }


def _headings(text: str) -> list[tuple[str, frozenset[str]]]:
    """The heading of each question, and the parts of the invariant that it has."""
    parts = dict(PART_LINE.findall(text))
    return [
        (title, frozenset(parts[n] for n in numbers.split(", ") if n in parts))
        for title, numbers in ASKED.findall(text)
    ]


def _by(text: str) -> dict[str, frozenset[str]]:
    """By the heading of each question, the parts of the invariant that it is shown by.

    These only say where to look first.
    """
    found: dict[str, frozenset[str]] = {}
    for title, told in _headings(text):
        found[title] = found.get(title, frozenset()) | told
    return found


def _tells_what_is_shown(text: str, prover: Prover, found: Argument) -> None:
    """Refuse what its heading says of the invariant, if that is not what was shown."""
    parts = {name for _, name in PART_LINE.findall(text)}
    if other := parts ^ {fact.name for fact in found.facts}:
        raise Refused(f"its invariant is another one: {min(other)}")
    told = set(", ".join(SETTLED_LINE.findall(text)).split(", ")) - {""}
    constants = prover.obligations.translator.constants
    if other := told ^ {one.name for one in constants if not one.frozen}:
        raise Refused(f"not the same variables keep their first value: {min(other)}")


def _asks_all(text: str, found: Argument) -> int:
    """The file asks what is to be asked, by its headings; how many questions."""
    due = Counter(one.obligation.title for one in found.shown)
    asked = Counter(title for title, _ in ASKED.findall(text))
    if missing := due - asked:
        raise Refused(f"this is not asked: {next(iter(missing))}")
    if more := asked - due:
        raise Refused(f"this is not to be asked: {next(iter(more))}")
    return asked.total()
