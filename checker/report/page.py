"""Pages: lines of plain text of a given width, each in one style.

The same page is printed in colour on a terminal and kept as a plain file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

MEANING = 40
"""Columns that an explanation needs beside a name."""


class Style(Enum):
    """How a line is shown where there is colour; the value is rich's style."""

    PLAIN = ""
    TITLE = "bold"
    BAD = "bold red"
    GOOD = "green"
    QUIET = "dim"


@dataclass
class Page:
    width: int
    lines: list[tuple[str, Style]] = field(default_factory=list)

    def add(
        self,
        text: str = "",
        style: Style = Style.PLAIN,
        *,
        label: str = "",
        at: int = 0,
    ) -> None:
        """A paragraph that begins in column `at`, to the right of its label."""
        first = f"{label:<{at}}" if at else label
        wrapped = textwrap.wrap(
            text,
            max(self.width, at + 20),
            initial_indent=first,
            subsequent_indent=" " * at,
            break_on_hyphens=False,
        )
        for line in wrapped or [first.rstrip()]:
            self.lines.append((line, style))

    def table(self, rows: Sequence[tuple[str, ...]], at: int = 0) -> None:
        """Rows in columns as wide as they need; the last column is wrapped."""
        if not rows:
            return
        columns = len(rows[0])
        widths = [max(len(row[n]) for row in rows) for n in range(columns - 1)]
        for row in rows:
            fixed = "".join(
                f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False)
            )
            label = " " * at + fixed
            self.add(row[-1], label=label, at=len(label))

    def entries(self, rows: Sequence[tuple[str, str]], at: int = 0) -> None:
        """Names with what they mean: beside them where that fits, else below."""
        widest = max((len(name) for name, _ in rows), default=0)
        if at + widest + 2 + MEANING <= self.width:
            self.table(rows, at)
            return
        for name, meaning in rows:
            self.add(name, label=" " * at, at=at)
            if meaning:
                self.add(meaning, Style.QUIET, at=at + 4)

    def __iter__(self) -> Iterator[tuple[str, Style]]:
        return iter(self.lines)

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line, _ in self.lines)
