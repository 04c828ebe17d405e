"""Whether what was seen is a run of a design, on a machine that is small enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tdxcheck.checker.catalogue import Catalogue, Sizes
from tdxcheck.checker.engines.following import MOST, Followed, Lost, Parted, follow
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.question import case_of
from tdxcheck.checker.language.interpreter import Interpreter
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.observation import Observed
from tdxcheck.checker.verdict import Run


def followed(
    catalogue: Catalogue,
    design: str,
    sizes: Sizes,
    settings: Mapping[Variable, Any],
    conditions: tuple[Property, ...],
    observations: Sequence[Observed],
    alternatives: Sequence[Observed],
    most: int | None = None,
    evident: Sequence[Observed] = (),
) -> tuple[GroundSystem, Followed | Parted | Lost]:
    """The design on this machine, and where the observations lead in it."""
    case = case_of(catalogue, catalogue.design(design), (), sizes, ())
    system = case.instance.system
    system = replace(
        system, properties=conditions, settings={**system.settings, **settings}
    )
    grounded = ground(system, case.instance.scope)
    result = follow(grounded, observations, alternatives, most or MOST, evident)
    if isinstance(result, Followed):
        confirm(grounded, result.run)
    return grounded, result


def confirm(system: GroundSystem, run: Run) -> None:
    """Nothing is shown that the reference interpreter does not take, too."""
    interpreter = Interpreter(system.instance)
    states = [system.assignment(values) for values in run.states]
    if not interpreter.is_initial(states[0]):
        raise InternalError(f"{system.name} does not begin as the run does")
    for number, (before, after) in zip(run.steps, pairwise(states), strict=True):
        step = system.steps[number]
        taken = interpreter.attempt(before, step.action, step.arguments)
        if taken.after != after:
            raise InternalError(f"{system.name} does not take the step '{step}'")
