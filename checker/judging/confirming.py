"""Confirming: nothing is shown that the reference interpreter has not replayed.

A run is replayed as soon as it is found, while engines are at work on other cases, and
but once however many engines have found it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tdxcheck.checker.judging.combine import Engine, InternalError
from tdxcheck.checker.judging.kept import Kept
from tdxcheck.checker.judging.question import Case, Question
from tdxcheck.checker.judging.sharing import Group
from tdxcheck.checker.judging.work import Answer, Findings
from tdxcheck.checker.trace import Evidence, ReplayError, Trace, replay
from tdxcheck.checker.verdict import Reached, Refuted, Verdict

Shown = Callable[[Case, Question, Verdict], bool]
"""Which runs are wanted."""


@dataclass
class Confirmed:
    """The runs that are shown."""

    kept: Kept
    """What of earlier runs was replayed when it was read."""
    shown: Shown
    _made: dict[tuple[str, str], list[tuple[Evidence | None, Trace]]] = field(
        default_factory=dict
    )
    """By case and question."""

    def trace(
        self, case: Case, question: Question, engine: Engine, answer: Answer
    ) -> Trace | None:
        """The run of an engine's answer, if it has one that is shown."""
        decided = isinstance(answer.verdict, Refuted | Reached)
        if not decided or not self.shown(case, question, answer.verdict):
            return None
        known = self.kept.traces.get((case.label, question.name, engine))
        if known is not None:
            return known
        runs = self._made.setdefault((case.label, question.name), [])
        for evidence, trace in runs:
            if evidence == answer.evidence:
                return trace
        trace = confirm(case, question, engine, answer.evidence)
        runs.append((answer.evidence, trace))
        return trace

    def look(self, group: Group, findings: Findings) -> None:
        """Replay what an engine has just found of a group."""
        for case, part in zip(group.members, group.parts(findings), strict=True):
            for question, answer in zip(case.questions, part.answers, strict=True):
                self.trace(case, question, part.engine, answer)


def confirm(
    case: Case, question: Question, engine: Engine, evidence: Evidence | None
) -> Trace:
    """The run, replayed; that it does not is an error of the engine."""
    assert evidence is not None, "a refutation comes with its evidence"
    try:
        return replay(case.instance, question.rule, evidence)
    except ReplayError as error:
        raise InternalError(
            f"the {engine.value} engine's trace for {question.name} of "
            f"{case.label} does not replay: {error}"
        ) from error
