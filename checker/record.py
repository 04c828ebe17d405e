"""Records: counterexamples kept in files, to be shown and replayed later.

The format is the Informal Trace Format of Apalache, ADR 015, so that its viewers
open them: https://apalache-mc.org/docs/adr/015adr-trace.html. What ITF has no
place for (design, rule, machine, the name and the arguments of each step) is
under "tdxcheck" in the "#meta" of the trace and of its states.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.files import write_whole
from tdxcheck.checker.ground.system import code
from tdxcheck.checker.language.instance import (
    Instance,
    describe,
    show_arguments,
    show_element,
    show_value,
)
from tdxcheck.checker.language.variables import Int, Variable
from tdxcheck.checker.trace import Evidence, ReplayError, Trace, entries_of

VERSION = 1
SUFFIX = ".itf.json"
TEXT_SUFFIX = ".txt"

LARGEST = 64 << 20
"""Bytes of a file that is read; no trace comes near."""

Json = Any
"""What the json module makes of a file."""

T = TypeVar("T")
KINDS = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}


@dataclass(frozen=True)
class Subject:
    """What a recorded trace is evidence of."""

    design: str
    question: str
    """The rule, or the claim and what was dropped."""
    sizes: Mapping[str, int]
    assumed: tuple[str, ...]
    bug: str = ""
    """The number of the bug that it shows, if there is one."""

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.bug, self.design, self.question)))


@dataclass(frozen=True, eq=False)
class Recording:
    """A file that was read: a subject, and states and steps still to be resolved."""

    path: Path
    subject: Subject
    states: tuple[Mapping[str, Json], ...]
    steps: tuple[tuple[str, Mapping[str, str]], ...]
    """The name of each action, and its arguments as they are shown."""
    loop: int | None = None
    """Of a run for ever: the place of the state that its last one is again."""


def prepare(folder: Path) -> None:
    """Make the folder, and see that traces can be kept there; an OSError if not."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".")
    os.close(handle)
    os.unlink(name)


def write(folder: Path, subject: Subject, trace: Trace, text: str) -> Path:
    """Keep the trace and its text in the folder; neither is ever seen half-written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (subject.name + SUFFIX)
    write_whole(path, _text(as_itf(subject, trace)))
    write_whole(folder / (subject.name + TEXT_SUFFIX), text)
    return path


def _text(document: Json) -> str:
    """One state a line, so that a change is seen where it is."""
    states = ",\n  ".join(map(json.dumps, document["states"]))
    head = {key: value for key, value in document.items() if key != "states"}
    lines = (f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items())
    rest = "\n".join(lines)
    return f'{{\n{rest}\n "states": [\n  {states}\n ]\n}}\n'


def remove(folder: Path, name: str) -> bool:
    """Forget a trace, because what it showed is no longer so."""
    paths = [folder / (name + suffix) for suffix in (SUFFIX, TEXT_SUFFIX)]
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink(missing_ok=True)
    return bool(there)


def as_itf(subject: Subject, trace: Trace) -> Json:
    """The trace as an ITF document."""
    instance = trace.instance
    states = [_state(instance, 0, trace.initial, None)]
    for step in trace.steps:
        arguments = show_arguments(step.action, step.taken.arguments)
        answer = step.outcome.answer
        taken = {
            "action": step.action.name,
            "arguments": arguments,
            "sentence": describe(step.action, step.taken.arguments),
        }
        if answer is not None:
            taken["answer"] = show_value(answer, type(answer))
        states.append(_state(instance, step.number, step.after, taken))
    endless: dict[str, Json] = {}
    own: dict[str, Json] = {}
    if trace.loop is not None:
        # In ITF what comes from "loop" on is repeated, and no state is told twice.
        own = {"loop": trace.loop.begin}
        endless = {"loop": trace.loop.begin + bool(trace.loop.steps)}
    return {
        "#meta": {
            "format": "ITF",
            "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
            "description": f"{subject.design}: {trace.rule.summary}",
            "tdxcheck": {
                "version": VERSION,
                "bug": subject.bug,
                "design": subject.design,
                "rule": subject.question,
                "machine": dict(subject.sizes),
                "assumed": list(subject.assumed),
                "scope": {sort.__name__: n for sort, n in instance.scope.items()},
                **own,
            },
        },
        "params": [],
        "vars": [variable.name for variable in instance.variables],
        **endless,
        "states": states,
    }


def _state(
    instance: Instance, number: int, state: Mapping[Any, Any], taken: Json
) -> Json:
    meta: dict[str, Json] = {"index": number}
    if taken is not None:
        meta["tdxcheck"] = taken
    values: dict[str, Json] = {"#meta": meta}
    for variable in instance.variables:
        if not variable.index_sorts:
            values[variable.name] = _value(variable, state[variable, ()])
        else:
            values[variable.name] = {
                "#map": [
                    [_key(variable, entry[1]), _value(variable, state[entry])]
                    for entry in instance.entries(variable)
                ]
            }
    return values


def _value(variable: Variable, value: Any) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(variable.sort, Int):
        return {"#bigint": str(value)}
    return show_value(value, variable.sort)


def _key(variable: Variable, numbers: tuple[int, ...]) -> Json:
    names = [
        show_element(sort, number)
        for sort, number in zip(variable.index_sorts, numbers, strict=True)
    ]
    return names[0] if len(names) == 1 else {"#tup": names}


class _Malformed(Exception):
    """Something is missing in a document, or is not what it should be; says what."""


def read(path: Path) -> Recording:
    """The trace in a file; anything else there is refused with what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise _Malformed(f"more than {LARGEST >> 20} MB")
        return _recording(path, _document(content.decode("utf-8")))
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not a trace recorded by tdxcheck: not text in UTF-8 "
            f"({error.reason} at byte {error.start})"
        ) from None
    except _Malformed as error:
        raise UsageError(
            f"{path} is not a trace recorded by tdxcheck: {error}; "
            "record it anew with 'tdxcheck verify --record'"
        ) from None


