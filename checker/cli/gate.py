"""tdxcheck gate: what a change to a specification means."""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.console import show
from tdxcheck.checker.cli.delivery import Delivery, check_outputs, deliver
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.cli.storing import store_of
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.findings import Report, Weight
from tdxcheck.checker.gate import trees
from tdxcheck.checker.gate.citations import recorded_facts
from tdxcheck.checker.gate.comparison import compare
from tdxcheck.checker.gate.keeping import Searches
from tdxcheck.checker.gate.results import results_of
from tdxcheck.checker.gate.side.citing import file_of_facts
from tdxcheck.checker.gate.sides import Side
from tdxcheck.checker.gate.telling import as_json, page
from tdxcheck.checker.project import project_of

OWN = "tdxcheck.models.catalogue"
"""The catalogue of this project's own repository."""


def gate(arguments: argparse.Namespace) -> int:
    check_outputs(arguments)
    searches = Searches(store_of(arguments), Limits(memory=arguments.max_memory))
    started = time.monotonic()
    root = trees.top(Path.cwd())
    catalogue = _catalogue(root, arguments.catalogue)
    records = _inside(root, arguments.folder or Path(root / "counterexamples"))
    if arguments.record_facts:
        return _record_facts(root, catalogue, records)
    base = trees.commit(root, arguments.base)
    head = None if arguments.head is None else trees.commit(root, arguments.head)
    if trees.same(root, base, head):
        report = Report(arguments.base, arguments.head or "the working tree", "", ())
    else:
        accepted = trees.accepted(root, base, head)
        seconds = 300.0 if arguments.time is None else arguments.time
        with ExitStack() as stack:
            folders = (
                _unpacked(stack, root, base),
                root if head is None else _unpacked(stack, root, head),
            )
            names = (arguments.base, arguments.head or "the working tree")
            sides = [
                stack.enter_context(Side(name, folder, catalogue, records))
                for name, folder in zip(names, folders, strict=True)
            ]
            for side in sides:
                side.check()
            report = compare(sides[0], sides[1], seconds or None, accepted, searches)
    status = status_of(report)
    deliver(
        arguments,
        Delivery(
            lambda out: show(out, page(report, out.width)),
            lambda: as_json(report, status),
            lambda: results_of(report, root, status, time.monotonic() - started),
        ),
    )
    return status


def _record_facts(root: Path, catalogue: str, records: str) -> int:
    """Write down the fact of every clause that is cited, those known as they are."""
    with Side("the working tree", root, catalogue, records) as side:
        side.check()
        clauses = side.asked("outline")["clauses"]
    path = file_of_facts(root) or root / ("spec" if (root / "spec").is_dir() else ".")
    if path.is_dir():
        path = path / "facts.json"
    write_whole(path, recorded_facts(clauses))
    print(f"{path.relative_to(root)}: {len(clauses)} clauses")
    return OK


def status_of(report: Report) -> int:
    if report.of(Weight.FAILS):
        return REFUTED
    return UNDECIDED if report.of(Weight.UNDECIDED) else OK


def _catalogue(root: Path, asked: str | None) -> str:
    """The catalogue as a side loads it: a module, or a file relative to the root."""
    if asked is None and (project := project_of(Path.cwd())) is not None:
        return f"{_inside(root, project.file)}:{project.name}"
    if asked is None:
        if not (root / "src" / "tdxcheck" / "models" / "catalogue.py").is_file():
            raise UsageError(
                f"{root} is not the repository of tdxcheck: name the catalogue in "
                "pyproject.toml, or as --catalogue FILE.py:NAME or MODULE:NAME"
            )
        return OWN
    where, colon, name = asked.partition(":")
    if where.endswith(".py"):
        where = _inside(root, Path(where))
    return f"{where}{colon}{name}"


def _inside(root: Path, path: Path) -> str:
    """The path relative to the repository."""
    full = path.absolute().resolve()
    if not full.is_relative_to(root.resolve()):
        raise UsageError(f"{path} is not in the repository {root}")
    return str(full.relative_to(root.resolve()))


def _unpacked(stack: ExitStack, root: Path, revision: str) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tdxcheck-")))
    trees.unpack(root, revision, folder)
    trees.lend(folder)
    return folder
