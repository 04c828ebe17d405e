"""Solving: the symbolic engines' part in judging.

Runs are looked for first, to some depth and for all questions together, since
that is cheap and decides most; proofs get the rest of the time, each on the
slice of the system that its question depends on.
"""

from __future__ import annotations

import time

from tdxcheck.checker.engines.symbolic import Budget as SolverBudget
from tdxcheck.checker.engines.symbolic import Judge
from tdxcheck.checker.engines.symbolic.solving import Clock, EngineError, GaveUp
from tdxcheck.checker.ground.grounder import ground
from tdxcheck.checker.ground.slicing import Slice, cone, slice_for
from tdxcheck.checker.ground.system import GroundSystem
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import Budget, Findings, Notice, Report, answer
from tdxcheck.checker.verdict import Limit, Unknown, Verdict

DEPTH = 16
"""Steps of the runs that are looked at before anything is proved."""
HUNTING = 0.4
"""The part of the time that may go into looking for runs."""
UNLIMITED = 86_400.0
"""Seconds for each question, where there is no limit of time."""


def solved(case: Case, budget: Budget, report: Report) -> Findings:
    """What a solver says of every question."""
    started = time.monotonic()
    seconds = UNLIMITED if budget.seconds is None else budget.seconds
    end = started + seconds
    system = ground(case.instance.system, case.instance.scope)
    found: dict[int, Verdict] = {}
    stopped = Limit.INTERRUPT

    def so_far(limit: Limit) -> Findings:
        open_ = Unknown(limit)
        verdicts = (found.get(number, open_) for number in range(len(case.questions)))
        answers = tuple(answer(system, verdict) for verdict in verdicts)
        spent = time.monotonic() - started
        return Findings(case.label, Engine.SYMBOLIC, answers, spent)

    try:
        judge = Judge(system)
        slices = _Slices(system)
        deepest = judge.budget.depth if budget.depth is None else budget.depth
        _hunt(judge, case, min(DEPTH, deepest), seconds * HUNTING, report)
        for number in _easy_first(judge, len(case.questions)):
            pending = len(case.questions) - len(found)
            text = f"{case.questions[number].name}, {pending} to go"
            report(Notice(case.label, Engine.SYMBOLIC, text, so_far(Limit.TIME)))
            # What one question does not need is left to the others.
            share = max(end - time.monotonic(), 0.1) / min(4, pending)
            if judge.place.get(number) in judge.hunt.found:
                judge.budget = SolverBudget(deepest, share)
                found[number] = judge.verdict(number)
            else:
                found[number] = slices.verdict(number, SolverBudget(deepest, share))
    except KeyboardInterrupt:
        pass
    except MemoryError:
        stopped = Limit.MEMORY
    return so_far(stopped)


class _Slices:
    """The slices of one system, and what judges the questions of each."""

    def __init__(self, system: GroundSystem) -> None:
        self.system = system
        self.parts: dict[frozenset[int], tuple[Slice, dict[int, int]]] = {}
        self.judges: dict[frozenset[int], Judge] = {}
        self.cones = [cone(system, (n,)) for n in range(len(system.properties))]

    def verdict(self, number: int, budget: SolverBudget) -> Verdict:
        relevant = self.cones[number]
        if relevant not in self.parts:
            alike = [n for n, other in enumerate(self.cones) if other == relevant]
            part = slice_for(self.system, alike)
            self.parts[relevant] = part, {n: place for place, n in enumerate(alike)}
            self.judges[relevant] = Judge(part.system)
        part, places = self.parts[relevant]
        judge = self.judges[relevant]
        judge.budget = budget
        try:
            verdict = judge.verdict(places[number])
        except EngineError:
            # z3 has been seen to give a model of nothing after it had run out
            # of time. Asked afresh it may not: an error there is one of ours.
            judge = self.judges[relevant] = Judge(part.system, budget)
            verdict = judge.verdict(places[number])
        return part.lift_verdict(verdict)


def _easy_first(judge: Judge, questions: int) -> list[int]:
    """The questions, those that a run has decided before the others."""
    hit = judge.hunt.found
    return sorted(range(questions), key=lambda n: judge.place.get(n) not in hit)


def _hunt(judge: Judge, case: Case, depth: int, seconds: float, report: Report) -> None:
    """Look for runs that decide any of the questions."""
    hunt = judge.hunt
    try:
        hunt.limit(Clock(seconds))
        hunt.start()
        while hunt.depth < depth and not hunt.exhausted:
            if len(hunt.found) == len(hunt.targets):
                return
            text = f"runs of {hunt.depth + 1} steps"
            report(Notice(case.label, Engine.SYMBOLIC, text))
            hunt.go_on()
    except (GaveUp, EngineError):
        return  # What was not found may still be proved impossible.
