"""Every state and step of a small system, one by one, to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from tdxcheck.checker.catalogue import Catalogue
from tdxcheck.checker.cli.main import Context, main
from tdxcheck.checker.ground.slicing import taken
from tdxcheck.checker.ground.system import GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.judging.work import ENGINES
from tdxcheck.checker.language import (
    Map,
    State,
    Term,
    TransitionSystem,
    Var,
    forall,
    implies,
    invariant,
    step_rule,
)
from tdxcheck.checker.language.system import Property, Step
from tests import demo
from tests.demo import DEMO, Cpu, Host, Module

SCOPE = {demo.Cpu: 2, demo.Block: 2}


def run(*arguments: str, catalogue: Catalogue = DEMO) -> int:
    return main(arguments, Context(lambda: catalogue, lambda: ENGINES))


def small(name: str, *rules: Property) -> TransitionSystem:
    """A design of the demo with blocks that may be there or not."""
    return replace(DEMO.design(name).system, properties=rules)


@cache
def states_of(system: GroundSystem) -> frozenset[Values]:
    found = set(system.initial_states())
    pending = list(found)
    while pending:
        for _, after in steps_from(system, pending.pop()):
            if after not in found:
                found.add(after)
                pending.append(after)
    return frozenset(found)


def steps_from(
    system: GroundSystem, state: Values
) -> Iterator[tuple[GroundStep, Values]]:
    for step in system.steps:
        if all(evaluate(guard, state) for guard in step.guards):
            yield step, taken(step, state)


@step_rule()
def memory_stays(before: Host, step: Step, after: Host) -> Term[bool]:
    """While the module is ready, no memory comes."""
    ready = before.module == Module.READY
    same = forall(demo.Block, lambda b: before.memory[b] == after.memory[b])
    return implies(ready, same)


@invariant()
def never_ready(host: Host) -> Term[bool]:
    """The module is not ready."""
    return host.module != Module.READY


RULES = (demo.usable_memory_is_covered, memory_stays, never_ready)


class Lamp(State):
    on = Var(bool, False)
    broken = Var(bool, False)
    wired = Map(Cpu, bool, True)
