"""Remedies: what another design would have done at a step of a trace.

The steps of the trace are taken again with one safeguard more, or by another design's
actions on the same machine, and the first step that then goes otherwise is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.catalogue import Catalogue, Design
from tdxcheck.checker.judging.question import Case, case_of
from tdxcheck.checker.judging.turning import keeps
from tdxcheck.checker.language.instance import Assignment, Entry, Instance
from tdxcheck.checker.language.interpreter import Interpreter, Outcome
from tdxcheck.checker.language.state import Guard
from tdxcheck.checker.language.system import Action
from tdxcheck.checker.language.variables import Safeguard
from tdxcheck.checker.report.difference import difference
from tdxcheck.checker.trace import Trace, TraceStep, entries_of

Steps = list[tuple[Action, tuple[Any, ...]]]


@dataclass(frozen=True, eq=False)
class Remedy:
    """What would have kept the rule in this run, with the designs that have it."""

    step: TraceStep
    """The first step that goes otherwise."""
    safeguard: Safeguard | None
    """What they have; None where it is a guard of an action of their own."""
    guard: Guard | None
    """What keeps the step from being taken; None if it has another effect."""
    outcome: Outcome
    changed: tuple[tuple[Entry, Any], ...]
    """What it leaves otherwise, and how."""
    designs: tuple[str, ...]


def remedies(trace: Trace, case: Case, catalogue: Catalogue) -> list[Remedy]:
    """Whatever would have kept the rule, the latest step first."""
    found = [*_safeguards(trace, catalogue), *_guards(trace, case, catalogue)]
    return sorted(found, key=lambda r: (-r.step.number, r.guard is None))


def _safeguards(trace: Trace, catalogue: Catalogue) -> Iterator[Remedy]:
    """The safeguards that the design has not, and that help in this run."""
    system = trace.instance.system
    for safeguard in catalogue.safeguards:
        entry = (safeguard, ())
        if trace.initial.get(entry) is not False or safeguard in system.safeguards:
            continue
        designs = tuple(
            d.key for d in catalogue.designs if safeguard in d.system.safeguards
        )
        steps = [(step.action, step.taken.arguments) for step in trace.steps]
        start = {**trace.initial, entry: True}
        found = _first(trace, trace.interpreter, start, steps, {entry: True})
        if found is not None:
            step, outcome, changed = found
            yield Remedy(step, safeguard, outcome.guard, outcome, changed, designs)


def _guards(trace: Trace, case: Case, catalogue: Catalogue) -> Iterator[Remedy]:
    """The guards of other designs' own actions that help in this run."""
    found: dict[Guard, Remedy] = {}
    for design in catalogue.designs:
        if design is case.design:
            continue
        steps = _translated(trace, design)
        if steps is None or all(
            action is step.action
            for (action, _), step in zip(steps, trace.steps, strict=True)
        ):
            continue
        own = case_of(catalogue, design, case.assumed, case.sizes, ()).instance
        start = _start(trace, own)
        if start is None:
            continue
        other = _first(trace, Interpreter(own), start, steps, {})
        if other is None or other[1].guard is None:
            continue
        step, outcome, changed = other
        assert outcome.guard is not None
        if steps[step.number - 1][0] is step.action:
            continue  # A safeguard of an action that both have: told as such.
        if outcome.refusal is None and step.number < len(trace.steps):
            continue  # It only goes another way.
        if outcome.guard in found:
            known = found[outcome.guard]
            designs = (*known.designs, design.key)
        else:
            designs = (design.key,)
        found[outcome.guard] = Remedy(
            step, None, outcome.guard, outcome, changed, designs
        )
    yield from found.values()


def _translated(trace: Trace, design: Design) -> Steps | None:
    """The trace's steps by the actions of another design, if it has them all."""
    instead = dict(difference(trace.instance.system, design.system).replaced)
    own = {action.name: action for action in design.system.actions}
    steps: Steps = []
    for step in trace.steps:
        action = step.action
        if action not in design.system.actions:
            other = instead.get(action) or own.get(action.name)
            if other is None or [p.sort for p in other.parameters] != [
                p.sort for p in action.parameters
            ]:
                return None
            action = other
        steps.append((action, step.taken.arguments))
    return steps


def _start(trace: Trace, instance: Instance) -> Assignment | None:
    """The trace's first state in another design, if it can start there."""
    state: Assignment = {}
    for entry in entries_of(instance):
        value = instance.start(entry)
        if value is None:
            value = trace.initial.get(entry)
        if value is None:
            return None
        state[entry] = value
    return state if Interpreter(instance).is_initial(state) else None


def _first(
    trace: Trace,
    interpreter: Interpreter,
    state: Assignment,
    steps: Steps,
    given: Mapping[Entry, Any],
) -> tuple[TraceStep, Outcome, tuple[tuple[Entry, Any], ...]] | None:
    """The first step that goes otherwise than in the trace, if the rule is kept then.

    A step that cannot be taken is left out, and with it the rest of the trace.
    """
    if not trace.steps:
        return None
    start = state
    for step, (action, arguments) in zip(trace.steps, steps, strict=True):
        outcome = interpreter.attempt(state, action, arguments)
        if outcome.after is None:
            return step, outcome, ()
        changed = tuple(
            (entry, value)
            for entry, value in outcome.after.items()
            if entry not in given
            and entry in step.after
            and step.after[entry] != value
            and not entry[0].frozen
        )
        if changed:
            if not keeps(trace, interpreter, start, steps):
                rest = _stopped(interpreter, start, steps)
                if rest is None:
                    return None
            return step, outcome, changed
        state = outcome.after
    return None


def _stopped(interpreter: Interpreter, state: Assignment, steps: Steps) -> int | None:
    """The number of the step that is not possible any more, if there is one."""
    for number, (action, arguments) in enumerate(steps, 1):
        after = interpreter.attempt(state, action, arguments).after
        if after is None:
            return number
        state = after
    return None
