"""The story of a trace: which steps matter, and which can be told in one line.

A step matters if it is the last to assign something that the violated clause
reads; if it comes from outside the kernel; or if a call was refused in it. What
is left are steps that only prepare the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.instance import Entry
from tdxcheck.checker.language.interpreter import Recorder, View
from tdxcheck.checker.language.reading import definitions_in
from tdxcheck.checker.language.state import Definition
from tdxcheck.checker.language.system import Kind, Mode
from tdxcheck.checker.language.terms import Ite, Term
from tdxcheck.checker.language.variables import Every
from tdxcheck.checker.report.clause import (
    Clause,
    facts_of,
    reads_of,
    why_false,
)
from tdxcheck.checker.trace import Change, Trace, TraceStep

OUTSIDE = frozenset({Kind.REQUEST, Kind.FIRMWARE, Kind.FAULT, Kind.HARDWARE})
"""Kinds of steps that are never folded: they are what the story is about."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A step that is told by itself."""

    step: TraceStep
    changes: tuple[Change, ...]
    """What the step changed, the decisive entries first."""


@dataclass(frozen=True, eq=False)
class Folded:
    """Steps that are told in one line."""

    steps: tuple[TraceStep, ...]
    left: tuple[Change, ...]
    """What they changed altogether of what later steps depend on."""


@dataclass(frozen=True, eq=False)
class Story:
    trace: Trace
    clause: Clause | None
    """Why the rule is false at the end; None if the trace shows something reached."""
    chosen: tuple[tuple[Entry, Any], ...]
    """What the machine was free to be, and had to be for this to happen."""
    parts: tuple[Shown | Folded, ...]
    spoken_of: frozenset[Definition]
    """The definitions that the rule, or a guard of a step that is told, uses."""
    decisive: tuple[TraceStep, ...]
    """The last step to assign each entry that the clause reads."""
    wanted: frozenset[Entry]
    """The entries that the clause reads."""


def tell(trace: Trace) -> Story:
    clause = None
    view = trace.last_view
    if trace.rule.mode is Mode.REACHABLE:
        facts = facts_of(trace.interpreter, trace.rule.condition, view)
    else:
        wrong = trace.rule.goal if trace.loop else trace.rule.condition
        assert wrong is not None
        clause = why_false(trace.interpreter, wrong, view)
        facts = (*clause.given, *clause.failed)
    wanted = reads_of(trace.interpreter, facts)
    decisive = _decisive(trace, wanted)
    numbers = {step.number for step in decisive}
    shown = {s.number for s in trace.steps if _is_told(trace, s, numbers)}
    read = wanted | _read_by_guards(trace, shown)
    return Story(
        trace,
        clause,
        _chosen(trace, read),
        tuple(_parts(trace, shown, wanted, read)),
        _spoken_of(trace, shown),
        decisive,
        frozenset(wanted),
    )


def _decisive(trace: Trace, wanted: set[Entry]) -> tuple[TraceStep, ...]:
    """The last steps to assign what is wanted, and what they copied it from."""
    numbers = set(set_by(trace, wanted).values())
    if trace.rule.mode is Mode.STEP_RULE:
        numbers.add(len(trace.steps))
    return tuple(step for step in trace.steps if step.number in numbers)


def set_by(trace: Trace, wanted: set[Entry]) -> dict[Entry, int]:
    """The number of the last step to assign what is wanted, or what it was copied from.

    What no step assigns is not in it.
    """
    found: dict[Entry, int] = {}
    for entry in wanted:
        step = _last_to_change(entry, trace.steps)
        if step is None:
            continue
        found[entry] = step.number
        for copied in _copied(trace, step, entry):
            earlier = _last_to_change(copied, trace.steps[: step.number - 1])
            if earlier is not None:
                found.setdefault(copied, earlier.number)
    return found


def _last_to_change(entry: Entry, steps: tuple[TraceStep, ...]) -> TraceStep | None:
    for step in reversed(steps):
        if any(change.entry == entry for change in step.changes):
            return step
    return None


def _copied(trace: Trace, step: TraceStep, entry: Entry) -> set[Entry]:
    """What the value that the step gives to the entry was taken from."""
    variable, numbers = entry
    recorder = Recorder(trace.interpreter)
    for update in step.action.updates:
        if update.variable is variable:
            view = _view(step)
            for index, number in zip(update.indices or (), numbers, strict=False):
                if isinstance(index, Every):
                    view.binding[index.index] = number
            value = update.value
            while isinstance(value, Ite):
                chosen = trace.interpreter.evaluate(value.condition, view)
                value = value.then if chosen else value.otherwise
            recorder.evaluate(value, view)
    return recorder.read - {entry}


def _view(step: TraceStep) -> View:
    arguments = zip(step.action.parameters, step.taken.arguments, strict=True)
    return View(step.before, dict(arguments))


def _is_told(trace: Trace, step: TraceStep, decisive: set[int]) -> bool:
    return (
        step.number in decisive
        or step.number == len(trace.steps)
        or (trace.loop is not None and step.number > trace.loop.begin)
        or not step.went_well
        or bool(step.action.kinds & OUTSIDE)
    )


def _read_by_guards(trace: Trace, numbers: set[int]) -> set[Entry]:
    recorder = Recorder(trace.interpreter)
    for step in trace.steps:
        if step.number in numbers:
            for guard in step.action.guards:
                recorder.evaluate(guard.condition, _view(step))
    return recorder.read


def _spoken_of(trace: Trace, numbers: set[int]) -> frozenset[Definition]:
    terms: list[Term[bool]] = [trace.rule.condition]
    if trace.rule.goal is not None:
        terms.append(trace.rule.goal)
    for step in trace.steps:
        if step.number in numbers:
            terms += [guard.condition for guard in step.action.guards]
    return frozenset(d for term in terms for d in definitions_in(term))


def _chosen(trace: Trace, read: set[Entry]) -> tuple[tuple[Entry, Any], ...]:
    instance = trace.instance
    return tuple(
        (entry, value)
        for entry, value in trace.initial.items()
        if entry in read
        and instance.start(entry) is None
        and _could_be_other(trace, entry, value)
    )


def _could_be_other(trace: Trace, entry: Entry, value: Any) -> bool:
    """Nothing else in the initial state settles the entry's value."""
    variable, _ = entry
    others = (v for v in trace.instance.values(variable.sort) if v != value)
    return any(
        trace.interpreter.is_initial({**trace.initial, entry: other})
        for other in others
    )


def _parts(
    trace: Trace, shown: set[int], wanted: set[Entry], read: set[Entry]
) -> list[Shown | Folded]:
    parts: list[Shown | Folded] = []
    pending: list[TraceStep] = []
    for step in trace.steps:
        if step.number not in shown:
            pending.append(step)
            continue
        parts += _told_together(pending, wanted, read)
        pending = []
        parts.append(Shown(step, _ordered(step.changes, wanted)))
    return parts + _told_together(pending, wanted, read)


def _told_together(
    steps: list[TraceStep], wanted: set[Entry], read: set[Entry]
) -> list[Shown | Folded]:
    if len(steps) < 2:
        return [Shown(step, _ordered(step.changes, wanted)) for step in steps]
    first, last = steps[0].before, steps[-1].after
    left = tuple(
        Change(entry, first[entry], value)
        for entry, value in last.items()
        if entry in read and first[entry] != value
    )
    return [Folded(tuple(steps), _ordered(left, wanted))]


def _ordered(changes: tuple[Change, ...], wanted: set[Entry]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.entry not in wanted))
