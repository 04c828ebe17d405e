"""Whether what was seen is a run of a design, on a machine that is small enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from tdxcheck.checker.catalogue import Catalogue, Outcome, Sizes
from tdxcheck.checker.engines.following import MOST, Followed, Lost, Parted, follow
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.assess import assess
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.judgement import outcome_of
from tdxcheck.checker.judging.question import Question, case_of
from tdxcheck.checker.judging.work import ENGINES, Budget
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


JUDGED: Final = 60.0
"""Seconds for judging a design on one machine."""


def judged(
    catalogue: Catalogue, design: str, settings: Mapping[Variable, Any]
) -> dict[str, Outcome | None]:
    """By rule, what comes of it on a machine so set; None if that was not decided."""
    rules = [Question(rule.property, None) for rule in catalogue.rules]
    case = case_of(catalogue, catalogue.design(design), (), {}, rules)
    system = case.instance.system
    known = {v: x for v, x in settings.items() if v in system.state.variables()}
    system = replace(system, settings={**system.settings, **known})
    instance = replace(case.instance, system=system)
    case = replace(case, instance=instance)
    first = dict([next(iter(ENGINES.items()))])
    assessment = assess([case], first, Budget(seconds=JUDGED), 1, demanded=False)
    if assessment.interrupted:
        raise KeyboardInterrupt
    return {j.question.name: outcome_of(j.verdict) for j in assessment.judgements}
