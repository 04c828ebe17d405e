"""Turning points: when the end of a trace could still be avoided, by whom, and how.

What comes from outside (requests, firmware, faults, hardware) cannot be helped by a
design; its own steps can. So two points are told: the last state of the trace from
which anybody could still keep the rule, and the last one from which the steps from
outside alone could not break it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tdxcheck.checker.engines.diagrams.avoiding import Avoiding
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundStep, Values
from tdxcheck.checker.language.instance import Assignment, describe
from tdxcheck.checker.language.interpreter import Interpreter, Taken, View
from tdxcheck.checker.language.system import Action, Kind, Mode, Property
from tdxcheck.checker.trace import (
    ReplayError,
    Trace,
    TraceStep,
    confirm,
    owed_from,
    possible_steps,
    take,
)

Steps = Sequence[tuple[Action, tuple[Any, ...]]]
"""Actions with their arguments, one after the other."""

OUTSIDE = frozenset({Kind.REQUEST, Kind.FIRMWARE, Kind.FAULT, Kind.HARDWARE})
"""Kinds of steps that are not the design's own."""


@dataclass(frozen=True, eq=False)
class Turn:
    """A step that the trace does not take, after some of those that it takes."""

    after: int
    """How many steps of the trace come before it."""
    action: Action
    arguments: tuple[Any, ...]
    mends: bool
    """Every later step of the trace can follow it, and none then breaks the rule."""

    @property
    def sentence(self) -> str:
        return describe(self.action, self.arguments)


@dataclass(frozen=True, eq=False)
class Turning:
    """The turning points of a trace."""

    last: int | None
    """How many steps had been taken when the rule could last be kept; None if never."""
    turns: tuple[Turn, ...]
    """What could have come then instead, the nearest to the trace first."""
    coming: tuple[str, ...]
    """Of what is owed and never comes: the fewest steps to it from there."""
    mended: Turn | None
    """The last step that can be put into the trace so that it ends well."""
    own: int | None
    """How many steps had been taken when the steps from outside alone could last not
    have broken the rule; None if they could from the start."""
    alone: tuple[str, ...]
    """The fewest steps from outside that break it from the next state on."""
    rest_is_own: bool
    """A later step that the rule was broken by is the design's own."""


def is_outside(action: Action) -> bool:
    """The step is not the design's own."""
    return bool(action.kinds & OUTSIDE)


def _from_outside(step: GroundStep) -> bool:
    return is_outside(step.action)


def turning(trace: Trace) -> Turning:
    """The turning points of a trace that breaks a rule."""
    system = replace(trace.instance.system, properties=(trace.rule,))
    whole = ground(system, trace.instance.scope)
    named = [trace.initial, *(step.after for step in trace.steps)]
    states = [whole.values(state) for state in named]
    avoiding = Avoiding(whole, 0, states[0])
    if trace.loop is not None:
        return _never(trace, avoiding, states)
    length = len(trace.steps)
    # A step rule is broken by the last step, so the state after it says nothing.
    ends = length if trace.rule.mode is Mode.STEP_RULE else length + 1
    last = next(
        (n for n in range(ends - 1, -1, -1) if avoiding.has(avoiding.kept, states[n])),
        None,
    )
    turns: list[Turn] = []
    if last is not None and last < length:
        ways = avoiding.ways_out(states[last])
        turns = _ranked(trace, last, ways)
    lost = avoiding.lost(_from_outside)
    own = next(
        (n for n in range(ends - 1, -1, -1) if not avoiding.has(lost[-1], states[n])),
        None,
    )
    first = 0 if own is None else own + 1
    alone = (
        avoiding.breaking(states[first], lost, _from_outside) if first < length else []
    )
    mended = next((turn for turn in turns if turn.mends), None)
    if mended is None and last is not None:
        mended = _mended(trace, min(last, length) - 1)
    return Turning(
        last,
        tuple(turns),
        (),
        mended,
        own,
        tuple(map(str, alone)),
        bool(trace.steps) and not is_outside(trace.steps[-1].action),
    )


def _never(trace: Trace, avoiding: Avoiding, states: Sequence[Values]) -> Turning:
    """Where what is owed could last come, of a trace on which it never does."""
    owed = owed_from(trace)
    assert owed is not None
    places = range(len(states) - 1, owed - 1, -1)
    last = next((n for n in places if avoiding.has(avoiding.kept, states[n])), None)
    if last is None:
        return Turning(None, (), (), None, None, (), False)
    turns = tuple(
        Turn(last, step.action, step.arguments, False)
        for step in avoiding.ways_out(states[last])
    )
    coming = tuple(map(str, avoiding.coming(states[last])))
    return Turning(last, turns, coming, None, None, (), False)


