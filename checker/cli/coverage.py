"""tdxcheck coverage: what of a design ever happens, decided."""

from __future__ import annotations

import argparse
import json

from tdxcheck.checker.catalogue import Catalogue, Design, Outcome, UsageError, hint
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import OK, REFUTED
from tdxcheck.checker.judging.coverage import Coverage, Kind, coverage
from tdxcheck.checker.judging.coverage import Outcome as Happens
from tdxcheck.checker.judging.question import Case, case_of
from tdxcheck.checker.judging.witness import witness
from tdxcheck.checker.report import coverage as report
from tdxcheck.checker.report.page import Page
from tdxcheck.checker.report.why import steps

WHOLE = {
    Happens.REACHED: "a rule that something could break; no run shows that",
    Happens.SETTLED: "a rule that the configuration decides",
    Happens.DEAD: "a rule that nothing could break",
}
"""What is said of a rule where there is no run to it."""


def cover(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    design = catalogue.design(arguments.design)
    sizes = sizes_of(arguments)
    assumed = tuple(catalogue.assumption(key) for key in arguments.assume)
    case = case_of(catalogue, design, assumed, sizes, ())
    found = coverage(case.instance, [rule.property for rule in catalogue.rules])
    if arguments.trace is not None:
        return _trace(case, found, arguments.trace)
    known = known_dead(design, found)
    default = not assumed and catalogue.machine.covers_default(sizes)
    demanded = default and design in catalogue.designs
    status = OK
    if demanded and (report.news(found, known) or report.revived(found, known)):
        status = REFUTED
    if arguments.format == "json":
        print(json.dumps(report.as_json(case, found, known, status), indent=1))
        return status
    out = console()
    page = Page(out.width)
    report.told(page, case, found, known, arguments.all)
    report.conclusion(page, found, known)
    show(out, page)
    return status


def known_dead(design: Design, found: Coverage) -> dict[str, str]:
    """Why each thing is dead that is known to be: by itself, or as its rule is."""
    known = {name: why.told for name, why in design.dead.items()}
    for thing in found.of_kind(Kind.PREMISE):
        expected = design.expected.get(thing.of.name)
        if expected is not None and expected.outcome is Outcome.VACUOUS:
            if thing.outcome is not Happens.REACHED:
                known.setdefault(thing.name, f"vacuous: {expected.told}")
    return known


def _trace(case: Case, found: Coverage, name: str) -> int:
    """A shortest run to something that happens."""
    things = {thing.name: thing for thing in found.things}
    if name not in things:
        raise UsageError(
            f"{case.label} has nothing called '{name}'{hint(name, things)}"
        )
    thing = things[name]
    out = console()
    page = Page(out.width)
    if thing.kind is Kind.RULE and not thing.places:
        page.add(f"{name}: {WHOLE[thing.outcome]}")
    elif thing.outcome is not Happens.REACHED:
        page.add(
            f"{name}: in none of the {found.states:,} reachable states of {case.label}"
        )
    else:
        steps(page, f"{case.label}: {name}", witness(found, thing), case.machine)
        if words := report.text(thing):
            page.add(f"There: {words}", label="  ", at=2)
    show(out, page)
    return OK
