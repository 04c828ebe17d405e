"""Certificates: of every proof, how long it took, and how long its checker takes.

    python -m benchmarks.certificates [--seconds S] [--one | --every] [DESIGN ...]

Each rule of a design that holds is proved for the default machine, by
property-directed reachability, and for every number of CPUs, packages and blocks. The
certificate of each proof goes to the checker, which asks all solvers that are
installed, and compares the words. One that is refused, and one whose check takes longer
than a second and than its proof, is told, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.__main__ import machine
from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.certificate_checker import Refused, Undecided, check, read
from tdxcheck.checker.certificate_endings import shown
from tdxcheck.checker.certificate_solvers import solvers
from tdxcheck.checker.certificates import Subject, certify
from tdxcheck.checker.certificates.posing import subject_of
from tdxcheck.checker.certificates.quantified import Families
from tdxcheck.checker.certificates.wording import (
    says_what_is_shown,
    says_what_is_shown_for_every,
)
from tdxcheck.checker.certificates.writing import EVERY, VACUOUS_FOR_EVERY
from tdxcheck.checker.certificates.writing import for_every as written
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.symbolic.pdr import Budget, GaveUp
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.judging import work
from tdxcheck.checker.judging.generalizing import generalized
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.verdict import (
    Exhausted,
    Unreachable,
    Vacuous,
    Verdict,
    every_of,
)
from tdxcheck.models.catalogue import CATALOGUE

DESIGNS = ("v6.8", "v6.18", "v7.1")
SAID: dict[type[Verdict], str] = {
    Exhausted: "holds",
    Vacuous: "holds vacuously",
    Unreachable: "is unreachable",
}
ENOUGH = 1.0
"""Seconds that a check may take in any case."""
HEAD = (
    f"{'design':10}{'machine':>9}{'proofs':>8}{'accepted':>10}{'late':>6}"
    f"{'proofs s':>10}{'checks s':>10}{'longest check':>15}"
)


@dataclass(frozen=True)
class Measured:
    """One proof and its certificate, in seconds of the processor."""

    name: str
    proof: float
    check: float = 0.0
    wrong: str = ""
    """Why there is no certificate that is accepted."""

    @property
    def late(self) -> bool:
        return self.check > max(self.proof, ENOUGH)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.certificates")
    parser.add_argument("designs", nargs="*", metavar="DESIGN", default=DESIGNS)
    parser.add_argument(
        "--seconds", type=float, default=60.0, metavar="S",
        help="for each proof for one machine (default: %(default)s)",
    )  # fmt: skip
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--one", action="store_true", help="only for one machine")
    either.add_argument("--every", action="store_true", help="only for every number")
    arguments = parser.parse_args()
    try:
        cases = {name: _case(name) for name in arguments.designs}
    except UsageError as error:
        parser.error(str(error))
    print(f"{machine()}\n\n{HEAD}", flush=True)
    good = True
    for name, case in cases.items():
        if not arguments.every:
            good &= tell(name, "one", list(for_one(case, arguments.seconds)))
        if not arguments.one:
            good &= tell(name, "every", list(for_every(case)))
    return 0 if good else 1


def tell(design: str, machines: str, found: list[Measured]) -> bool:
    """Print what was measured; whether all is as it should be."""
    bad = [one for one in found if one.wrong or one.late]
    late = sum(one.late for one in found)
    print(
        f"{design:10}{machines:>9}{len(found):>8}"
        f"{sum(not one.wrong for one in found):>10}{late:>6}"
        f"{sum(one.proof for one in found):10.2f}"
        f"{sum(one.check for one in found):10.2f}"
        f"{max((one.check for one in found), default=0.0):15.2f}"
    )
    for one in bad:
        why = one.wrong or f"proof {one.proof:.2f} s, check {one.check:.2f} s"
        print(f"  {one.name}: {why}")
    sys.stdout.flush()
    return not bad


def for_one(case: Case, seconds: float) -> Iterator[Measured]:
    """The certificates of what holds on the case's machine."""
    system = ground(case.instance.system, case.instance.scope)
    verdicts = survey(system).verdicts
    asked = solvers()
    for number, question in enumerate(case.questions):
        says = SAID.get(type(verdicts[number]))
        if says is None:
            continue
        subject = Subject(
            case.design.key, question.name, says, case.sizes, (), question.rule
        )
        begin = time.process_time()
        try:
            text = certify(system, number, subject, Budget(None, seconds)).script
        except GaveUp as limit:
            spent = time.process_time() - begin
            yield Measured(question.name, spent, wrong=f"{limit} was met")
            continue
        middle = time.process_time()
        wrong = ""
        try:
            certificate = read(text)
            rule = shown(system, system.properties[number], certificate.info)
            check(certificate, system, rule, asked)
            says_what_is_shown(text, certificate, system, number, subject)
        except (Refused, Undecided) as error:
            wrong = str(error)
        end = time.process_time()
        yield Measured(question.name, middle - begin, end - middle, wrong)


def for_every(case: Case) -> Iterator[Measured]:
    """The certificates of what is proved for every number."""
    numbers = {question.name: n for n, question in enumerate(case.questions)}
    spent = dict.fromkeys(numbers, 0.0)
    since = "", time.process_time()

    def report(told: object) -> None:
        nonlocal since
        now = time.process_time()
        if since[0] in spent:
            spent[since[0]] += now - since[1]
        text = told.text if isinstance(told, work.Notice) else ""
        since = text.partition(",")[0], now

    answers = generalized(case, work.Budget(), report).answers
    report(None)
    # A checker has a process of its own, with nothing in it that proofs left behind.
    gc.collect()
    gc.freeze()
    families = Families()
    for name, number in numbers.items():
        verdict = answers[number].verdict
        every = every_of(verdict)
        if every is not None:
            is_vacuous = isinstance(verdict, Vacuous)
            said = VACUOUS_FOR_EVERY if is_vacuous else EVERY
            subject = subject_of(case, number, said)
            text = written(subject, every)
            wrong = ""
            begin = time.process_time()
            try:
                families.check(case, number, text, vacuous=is_vacuous)
                told = families.told(case, number, text)
                says_what_is_shown_for_every(text, told, subject)
            except (Refused, Undecided) as error:
                wrong = str(error)
            yield Measured(name, spent[name], time.process_time() - begin, wrong)


def _case(name: str) -> Case:
    """The rules of the design on the default machine; claims are of others."""
    rules = [rule.id for rule in CATALOGUE.rules]
    case, *_ = cases_of(CATALOGUE, [CATALOGUE.design(name)], {}, names=rules)
    return case


if __name__ == "__main__":
    sys.exit(main())
