"""Trying: by what a rule may hold, or what becomes of it, in small machines."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.parametric.family import Family, Unsupported
from tdxcheck.checker.engines.parametric.measuring import NoMeasure, ending_of
from tdxcheck.checker.engines.parametric.possibilities import going_on
from tdxcheck.checker.engines.parametric.restating import Restated
from tdxcheck.checker.engines.parametric.results import Broken, Open
from tdxcheck.checker.engines.parametric.shapes import (
    SHAPES,
    Sizes,
    in_words,
    shapes_of,
    single,
    sizes_of,
)
from tdxcheck.checker.engines.symbolic.solving import Clock, GaveUp
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.language.system import Mode, Property
from tdxcheck.checker.verdict import Exhausted, Limit, Refuted, Vacuous

FIRST, LEAN, *_ = SHAPES


def restated(
    family: Family, rule: Property, machine: Sizes, clock: Clock
) -> Restated | Open | Broken:
    """By what the rule may hold, as far as a small machine tells.

    What is said of it must be said of a machine of the sizes given, too. That something
    goes on is about all that there is: it is guessed in a machine without an element to
    spare, and where that is not so in a larger one there is no proof.
    """
    try:
        if rule.mode is Mode.LEADS_TO:
            return ending_of(family, rule, sizes_of(family, FIRST), clock)
        return going_on(family, rule, sizes_of(family, LEAN), machine, clock)
    except SpecificationError as error:
        return Open("", str(error))
    except NoMeasure as error:
        return Open("", f"no measure was found of how far off it is: {error}")
    except Unsupported as error:
        return Open("", f"no translation of {error}")


def held_in_small(
    family: Family, rule: Property, reason: str, clock: Clock
) -> Open | Broken:
    """What becomes of the rule itself in small machines, for want of a proof."""
    upto = ""
    sizes = [single(family), *(sizes_of(family, s) for s in shapes_of(family))]
    limit: Limit | None = None
    try:
        for each in sizes:
            verdict = _judged(family, rule, each, clock)
            if isinstance(verdict, Refuted):
                return Broken(in_words(each))
            if isinstance(verdict, Exhausted | Vacuous):
                upto = in_words(each)
    except GaveUp as error:
        limit = error.limit
    return Open(upto, reason, limit)


def _judged(family: Family, rule: Property, sizes: Sizes, clock: Clock) -> object:
    """What a search says of the rule; None if there is no such machine."""
    scope = family.instance(dict(sizes)).scope
    alone = replace(family.system, properties=(rule,))
    with suppress(SpecificationError):
        found = survey(ground(alone, scope), progress=lambda _: clock.look())
        return found.verdicts[0]
    return None
