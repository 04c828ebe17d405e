"""Bounds: where an effect could leave its variable's range, asked of z3."""

from __future__ import annotations

from collections.abc import Sequence

from tdxcheck.checker.engines.symbolic.encoding import Encoding, number
from tdxcheck.checker.engines.symbolic.solving import Clock, EngineError, satisfiable
from tdxcheck.checker.engines.symbolic.solving import solver as fresh_solver
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.ground.terms import Node, Slot, Terms, evaluate, support


def escape(
    system: GroundSystem, guards: Sequence[Node], slot: Slot, value: Node
) -> dict[int, int] | None:
    """Values of the slots read, that pass the guards and take the effect outside.

    None if there are none: the guards keep the effect within the slot's bound.
    """
    make = Terms()
    outside = make.or_(
        (
            make.lt(value, make.number(slot.low)),
            make.lt(make.number(slot.high), value),
        )
    )
    encoding = Encoding(system)
    solver = fresh_solver()
    solver.add(encoding.within, encoding.term(make.and_((*guards, outside))))
    if not satisfiable(solver, Clock(None)):
        return None
    model = solver.model()
    found = {
        n: number(
            system.slots[n], model.eval(encoding.now.state[n], model_completion=True)
        )
        for n in sorted(support(value, *guards))
    }
    kept = slot.low <= evaluate(value, found) <= slot.high
    if kept or not all(evaluate(guard, found) for guard in guards):
        raise EngineError(f"an escape of {system.slots[slot.number].name} is none")
    return found
