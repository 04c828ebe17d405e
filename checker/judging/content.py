"""Content: a digest of what is asked, the same in every process and for equal text.

It is taken of the recorded terms, before anything is grounded: the same content
grounds to the same system, has the same slice, and so the same verdict. What no
verdict depends on is left out: where a statement stands, its prose, its sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_implementation, python_version
from typing import Any

from tdxcheck.checker.language.instance import Instance
from tdxcheck.checker.language.liveness import Fairness
from tdxcheck.checker.language.location import Location
from tdxcheck.checker.language.source import Source
from tdxcheck.checker.language.state import Definition, Refusal
from tdxcheck.checker.language.system import Action, Event, Property
from tdxcheck.checker.language.terms import Choice, Index, Named
from tdxcheck.checker.language.variables import Int, Variable

CHECKER = Path(__file__).parents[1]
"""The folder of everything that a verdict is made by."""
UNINVOLVED = ("cli", "report", "export")
"""Folders of it that only ask and tell."""
UNSAID = ("name", "location", "sources", "summary", "rationale", "severity")
"""Parts of a statement on which no verdict depends."""
BELOW = ("dd", "numpy", "python-sat", "scipy", "z3-solver")
"""The packages that it is made with."""


@cache
def versions() -> str:
    """A digest of the checker itself and of what it runs on."""
    whole = hashlib.sha256()
    _say(whole, python_implementation(), python_version())
    for package in BELOW:
        _say(whole, package, version(package))
    for path in sorted(_sources()):
        _say(whole, str(path.relative_to(CHECKER)))
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _sources() -> Iterator[Path]:
    for path in CHECKER.rglob("*"):
        inside = path.relative_to(CHECKER).parts
        if path.suffix in (".py", ".c", ".h", ".so") and inside[0] not in UNINVOLVED:
            yield path


def of_instance(instance: Instance) -> str:
    """Of everything that verdicts on the instance depend on, and of the checker."""
    whole = hashlib.sha256()
    _say(whole, versions(), of_system(instance))
    for rule in instance.system.properties:
        _say(whole, of_property(instance, rule))
    return whole.hexdigest()


def of_system(instance: Instance) -> str:
    """Of everything in the instance but its properties."""
    whole = hashlib.sha256()
    system = instance.system
    for sort, number in sorted(instance.scope.items(), key=lambda item: _name(item[0])):
        _say(whole, _name(sort), number)
    for variable in instance.variables:
        _say(whole, _variable(variable))
        for entry in instance.entries(variable):
            _say(whole, repr(instance.start(entry)))
    for action in system.actions:
        _say(whole, _of_action(action))
    for condition in system.initial:
        _say(whole, _digest(condition.condition))
    _say(whole, sorted(map(str, system.outside)))
    # Whether an action is switched off by a design, or never possible, is told apart.
    _say(whole, sorted(variable.name for variable in system.settings))
    return whole.hexdigest()


def of_property(instance: Instance, rule: Property) -> str:
    """Of what the property says of the instance, whatever its name."""
    return _digest(
        [getattr(rule, f.name) for f in fields(rule) if f.name not in UNSAID],
        instance.system.actions,
    )


@cache
def _of_action(action: Action) -> str:
    return _digest(
        (
            action.name,
            action.parameters,
            action.guards,
            action.updates,
            action.calls,
            action.kinds,
            action.event,
            action.success,
            action.actor,
        )
    )


def _say(whole: Any, *what: object) -> None:
    whole.update(repr(what).encode() + b"\n")


def _digest(what: Any, actions: Sequence[Action] = ()) -> str:
    """Of terms and what they consist of, which may speak of some of these actions.

    What occurs again is said to be what it was before: so bound variables are told
    apart by where they are bound, and not by their names.
    """
    whole = hashlib.sha256()
    seen: dict[int, int] = {}
    stack: list[Any] = [what]
    while stack:
        part = stack.pop()
        match part:
            case None | bool() | int() | str():
                _say(whole, part)
                continue
            case Enum():
                _say(whole, _name(type(part)), part.name)
                continue
            case type():
                _say(whole, _name(part))
                continue
            case tuple() | list():
                _say(whole, len(part))
                stack.extend(reversed(part))
                continue
            case Mapping():
                stack.append([*part.items()])
                continue
            case frozenset():
                _say(whole, sorted(map(_shown, part)))
                continue
        if id(part) in seen:
            _say(whole, "again", seen[id(part)])
            continue
        seen[id(part)] = len(seen)
        match part:
            case Variable():
                _say(whole, _variable(part))
            case Index():
                _say(whole, "index", _name(type(part)))
            case Named():
                stack.append(part.body)
            case Refusal():
                # Of its words it matters to a rule whether there are any.
                _say(whole, bool(part.log), part.visible)
                stack.append(part.answer)
            case Event():
                _say(whole, "event", part.name)
                _say(whole, [n for n, a in enumerate(actions) if a.event is part])
                stack.append(part.parameters)
            case Fairness():
                # A verdict says by its name that it rests on it.
                _say(whole, part.name)
                stack.extend(
                    getattr(part, f.name) for f in fields(part) if f.name not in UNSAID
                )
            case Action():
                _say(whole, "action", part.name)
                _say(whole, [n for n, a in enumerate(actions) if a is part])
            case Location() | Source() | Definition():
                pass
            case _ if is_dataclass(part):
                _say(whole, type(part).__name__)
                stack.extend(
                    getattr(part, field.name)
                    for field in reversed(fields(part))
                    if isinstance(part, Choice) or field.name not in UNSAID
                )
            case _:
                raise TypeError(f"no digest of {part!r}")
    return whole.hexdigest()


def _variable(variable: Variable) -> tuple[object, ...]:
    sort = variable.sort
    if isinstance(sort, Int):
        high = sort.high if isinstance(sort.high, int) else _name(sort.high)
        of: tuple[object, ...] = (sort.low, high)
    else:
        of = (_name(sort),)
    sorts = tuple(map(_name, variable.index_sorts))
    return variable.name, sorts, of, variable.frozen


def _name(sort: type[Any]) -> str:
    """The sort by its name, and an enumeration with its members in their order."""
    if sort not in _NAMES:
        name = f"{sort.__module__}.{sort.__qualname__}"
        if issubclass(sort, Enum):
            name += f" of {', '.join(member.name for member in sort)}"
        _NAMES[sort] = name
    return _NAMES[sort]


_NAMES: dict[type[Any], str] = {}


def _shown(member: Any) -> str:
    """A member of a set, in a way that is the same in every process."""
    assert isinstance(member, Enum), "only kinds come in sets"
    return f"{_name(type(member))}.{member.name}"
