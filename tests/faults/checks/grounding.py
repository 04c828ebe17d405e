"""Grounding, slices and bounds, held against the naive interpreter."""

from __future__ import annotations

import pytest

from tdxcheck.checker.engines.explicit import explore, successors_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import Slice, cone, slice_for
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.language import (
    Int,
    SpecificationError,
    State,
    Term,
    TransitionSystem,
    Var,
    action,
    initial,
)
from tests.faults.comparing import same, same_answers, systems
from tests.faults.known import Known


def means_the_same() -> None:
    """Steps and rules of some states are what the interpreter says, by ground terms."""
    for of, system in systems():
        same("initial states", frozenset(system.initial_states()), of.initial)
        same("their number", system.initial_count() >= len(of.initial), True)
        for sample in of.samples:
            values = sample.values
            found = [
                (
                    step.number,
                    tuple(
                        evaluate(step.updates[slot], values)
                        if slot in step.updates
                        else value
                        for slot, value in enumerate(values)
                    ),
                )
                for step in system.steps
                if all(evaluate(guard, values) for guard in step.guards)
            ]
            same("steps", found, sample.steps)
            for rule, truth in zip(system.properties, sample.truths, strict=True):
                if isinstance(truth, dict):
                    told = {
                        n: bool(evaluate(rule.conditions[n], values)) for n in truth
                    }
                    same("step rule", told, truth)
                else:
                    told_ = bool(evaluate(rule.conditions[0], values))
                    same("rule", told_, truth)


def compiled_means_the_same() -> None:
    """The steps of some states are what the interpreter says, as compiled Python."""
    for of, system in systems():
        compiled = successors_of(system)
        for sample in of.samples:
            same("steps", compiled(sample.values), sample.steps)


def slices_say_the_same() -> None:
    """A slice has the verdict of the whole, and its run is one of the whole."""
    for of, system in systems():
        for number, told in enumerate(of.told):
            part = slice_for(system, (number,))
            same(
                "cone",
                {slot.entry for slot in part.system.slots},
                {system.slots[n].entry for n in cone(system, (number,))},
            )
            _means_the_same(of, system, number, part)
            (verdict,) = explore(part.system).verdicts
            same_answers(system, [part.lift_verdict(verdict)], [told], {number: number})


def _means_the_same(of: Known, system: GroundSystem, number: int, part: Slice) -> None:
    """The slice starts where the whole does, and its rule says the same."""
    places = {slot.entry: slot.number for slot in system.slots}
    kept = [places[slot.entry] for slot in part.system.slots]

    def seen(values: Values) -> Values:
        return tuple(values[place] for place in kept)

    starts = {seen(values) for values in of.initial}
    same("initial states of a slice", set(part.system.initial_states()), starts)
    (rule,) = part.system.properties
    for sample in of.samples:
        truth = sample.truths[number]
        for step, holds in truth.items() if isinstance(truth, dict) else ():
            if step in part.steps:
                node = rule.conditions[part.steps.index(step)]
                found = bool(evaluate(node, seen(sample.values)))
                same(f"what a slice says of step {step}", found, holds)
            else:
                assert holds, f"a slice says nothing of step {step}"


class Tank(State):
    level = Var(Int(0, 3), 0)
    most = Var(Int(1, 3), frozen=True)


@action()
def fill(tank: Tank) -> None:
    """It is filled, up to what it holds."""
    tank.require(tank.level < tank.most)
    tank.level = tank.level + 1


@action()
def spill(tank: Tank) -> None:
    """It is filled, however full it is."""
    tank.level = tank.level + 1


@action()
def drain(tank: Tank) -> None:
    """As much is let out as it holds, however little there is."""
    tank.require(tank.level > 0)
    tank.level = tank.level - tank.most


@initial
def it_is_small(tank: Tank) -> Term[bool]:
    """It holds one."""
    return tank.most == 1


def bounds_are_kept() -> None:
    """An effect that can leave its bound is refused, and none that cannot."""
    for actions, conditions, kept in (
        ((fill,), (), True),
        ((spill,), (), False),
        ((fill, drain), (), False),
        ((fill, drain), (it_is_small,), True),
    ):
        system = TransitionSystem("tank", "A tank.", Tank, actions, (), conditions)
        if kept:
            ground(system, {})
        else:
            with pytest.raises(SpecificationError, match=r"can leave 0\.\.3"):
                ground(system, {})
