"""tdxcheck guards: what each safeguard of a design is good for."""

from __future__ import annotations

import argparse
from pathlib import Path

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, Design, UsageError, hint
from tdxcheck.checker.cli.console import console, progress, show
from tdxcheck.checker.cli.recorded import default_folder, names_in
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, REFUTED, UNDECIDED
from tdxcheck.checker.cli.verify import budget_of, prepare, subject_of
from tdxcheck.checker.judging.removal import Removal, removals
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.report import removals as report
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.page import Page


def guards(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    keys = dict.fromkeys(arguments.designs) or [d.key for d in catalogue.designs]
    asked = [
        (design, wanted)
        for design in map(catalogue.design, keys)
        if (wanted := _wanted(design, arguments.guard, arguments.record))
    ]
    if not asked:
        raise UsageError(_no_such_guard(arguments.guard, catalogue))
    folder = arguments.folder or default_folder(catalogue)
    sizes = sizes_of(arguments)
    if arguments.record:
        if sizes and arguments.folder is None:
            raise UsageError(
                "--record keeps traces of the default machine; "
                "give a --folder for others"
            )
        prepare(folder)
    systems = sum(1 + len(wanted) for _, wanted in asked)
    with progress() as note:
        found, interrupted, seconds = removals(
            catalogue,
            asked,
            sizes,
            budget_of(arguments, arguments.jobs, systems),
            arguments.jobs,
            note,
        )
    if arguments.record:
        _keep(found, folder)
    out = console()
    page = Page(out.width)
    report.told(page, found, names_in(folder))
    if arguments.guard:
        report.traces(page, found)
        page.add()
    report.conclusion(page, found, seconds)
    show(out, page)
    if interrupted:
        return INTERRUPTED
    if any(removal.undecided for removal in found):
        return UNDECIDED
    if catalogue.machine.covers_default(sizes) and not all(
        map(report.is_as_expected, found)
    ):
        return REFUTED
    return OK


def _wanted(design: Design, names: list[str], recording: bool) -> list[Safeguard]:
    """The safeguards that are asked for; else all, or those that are recorded."""
    if recording and not names:
        return list(design.introduced)
    every = design.system.safeguards
    return [s for s in every if not names or s.name in names]


def _no_such_guard(names: list[str], catalogue: Catalogue) -> str:
    known = {safeguard.name: safeguard for safeguard in catalogue.safeguards}
    for name in names:
        if name not in known:
            return f"there is no safeguard '{name}'{hint(name, known)}"
    return "none of these designs has such a safeguard"


def _keep(found: list[Removal], folder: Path) -> None:
    """Record one trace of each safeguard with the first design that has it."""
    for removal in found:
        if removal.safeguard not in removal.design.introduced:
            continue
        if (telling := removal.telling) is not None and telling.trace is not None:
            page = Page(100)
            summary.told(page, telling)
            record.write(folder, subject_of(telling), telling.trace, str(page))
