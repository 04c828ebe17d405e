"""tdxcheck why-not: what stands in the way of an action in a state."""

from __future__ import annotations

import argparse

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.naming import state_of, steps_named
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.judging.hindrance import Helper, Hindrance, hindrances
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.report import hindrance as report
from tdxcheck.checker.report.page import Page


def why_not(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    design = catalogue.design(arguments.design)
    case, state, where = state_of(arguments, catalogue, design)
    instance = case.instance
    out = console()
    page = Page(out.width)
    page.add(f"{case.label}, {where}.")
    page.add()
    if arguments.action is None:
        report.everything(page, Interpreter(instance), _nearest(instance, state))
    else:
        steps = steps_named(instance, arguments.action, arguments.arguments)
        found = hindrances(instance, state, steps)
        _one(page, instance, state, found, case.label)
    show(out, page)
    return OK


def _nearest(instance: Instance, state: Assignment) -> list[Hindrance]:
    """Of each action the arguments with which fewest literals are false."""
    return [
        hindrances(instance, state, [(action, c) for c in instance.choices(action)])[0]
        for action in instance.system.actions
    ]


def _one(
    page: Page,
    instance: Instance,
    state: Assignment,
    found: list[Hindrance],
    label: str,
) -> None:
    nearest = found[0]
    if not nearest.parts:
        report.possible(page, nearest)
        return
    interpreter = Interpreter(instance)
    report.refused(page, interpreter, nearest)
    report.others(page, interpreter, found)
    report.helped(page, interpreter, Helper(instance, state).remedy(nearest), label)
