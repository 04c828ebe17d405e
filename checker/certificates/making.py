"""Making certificates: of what was judged to hold, by proofs of property-directed
reachability."""

from __future__ import annotations

from dataclasses import dataclass

from tdxcheck.checker.certificates.writing import Subject, script, story
from tdxcheck.checker.engines.pdr import Budget, GaveUp, Proof, prove
from tdxcheck.checker.engines.symbolic.target import premise_of, target_of
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.verdict import Run


@dataclass(frozen=True)
class Certificate:
    """A proof, as the text of its two files."""

    script: str
    story: str


def certify(
    system: GroundSystem,
    number: int,
    subject: Subject,
    budget: Budget = Budget(),
    *,
    vacuous: bool = False,
) -> Certificate | Run | GaveUp:
    """A certificate that the property with the number holds, or is unreachable.

    Of one that holds vacuously, that what it speaks of never happens. If it does, the
    run that shows it; and if there is no answer, why.
    """
    part = slice_for(system, (number,))
    (rule,) = part.system.properties
    targets = [target_of(part.system, rule)]
    if vacuous and (premise := premise_of(rule)) is not None:
        targets.append(premise)
    try:
        found = prove(part.system, *targets, budget=budget)
    except GaveUp as reason:
        return reason
    if not isinstance(found, Proof):
        return part.lift(found)
    return Certificate(script(subject, found, part.steps), story(subject, found))
