"""Whether what was seen is a run of a design, on a machine that is small enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tdxcheck.checker.catalogue import Catalogue, Sizes
from tdxcheck.checker.engines.following import MOST, Followed, Lost, Parted, follow
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.question import case_of
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.language.variables import Variable
from tdxcheck.checker.observation import Observed


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
    return grounded, follow(grounded, observations, alternatives, most or MOST, evident)
