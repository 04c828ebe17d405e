"""Names on the command line: states, entries, actions and their arguments."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import Any

from tdxcheck.checker import record
from tdxcheck.checker.catalogue import Catalogue, Design, UsageError, hint
from tdxcheck.checker.cli.recorded import Stale, find, load
from tdxcheck.checker.cli.sizes import sizes_of
from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.question import Case, case_of
from tdxcheck.checker.language.instance import (
    Assignment,
    Entry,
    Instance,
    show_entry,
    show_value,
)
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.system import Action, Mode, Property
from tdxcheck.checker.language.terms import (
    Const,
    Element,
    Equal,
    Index,
    Read,
    Term,
    all_of,
)
from tdxcheck.checker.trace import entries_of, evidence_of
from tdxcheck.checker.trace import replay as confirm
from tdxcheck.checker.verdict import Reached

CONDITION = re.compile(r"([^=]+?)\s*=\s*(.+)")


def state_of(
    arguments: argparse.Namespace, catalogue: Catalogue, design: Design
) -> tuple[Case, Assignment, str]:
    """The system and the state that --at means, and the state in words."""
    asked = arguments.at
    conditions = [text for text in asked if CONDITION.fullmatch(text)]
    if asked and not conditions:
        if len(asked) > 1:
            raise UsageError("--at takes one TRACE[:STEP], or VARIABLE=VALUE repeated")
        return _in_trace(asked[0], arguments, catalogue, design)
    if len(conditions) < len(asked):
        raise UsageError("--at takes a TRACE[:STEP] or VARIABLE=VALUE, not both")
    assumed = tuple(catalogue.assumption(key) for key in arguments.assume)
    case = case_of(catalogue, design, assumed, sizes_of(arguments), ())
    return _at_conditions(case, conditions)


def _in_trace(
    text: str, arguments: argparse.Namespace, catalogue: Catalogue, design: Design
) -> tuple[Case, Assignment, str]:
    name, colon, number = text.rpartition(":")
    if not colon or not number.isdecimal():
        name, number = text, ""
    paths = find(name, arguments.folder, catalogue)
    if len(paths) > 1:
        raise UsageError(
            f"'{name}' may be any of "
            + ", ".join(path.name.removesuffix(record.SUFFIX) for path in paths)
        )
    recording = record.read(paths[0])
    if recording.subject.design != design.key:
        raise UsageError(
            f"{name} is a trace of {recording.subject.design}, not of {design.key}"
        )
    try:
        case, trace = load(recording, catalogue)
    except Stale as error:
        raise UsageError(f"{recording.path} is stale: {error}") from None
    last = len(trace.steps)
    chosen = int(number) if number else last
    if chosen > last:
        raise UsageError(f"{name} has {last} steps, and so no state after {number}")
    state = trace.steps[chosen - 1].after if chosen else trace.initial
    where = f"after step {chosen}" if chosen else "at the start"
    return case, state, f"{where} of {recording.subject.name}"


def _at_conditions(case: Case, conditions: list[str]) -> tuple[Case, Assignment, str]:
    """The end of a shortest run to a state where all of the conditions hold."""
    instance = case.instance
    parts = [_condition(instance, text) for text in conditions]
    words = " and ".join(f"{show_entry(e)} = {v}" for e, v, _ in parts)
    wanted = Property(
        "the_state_asked_for",
        Mode.REACHABLE,
        f"{words or 'The start'}.",
        "",
        all_of(*(term for _, _, term in parts)),
        Location.of_caller(),
    )
    system = replace(instance.system, properties=(wanted,))
    whole = ground(system, instance.scope)
    part = slice_for(whole, [0])
    verdict = part.lift_verdict(survey(part.system).verdicts[0])
    if not isinstance(verdict, Reached):
        raise UsageError(
            f"{case.label} is never in a state with {words}: no run leads there"
        )
    trace = confirm(whole.instance, wanted, evidence_of(whole, verdict.run))
    count = len(trace.steps)
    length = f"{count} step{'s' * (count != 1)}"
    run = f"a shortest run to {words}, {length}" if words else "its initial state"
    return case, trace.final, f"at the end of {run}" if words else f"in {run}"


def _condition(instance: Instance, text: str) -> tuple[Entry, str, Term[bool]]:
    found = CONDITION.fullmatch(text)
    assert found is not None
    name, asked = found.groups()
    entry = _entry(instance, name)
    variable, numbers = entry
    sort = variable.sort
    value = _value(instance, sort, asked, show_entry(entry))
    read: Term[Any] = Read(
        variable, tuple(map(Element, variable.index_sorts, numbers)), False
    )
    constant: Term[Any] = Const(value)
    if isinstance(sort, type) and issubclass(sort, Index):
        constant = Element(sort, value)
    return entry, show_value(value, sort), Equal(read, constant)


def _entry(instance: Instance, name: str) -> Entry:
    """The variable, or entry of a map: cpu[CPU 1], or cpu[1] for short."""
    known: dict[str, Entry] = {}
    for entry in entries_of(instance):
        variable, numbers = entry
        short = f"{variable.name}[{', '.join(map(str, numbers))}]"
        known[_folded(short)] = entry
        known[_folded(show_entry(entry))] = entry
    if _folded(name) not in known:
        raise UsageError(f"there is no variable '{name}'{hint(_folded(name), known)}")
    return known[_folded(name)]


def _folded(text: str) -> str:
    return "".join(text.casefold().split())


def _value(instance: Instance, sort: Any, text: str, of: str) -> Any:
    """A value by its name, or an element by its number."""
    values = instance.values(sort)
    known = {_folded(show_value(value, sort)): value for value in values}
    if isinstance(sort, type) and issubclass(sort, Index):
        known |= {str(value): value for value in values}
    if sort is bool:
        known |= {"true": True, "false": False}
    if _folded(text) not in known:
        shown = ", ".join(show_value(value, sort) for value in values)
        raise UsageError(f"{of} cannot be '{text}'; it can be {shown}")
    return known[_folded(text)]


def steps_named(
    instance: Instance, name: str, arguments: list[str]
) -> list[tuple[Action, tuple[Any, ...]]]:
    """The actions of this name, or of the event of this name, with these arguments.

    Arguments are given in their order or as NAME=VALUE; what is not given is left open.
    """
    actions = [
        action
        for action in instance.system.actions
        if name in (action.name, action.event.name if action.event else None)
    ]
    if not actions:
        known = {action.name: action for action in instance.system.actions}
        near = hint(name, known)
        raise UsageError(f"{instance.system.name} has no action '{name}'{near}")
    return [
        (action, chosen)
        for action in actions
        for given in [_given(instance, action, arguments)]
        for chosen in instance.choices(action)
        if all(chosen[place] == value for place, value in given.items())
    ]


def _given(instance: Instance, action: Action, texts: list[str]) -> dict[int, Any]:
    """The arguments by their places."""
    names = [parameter.name for parameter in action.parameters]
    given: dict[int, Any] = {}
    for position, text in enumerate(texts):
        found = CONDITION.fullmatch(text)
        if found is not None:
            name, text = found.groups()
            if name not in names:
                takes = f"it takes {', '.join(names) or 'no arguments'}"
                raise UsageError(f"{action.name} has no argument '{name}'; {takes}")
            place = names.index(name)
        elif position < len(names):
            place = position
        else:
            takes = ", ".join(names) or "none"
            raise UsageError(
                f"{action.name} takes {len(names)} arguments ({takes}), "
                f"and '{text}' is one more"
            )
        sort = action.parameters[place].sort
        given[place] = _value(instance, sort, text, names[place])
    return given
