"""Hosts for tests: a design on a machine, judged by one rule or driven step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.ground import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.language import Action, Event
from tdxcheck.checker.language.instance import Assignment, Instance
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.terms import Reaction
from tdxcheck.checker.verdict import Verdict
from tdxcheck.models.catalogue import CATALOGUE
from tdxcheck.spec.environment import Obstacle
from tdxcheck.spec.handover import NextKernel
from tdxcheck.spec.host import Host as HostState

SMALL: Mapping[str, int] = {"cpus": 2, "packages": 2, "blocks": 2}
FULL: Mapping[str, int] = {"cpus": 3, "packages": 2, "blocks": 4}

ACCEPTED, TOLD = Reaction.ACCEPTED, Reaction.REFUSED_VISIBLY
NEVER = Reaction.IMPOSSIBLE


def instance(
    key: str, sizes: Mapping[str, int], settings: Mapping[Any, Any] | None = None
) -> Instance:
    setup = CATALOGUE.machine.setup(sizes)
    system = CATALOGUE.design(key).system
    settings = {**system.settings, **setup.settings, **(settings or {})}
    return Instance(replace(system, settings=settings), setup.scope)


def judged(
    key: str,
    rule: str,
    sizes: Mapping[str, int] = SMALL,
    settings: Mapping[Any, Any] | None = None,
) -> Verdict:
    """What the diagrams say of one rule, of which alone terms are made."""
    made = instance(key, sizes, settings)
    asked = tuple(r for r in made.system.properties if r.name == rule)
    whole = ground(replace(made.system, properties=asked), made.scope)
    (verdict,) = survey(slice_for(whole, [0]).system).verdicts
    return verdict


USUAL: Mapping[Any, Any] = {
    HostState.module_enumerates_topology: True,
    HostState.module_keeps_rbp: True,
    HostState.module_has_disable: True,
    HostState.partial_write_erratum: True,
    HostState.hibernation: False,
    HostState.module_present: True,
    HostState.module_is_1_5: True,
    HostState.next_kernel: NextKernel.SAME,
    HostState.obstacle: Obstacle.NONE,
    HostState.shortages_pass: True,
}
"""The machine whose switches the tests of single steps leave in one place."""


@cache
def first_state(key: str, hibernation: bool) -> Assignment:
    return first_of(instance(key, FULL, {**USUAL, HostState.hibernation: hibernation}))


def first_of(made: Instance) -> Assignment:
    """A state in which the system can start, whatever steps and rules it has."""
    system = ground(replace(made.system, actions=(), properties=()), made.scope)
    return system.assignment(next(system.initial_states()))


class Host:
    """A design in one state, driven by the names of its actions."""

    def __init__(self, key: str, hibernation: bool = False) -> None:
        self.instance = instance(key, FULL, USUAL)
        self.interpreter = Interpreter(self.instance)
        self.state: Assignment = first_state(key, hibernation)

    def action(self, name: str) -> Action:
        return next(a for a in self.instance.system.actions if a.name == name)

    def try_(self, name: str, *arguments: Any) -> bool:
        action = self.action(name)
        usual = [
            tuple(given) + rest
            for given in [arguments]
            for rest in [
                c[len(given) :]
                for c in self.instance.choices(action)
                if c[: len(given)] == tuple(given)
            ]
        ]
        outcome = self.interpreter.attempt(self.state, action, usual[0])
        if outcome.after is None:
            return False
        self.state = outcome.after
        return True

    def take(self, name: str, *arguments: Any) -> None:
        assert self.try_(name, *arguments), name

    def reacts(self, event: Event, *numbers: int) -> Reaction:
        for reaction in (ACCEPTED, TOLD, Reaction.REFUSED):
            if self.interpreter.reaction(self.state, event, numbers, reaction):
                return reaction
        return Reaction.IMPOSSIBLE

    def told(self, name: str, *arguments: Any) -> str:
        outcome = self.interpreter.attempt(self.state, self.action(name), arguments)
        return str(outcome.answer.value) if outcome.answer else ""

    def holds(self, rule: str) -> bool:
        """Whether the state keeps an invariant."""
        condition = next(p for p in CATALOGUE.rules if p.id == rule).property.condition
        return self.interpreter.holds(condition, self.state)


Steps = Sequence[tuple[Any, ...]]

COMMON: Steps = (
    ("configure", 0),
    ("configure_key", 0),
    ("configure_key", 1),
    ("initialize_tdmr", 0, 0),
    ("finish",),
)
V3_CPUS: Steps = (
    ("kvm_load",),
    ("begin", 0),
    ("initialize_cpu", 0),
    ("initialize_cpu", 1),
)
V6_8: Steps = (
    ("kvm_load_begins",),
    ("enable_module", 0),
    ("enable_cpu", 0),
    ("enable_cpu", 1),
    ("list_memory",),
    *COMMON,
    ("kvm_loaded",),
)
V7_1: Steps = (
    ("boot_begins",),
    ("boot_module", 0),
    ("boot_cpu", 0),
    ("boot_cpu", 1),
    ("list_memory_at_boot",),
    *COMMON,
    ("kvm_load_on_core",),
)
START: Mapping[str, Steps] = {
    "v3": (*V3_CPUS, ("build_tdmrs",), *COMMON),
    "kh-approach1": (*V3_CPUS, ("build_tdmrs",), *COMMON),
    "v5": (*V3_CPUS, ("build_tdmrs",), *COMMON),
    "v7": (*V3_CPUS, ("list_memory_after_cpus",), *COMMON),
    "v9": (*V3_CPUS, ("list_memory_after_cpus",), *COMMON),
    "v13": V6_8,
    "v6.8": V6_8,
    "hotadd-precheck": V6_8,
    "v6.18": V6_8,
    "v7.1": V7_1,
    "v7.2": V7_1,
}
"""The initialisation without a hitch, on two CPUs of two packages."""


def started(key: str) -> Host:
    host = Host(key)
    for name, *arguments in START[key]:
        host.take(name, *arguments)
    return host
