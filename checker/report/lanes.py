"""Lanes: a trace with a column for everybody who acts and everything acted on.

One line a step, where it fits. Where there is no room for columns, each step begins
with who acts instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from tdxcheck.checker.language.instance import Entry, show_element
from tdxcheck.checker.language.system import Kind
from tdxcheck.checker.language.terms import Index
from tdxcheck.checker.report import endless
from tdxcheck.checker.report.narrative import (
    show_actor,
    show_answer,
    show_changes,
    together,
    told_by,
)
from tdxcheck.checker.report.page import Page, Style
from tdxcheck.checker.trace import Trace, TraceStep

NARROW = 80
"""Columns below which there are no lanes."""
LEAST_TEXT = 50
"""Columns that the words of a step are left with."""
LONGEST_NAME = 7
LONGEST_ACTOR = 8
SHORT_ACTOR = 5

MODULE = "module"
"""The lane of what is called by SEAMCALL."""

Lane = Enum | str | tuple[type[Index], int]
"""An actor, the module, or an element."""

LEGEND = "* acts   o is acted on   x is set as the rule must not find it   ( ) prepares"


@dataclass(frozen=True, eq=False)
class Told:
    """The steps of a trace, and what is known of them."""

    trace: Trace
    matter: frozenset[int]
    """The numbers of the steps that matter; the others only prepare them."""
    wanted: frozenset[Entry]
    """What the false clause reads, and what that was copied from."""
    set_by: dict[Entry, int]
    """The number of the last step to set each of them."""

    @property
    def steps(self) -> tuple[TraceStep, ...]:
        return self.trace.steps

    def is_repeated(self, step: TraceStep) -> bool:
        """The step comes again and again."""
        loop = self.trace.loop
        return loop is not None and step.number > loop.begin


def lanes(page: Page, told: Told) -> None:
    """Add the steps to the page."""
    loop = told.trace.loop
    if not told.steps and loop is None:
        page.add("Nothing has to happen: the start shows it.", label="  ", at=2)
        return
    names: dict[Lane, str] = {}
    if page.width >= NARROW:
        names = {lane: _name(lane) for lane in _columns(told, page.width)}
        _head(page, told, names)
    for steps in _grouped(told):
        if loop is not None and steps[0].number == loop.begin + 1:
            endless.heading(page, told.trace)
        if names:
            _row(page, told, steps, names)
        else:
            _in_words(page, told, steps)
    if loop is not None and not loop.steps:
        endless.heading(page, told.trace)
    if names:
        page.add(LEGEND, Style.QUIET, label="  ", at=2)


def _grouped(told: Told) -> Iterator[tuple[TraceStep, ...]]:
    """Each step, those that prepare together with others of the same action."""

    def key(step: TraceStep) -> object:
        if step.number in told.matter:
            return step.number
        return step.action, told.is_repeated(step)

    for _, steps in groupby(told.steps, key=key):
        yield tuple(steps)


def _label(told: Told, steps: tuple[TraceStep, ...]) -> str:
    first, last = steps[0].number, steps[-1].number
    text = str(first) if first == last else f"{first}-{last}"
    return text if first in told.matter else f"({text})"


def _width(told: Told) -> int:
    return max((len(_label(told, steps)) for steps in _grouped(told)), default=1)


def _columns(told: Told, width: int) -> list[Lane]:
    """The lanes that there is room for: who acts, then what the rule speaks of."""
    actors: dict[Lane, None] = {}
    called = False
    elements: dict[Lane, None] = {}
    for step in told.steps:
        if step.action.actor is not None:
            actors[step.action.actor] = None
        called = called or _calls(step)
    for entry in told.wanted:
        if entry in told.set_by:
            elements |= dict.fromkeys(_elements(entry))
    for step in told.steps:
        elements |= dict.fromkeys(_arguments(step))
    order: list[Lane] = [*actors, *([MODULE] if called else ()), *elements]
    room = width - LEAST_TEXT - _width(told) - 4
    kept: list[Lane] = []
    for lane in order:
        if room >= (needed := len(_name(lane)) + 1):
            kept.append(lane)
            room -= needed
    return sorted(kept, key=lambda lane: _place(lane, list(actors)))


def _place(lane: Lane, actors: list[Lane]) -> tuple[int, int, str, int]:
    if isinstance(lane, Enum):
        return 0, actors.index(lane), "", 0
    if isinstance(lane, str):
        return 1, 0, "", 0
    sort, number = lane
    return 2, 0, sort.__name__, number


def _name(lane: Lane) -> str:
    if isinstance(lane, Enum):
        word = show_actor(lane).removesuffix(": ").split()[0]
        return word if len(word) <= LONGEST_ACTOR else f"{word[:SHORT_ACTOR]}."
    elif isinstance(lane, str):
        word = lane
    else:
        word = show_element(*lane)
        if len(word) > LONGEST_NAME:
            return f"{word[: LONGEST_NAME - 2 - len(str(lane[1]))]}. {lane[1]}"
    return word if len(word) <= LONGEST_NAME else f"{word[: LONGEST_NAME - 1]}."


def _head(page: Page, told: Told, names: dict[Lane, str]) -> None:
    label = " " * (2 + _width(told) + 2)
    page.add(label + " ".join(names.values()), Style.QUIET)


def _row(
    page: Page, told: Told, steps: tuple[TraceStep, ...], names: dict[Lane, str]
) -> None:
    marks = _marks(told, steps)
    cells = " ".join(f"{marks.get(lane, '.'):^{len(n)}}" for lane, n in names.items())
    label = f"  {_label(told, steps):<{_width(told) + 2}}{cells}  "
    _words(page, told, steps, label, len(label))


def _in_words(page: Page, told: Told, steps: tuple[TraceStep, ...]) -> None:
    label = f"  {_label(told, steps)}"
    _words(page, told, steps, label, _width(told) + 4)


def _words(
    page: Page, told: Told, steps: tuple[TraceStep, ...], label: str, at: int
) -> None:
    """What happens, and what it sets of what the rule reads."""
    if steps[0].number not in told.matter:
        text = together(steps)
        if page.width >= NARROW:
            text = text.removeprefix(show_actor(steps[0].action.actor))
        page.add(text, Style.QUIET, label=label, at=at)
        return
    (step,) = steps
    style = Style.PLAIN if step.went_well else Style.BAD
    sentence = step.sentence.rstrip(".") if page.width >= NARROW else told_by(step)
    text = f"{sentence}{show_answer(step)}"
    changes = tuple(c for c in step.changes if told.set_by.get(c.entry) == step.number)
    if changes:
        text += f"; {show_changes(changes)}"
    shown = _shortened(text, page.width - at) if not changes else text
    page.add(shown, style, label=label, at=at)


def _shortened(text: str, room: int) -> str:
    """The text without what it says in brackets, if that makes it fit one line."""
    start, end = text.find(" ("), text.rfind(")")
    if len(text) > room and 0 < start < end == len(text) - 1:
        if len(text[:start]) <= room:
            return text[:start]
    return text


def _marks(told: Told, steps: tuple[TraceStep, ...]) -> dict[Lane, str]:
    marks: dict[Lane, str] = {}
    for step in steps:
        for lane in _arguments(step):
            marks.setdefault(lane, "o")
        if _calls(step):
            marks[MODULE] = "o" if step.went_well else "!"
        for change in step.changes:
            if told.set_by.get(change.entry) == step.number:
                marks |= dict.fromkeys(_elements(change.entry), "x")
        if step.action.actor is not None:
            marks[step.action.actor] = "*"
    return marks


def _calls(step: TraceStep) -> bool:
    return bool(step.action.calls) and Kind.SEAMCALL in step.action.kinds


def _arguments(step: TraceStep) -> Iterator[Lane]:
    for parameter, value in zip(
        step.action.parameters, step.taken.arguments, strict=True
    ):
        if isinstance(parameter, Index) and parameter.usual is None:
            yield type(parameter), value


def _elements(entry: Entry) -> Iterator[Lane]:
    variable, numbers = entry
    yield from zip(variable.index_sorts, numbers, strict=True)
