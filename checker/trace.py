"""Traces: runs kept as evidence, by names, that the reference interpreter has replayed.

An engine's run is first turned into plain data (`Evidence`), which can be sent
between processes and kept in a file. It becomes a `Trace` only by being
replayed, and nothing else is ever shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

from tdxcheck.checker.ground.system import GroundSystem, code
from tdxcheck.checker.language.instance import (
    Assignment,
    Entry,
    Instance,
    describe,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.interpreter import Interpreter, Outcome, Taken, View
from tdxcheck.checker.language.state import Definition, State
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import Element, Term
from tdxcheck.checker.turns import Loop, Served, served, turns_of
from tdxcheck.checker.verdict import Run


@dataclass(frozen=True)
class Evidence:
    """A run as plain data: numbers for values, in the order of the entries."""

    states: tuple[tuple[int, ...], ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    """The name of each action, and its arguments."""
    loop: int | None = None
    """Of a run for ever: the place of the state that its last one is again."""


class ReplayError(Exception):
    """The interpreter does not confirm a run."""

    def __init__(self, step: int, reason: str) -> None:
        self.step = step
        """The first step that fails; 0 for the initial state."""
        self.reason = reason
        where = f"step {step}" if step else "the initial state"
        super().__init__(f"{where}: {reason}")


@dataclass(frozen=True)
class Change:
    entry: Entry
    before: Any
    after: Any


@dataclass(frozen=True)
class Flip:
    """A definition whose value the step changed."""

    definition: Definition
    numbers: tuple[int, ...]
    value: Any
    """Its value after the step."""


@dataclass(frozen=True, eq=False)
class TraceStep:
    number: int
    """Counted from 1."""
    taken: Taken
    outcome: Outcome
    before: Assignment
    after: Assignment
    changes: tuple[Change, ...]
    went_well: bool
    """The call that the step made, if any, was not refused."""
    interpreter: Interpreter = field(repr=False)

    @property
    def action(self) -> Action:
        return self.taken.action

    @cached_property
    def flips(self) -> tuple[Flip, ...]:
        """The definitions whose values the step changed, found when they are told."""
        if not self.changes:
            return ()
        return tuple(_flips(self.interpreter, self.before, self.after))

    @property
    def sentence(self) -> str:
        return describe(self.action, self.taken.arguments)


@dataclass(frozen=True, eq=False)
class Trace:
    """A replayed run that breaks, or shows, a property."""

    instance: Instance
    rule: Property
    initial: Assignment
    steps: tuple[TraceStep, ...]
    loop_from: int | None = None
    """Of a run for ever: the steps before what is repeated."""

    @cached_property
    def loop(self) -> Loop | None:
        """What is repeated for ever, if the run goes on so."""
        if self.loop_from is None:
            return None
        round_ = self.steps[self.loop_from :]
        states = tuple(step.before for step in round_) or (self.final,)
        return Loop(self.loop_from, states, tuple(step.taken for step in round_))

    @cached_property
    def served(self) -> tuple[Served, ...]:
        """What becomes on the loop of each turn that the rule relies on."""
        if self.loop is None:
            return ()
        return tuple(
            served(self.interpreter, turn, self.loop)
            for turn in turns_of(self.instance, self.rule)
        )

    @property
    def final(self) -> Assignment:
        return self.steps[-1].after if self.steps else self.initial

    @cached_property
    def interpreter(self) -> Interpreter:
        return Interpreter(self.instance)

    @property
    def last_view(self) -> View:
        """What the property was evaluated in when it came out as it did."""
        if self.rule.mode is Mode.STEP_RULE:
            last = self.steps[-1]
            return View(last.before, {}, last.after, last.taken)
        return View(self.final, {})

    def evidence(self) -> Evidence:
        entries = list(entries_of(self.instance))
        states = (self.initial, *(step.after for step in self.steps))
        return Evidence(
            tuple(tuple(code(state[entry]) for entry in entries) for state in states),
            tuple(
                (step.action.name, tuple(map(code, step.taken.arguments)))
                for step in self.steps
            ),
            self.loop_from,
        )


def entries_of(instance: Instance) -> Iterator[Entry]:
    for variable in instance.variables:
        yield from instance.entries(variable)


def evidence_of(system: GroundSystem, run: Run) -> Evidence:
    """An engine's run as plain data."""
    entries = list(entries_of(system.instance))
    states = []
    for values in run.states:
        named = system.assignment(values)
        states.append(tuple(code(named[entry]) for entry in entries))
    steps = (system.steps[number] for number in run.steps)
    return Evidence(
        tuple(states),
        tuple((step.action.name, tuple(map(code, step.arguments))) for step in steps),
        run.loop,
    )


