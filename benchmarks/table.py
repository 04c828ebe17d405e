"""The measurements as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.comparing import Row

COMPARED = ("SPIN", "TLC")
"""Whose time the others' is told as a multiple of."""

HEAD = (
    f"{'system':20}{'checker':10}{'states':>13}{'CPU s':>9}{'start s':>9}{'peak MB':>9}"
    + "".join(f"{'x ' + name:>9}" for name in COMPARED)
)


def line(row: Row, seconds: Mapping[str, float]) -> str:
    """One row; `seconds` are those of what it is compared with."""
    answer = row.answer
    states = f"{answer.states:,}" if answer.states is not None else verdict(row)
    took = f"{'> ' if answer.expired else ''}{answer.seconds:.2f}"
    shown = (
        f"{row.subject:20}{row.checker:10}{states:>13}{took:>9}"
        f"{answer.making:9.1f}{answer.megabytes:9.0f}"
    )
    if answer.expired or answer.states is None:
        return shown
    for name in COMPARED:
        times = seconds[name] / answer.seconds if name in seconds else None
        shown += f"{times:9.1f}" if times is not None else f"{'-':>9}"
    return shown


def verdict(row: Row) -> str:
    """What stands in the place of a count."""
    if row.answer.expired:
        return "time was up"
    if row.answer.note:
        return row.answer.note
    if row.answer.broken is None:
        return "undecided"
    return "broken" if row.answer.broken else "proved"


def table(rows: Sequence[Row]) -> list[str]:
    """The lines under the head."""
    lines = []
    for name in dict.fromkeys(row.subject for row in rows):
        of = [row for row in rows if row.subject == name]
        seconds = {
            row.checker: row.answer.seconds
            for row in of
            if row.checker in COMPARED and row.answer.states is not None
        }
        lines += [line(row, seconds) for row in of]
    return lines
