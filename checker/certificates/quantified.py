"""Certificates of proofs for every number of things, checked again.

The clauses of the invariant stand in the file as plain data. What is to be shown of
them is worked out anew from the specification as it is now (`owed.py`), and must be
what the file asks (`matching.py`); the file's own text is then put to each solver as it
stands (`asked.py`). Nothing is shown but by the answers to it.

What is trusted is the translation of recorded terms, and a solver. What the file says
of itself is not: its rule, its clauses, the numbers behind its questions and the
variables that it takes for settled are guesses, each of which has questions of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.certificates.asked import Asked, file_of
from tdxcheck.checker.certificates.matching import Matching
from tdxcheck.checker.certificates.owed import Owed
from tdxcheck.checker.engines.parametric.clauses import Clause
from tdxcheck.checker.engines.parametric.family import Family, Unsupported, family_of
from tdxcheck.checker.engines.parametric.machines import unmet_of
from tdxcheck.checker.engines.parametric.obligations import Obligation
from tdxcheck.checker.engines.parametric.recorded import (
    Reader,
    Unreadable,
    lines_in,
)
from tdxcheck.checker.engines.parametric.restating import restated_in
from tdxcheck.checker.engines.parametric.telling import SETTLED, heading_of
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.verdict import ProvedForEvery

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
        self._known: _Known | None = None

    def check(
        self, case: Case, number: int, text: str, *, vacuous: bool = False
    ) -> int:
        """Refuse the certificate of the case's rule, or tell how many parts it has.

        Of one that holds vacuously it shows that what it speaks of never happens.
        """
        parts = dict(PART_LINE.findall(text))
        try:
            known = self._of(case, text)
            stated = _stated(case, known.family, number, text)
            if vacuous:
                stated = (_unmet(known.family, number),)
            facts = known.owed.facts(stated, known.read(text), parts.values())
            due = known.owed.due(stated, facts)
        except (Unreadable, Unsupported, SpecificationError) as error:
            raise Refused(str(error)) from error
        file = file_of(text, _asks_all(text, due))
        by_name = {fact.name: fact for fact in facts}
        headings = [
            (title, frozenset(by_name[parts[n]] for n in numbers if n in parts))
            for title, numbers in _headings(text)
        ]
        alike = known.asked.agrees(file)
        known.matching.compare(file, headings, due, alike=alike)
        known.asked.check(file, alike=alike)
        return len(facts)

    def told(self, case: Case, number: int, text: str) -> ProvedForEvery:
        """What an accepted certificate shows, as the proof that it was written of.

        In the place of its certificate, what the file is to have in its comments, where
        each question begins, apart from what `for_every` adds.
        """
        family = self._of(case, text).family
        rule = family.system.properties[number]
        by = restated_in(text, family, rule)
        parts = tuple(dict(PART_LINE.findall(text)).values())
        settled = ", ".join(SETTLED_LINE.findall(text)).split(", ")
        lines = [] if by is None else [by.text(rule).rstrip()]
        lines += lines_in(text)
        heading = heading_of(rule, family, parts, settled)
        lines += [f"; {line}".rstrip() for line in heading]
        for title, numbers in ASKED.findall(text):
            lines += [f"; {title}", *([f"; by {numbers}"] * bool(numbers)), "(push 1)"]
        return ProvedForEvery(
            family.told,
            "",
            parts,
            "".join(f"{line}\n" for line in lines),
            "" if by is None else by.excepted,
            () if by is None else tuple(by.told()),
        )

    def _of(self, case: Case, text: str) -> _Known:
        settled = frozenset(", ".join(SETTLED_LINE.findall(text)).split(", ")) - {""}
        if self._known is None or (self._case, self._settled) != (case, settled):
            family = family_of(case.instance, case.unbounded, case.common)
            self._known = _Known(family, _first_values(family, settled))
            self._case, self._settled = case, settled
        return self._known


class _Known:
    """What is known of one family, whose variables with a first value are given."""

    def __init__(self, family: Family, constants: Mapping[Variable, Any]) -> None:
        self.family = family
        self.owed = Owed(family, constants)
        self.matching = Matching(self.owed.obligations)
        self.asked = Asked()
        self._reader = Reader(family)
        self._clauses: dict[str, Clause] = {}

    def read(self, text: str) -> list[Clause]:
        """The clauses of the file; one that another file had as well is the same."""
        lines = lines_in(text)
        if len(set(lines)) != len(lines):
            raise Refused("it has clauses that show nothing")
        for line in lines:
            if line not in self._clauses:
                self._clauses[line] = self._reader.clause(line)
        return [self._clauses[line] for line in lines]


def _stated(case: Case, family: Family, number: int, text: str) -> tuple[Property, ...]:
    """What there is to show of the rule, by what the file says that is chosen."""
    rule = family.system.properties[number]
    by = restated_in(text, family, rule)
    if by is not None:
        if not by.covers(case.instance.scope):
            raise Refused(f"it says nothing of machines with {by.excepted}")
        return by.stated(rule, family)
    if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
        raise Refused("what it says of the rule is not understood")
    return (rule,)


def _unmet(family: Family, number: int) -> Property:
    """That what the rule speaks of never happens."""
    rule = family.system.properties[number]
    if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
        raise Refused("what it says of the rule is not understood")
    return unmet_of(rule)


def _first_values(family: Family, settled: frozenset[str]) -> dict[Variable, Any]:
    """What the variables of these names, and those of the configuration, begin with.

    That no step changes them is shown with the rest. Raises Refused.
    """
    starts = {v: family.start(v) for v in family.system.state.variables()}
    found = {
        variable: start
        for variable, start in starts.items()
        if (variable.frozen or variable.name in settled)
        and start is not None
        and not callable(start)
    }
    if other := settled ^ {one.name for one in found if not one.frozen}:
        raise Refused(f"not the same variables keep their first value: {min(other)}")
    return found


def _headings(text: str) -> Iterator[tuple[str, list[str]]]:
    """The title of each question, and the numbers of the facts that it rests on."""
    for title, numbers in ASKED.findall(text):
        yield title, numbers.split(", ")


def _asks_all(text: str, due: Iterable[Obligation]) -> int:
    """The file asks what is to be asked, by its headings; how many questions."""
    owed = Counter(one.title for one in due)
    asked = Counter(title for title, _ in _headings(text))
    if missing := owed - asked:
        raise Refused(f"this is not asked: {next(iter(missing))}")
    if more := asked - owed:
        raise Refused(f"this is not to be asked: {next(iter(more))}")
    return asked.total()
