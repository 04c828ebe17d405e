"""Proofs for every number: how long they take, and what the solvers alone need.

    python -m benchmarks.every [SUBJECT ...]

Each subject is a design, with its rules of states and of steps, or *lifecycle*, the
host in miniature. It is proved from nothing: small machines are visited, what never
occurs there is learned, z3 shows that every action of every machine keeps it, and cvc5
has to agree. *CPU s* is the time of all that, *median* and *over 2 s* are about the
rules one by one, each of which has what the rules before it have taught. *z3 alone* and
*cvc5 alone* answer the questions of the finished proofs again, each of them once: less
than that no proof can take which asks both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import z3

from benchmarks.__main__ import machine
from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.engines.parametric import second
from tdxcheck.checker.engines.parametric.family import Family, family_of
from tdxcheck.checker.engines.parametric.prover import MODES, Prover
from tdxcheck.checker.engines.parametric.results import Proof, Result
from tdxcheck.checker.engines.symbolic.solving import Clock
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.language.instance import Instance
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.models.classic.lifecycle import LIFECYCLE, scope

T = TypeVar("T")

SUBJECTS = ("lifecycle", "v6.8", "v6.18", "v7.1")
LONG = 2.0
"""Seconds."""
HEAD = (
    f"{'subject':12}{'rules':>6}{'proved':>8}{'CPU s':>8}{'median':>8}{'over 2 s':>10}"
    f"{'questions':>11}{'z3 alone':>10}{'cvc5 alone':>12}"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.every")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", default=SUBJECTS)
    try:
        families = {name: family(name) for name in parser.parse_args().subjects}
    except UsageError as error:
        parser.error(str(error))
    print(f"{machine()}\n\n{HEAD}", flush=True)
    for name, of in families.items():
        print(row(name, of), flush=True)
    return 0


def family(name: str) -> Family:
    """All machines of this name."""
    if name == "lifecycle":
        return family_of(Instance(LIFECYCLE, scope(2, 2)))
    rules = [rule.id for rule in CATALOGUE.rules]
    case, *_ = cases_of(CATALOGUE, [CATALOGUE.design(name)], {}, names=rules)
    return family_of(case.instance, case.unbounded, case.common)


def row(name: str, of: Family) -> str:
    """What is measured of one subject."""
    begin = time.process_time()
    prover = Prover(of)
    prover.prepare(Clock(None))
    asked = [n for n, rule in enumerate(prover.rules) if rule.mode in MODES]
    found: list[Result] = []

    def prove(number: int) -> None:
        found.append(prover.prove(number, Clock(None)))

    took = [seconds(prove, number) for number in asked]
    whole = time.process_time() - begin
    proved = sum(isinstance(result, Proof) for result in found)
    text = prover.obligations.writer.text([one.check for one in prover.agreed])
    return (
        f"{name:12}{len(asked):>6}{proved:>8}{whole:8.1f}"
        f"{statistics.median(took):8.2f}{sum(one > LONG for one in took):>10}"
        f"{len(prover.agreed):>11}{seconds(by_z3, text):10.2f}"
        f"{seconds(by_cvc5, text):12.2f}"
    )


def seconds(work: Callable[[T], object], of: T) -> float:
    """Of the processor, for this work."""
    begin = time.process_time()
    work(of)
    return time.process_time() - begin


def by_z3(text: str) -> None:
    """Have z3 answer all questions of the text."""
    context = z3.Context()
    z3.Z3_eval_smtlib2_string(context.ref(), text)


def by_cvc5(text: str) -> None:
    """Have cvc5 answer them, in the first of the ways in which it is asked."""
    second.answers(text, second.WAYS[0])


if __name__ == "__main__":
    sys.exit(main())
