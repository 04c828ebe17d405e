"""tdxcheck diff: what two designs do differently, and what comes of it."""

from __future__ import annotations

import argparse

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.console import console, progress, show
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, UNDECIDED
from tdxcheck.checker.cli.verify import budget_of
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.judgement import Standing
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Engines
from tdxcheck.checker.report import comparison
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.verdict import Reached


def diff(arguments: argparse.Namespace, catalogue: Catalogue, engines: Engines) -> int:
    one, other = (catalogue.design(key) for key in (arguments.one, arguments.other))
    out = console()
    page = Page(out.width)
    differ = comparison.designs(page, one, other)
    show(out, page)
    if not differ:
        return OK
    rules = [rule.id for rule in catalogue.rules]
    cases = cases_of(catalogue, [one, other], sizes_of(arguments), names=rules)
    cases = [case for case in cases if case.questions[0].claim is None]
    first = dict([next(iter(engines.items()))])
    with progress() as note:
        assessment = assess(
            cases,
            first,
            budget_of(arguments, arguments.jobs, 2),
            arguments.jobs,
            demanded=False,
            shown=lambda case, question, verdict: isinstance(verdict, Reached),
            report=note,
        )
    answers = [
        [j for j in assessment.judgements if j.case.design is design]
        for design in (one, other)
    ]
    pairs = list(zip(*answers, strict=True))
    page = Page(out.width)
    comparison.steps(page, pairs)
    comparison.verdicts(page, pairs)
    show(out, page)
    if assessment.interrupted:
        return INTERRUPTED
    undecided = any(j.standing is Standing.UNDECIDED for j in assessment.judgements)
    return UNDECIDED if undecided else OK