def replay(instance: Instance, rule: Property, evidence: Evidence) -> Trace:
    """The run, confirmed by the interpreter step by step, or a ReplayError."""
    meanings = _meanings(instance)
    states = list(_assignments(meanings, evidence.states))
    if len(states) != len(evidence.steps) + 1:
        raise ReplayError(
            len(evidence.steps), f"{len(states)} states for {len(evidence.steps)} steps"
        )
    interpreter = Interpreter(instance)
    if not interpreter.is_initial(states[0]):
        raise ReplayError(0, _why_not_initial(interpreter, states[0]))
    steps = []
    for number, (name, codes) in enumerate(evidence.steps, start=1):
        action, arguments = _resolve(instance, number, name, codes)
        before, after = states[number - 1], states[number]
        steps.append(_step(interpreter, number, action, arguments, before, after))
    trace = Trace(instance, rule, states[0], tuple(steps), evidence.loop)
    confirm(trace)
    return trace


def confirm(trace: Trace) -> None:
    """The steps have shown what the verdict says of the property, or a ReplayError."""
    if trace.rule.mode is Mode.LEADS_TO:
        _check_lasso(trace)
    else:
        _check_end(trace.interpreter, trace)


def take(
    trace: Trace,
    interpreter: Interpreter,
    initial: Assignment,
    steps: Sequence[tuple[Action, tuple[Any, ...]]],
    loop_from: int | None,
) -> Trace | None:
    """Other steps than those of a trace, from another state; None if one is refused."""
    made: list[TraceStep] = []
    before = initial
    for number, (action, arguments) in enumerate(steps, 1):
        after = interpreter.attempt(before, action, arguments).after
        if after is None:
            return None
        made.append(_step(interpreter, number, action, arguments, before, after))
        before = after
    return Trace(interpreter.instance, trace.rule, initial, tuple(made), loop_from)


Meanings = tuple[tuple[Entry, range, tuple[Any, ...]], ...]
"""Of each entry the numbers that stand for a value, and the values."""


@lru_cache(maxsize=16)
def _meanings(instance: Instance) -> Meanings:
    found = []
    for entry in entries_of(instance):
        values = instance.values(entry[0].sort)
        found.append((entry, range(code(values[0]), code(values[-1]) + 1), values))
    return tuple(found)


def _assignments(
    meanings: Meanings, states: Sequence[tuple[int, ...]]
) -> Iterator[Assignment]:
    """The states of a run by what their numbers mean."""
    state: Assignment = {}
    before: tuple[int | None, ...] = (None,) * len(meanings)
    for number, codes in enumerate(states):
        if len(codes) != len(meanings):
            raise ReplayError(
                number, f"a state of {len(codes)} values, but there are {len(meanings)}"
            )
        state = dict(state)
        for place, value in enumerate(codes):
            # Most are as in the state before.
            if value != before[place]:
                entry, numbers, values = meanings[place]
                if value not in numbers:
                    raise ReplayError(
                        number, f"{show_entry(entry)} has no value {value}"
                    )
                state[entry] = values[numbers.index(value)]
        before = codes
        yield state


def _why_not_initial(interpreter: Interpreter, state: Assignment) -> str:
    for entry, value in state.items():
        start = interpreter.instance.start(entry)
        if start is not None and start != value:
            variable, _ = entry
            return (
                f"{show_entry(entry)} is {show_value(value, variable.sort)}, "
                f"but starts as {show_value(start, variable.sort)}"
            )
    for rule in interpreter.instance.system.initial:
        if not interpreter.evaluate(rule.condition, View(state, {})):
            return f"{rule.name} is false ({rule.location})"
    raise AssertionError("the state is initial")


def _resolve(
    instance: Instance, number: int, name: str, codes: tuple[int, ...]
) -> tuple[Action, tuple[Any, ...]]:
    found = [action for action in instance.system.actions if action.name == name]
    if not found:
        raise ReplayError(number, f"{instance.system.name} has no action {name}")
    if len(found) > 1:
        raise ReplayError(number, f"{instance.system.name} has two actions {name}")
    (action,) = found
    if len(codes) != len(action.parameters):
        raise ReplayError(
            number, f"{name} takes {len(action.parameters)} arguments, not {len(codes)}"
        )
    arguments = []
    for parameter, value in zip(action.parameters, codes, strict=True):
        values = instance.values(parameter.sort)
        if value not in range(len(values)):
            raise ReplayError(number, f"{name} has no {parameter.name} number {value}")
        arguments.append(values[value])
    return action, tuple(arguments)


