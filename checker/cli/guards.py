"""tdxcheck guards: what each safeguard of a design is good for."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, Design, UsageError, hint
from tdxcheck.checker.cli.console import progress, show
from tdxcheck.checker.cli.delivery import Delivery, check_outputs, deliver
from tdxcheck.checker.cli.recorded import default_folder, names_in
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.cli.status import INTERRUPTED, OK, REFUTED, UNDECIDED
from tdxcheck.checker.cli.verify import budget_of, prepare, subject_of
from tdxcheck.checker.judging.judgement import Standing
from tdxcheck.checker.judging.removal import Removal, removals
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.report import removals as report
from tdxcheck.checker.report import summary
from tdxcheck.checker.report.finding import Results
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
    check_outputs(arguments)
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
    demanded = catalogue.machine.covers_default(sizes)
    status, result = _conclusion(found, interrupted, demanded)
    deliver(
        arguments,
        Delivery(
            lambda out: _tell(
                out,
                found,
                names_in(folder),
                bool(arguments.guard),
                seconds,
            ),
            lambda: {
                "format": "tdxcheck-guards",
                "version": 1,
                "result": result,
                "exit": status,
                "seconds": round(seconds, 3),
                "safeguards": [report.as_json(each, demanded) for each in found],
                "unneeded": report.unneeded_as_json(found),
            },
            lambda: Results(
                "guards",
                report.in_one_line(found),
                status,
                tuple(report.finding_of(each, demanded) for each in found),
                seconds,
                interrupted,
            ),
        ),
    )
    return status


def _conclusion(
    found: list[Removal], interrupted: bool, demanded: bool
) -> tuple[int, str]:
    """The exit code, and the same in words."""
    standings = {report.standing_of(removal, demanded) for removal in found}
    if interrupted:
        return INTERRUPTED, "interrupted"
    if Standing.UNDECIDED in standings:
        return UNDECIDED, "undecided"
    if Standing.UNEXPECTED in standings:
        return REFUTED, "unexpected"
    return OK, "as expected"


def _tell(
    out: Console,
    found: list[Removal],
    recorded: list[str],
    with_traces: bool,
    seconds: float,
) -> None:
    page = Page(out.width)
    report.told(page, found, recorded)
    if with_traces:
        report.traces(page, found)
        page.add()
    report.conclusion(page, found, seconds)
    show(out, page)


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
    return f"none of these designs has {' or '.join(names)}"


def _keep(found: list[Removal], folder: Path) -> None:
    """Record one trace of each safeguard with the first design that has it."""
    for removal in found:
        if removal.safeguard not in removal.design.introduced:
            continue
        if (telling := removal.telling) is not None and telling.trace is not None:
            page = Page(100)
            summary.told(page, telling)
            record.write(folder, subject_of(telling), telling.trace, str(page))