def _ranked(trace: Trace, last: int, ways: Iterator[GroundStep]) -> list[Turn]:
    """What could have come instead of a step, the nearest to it first.

    What mends the trace comes before all else; then the same action elsewhere, what
    the same actor does, what the design does.
    """
    missed = trace.steps[last]
    found = [
        Turn(
            last,
            step.action,
            step.arguments,
            _mends(trace, last, step.action, step.arguments),
        )
        for step in ways
        if (step.action, step.arguments) != (missed.action, missed.taken.arguments)
    ]

    def rank(turn: Turn) -> tuple[bool, bool, bool, bool, bool]:
        changes = _after(trace, last, turn.action, turn.arguments)
        return (
            not turn.mends,
            changes == _state(trace, last),
            turn.action is not missed.action,
            turn.action.actor is not missed.action.actor,
            is_outside(turn.action),
        )

    return sorted(found, key=rank)


def _state(trace: Trace, number: int) -> Assignment:
    return trace.steps[number - 1].after if number else trace.initial


def _after(
    trace: Trace, number: int, action: Action, arguments: tuple[Any, ...]
) -> Assignment | None:
    state = _state(trace, number)
    return trace.interpreter.attempt(state, action, arguments).after


def _mended(trace: Trace, last: int) -> Turn | None:
    """The last step that can be put between those of the trace so that it ends well."""
    for number in range(last, -1, -1):
        for action, arguments in possible_steps(
            trace.interpreter, _state(trace, number)
        ):
            if _mends(trace, number, action, arguments):
                return Turn(number, action, arguments, True)
    return None


def _mends(
    trace: Trace, number: int, action: Action, arguments: tuple[Any, ...]
) -> bool:
    """With this step before it, the rest of the trace is possible and harmless."""
    rest = [
        (action, arguments),
        *((step.action, step.taken.arguments) for step in trace.steps[number:]),
    ]
    return _harmless(trace.interpreter, trace.rule, _state(trace, number), rest)


def keeps(
    trace: Trace, interpreter: Interpreter, start: Assignment, steps: Steps
) -> bool:
    """The trace's steps can be taken from another start, and keep the rule.

    Those on which something never comes keep it if they cannot be repeated for ever.
    """
    if trace.loop is None:
        return _harmless(interpreter, trace.rule, start, steps)
    loop_from = len(steps) - len(trace.loop.steps)
    again = take(trace, interpreter, start, steps, loop_from)
    return again is not None and not _confirmed(again)


def _confirmed(trace: Trace) -> bool:
    try:
        confirm(trace)
    except ReplayError:
        return False
    return True


def _harmless(
    interpreter: Interpreter, rule: Property, state: Assignment, steps: Steps
) -> bool:
    """The steps can be taken from the state, one after the other, and keep the rule."""
    for action, arguments in steps:
        outcome = interpreter.attempt(state, action, arguments)
        if outcome.after is None:
            return False
        answer = outcome.answer if action.calls else None
        taken = Taken(action, arguments, answer)
        if not _holds(interpreter, rule, state, taken, outcome.after):
            return False
        state = outcome.after
    return True


def _holds(
    interpreter: Interpreter,
    rule: Property,
    state: Assignment,
    taken: Taken,
    after: Assignment,
) -> bool:
    match rule.mode:
        case Mode.STEP_RULE:
            view = View(state, {}, after, taken)
        case Mode.DEADLOCK_FREE if next(possible_steps(interpreter, after), None):
            return True
        case _:
            view = View(after, {})
    return bool(interpreter.evaluate(rule.condition, view))


def superfluous(trace: Trace) -> list[TraceStep]:
    """The steps without any one of which the others break the rule all the same."""
    every = [(step.action, step.taken.arguments) for step in trace.steps]
    found = []
    ends = len(trace.steps) - 1 if trace.loop is None else trace.loop.begin
    for step in trace.steps[:ends]:
        rest = [taken for n, taken in enumerate(every, 1) if n != step.number]
        if _possible(trace, rest) and not keeps(
            trace, trace.interpreter, trace.initial, rest
        ):
            found.append(step)
    return found


def _possible(trace: Trace, steps: Steps) -> bool:
    state = trace.initial
    for action, arguments in steps:
        after = trace.interpreter.attempt(state, action, arguments).after
        if after is None:
            return False
        state = after
    return True
