"""Rechecking: a proof of an earlier run, checked before it is believed.

Of what is kept only the clauses count. The certificate is written of them anew, and
goes through the checker of certificates, as one from a file does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdxcheck.checker.certificate_checker import Refused, Undecided, check, read
from tdxcheck.checker.certificate_solvers import solvers
from tdxcheck.checker.certificates.writing import (
    HOLDS,
    UNREACHABLE,
    VACUOUS,
    Subject,
    script,
    targets_of,
)
from tdxcheck.checker.engines.symbolic.pdr import Never, Proof
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Answer, Clauses
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Proved,
    Unreachable,
    Vacuous,
    Verdict,
    every_of,
)

if TYPE_CHECKING:
    from tdxcheck.checker.certificates.quantified import Families

SAYS: dict[type[Verdict], str] = {
    Proved: HOLDS,
    Vacuous: VACUOUS,
    Unreachable: UNREACHABLE,
}


class Rechecker:
    """Checks proofs, and grounds a case only once for all that are about it."""

    def __init__(self) -> None:
        self._case: Case | None = None
        self._system: GroundSystem | None = None
        self._families: Families | None = None

    def __call__(self, case: Case, number: int, answer: Answer) -> bool:
        """Whether the answer to this question of the case is proved by its clauses."""
        if (every := every_of(answer.verdict)) is not None:
            is_vacuous = isinstance(answer.verdict, Vacuous)
            return self._for_every(case, number, every.certificate, is_vacuous)
        says = SAYS.get(type(answer.verdict))
        mode = case.questions[number].rule.mode
        if says is None or answer.proof is None or mode is Mode.LEADS_TO:
            return False
        system = self._grounded(case)
        try:
            text = _written(case, system, number, says, answer.proof)
            check(read(text), system, system.properties[number], solvers())
        except (Refused, Undecided, IndexError):
            return False
        return True

    def _for_every(self, case: Case, number: int, text: str, is_vacuous: bool) -> bool:
        from tdxcheck.checker.certificates.quantified import Families

        self._families = self._families or Families()
        try:
            self._families.check(case, number, text, vacuous=is_vacuous)
        except (Refused, Undecided):
            return False
        return True

    def _grounded(self, case: Case) -> GroundSystem:
        if self._system is None or self._case is not case:
            self._case = case
            self._system = ground(case.instance.system, case.instance.scope)
        return self._system


def _written(
    case: Case, system: GroundSystem, number: int, says: str, clauses: Clauses
) -> str:
    part = slice_for(system, (number,))
    (rule,) = part.system.properties
    targets = targets_of(part.system, rule, says)
    question = case.questions[number]
    subject = Subject(
        case.design.key, question.name, says, case.sizes, (), question.rule
    )
    proof = Proof(part.system, targets, tuple(map(Never, clauses)))
    return script(subject, proof, part.steps)


RECHECKER = Rechecker()
