"""Probes: questions about reachable states, asked of one side as properties of it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from tdxcheck.checker.engines.diagrams.judge import Survey, survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.gate.reading import Half, stub
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundProperty
from tdxcheck.checker.ground.terms import TRUE, Node
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import Bounded, Limit, Unknown, Verdict

LIMITS = Limits(memory=6 << 30)


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


def answers(
    half: Half,
    probes: Iterable[GroundProperty],
    rules: Iterable[str] | None = None,
    *,
    whole: bool = True,
) -> Answers:
    """Every probe, and the rules named, judged on a side, or on a slice of it."""
    named = [n for n in half.rules if rules is None or n in set(rules)]
    asked = [half.system.properties[half.rules[name]] for name in named]
    extra = list(probes)
    system = replace(half.system, properties=(*asked, *extra))
    part = slice_for(system, range(len(system.properties))) if not whole else None
    found: Survey = survey(part.system if part else system, LIMITS)
    verdicts = [part.lift_verdict(v) if part else v for v in found.verdicts]
    return Answers(
        dict(zip(named, verdicts, strict=False)),
        {
            probe.property.name: verdict
            for probe, verdict in zip(extra, verdicts[len(named) :], strict=True)
        },
        {} if part else {action.name: n for action, n in found.fired.items()},
        found.states,
    )
