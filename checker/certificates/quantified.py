"""Certificates of proofs for every number of things, checked again.

The clauses of the invariant stand in the file as plain data. What is to be shown of
them is worked out anew from the specification as it is now, and must be what the file
says that it is; the file's own text is then put to each solver as it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

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
STATUS = "(set-info :status unsat)"
TOKEN = re.compile(r'(?:;[^\n]*|\s)*(\|[^|]*\||"[^"]*"|[()]|[^\s()|";]+)')
COMMANDS = frozenset(
    "set-logic set-info declare-sort declare-datatypes declare-fun declare-const "
    "push assert check-sat pop".split()
)


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
    _only_asks(text)
    total = asked.total()
    # z3 would stop at an answer that is not the one that the file announces.
    _is_agreed("z3", by_z3(text.replace(STATUS, "")), total)
    if second.is_installed():
        try:
            _is_agreed("cvc5", _by_cvc5(text), total)
        except RuntimeError as error:
            raise Refused(f"cvc5 does not understand the file: {error}") from error


def _only_asks(text: str) -> None:
    """The file has no command but those that state and ask.

    Another could have a solver write to files, or take something for granted always.
    """
    depth = asking = 0
    opened = False
    for token in TOKEN.findall(text):
        if opened and token not in COMMANDS:
            raise Refused(f"it has a command that is none of a certificate: {token}")
        if opened:
            asking += (token == "push") - (token == "pop")
            if token == "assert" and not asking:
                raise Refused("it asserts something of all questions at once")
        opened = depth == 0 and token == "("
        depth += (token == "(") - (token == ")")


def _by_cvc5(text: str) -> Sequence[str]:
    """The answers of cvc5; what it leaves open is asked again in other ways."""
    best: list[str] = []
    for ways in second.WAYS:
        said = second.answers(text, ways)
        pairs = zip(best or said, said, strict=True)
        best = [old if old == "unsat" else new for old, new in pairs]
        if "unknown" not in best:
            break
    return best


def _is_agreed(solver: str, said: Sequence[str], total: int) -> None:
    if len(said) != total:
        raise Refused(f"{solver} gave {len(said)} of {total} answers")
    for answer in said:
        if answer != "unsat":
            failed = Undecided if answer == "unknown" else Refused
            raise failed(f"a question of the file: {solver} says {answer[:60]}")
