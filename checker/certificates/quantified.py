"""Certificates of proofs for every number of things, checked again.

The clauses of the invariant stand in the file as plain data. What is to be shown of
them is worked out anew from the specification as it is now, and must be what the file
says that it is; the file's own text is then put to each solver as it stands.
"""

from __future__ import annotations

import re
from collections import Counter

from tdxcheck.checker.certificate_checker import Refused, Undecided
from tdxcheck.checker.certificates.asked import Asked
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import Lack, Proof, Prover
from tdxcheck.checker.engines.parametric.recorded import (
    Reader,
    Unreadable,
    lines_in,
)
from tdxcheck.checker.engines.parametric.restating import restated_in
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode, Property

PATIENCE = 120.0
"""Seconds for working it out again."""
ASKED = re.compile(r"^; (.*)\n\(push 1\)$", re.MULTILINE)
"""The heading of a question in the file."""


class Families:
    """Checks such certificates; what is known of a family serves all its rules."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._prover: Prover | None = None
        self._clauses: dict[str, Clause] = {}
        self._reader: Reader | None = None
        self._asked = Asked()

    def check(self, case: Case, number: int, text: str) -> int:
        """Refuse the certificate of the case's rule, or tell how many parts it has."""
        try:
            prover = self._of(case)
            stated = _stated(case, prover, number, text)
            clauses = self._read(text, prover)
            named = {asked.partition(": ")[2] for asked in ASKED.findall(text)}
            found = prover.check(stated, clauses, Clock(PATIENCE), named)
        except (Unreadable, Unsupported, SpecificationError) as error:
            raise Refused(str(error)) from error
        except GaveUp as limit:
            raise Undecided(f"{limit.limit.value} was met") from limit
        if isinstance(found, Lack):
            raise Refused(f"it does not show the rule: {found.reason}")
        self._asked.check(text, _is_as_it_says(text, found))
        return len(found.invariant)

    def excepted(self, case: Case, number: int, text: str) -> str:
        """The machines of which an accepted certificate says nothing, in words."""
        family = self._of(case).family
        by = restated_in(text, family, family.system.properties[number])
        return "" if by is None else by.excepted

    def _of(self, case: Case) -> Prover:
        if self._prover is None or self._case is not case:
            self._case = case
            self._prover = Prover(family_of(case.instance, case.unbounded, case.common))
            self._clauses = {}
            self._reader = None
            self._asked = Asked()
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


def _is_as_it_says(text: str, found: Proof) -> int:
    """The file asks what is to be asked; how many questions that are."""
    due = Counter(ASKED.findall(found.text))
    asked = Counter(ASKED.findall(text))
    if missing := due - asked:
        raise Refused(f"this is not asked: {next(iter(missing))}")
    if more := asked - due:
        raise Refused(f"this is not to be asked: {next(iter(more))}")
    return asked.total()
