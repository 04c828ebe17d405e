"""Probes: questions about reachable states, asked of one side as properties of it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.judge import Survey, survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.gate.reading import Half, stub
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty, GroundSystem
from tdxcheck.checker.ground.terms import TRUE, Node
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Bounded, Limit, Unknown, Verdict


@dataclass(frozen=True, eq=False)
class Answers:
    """What a side answers to probes, and the verdicts of its rules."""

    verdicts: Mapping[str, Verdict]
    """Of its rules, by name."""
    probes: Mapping[str, Verdict]
    fired: Mapping[str, int]
    """By action, from how many states it is taken; empty of a slice."""
    states: int

    @property
    def open(self) -> bool:
        """A limit was met, so that some answers are missing."""
        both = (*self.verdicts.values(), *self.probes.values())
        return any(
            isinstance(v, Bounded | Unknown) and v.limit is not Limit.UNSUPPORTED
            for v in both
        )


def reached(name: str, condition: Node) -> GroundProperty:
    """Is there a reachable state in which this is so, and by which run?"""
    return GroundProperty(stub(name, Mode.REACHABLE), (condition,), (TRUE,))


def happens(name: str, condition: Node) -> GroundProperty:
    """Is there a reachable state in which this is so? Vacuous, if there is none."""
    return GroundProperty(stub(name, Mode.INVARIANT), (TRUE,), (condition,))


def together(
    one: Callable[[], Answers], other: Callable[[], Answers]
) -> tuple[Answers, Answers]:
    """Both, the first of them in a process of its own."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)

    def work() -> None:
        there.send(one())

    process = fork.Process(target=work, daemon=True)
    process.start()
    there.close()
    try:
        second = other()
        try:
            first: Answers = here.recv()
        except EOFError:
            raise MemoryError from None
        process.join()
    finally:
        # Not asked to end: that would be told as an interrupt.
        process.kill()
        process.join()
    return first, second


@dataclass(frozen=True, eq=False)
class Asked:
    """What a side is asked: rules of its own by name, and probes."""

    system: GroundSystem
    """With the rules and the probes as its properties, in this order."""
    named: tuple[str, ...]
    whole: bool
    """All of the system is searched, and not only what the answers depend on."""

    @property
    def how(self) -> str:
        return "whole" if self.whole else "a slice"

    def answers(self, limits: Limits) -> Answers:
        """Every rule and probe, judged by decision diagrams."""
        asked = self.system.properties
        part = None if self.whole else slice_for(self.system, range(len(asked)))
        found: Survey = survey(part.system if part else self.system, limits)
        verdicts = [part.lift_verdict(v) if part else v for v in found.verdicts]
        count = len(self.named)
        return Answers(
            dict(zip(self.named, verdicts[:count], strict=True)),
            {
                probe.property.name: verdict
                for probe, verdict in zip(asked[count:], verdicts[count:], strict=True)
            },
            {} if part else {action.name: n for action, n in found.fired.items()},
            found.states,
        )


def asked_of(
    half: Half,
    probes: Iterable[GroundProperty],
    rules: Iterable[str] | None = None,
    *,
    whole: bool = True,
) -> Asked:
    """Every probe, and the rules named, or all."""
    wanted = None if rules is None else set(rules)
    named = tuple(n for n in half.rules if wanted is None or n in wanted)
    own = (half.system.properties[half.rules[name]] for name in named)
    return Asked(replace(half.system, properties=(*own, *probes)), named, whole)
