"""Certificates of proofs for every number of things, checked again.

The clauses of the invariant stand in the file as plain data. What is to be shown of
them is worked out anew from the specification as it is now, and must be what the file
says that it is; the file's own text is then put to each solver as it stands.
"""

from __future__ import annotations

import re
from collections import Counter

from tdxcheck.checker.certificate_checker import Refused, Undecided
from tdxcheck.checker.certificate_solvers import by_z3
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.family import Unsupported, family_of
from tdxcheck.checker.engines.parametric.prover import Lack, Proof, Prover
from tdxcheck.checker.engines.parametric.recorded import Unreadable, clauses_in
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode

PATIENCE = 120.0
"""Seconds for working it out again."""
ASKED = re.compile(r"^; (.*)\n\(push 1\)$", re.MULTILINE)
"""The heading of a question in the file."""
APART = re.compile(r"^\(push 1\)$.*?^\(pop 1\)$", re.MULTILINE | re.DOTALL)
"""A question."""
STATUS = "(set-info :status unsat)"
BEYOND = re.compile(r"^[^;|]*\(assert", re.MULTILINE)


class Families:
    """Checks such certificates; what is known of a family serves all its rules."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._prover: Prover | None = None

    def check(self, case: Case, number: int, text: str) -> int:
        """Refuse the certificate of the case's rule, or tell how many parts it has."""
        rule = case.questions[number].rule
        if rule.mode not in (Mode.INVARIANT, Mode.STEP_RULE):
            raise Refused("what it says of the rule is not understood")
        try:
            prover = self._of(case)
            stated = prover.family.system.properties[number]
            clauses = clauses_in(text, prover.family)
            found = prover.check(stated, clauses, Clock(PATIENCE))
        except (Unreadable, Unsupported, SpecificationError) as error:
            raise Refused(str(error)) from error
        except GaveUp as limit:
            raise Undecided(f"{limit.limit.value} was met") from limit
        if isinstance(found, Lack):
            raise Refused(f"it does not show the rule: {found.reason}")
        if len(found.clauses) != len(clauses):
            raise Refused("it has clauses that show nothing")
        _is_as_it_says(text, found)
        return len(found.invariant)

    def _of(self, case: Case) -> Prover:
        if self._prover is None or self._case is not case:
            self._case = case
            self._prover = Prover(family_of(case.instance, case.unbounded, case.common))
        return self._prover


def _is_as_it_says(text: str, found: Proof) -> None:
    """The file asks what is to be asked, and every answer is that it cannot be."""
    due = Counter(ASKED.findall(found.text))
    asked = Counter(ASKED.findall(text))
    if missing := due - asked:
        raise Refused(f"this is not asked: {next(iter(missing))}")
    if more := asked - due:
        raise Refused(f"this is not to be asked: {next(iter(more))}")
    if BEYOND.search(APART.sub("", text)):
        raise Refused("it asserts something of all questions at once")
    total = asked.total()
    # z3 would stop at an answer that is not the one that the file announces.
    answers = {"z3": list(by_z3(text.replace(STATUS, "")))}
    if second.is_installed():
        best: list[str] = []
        for ways in second.WAYS:
            said = second.answers(text, ways)
            best = [
                b if b == "unsat" else s
                for b, s in zip(best or said, said, strict=True)
            ]
            if "unknown" not in best:
                break
        answers["cvc5"] = best
    for name, said in answers.items():
        if len(said) != total:
            raise Refused(f"{name} gave {len(said)} of {total} answers")
        for answer in said:
            if answer != "unsat":
                failed = Undecided if answer == "unknown" else Refused
                raise failed(f"a question of the file: {name} says {answer[:60]}")