def _step(
    interpreter: Interpreter,
    number: int,
    action: Action,
    arguments: tuple[Any, ...],
    before: Assignment,
    after: Assignment,
) -> TraceStep:
    outcome = interpreter.attempt(before, action, arguments)
    sentence = describe(action, arguments)
    if outcome.guard is not None:
        guard = outcome.guard
        raise ReplayError(
            number,
            f"'{sentence}' is not possible: {guard.location.text} ({guard.location})",
        )
    for entry, value in after.items():
        assert outcome.after is not None
        if outcome.after[entry] != value:
            variable, _ = entry
            raise ReplayError(
                number,
                f"'{sentence}' makes {show_entry(entry)} "
                f"{show_value(outcome.after[entry], variable.sort)}, "
                f"not {show_value(value, variable.sort)}",
            )
    taken = Taken(action, arguments, outcome.answer if action.calls else None)
    changes = tuple(
        Change(entry, before[entry], value)
        for entry, value in after.items()
        if before[entry] != value
    )
    went_well = _went_well(interpreter, action, arguments, before)
    return TraceStep(
        number, taken, outcome, before, after, changes, went_well, interpreter
    )


def _went_well(
    interpreter: Interpreter,
    action: Action,
    arguments: tuple[Any, ...],
    before: Assignment,
) -> bool:
    view = View(before, dict(zip(action.parameters, arguments, strict=True)))
    return all(
        interpreter.evaluate(condition, view)
        for call in action.calls
        for condition, _ in call.details
    )


def definition_terms(
    instance: Instance,
) -> Iterator[tuple[Definition, tuple[int, ...], Term[Any]]]:
    """Every definition of the system's state, for all elements that it is about."""
    state_type = instance.system.state
    for definition in state_type.definitions():
        sorts = tuple(definition.parameters.values())
        for numbers in product(*map(instance.elements, sorts)):
            elements = map(Element, sorts, numbers)
            state: State = state_type()
            yield definition, numbers, definition.rule(state, *elements)


def _flips(
    interpreter: Interpreter, before: Assignment, after: Assignment
) -> Iterator[Flip]:
    for definition, numbers, term in definition_terms(interpreter.instance):
        old = interpreter.evaluate(term, View(before, {}))
        new = interpreter.evaluate(term, View(after, {}))
        if old != new:
            yield Flip(definition, numbers, new)


def _check_end(interpreter: Interpreter, trace: Trace) -> None:
    """The property comes out at the end of the trace as the verdict says."""
    rule = trace.rule
    length = len(trace.steps)
    if rule.mode is Mode.STEP_RULE and not trace.steps:
        raise ReplayError(0, f"no step that could break {rule.name}")
    value = bool(interpreter.evaluate(rule.condition, trace.last_view))
    if value is not (rule.mode is Mode.REACHABLE):
        raise ReplayError(length, f"{rule.name} is {str(value).lower()} at the end")
    if rule.mode is Mode.DEADLOCK_FREE:
        possible = possible_steps(interpreter, trace.final)
        for action, arguments in possible:
            sentence = describe(action, arguments)
            raise ReplayError(length, f"no deadlock: '{sentence}' is possible")


def _check_lasso(trace: Trace) -> None:
    """The run goes on for ever and is fair, and the goal does not come."""
    rule, length = trace.rule, len(trace.steps)
    if trace.loop_from is None or trace.loop_from not in range(length + 1):
        raise ReplayError(length, f"nothing says how the run goes on for {rule.name}")
    states = [trace.initial, *(step.after for step in trace.steps)]
    if states[trace.loop_from] != trace.final:
        raise ReplayError(
            length, f"the last state is not the one after step {trace.loop_from}"
        )
    if owed_from(trace) is None:
        raise ReplayError(length, f"the run owes nothing by {rule.name}")
    for found in trace.served:
        if not found.is_fair:
            raise ReplayError(
                length,
                f"{found.turn.name} is put off for ever ({found.turn.line.name})",
            )


def owed_from(trace: Trace) -> int | None:
    """The steps before the run first owes the goal that never comes; None if it does.

    What is owed before the loop begins is owed for ever; if the condition holds only
    on the loop, the goal is owed from there.
    """
    rule, interpreter = trace.rule, trace.interpreter
    assert rule.goal is not None and trace.loop_from is not None
    states = [trace.initial, *(step.after for step in trace.steps)]
    views = [View(state, {}) for state in states]
    came = [bool(interpreter.evaluate(rule.goal, view)) for view in views]
    if any(came[trace.loop_from :]):
        return None
    since = max((n for n, goal in enumerate(came) if goal), default=-1)
    for number in range(since + 1, len(states)):
        if interpreter.evaluate(rule.condition, views[number]):
            return number
    return None


def possible_steps(
    interpreter: Interpreter, state: Assignment
) -> Iterator[tuple[Action, tuple[Any, ...]]]:
    for action in interpreter.instance.system.actions:
        for arguments in interpreter.instance.choices(action):
            if interpreter.attempt(state, action, arguments).after is not None:
                yield action, arguments
