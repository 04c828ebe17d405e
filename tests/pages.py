"""The pages of the documentation: their blocks of code, and their tables."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LANGUAGE = DOCS / "language.md"
ARCHITECTURE = DOCS / "architecture.md"

FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
RUN = "python run"
OUTPUT = "text output"

Namespace = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A block of code, as part of the file that the page's blocks make up."""

    source: str
    line: int
    """How many lines of the file come before it."""
    output: str
    """What the page shows that it prints."""


def pieces(page: Path) -> list[Piece]:
    found: list[Piece] = []
    line = 0
    for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == RUN:
            found.append(Piece(body, line, ""))
            line += body.count("\n") + 2
        elif kind == OUTPUT:
            last = found.pop()
            assert not last.output, "two outputs of one block"
            found.append(Piece(last.source, last.line, body))
    return found


def run(piece: Piece, name: str, namespace: Namespace) -> None:
    """Run the piece as the part of the file of this name that it is."""
    text = "\n" * piece.line + piece.source
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), namespace)


def tables(page: Path) -> Iterator[list[list[str]]]:
    """Every table of the page: its rows, without the head."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        yield [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            for row in block.splitlines()[2:]
        ]


def quoted(cell: str) -> list[str]:
    return [text.replace(r"\|", "|") for text in re.findall("`([^`]+)`", cell)]


@dataclass(frozen=True)
class Part:
    """A row of the table of folders."""

    path: str
    imports: frozenset[str]
    packages: frozenset[str]


def parts() -> list[Part]:
    rows, _ = tables(ARCHITECTURE)
    return [
        Part(path.strip("`"), frozenset(quoted(own)), frozenset(quoted(packages)))
        for path, _, own, packages in rows
    ]
