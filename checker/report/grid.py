"""Grids: rows and columns of short cells, as many columns side by side as fit.

Where the names of the columns are too long to stand beside each other, they come down
in steps, each with a line to its column:

    rule          v3
                  │  kh-approach1
                  │  │  v6.8
    ────────────────────────
    rule_of_some  ✓  ✓  ✗9
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = 2
"""Columns of the terminal between those of the grid."""
DOWN = "\N{BOX DRAWINGS LIGHT VERTICAL}"
ACROSS = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"


@dataclass(frozen=True)
class Column:
    name: str
    cells: Mapping[str, Text]
    """By the name of the row."""

    @property
    def width(self) -> int:
        return max((len(cell) for cell in self.cells.values()), default=0)


@dataclass(frozen=True)
class Row:
    name: str
    told: str
    """The name as it is shown."""
    style: str = ""


def grid(
    title: str, rows: Sequence[Row], columns: Sequence[Column], width: int
) -> Iterator[Text]:
    """The lines of one grid after the other, none wider than it must be."""
    left = max(len(title), *(len(row.told) for row in rows)) + GAP
    room = width - left
    beside = [max(len(column.name), column.width) for column in columns]
    in_steps = sum(beside) + GAP * (len(columns) - 1) > room
    widths = [column.width for column in columns] if in_steps else beside
    for number, bank in enumerate(_banks(columns, widths, room)):
        if number:
            yield Text()
        taken = [widths[columns.index(column)] for column in bank]
        names = [column.name for column in bank]
        head = list(_steps(names, taken)) if in_steps else [_beside(names, taken)]
        for line, told in enumerate(head):
            yield Text(f"{'' if line else title:<{left}}{told}", "bold")
        extent = max(sum(taken) + GAP * (len(taken) - 1), *map(len, head))
        yield Text(ACROSS * (left + extent))
        for row in rows:
            yield _row(row, bank, taken, left)


def _banks(
    columns: Sequence[Column], widths: Sequence[int], room: int
) -> Iterator[list[Column]]:
    """Columns that fit side by side, each with its whole name to the right of it."""
    bank: list[Column] = []
    used = 0
    for column, width in zip(columns, widths, strict=True):
        if bank and used + max(width, len(column.name)) > room:
            yield bank
            bank, used = [], 0
        bank.append(column)
        used += width + GAP
    if bank:
        yield bank


def _beside(names: Sequence[str], widths: Sequence[int]) -> str:
    gap = " " * GAP
    cells = (f"{name:<{width}}" for name, width in zip(names, widths, strict=True))
    return gap.join(cells).rstrip()


def _steps(names: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    before = ""
    for name, width in zip(names, widths, strict=True):
        yield before + name
        before += f"{DOWN:<{width + GAP}}"


def _row(row: Row, bank: Sequence[Column], widths: Sequence[int], left: int) -> Text:
    line = Text(f"{row.told:<{left}}", row.style)
    for column, width in zip(bank, widths, strict=True):
        cell = column.cells.get(row.name, Text())
        line.append_text(cell)
        line.append(" " * (width + GAP - len(cell)))
    line.rstrip()
    return line
