"""tdxcheck new: a small project with a design, a rule, a test and a CI file."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.console import console, show
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK
from tdxcheck.checker.report.page import Page, Style

TEMPLATE = files("tdxcheck") / "checker" / "cli" / "template"
ENDING = ".template"
PLACES = {"tdxcheck.yml": ".github/workflows/tdxcheck.yml", "gitignore": ".gitignore"}
"""Where a file goes that does not lie at the top."""
NAME = "my-design"
"""What the template's design is called."""
TAKEN = ("v6.8",)
"""Names that the template has for something else."""


def new(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    name = folder.resolve().name
    _check(folder, name)
    try:
        written = _make(folder, name)
    except OSError as error:
        raise UsageError(
            f"cannot make {folder}: {error.strerror}; give another DIR"
        ) from error
    out = console()
    page = Page(out.width)
    page.add(f"{one_line(str(folder))} has the design {name}:", Style.TITLE)
    page.add(", ".join(sorted(written)), label="  ", at=2)
    page.add(f"cd {one_line(str(folder))}, and 'tdxcheck verify' judges it.")
    show(out, page)
    return OK


def _check(folder: Path, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*", name):
        raise UsageError(
            f"'{name}' cannot be the name of a design: letters, digits, and single "
            "'.', '_' or '-' between them, beginning with a letter"
        )
    if name in TAKEN:
        raise UsageError(f"{name} is the design that the new one is a difference from")
    if folder.is_symlink() or folder.exists():
        # An empty folder is as good as none.
        if not folder.is_dir() or any(folder.iterdir()):
            raise UsageError(f"{folder} is there already; give a DIR that is not")
    elif not folder.parent.is_dir():
        raise UsageError(f"there is no folder {folder.parent} to make {name} in")


def _make(folder: Path, name: str) -> list[str]:
    """Put the project there, whole or not at all."""
    there = folder.is_dir()
    place = folder if there else folder.parent
    made = Path(tempfile.mkdtemp(dir=place.resolve(), prefix=f".{name}."))
    try:
        made.chmod(0o755)
        written = list(_fill(made, name))
        if there:
            for path in made.iterdir():
                path.rename(folder / path.name)
            made.rmdir()
        else:
            made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return written


def _fill(folder: Path, name: str) -> Iterator[str]:
    for source in TEMPLATE.iterdir():
        if source.name.endswith(ENDING):
            plain = source.name.removesuffix(ENDING)
            place = PLACES.get(plain, plain)
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8").replace(NAME, name)
            path.write_text(text, encoding="utf-8")
            yield place
