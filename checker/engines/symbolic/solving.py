"""Solving: asking z3 under a limit of time; "unknown" is never taken for an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import z3

from tdxcheck.checker.engines.symbolic.encoding import (
    Encoding,
    Formula,
    Instant,
    number,
)
from tdxcheck.checker.engines.symbolic.target import Target
from tdxcheck.checker.ground.system import GroundSystem, Values
from tdxcheck.checker.ground.terms import evaluate
from tdxcheck.checker.verdict import Limit, Run

TIMER = 0.05
"""How much too early z3's timer may ring, in seconds."""


class GaveUp(Exception):
    """The solver has no answer, for a reason that a verdict can name."""

    def __init__(self, limit: Limit, reason: str) -> None:
        self.limit = limit
        super().__init__(reason)


class EngineError(Exception):
    """An answer of z3 did not pass its check: a fault of z3, or of this package."""


class Clock:
    """What is left of a limit of time, in seconds; None for no limit."""

    def __init__(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float:
        return float("inf") if self.end is None else self.end - time.monotonic()

    def milliseconds(self) -> int:
        """The rest, as z3 wants it; no rest at all ends the check."""
        left = self.left
        if left <= 0:
            raise GaveUp(Limit.TIME, "no time left")
        return int(min(left * 1000 + 1, 2**32 - 1))

    def look(self) -> None:
        """No time left ends what calls this."""
        self.milliseconds()

    def part(self, seconds: float) -> Clock:
        """A limit of its own, within this one."""
        return Clock(min(seconds, self.left))


def solver() -> Any:
    """A fresh solver for truth values and bit-vectors."""
    return z3.SolverFor("QF_FD")


def satisfiable(asked: Any, clock: Clock, *assumptions: Formula) -> bool:
    """Whether the solver's assertions have a model under the assumptions."""
    return answer(asked, lambda: asked.check(*assumptions), clock)


def answer(asked: Any, ask: Callable[[], Any], clock: Clock) -> bool:
    """What z3 says within the time; where it says nothing, an exception says why."""
    asked.set("timeout", clock.milliseconds())
    try:
        said = ask()
        reason = str(asked.reason_unknown()) if said == z3.unknown else ""
    except z3.Z3Exception as error:
        said = z3.unknown
        reason = str(error)
    if said == z3.sat:
        return True
    if said == z3.unsat:
        return False
    if "keyboard" in reason:
        raise KeyboardInterrupt
    if clock.left <= TIMER or "timeout" in reason:
        raise GaveUp(Limit.TIME, reason)
    if "cancel" in reason or "interrupt" in reason:
        raise KeyboardInterrupt
    raise GaveUp(Limit.SOLVER, reason)


class Unrolling:
    """One copy of the state for each time, in one solver that is only added to."""

    def __init__(self, encoding: Encoding, clock: Clock) -> None:
        self.encoding = encoding
        self.clock = clock
        self.solver = solver()
        self.instants = [encoding.instant("@0")]
        self._literals = 0

    @property
    def depth(self) -> int:
        """How many steps are taken."""
        return len(self.instants) - 1

    def extend(self) -> None:
        """Take one more step."""
        self.instants.append(self.encoding.instant(f"@{len(self.instants)}"))
        self.require(self.encoding.transition, self.depth - 1)

    def at(self, formula: Formula, time: int) -> Formula:
        now = self.instants[time]
        then = self.instants[time + 1] if time < self.depth else self.encoding.then
        return self.encoding.at(formula, now, then)

    def require(self, formula: Formula, time: int) -> None:
        self.solver.add(self.at(formula, time))

    def literal(self, formula: Formula, time: int) -> Formula:
        """A name for the formula at that time, to be assumed."""
        return self.name(self.at(formula, time))

    def name(self, formula: Formula) -> Formula:
        """A name for a formula over the instants, to be assumed."""
        self._literals += 1
        name = z3.Bool(f"assumed.{self._literals}")
        self.solver.add(z3.Implies(name, formula))
        return name

    def possible(self, *assumptions: Formula) -> bool:
        return satisfiable(self.solver, self.clock, *assumptions)

    def run(self) -> Run:
        """The run that the solver's model describes, step by step checked."""
        path = self.path()
        check_start(self.encoding.system, path.states[0])
        return path

    def path(self) -> Run:
        """The same, where it may begin anywhere."""
        model = self.solver.model()
        system = self.encoding.system
        states = tuple(_state(system, model, instant) for instant in self.instants)
        steps = tuple(_step(model, instant) for instant in self.instants[:-1])
        path = Run(states, steps)
        check_path(system, path)
        return path


def _state(system: GroundSystem, model: Any, instant: Instant) -> Values:
    return tuple(
        number(slot, model.eval(held, model_completion=True))
        for slot, held in zip(system.slots, instant.state, strict=True)
    )


def _step(model: Any, instant: Instant) -> int:
    bits = (
        z3.is_true(model.eval(bit, model_completion=True)) for bit in instant.selector
    )
    return sum(bit << place for place, bit in enumerate(bits))


def check_start(system: GroundSystem, values: Values) -> None:
    """Raise an error unless the state is an initial one, by its terms' meaning."""
    started = all(slot.start in (None, values[slot.number]) for slot in system.slots)
    if not started or not all(evaluate(rule, values) for rule in system.initial):
        raise EngineError(f"a run of {system.name} does not begin in an initial state")


def check_path(system: GroundSystem, run: Run) -> None:
    """Take every step again, by its terms' meaning; raise an error if one differs."""
    for values in run.states:
        for slot, value in zip(system.slots, values, strict=True):
            if not slot.term.low <= value <= slot.term.high:
                raise EngineError(f"{slot.name} of {system.name} cannot be {value}")
    for place, taken in enumerate(run.steps):
        before, after = run.states[place : place + 2]
        step = system.steps[taken]
        if not all(evaluate(guard, before) for guard in step.guards):
            raise EngineError(f"step {place} of a run of {system.name} is not possible")
        expected = tuple(
            evaluate(step.updates[slot], before) if slot in step.updates else value
            for slot, value in enumerate(before)
        )
        if expected != after:
            raise EngineError(f"step {place} of a run of {system.name} leads elsewhere")


def hits(target: Target, run: Run) -> bool:
    """The run ends by hitting the target."""
    if target.at_step:
        return bool(run.steps) and target.hit(run.states[-2], run.steps[-1])
    return target.hit(run.states[-1], None)
