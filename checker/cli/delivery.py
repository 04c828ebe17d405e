"""Where a report goes, and in which formats: `--format` and `--output`."""

from __future__ import annotations

import argparse
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.console import WIDEST, console
from tdxcheck.checker.cli.output import check_writable
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.report.finding import Results
from tdxcheck.checker.report.formats.annotations import annotated
from tdxcheck.checker.report.formats.junit import junit
from tdxcheck.checker.report.formats.markdown import markdown
from tdxcheck.checker.report.formats.places import repository
from tdxcheck.checker.report.formats.sarif import sarif

ENDINGS = {
    ".txt": "text",
    ".json": "json",
    ".xml": "junit",
    ".sarif": "sarif",
    ".md": "markdown",
}
SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a job's summary, where GitHub runs the job."""


@dataclass(frozen=True)
class Delivery:
    """The ways in which one thing is told."""

    text: Callable[[Console], None]
    json: Callable[[], Any]
    results: Callable[[], Results]


def check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse, before there is anything to write, what could not be written."""
    for path in arguments.output:
        if path.suffix not in ENDINGS:
            known = ", ".join(f"{end} ({name})" for end, name in ENDINGS.items())
            raise UsageError(f"{path}: the name must end in one of {known}")
        check_writable(path)


def deliver(arguments: argparse.Namespace, told: Delivery) -> None:
    """Write each file, then print; what is not asked for is not made."""
    forms = _forms(told)
    for path in arguments.output:
        write_whole(path, forms[ENDINGS[path.suffix]]())
    if arguments.format in ("text", "github"):
        told.text(console(mail=arguments.mail))
    if arguments.format == "github" and (summary := os.environ.get(SUMMARY)):
        # GitHub collects there what each step of a job has to say.
        with open(summary, "a", encoding="utf-8") as file:
            file.write(forms["markdown"]() + "\n")
    if arguments.format != "text":
        print(forms[arguments.format](), end="")


def _forms(told: Delivery) -> Mapping[str, Callable[[], str]]:
    root = repository(Path.cwd())

    def text() -> str:
        file = io.StringIO()
        told.text(Console(file=file, width=WIDEST, highlight=False, no_color=True))
        return file.getvalue()

    return {
        "text": text,
        "json": lambda: json.dumps(told.json(), indent=1) + "\n",
        "junit": lambda: junit(told.results()),
        "sarif": lambda: sarif(told.results(), root, version("tdxcheck")),
        "markdown": lambda: markdown(told.results(), root),
        "github": lambda: annotated(told.results(), root),
    }
