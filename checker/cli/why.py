"""tdxcheck why: how a rule came to be broken, or what keeps it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.cli.console import console, progress, show
from tdxcheck.checker.cli.recorded import Stale, find, load
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, UNDECIDED
from tdxcheck.checker.cli.verify import budget_of
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.judgement import Judgement, outcome_of
from tdxcheck.checker.judging.others import others
from tdxcheck.checker.judging.question import Case, cases_of
from tdxcheck.checker.judging.resting import resting
from tdxcheck.checker.judging.turning import turning
from tdxcheck.checker.judging.work import Engines
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.report import resting as resting_report
from tdxcheck.checker.report import summary
from tdxcheck.checker.report import why as report
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.report.remedy import remedies
from tdxcheck.checker.report.words import sentence
from tdxcheck.checker.trace import Trace

LOOKING = 60.0
"""Seconds for different counterexamples, where no limit is given."""


def why(arguments: argparse.Namespace, catalogue: Catalogue, engines: Engines) -> int:
    if len(arguments.subject) > 2:
        raise UsageError("why takes a TRACE, or a DESIGN and a RULE")
    if len(arguments.subject) == 1:
        if arguments.next:
            raise UsageError("--next looks for a counterexample of a DESIGN and a RULE")
        case, trace = recorded(arguments, catalogue)
        return _told(arguments, catalogue, case, trace)
    return _judged(arguments, catalogue, engines)


def recorded(arguments: argparse.Namespace, catalogue: Catalogue) -> tuple[Case, Trace]:
    """The recorded trace that is meant, replayed."""
    paths = find(arguments.subject[0], arguments.folder, catalogue)
    if len(paths) > 1:
        names = ", ".join(path.name.removesuffix(record.SUFFIX) for path in paths)
        raise UsageError(f"'{arguments.subject[0]}' may be any of {names}")
    recording = record.read(paths[0])
    try:
        return load(recording, catalogue)
    except Stale as error:
        raise UsageError(f"{recording.path} is stale: {error}") from None


def _judged(
    arguments: argparse.Namespace, catalogue: Catalogue, engines: Engines
) -> int:
    key, name = arguments.subject
    case = asked(catalogue, key, name, sizes_of(arguments))
    first = dict([next(iter(engines.items()))])
    with progress() as note:
        assessment = assess(
            [case], first, budget_of(arguments, 1, 1), 1, demanded=False, report=note
        )
    if assessment.interrupted:
        return INTERRUPTED
    judgement = assessment.judgements[0]
    if outcome_of(judgement.verdict) is None:
        print(f"{case.label}: {judgement.question.name}: {sentence(judgement)}")
        return UNDECIDED
    if judgement.trace is not None and arguments.next:
        return _next(arguments, catalogue, case)
    if judgement.trace is not None:
        return _told(arguments, catalogue, case, judgement.trace)
    return _kept(arguments, case, judgement)


def _next(arguments: argparse.Namespace, catalogue: Catalogue, case: Case) -> int:
    """A counterexample that is different from the shortest one."""
    seconds = LOOKING if arguments.time is None else arguments.time or float("inf")
    found = others(case, seconds, report.what_matters)
    number = arguments.next
    more = "" if found.complete else ", and there was no time to look for all"
    if number >= len(found.found):
        print(
            f"{case.label}: {len(found.found)} different counterexamples of "
            f"{case.questions[0].name}{more}"
        )
        return OK if found.complete else UNDECIDED
    other = found.found[number]
    out = console()
    page = Page(out.width)
    report.different(page, found, number, more)
    show(out, page)
    return _told(arguments, catalogue, case, other.trace)


def _kept(arguments: argparse.Namespace, case: Case, judgement: Judgement) -> int:
    """What a rule that holds rests on."""
    out = console()
    page = Page(out.width)
    rule = judgement.question.rule
    page.add(f"{case.label} keeps {judgement.question.name}", Style.TITLE)
    page.add(rule.summary, label="  ", at=2)
    page.add(sentence(judgement), Style.QUIET, label="  ", at=2)
    if rule.mode in (Mode.INVARIANT, Mode.STEP_RULE):
        resting_report.told(page, resting(case, arguments.time))
    show(out, page)
    return OK


def asked(catalogue: Catalogue, key: str, name: str, sizes: dict[str, int]) -> Case:
    """One question about one design: a rule, or a claim under its assumptions."""
    design = catalogue.design(key)
    claims = {claim.key for claim in catalogue.claims}
    if name not in claims:
        catalogue.rule(name)
    cases = cases_of(catalogue, [design], sizes, names=[name])
    if not cases:
        raise UsageError(f"{name} is not asked of {key}")
    case = cases[0]
    question = case.questions[0]
    system = replace(case.instance.system, properties=(question.rule,))
    instance = replace(case.instance, system=system)
    return replace(case, questions=(question,), instance=instance)


def _told(
    arguments: argparse.Namespace, catalogue: Catalogue, case: Case, trace: Trace
) -> int:
    out = console()
    page = Page(out.width)
    story = report.steps(
        page, summary.title(case, case.questions[0]), trace, case.machine
    )
    report.clause(page, story)
    if trace.rule.mode is not Mode.REACHABLE:
        report.avoidable(page, trace, turning(trace))
        report.elsewhere(page, remedies(trace, case, catalogue))
    show(out, page)
    return OK
