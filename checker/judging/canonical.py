"""The canonical run in place of one that an engine happened upon.

Engines that visit states give the canonical run themselves; a solver gives any of the
shortest ones, or any at all. Decision diagrams then look no deeper than it has steps.
"""

from __future__ import annotations

from tdxcheck.checker.engines.diagrams.judge import survey
from tdxcheck.checker.engines.diagrams.limits import Limits
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.work import Answer, answer
from tdxcheck.checker.verdict import Reached, Refuted

VISITING = {Engine.DIAGRAMS, Engine.EXPLICIT, Engine.ORBITS}
"""The engines whose runs are canonical."""


def canonical(case: Case, question: Question, found: Answer) -> Answer:
    """The answer with the canonical run, if diagrams find it; else as it is."""
    if not isinstance(found.verdict, Refuted | Reached):
        return found
    whole = ground(case.instance.system, case.instance.scope)
    part = slice_for(whole, [case.questions.index(question)])
    limits = Limits(depth=len(found.verdict.run.steps))
    (verdict,) = survey(part.system, limits).verdicts
    if not isinstance(verdict, Refuted | Reached):
        return found
    return answer(whole, part.lift_verdict(verdict))
