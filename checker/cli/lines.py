"""tdxcheck lines: which rule needs each guard and each effect of a design."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

from tdxcheck.checker.catalogue import HOLDS, Catalogue, UsageError, hint
from tdxcheck.checker.cli.console import console, progress, show
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, UNDECIDED
from tdxcheck.checker.cli.verify import available_memory
from tdxcheck.checker.judging.lines import Need, Needed, needed
from tdxcheck.checker.judging.question import Case, Question, case_of
from tdxcheck.checker.judging.work import Budget
from tdxcheck.checker.language.lines import Line, lines_of
from tdxcheck.checker.language.system import Action, TransitionSystem
from tdxcheck.checker.report import lines as report
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.why import steps


def lines(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    design = catalogue.design(arguments.design)
    questions = [Question(rule.property, HOLDS) for rule in catalogue.rules]
    case = case_of(catalogue, design, (), sizes_of(arguments), questions)
    chosen = _chosen(case, arguments)
    memory = arguments.max_memory or available_memory() // arguments.jobs
    budget = Budget(memory=memory, seconds=arguments.time or None)
    started = time.monotonic()
    with progress() as note:
        found, interrupted = needed(case, chosen, budget, arguments.jobs, note)
    seconds = time.monotonic() - started
    status = OK
    if interrupted:
        status = INTERRUPTED
    elif any(one.need is Need.UNDECIDED for one in found):
        status = UNDECIDED
    if arguments.format == "json":
        told = report.as_json(case, found, seconds, status)
        print(json.dumps(told, indent=1))
        return status
    out = console()
    page = Page(out.width)
    report.told(page, case, found)
    if arguments.line:
        _traces(page, case, found)
    report.conclusion(page, found, seconds)
    show(out, page)
    return status


def _chosen(case: Case, arguments: argparse.Namespace) -> list[Line]:
    """The lines that are asked for; by default those of the design's own actions."""
    system = case.instance.system
    every = list(lines_of(system))
    names = {line.name: line for line in every}
    actions = {action.name: action for action in system.actions}
    for name in arguments.line:
        if name not in names:
            raise UsageError(f"{case.label} has no line '{name}'{hint(name, names)}")
    for name in arguments.action:
        if name not in actions:
            raise UsageError(
                f"{case.label} has no action '{name}'{hint(name, actions)}"
            )
    if arguments.line or arguments.action:
        return [
            line
            for line in every
            if line.name in arguments.line or line.action.name in arguments.action
        ]
    own = _own(case.design.system)
    chosen = [line for line in every if arguments.all or line.action in own]
    if not chosen:
        raise UsageError(
            f"{case.label} has no action of its own: see --all, or --action NAME"
        )
    return chosen


def _own(system: TransitionSystem) -> set[Action]:
    """The actions that the design has, and the one it is stated upon has not."""
    others = system.base.actions if system.base is not None else ()
    return set(system.actions) - set(others)


def _traces(page: Page, case: Case, found: Sequence[Needed]) -> None:
    for one in found:
        if one.rule is not None and one.trace is not None:
            page.add()
            heading = f"{case.label} without {one.line.name}: {one.rule.name}"
            steps(page, heading, one.trace, case.machine)
