"""Observations: what was seen of a run, as plain data.

A log or a trace shows a run only in part. What it shows is a sequence of sightings:
that the system was in some state, that it took some step, that a request was
refused. `checker/engines/following.py` says whether a system has such a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tdxcheck.checker.language.system import Event, Property


@dataclass(frozen=True, eq=False)
class InState:
    """The system was in a state of this kind."""

    condition: Property


@dataclass(frozen=True, eq=False)
class Becomes:
    """A step led from a state that is not of this kind into one that is."""

    condition: Property


@dataclass(frozen=True, eq=False)
class Step:
    """A step was taken. What is None may be anything."""

    actions: frozenset[str] | None = None
    """The names of the actions that it may have been."""
    callees: frozenset[str] | None = None
    """The names of what it may have called."""
    event: Event | None = None
    answers: frozenset[Enum] | None = None
    """What its call may have been answered."""
    refused: bool = False
    """Its call was answered by anything but success."""
    arguments: Mapping[type, int] = field(default_factory=dict)
    """By sort, the element that it was about."""


@dataclass(frozen=True, eq=False)
class Refused:
    """A request was refused, which is no step."""

    event: Event
    arguments: Mapping[type, int] = field(default_factory=dict)
    told: Any = None
    """What the requester was told; None if that was not seen."""


Sight = InState | Becomes | Step | Refused


@dataclass(frozen=True, eq=False)
class Observed:
    """Something that was seen, which may have been any of several things."""

    label: str
    sights: tuple[Sight, ...]
    kind: str = ""
    """What sort of sighting it is: one step may be seen once in each sort."""
    loud: bool = False
    """A run shows it whenever it happens, so that its absence is a gap."""


def conditions_of(observed: Observed) -> tuple[Property, ...]:
    """The conditions that an instance must have among its properties."""
    return tuple(
        s.condition for s in observed.sights if isinstance(s, InState | Becomes)
    )
