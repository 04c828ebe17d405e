"""A host with a light for each CPU, grounded in tests by hand."""

from __future__ import annotations

from enum import Enum
from typing import Any

from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.language import (
    Action,
    Event,
    Index,
    Initial,
    Int,
    Map,
    Map2,
    Property,
    State,
    TransitionSystem,
    Var,
)


class Cpu(Index):
    """A processor."""

    label = "CPU"


class Light(Enum):
    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Told(Enum):
    DONE = "done"
    BUSY = "busy"
    LATE = "late"


class Host(State):
    light = Var(Light, Light.RED)
    level = Var(Int(-1, Cpu), 0)
    online = Map(Cpu, bool)
    chosen = Var(Cpu)
    other = Var(Cpu)
    owner = Map2(Cpu, Cpu, bool)
    fixed = Var(bool, True)


SOMETHING = Event("something", "Something happens to {cpu}.", (Cpu,))


def grounded(
    *rules: Action | Property | Initial, scope: int = 2, **settings: Any
) -> GroundSystem:
    system = TransitionSystem(
        "host",
        "A host.",
        Host,
        tuple(rule for rule in rules if isinstance(rule, Action)),
        tuple(rule for rule in rules if isinstance(rule, Property)),
        tuple(rule for rule in rules if isinstance(rule, Initial)),
        {getattr(Host, name): value for name, value in settings.items()},
    )
    return ground(system, {Cpu: scope})


def numbers(system: GroundSystem) -> dict[str, int]:
    return {slot.name: slot.number for slot in system.slots}


def state(system: GroundSystem, **values: int) -> dict[int, int]:
    """Values for slots by name, with `_0` for `[CPU 0]`; 0 for those not named."""
    named = numbers(system)
    found = dict.fromkeys(named.values(), 0)
    for name, value in values.items():
        name, *indices = name.split("_")
        entry = ", ".join(f"CPU {index}" for index in indices)
        found[named[f"{name}[{entry}]" if indices else name]] = value
    return found
