"""tdxcheck diff: what two designs do differently, and what comes of it."""

from __future__ import annotations

import argparse
import json

from tdxcheck.checker.catalogue import Catalogue, Design
from tdxcheck.checker.cli.console import console, progress, show
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, UNDECIDED
from tdxcheck.checker.cli.verify import budget_of
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.judgement import Assessment, Standing
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Engines
from tdxcheck.checker.report import comparison
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.verdict import Reached


def diff(arguments: argparse.Namespace, catalogue: Catalogue, engines: Engines) -> int:
    one, other = (catalogue.design(key) for key in (arguments.one, arguments.other))
    out = console(mail=arguments.mail)
    for_people = arguments.format == "text"
    if for_people:
        page = Page(out.width)
        comparison.designs(page, one, other)
        show(out, page)
    if not comparison.differ(one, other):
        if not for_people:
            _print(one, other, [], OK)
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
    status = _status(assessment)
    if for_people:
        page = Page(out.width)
        comparison.steps(page, pairs)
        comparison.verdicts(page, pairs)
        show(out, page)
    else:
        _print(one, other, pairs, status)
    return status


def _status(assessment: Assessment) -> int:
    if assessment.interrupted:
        return INTERRUPTED
    undecided = any(j.standing is Standing.UNDECIDED for j in assessment.judgements)
    return UNDECIDED if undecided else OK


def _print(one: Design, other: Design, pairs: comparison.Pairs, status: int) -> None:
    document = {
        "format": "tdxcheck-diff",
        "version": 1,
        "exit": status,
        "same": not comparison.differ(one, other),
        **comparison.as_json(one, other, pairs),
    }
    print(json.dumps(document, indent=1))