def _document(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Malformed(f"not JSON ({error})") from None


def _part(whole: Json, name: str, kind: type[T], where: str = "") -> T:
    """What is under a name in an object of JSON, if it is of that kind."""
    place = f"{where}.{name}" if where else name
    if not isinstance(whole, dict):
        raise _Malformed(f"{where or 'it'} is not an object")
    if name not in whole:
        raise _Malformed(f"{place} is missing")
    if not isinstance(whole[name], kind):
        raise _Malformed(f"{place} is not {KINDS[kind]}")
    found: T = whole[name]
    return found


def _recording(path: Path, document: Json) -> Recording:
    meta = _part(_part(document, "#meta", dict), "tdxcheck", dict, "#meta")
    where = "#meta.tdxcheck"
    version = _part(meta, "version", int, where)
    if version != VERSION:
        raise _Malformed(f"version {version}, but this tdxcheck reads {VERSION}")
    machine = _part(meta, "machine", dict, where)
    subject = Subject(
        _part(meta, "design", str, where),
        _part(meta, "rule", str, where),
        {name: _part(machine, name, int, f"{where}.machine") for name in machine},
        tuple(map(str, _part(meta, "assumed", list, where))),
        _part(meta, "bug", str, where) if "bug" in meta else "",
    )
    states = _part(document, "states", list)
    if not states:
        raise _Malformed("states is empty")
    for number, state in enumerate(states):
        if not isinstance(state, dict):
            raise _Malformed(f"states[{number}] is not an object")
    steps = [_taken(state, f"states[{n}]") for n, state in enumerate(states[1:], 1)]
    loop = _part(meta, "loop", int, where) if "loop" in meta else None
    return Recording(path, subject, tuple(states), tuple(steps), loop)


def _taken(state: Json, where: str) -> tuple[str, Mapping[str, str]]:
    """The step that led to a state."""
    meta = _part(state, "#meta", dict, where)
    taken = _part(meta, "tdxcheck", dict, f"{where}.#meta")
    place = f"{where}.#meta.tdxcheck"
    arguments = _part(taken, "arguments", dict, place)
    shown = {name: str(value) for name, value in arguments.items()}
    return _part(taken, "action", str, place), shown


def resolve(recording: Recording, instance: Instance) -> Evidence:
    """The recorded names as those of the instance, or a ReplayError if one is gone."""
    codes = {
        variable: [
            (_value(variable, value), code(value))
            for value in instance.values(variable.sort)
        ]
        for variable in instance.variables
    }
    states = [
        _codes(instance, codes, number, state)
        for number, state in enumerate(recording.states)
    ]
    steps = [
        _call(instance, number, name, arguments)
        for number, (name, arguments) in enumerate(recording.steps, start=1)
    ]
    return Evidence(tuple(states), tuple(steps), recording.loop)


def _codes(
    instance: Instance,
    known: Mapping[Variable, Sequence[tuple[Json, int]]],
    number: int,
    state: Mapping[str, Json],
) -> tuple[int, ...]:
    names = {variable.name for variable in instance.variables} | {"#meta"}
    for name in state:
        if name not in names:
            raise ReplayError(number, f"there is no variable {name} any more")
    codes = []
    for variable, numbers in entries_of(instance):
        if variable.name not in state:
            raise ReplayError(
                number, f"nothing is recorded of variable {variable.name}"
            )
        found = _find(state[variable.name], variable, numbers)
        named = [value for shown, value in known[variable] if shown == found]
        if not named:
            raise ReplayError(
                number, f"{variable.name} has no value {json.dumps(found)} here"
            )
        codes.append(named[0])
    return tuple(codes)


def _find(value: Json, variable: Variable, numbers: tuple[int, ...]) -> Json:
    """The value of one entry; None, which is nobody's value, if it is missing."""
    if not numbers:
        return value
    pairs = value.get("#map") if isinstance(value, dict) else None
    key = _key(variable, numbers)
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and pair[0] == key:
            return pair[1]
    return None


def _call(
    instance: Instance, number: int, name: str, arguments: Mapping[str, str]
) -> tuple[str, tuple[int, ...]]:
    found = [action for action in instance.system.actions if action.name == name]
    if not found:
        raise ReplayError(number, f"{instance.system.name} has no action {name}")
    for choice in instance.choices(found[0]):
        if show_arguments(found[0], choice) == arguments:
            return name, tuple(map(code, choice))
    shown = ", ".join(f"{key} = {value}" for key, value in arguments.items())
    raise ReplayError(number, f"{name} cannot be taken with {shown or 'no arguments'}")
