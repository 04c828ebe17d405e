"""Recorded calls that overlap in time: where one was stopped, and how it went on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial

from tdxcheck.checker.language import Action
from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench
from tdxcheck.models.conformance.calls import OutOfScope, alternatives
from tdxcheck.models.conformance.one_call import Answer, ask
from tdxcheck.models.conformance.vectors import Step
from tdxcheck.models.module.interleaving import leave, places, stretch
from tdxcheck.spec.interleaving import Interleaved, Leaf, Place

DONE = "leaf_done"
"""What the vectors call the place where a call has its answer; the others by name."""

LEAF_OF = {leaf.value: leaf for leaf in Leaf}


@dataclass(frozen=True)
class Stopped:
    """A call that has begun: how, and its answer if that is fixed already."""

    step: Step
    place: Place
    answer: Answer | None


@cache
def _stretch(leaf: Leaf, whole: Action, start: Place, stop: Place) -> Action:
    return stretch(leaf, whole, start, stop)


def begin(bench: Bench, step: Step, state: Assignment) -> tuple[Answer, Stopped | None]:
    """What a call is answered that begins, and where it has stopped, if it has."""
    leaf = _leaf(step)
    stop = Place.DONE if step.place == DONE else Place[step.place.upper()]
    actions = alternatives(step, bench.leaves)
    if stop not in places(actions[0]):
        raise ValueError(f"{step.leaf} is nowhere {step.place}")
    if stop is not Place.DONE:
        # Before its end, a leaf is the same in all of its actions.
        actions = actions[:1]
    parts = (_stretch(leaf, each, Place.OUTSIDE, stop) for each in actions)
    answer = ask(bench, step, state, parts)
    if answer.state[Interleaved.place, (step.lp,)] is not stop:
        return answer, None
    return answer, Stopped(step, stop, answer if stop is Place.DONE else None)


def end(
    bench: Bench, step: Step, stopped: Stopped, state: Assignment
) -> tuple[Answer, Assignment]:
    """What a call is answered that goes on to its end, and the state after it."""
    if stopped.answer is not None:
        left = bench.interpreter.attempt(state, leave, (step.lp,)).after
        assert left is not None, "an LP whose call is done can leave"
        return stopped.answer, left
    part = partial(_stretch, _leaf(step), start=stopped.place, stop=Place.OUTSIDE)
    actions = alternatives(step, bench.leaves)
    answer = ask(bench, step, state, map(part, actions))
    return answer, answer.state


def as_begun(step: Step, stopped: Stopped) -> Step:
    """The record of an end with the operands, which are recorded where it began.

    Not with the fault: that was over when the call stopped.
    """
    if step.leaf != stopped.step.leaf:
        raise ValueError(f"{stopped.step.leaf} has begun here, not {step.leaf}")
    begun = stopped.step
    return replace(step, rax=begun.rax, operands=begun.operands, layout=begun.layout)


def _leaf(step: Step) -> Leaf:
    if step.leaf not in LEAF_OF:
        raise OutOfScope(f"{step.leaf} stopped half-way")
    return LEAF_OF[step.leaf]
