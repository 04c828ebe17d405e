"""Witnesses: states and runs that others have found, judged by the interpreter here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.gate.side.loading import Tree
from tdxcheck.checker.gate.side.tables import instance_of
from tdxcheck.checker.ground.system import code, decode
from tdxcheck.checker.language.instance import (
    Assignment,
    Instance,
    describe,
    show_answer,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.interpreter import Interpreter, Taken, View
from tdxcheck.checker.language.system import Action, Mode
from tdxcheck.checker.report.clause import why_false
from tdxcheck.checker.trace import entries_of

Json = Any
StateData = Mapping[str, int]
StepData = tuple[str, Sequence[int]]


def explained(
    tree: Tree, design: str, rule: str, state: StateData, step: StepData | None
) -> Json:
    """The rule in the state, by the reference interpreter; why it is false if it is."""
    instance = instance_of(tree, design, [rule])
    (asked,) = instance.system.properties
    interpreter = Interpreter(instance)
    before = assignment(instance, state)
    view = View(before, {})
    sentence = ""
    if step is not None:
        action, arguments = resolved(instance, step)
        outcome = interpreter.attempt(before, action, arguments)
        if outcome.after is None:
            return {"holds": None, "why": f"{action.name} is not possible there"}
        answer = outcome.answer if action.calls else None
        view = View(before, {}, outcome.after, Taken(action, arguments, answer))
        sentence = describe(action, arguments)
    holds = bool(interpreter.evaluate(asked.condition, view))
    why = ""
    if not holds and asked.mode in (Mode.INVARIANT, Mode.STEP_RULE):
        why = why_false(interpreter, asked.condition, view).text
    return {"holds": holds, "why": why, "sentence": sentence}


def replayed(
    tree: Tree,
    design: str,
    rule: str | None,
    states: Sequence[StateData],
    steps: Sequence[StepData],
) -> Json:
    """The sentence of each step that the run takes; an error where it takes none.

    If a rule is named, it must be false at the end.
    """
    instance = instance_of(tree, design, [] if rule is None else [rule])
    interpreter = Interpreter(instance)
    state = assignment(instance, states[0])
    if not interpreter.is_initial(state):
        raise UsageError(f"{design} does not start like that")
    told = []
    for number, step in enumerate(steps, start=1):
        action, arguments = resolved(instance, step)
        outcome = interpreter.attempt(state, action, arguments)
        sentence = describe(action, arguments)
        if outcome.after is None:
            raise UsageError(f"step {number} of {design}, '{sentence}': not possible")
        for entry, value in assignment(instance, states[number]).items():
            if outcome.after[entry] != value:
                raise UsageError(
                    f"step {number} of {design}, '{sentence}': "
                    f"{show_entry(entry)} is not as found"
                )
        told.append(
            {
                "sentence": sentence,
                "changes": [
                    f"{show_entry(e)}: {show_value(state[e], e[0].sort)} -> "
                    f"{show_value(value, e[0].sort)}"
                    for e, value in outcome.after.items()
                    if state[e] != value
                ],
            }
        )
        state = outcome.after
    return {"steps": told}


def attempted(tree: Tree, design: str, state: StateData, step: StepData) -> Json:
    """What becomes of a step in a state: the guard that fails, or what it changes."""
    instance = instance_of(tree, design, [])
    interpreter = Interpreter(instance)
    before = assignment(instance, state)
    try:
        action, arguments = resolved(instance, step)
    except UsageError as error:
        return {"possible": False, "why": str(error), "sentence": ""}
    outcome = interpreter.attempt(before, action, arguments)
    sentence = describe(action, arguments)
    if outcome.guard is None:
        assert outcome.after is not None
        changes = [
            f"{show_entry(e)}: {show_value(before[e], e[0].sort)} -> "
            f"{show_value(value, e[0].sort)}"
            for e, value in outcome.after.items()
            if before[e] != value
        ]
        return {"possible": True, "sentence": sentence, "changes": changes}
    view = View(before, dict(zip(action.parameters, arguments, strict=True)))
    why = why_false(interpreter, outcome.guard.condition, view).text
    if outcome.refusal is not None and outcome.answer is not None:
        why = f"{show_answer(outcome.answer)}: {why}"
    file, line = tree.place(outcome.guard.location)
    return {
        "possible": False,
        "sentence": sentence,
        "why": f"{why} ({file}:{line})",
    }


def recorded(tree: Tree, file: str) -> Json:
    """Whether a recorded trace replays, as `tdxcheck replay` would have it."""
    from tdxcheck.checker.cli.recorded import Stale, load

    path = tree.root / file
    try:
        recording = record.read(path)
        _, trace = load(recording, tree.catalogue)
    except (Stale, UsageError) as error:
        return {"stale": str(error)}
    return {"steps": len(trace.steps)}


def assignment(instance: Instance, state: StateData) -> Assignment:
    """The state by the entries of the instance; of others nothing is said here."""
    found: Assignment = {}
    for entry in entries_of(instance):
        variable, _ = entry
        number = state.get(show_entry(entry))
        if number is None:
            start = instance.start(entry)
            found[entry] = instance.values(variable.sort)[0] if start is None else start
        else:
            found[entry] = decode(number, variable.sort)
    return found


def resolved(instance: Instance, step: StepData) -> tuple[Action, tuple[Any, ...]]:
    name, codes = step
    for action in instance.system.actions:
        if action.name == name:
            for choice in instance.choices(action):
                if [code(value) for value in choice] == list(codes):
                    return action, choice
    raise UsageError(f"{instance.system.name} has no step {name} {list(codes)}")
