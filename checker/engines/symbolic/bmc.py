"""Bounded model checking: runs of a length that grows, so the first found is shortest.

All properties are looked at together: one question for each length asks for a
hit of any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import z3

from tdxcheck.checker.engines.symbolic.encoding import Encoding
from tdxcheck.checker.engines.symbolic.solving import (
    Clock,
    EngineError,
    GaveUp,
    Unrolling,
    hits,
)
from tdxcheck.checker.engines.symbolic.target import Target, target_of
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.language.system import Mode
from tdxcheck.checker.verdict import (
    Bounded,
    Limit,
    Proved,
    Reached,
    Refuted,
    Run,
    Unknown,
    Unreachable,
    Verdict,
)


@dataclass
class Hunt:
    """Looks for shortest runs to targets, as long as it is told to go on."""

    encoding: Encoding
    targets: Sequence[Target]
    clock: Clock
    found: dict[int, Run] = field(default_factory=dict)
    """The shortest run to each target that was hit, by its number."""
    depth: int = 0
    """Every run of so many steps was looked at, to its last step."""
    exhausted: bool = False
    """There is no longer run."""
    started: bool = False
    """Initial states were looked at."""

    def __post_init__(self) -> None:
        self.unrolling = Unrolling(self.encoding, self.clock)
        self.unrolling.require(self.encoding.initial, 0)

    def limit(self, clock: Clock) -> None:
        """Go on under another limit of time."""
        self.clock = self.unrolling.clock = clock

    def start(self) -> None:
        """Look at the initial states."""
        if not self.unrolling.possible():
            self.exhausted = True
        else:
            self._look(at_step=False)
        self.started = True

    def go_on(self) -> None:
        """Look at one step more, and at the states that it leads to."""
        unrolling = self.unrolling
        if unrolling.depth == self.depth:
            unrolling.extend()
        if not unrolling.possible():
            self.exhausted = True
            return
        self._look(at_step=True)
        self._look(at_step=False)
        self.depth += 1

    def pending(self, *, at_step: bool) -> Iterator[int]:
        for number, target in enumerate(self.targets):
            if number not in self.found and target.at_step == at_step:
                yield number

    def _look(self, *, at_step: bool) -> None:
        """Find every target that some run of the present length hits at its end."""
        unrolling, encoding = self.unrolling, self.encoding
        time = unrolling.depth - at_step
        while pending := list(self.pending(at_step=at_step)):
            formula = z3.Or([encoding.hit(self.targets[n]) for n in pending])
            if not unrolling.possible(unrolling.literal(formula, time)):
                unrolling.require(z3.Not(formula), time)
                return
            run = unrolling.run()
            hit = [number for number in pending if hits(self.targets[number], run)]
            if not hit:
                raise EngineError(f"a run of {encoding.system.name} hits nothing")
            self.found |= dict.fromkeys(hit, run)


def bmc(
    system: GroundSystem, depth: int, seconds: float | None = None
) -> tuple[Verdict, ...]:
    """What runs of at most `depth` steps say of each property of the system."""
    numbers = [
        number
        for number, rule in enumerate(system.properties)
        if rule.property.mode is not Mode.LEADS_TO
    ]
    targets = [target_of(system, system.properties[number]) for number in numbers]
    hunt = Hunt(Encoding(system), targets, Clock(seconds))
    limit = Limit.DEPTH
    try:
        hunt.start()
        while (
            not hunt.exhausted and hunt.depth < depth and len(hunt.found) < len(targets)
        ):
            hunt.go_on()
    except GaveUp as reason:
        limit = reason.limit
    verdicts: dict[int, Verdict] = {
        number: verdict_of(system.properties[number].property.mode, hunt, place, limit)
        for place, number in enumerate(numbers)
    }
    unsupported = Unknown(Limit.UNSUPPORTED)
    return tuple(
        verdicts.get(number, unsupported) for number in range(len(system.properties))
    )


def verdict_of(mode: Mode, hunt: Hunt, target: int, limit: Limit) -> Verdict:
    """What the hunt has shown of a property of this mode by one of its targets."""
    run = hunt.found.get(target)
    if run is not None:
        return Reached(run) if mode is Mode.REACHABLE else Refuted(run, shortest=True)
    if hunt.exhausted:
        method = f"BMC: no run has more than {hunt.depth} steps"
        return Unreachable(method) if mode is Mode.REACHABLE else Proved(method)
    if mode is Mode.REACHABLE or not hunt.started:
        return Unknown(limit)
    return Bounded(hunt.depth, limit)
