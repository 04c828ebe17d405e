"""Output: pages and tables on a terminal or in a pipe, and progress on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tdxcheck.checker.judging.work import Notice
from tdxcheck.checker.report.page import Page

WIDEST = 100
MAIL = 72
"""Columns of a mail, so that it can be quoted."""
PATIENCE = 1.0
"""Seconds before progress is shown."""


class _Output(Console):
    """A console that leaves a closed pipe to the command line, as any error."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def console(*, mail: bool = False) -> Console:
    """Standard output, or what a mail can hold.

    rich respects FORCE_COLOR, and leaves pipes without colour. Who wants no colour
    gets no other style, either.
    """
    if mail:
        return _Output(width=MAIL, highlight=False, color_system=None)
    plain = bool(os.environ.get("NO_COLOR"))
    width = shutil.get_terminal_size((WIDEST, 24)).columns
    return _Output(
        width=max(40, min(width, WIDEST)),
        highlight=False,
        soft_wrap=False,
        color_system=None if plain else "auto",
    )


def show(out: Console, page: Page) -> None:
    show_lines(out, (Text(line, style.value) for line, style in page))


def show_lines(out: Console, lines: Iterable[Text]) -> None:
    for line in lines:
        out.print(line, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[Notice], None]]:
    """What each process is doing, on standard error, if that is a terminal."""
    err = Console(stderr=True)
    # rich takes FORCE_COLOR for a terminal, and a log would get its control codes.
    if not (err.is_terminal and sys.stderr.isatty()):
        yield lambda notice: None
        return
    started = time.monotonic()
    last: dict[tuple[str, str], str] = {}
    # No refreshing thread: processes are forked while this is shown.
    with Live(console=err, auto_refresh=False, transient=True) as live:

        def note(notice: Notice) -> None:
            last.pop((notice.case, notice.engine.value), None)
            last[notice.case, notice.engine.value] = notice.text
            if time.monotonic() - started > PATIENCE:
                shown = list(last.items())[-2:]
                lines = (f"{case}, {engine}: {text}" for (case, engine), text in shown)
                live.update(Text("\n".join(lines), "dim"), refresh=True)

        yield note
