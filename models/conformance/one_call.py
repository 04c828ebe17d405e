"""One call on the model: what it is answered, with details, and the state it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tdxcheck.checker.language import Action
from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench
from tdxcheck.models.conformance.calls import OutOfScope, alternatives, operands
from tdxcheck.models.conformance.vectors import Step
from tdxcheck.models.module.enumeration import UnknownRegister
from tdxcheck.models.module.interleaving import in_one_step
from tdxcheck.spec.layout import Verdict
from tdxcheck.spec.module import Module, Status
from tdxcheck.spec.status import OPERANDS


@dataclass(frozen=True)
class Answer:
    """What the model answers to a call, and the state that it leaves."""

    status: Status
    low: int
    """The lower half of RAX: the details of the status."""
    state: Assignment

    @property
    def rax(self) -> int:
        return int(self.status.value) + self.low


def repeat(bench: Bench, step: Step, state: Assignment) -> tuple[Answer, int]:
    """The call, over again until it is answered otherwise than with success."""
    answer = call(bench, step, state)
    done = 1
    while done < step.repeat and answer.status is Status.TDX_SUCCESS:
        answer = call(bench, step, answer.state)
        done += 1
    return answer, done


def call(bench: Bench, step: Step, state: Assignment) -> Answer:
    """The model's answer to a call in one step."""
    actions = alternatives(step, bench.leaves)
    return ask(bench, step, state, map(_in_one_step, actions))


@cache
def _in_one_step(whole: Action) -> Action:
    return in_one_step(whole)


def ask(
    bench: Bench, step: Step, state: Assignment, actions: Iterable[Action]
) -> Answer:
    """The answer of the first of these actions that can be attempted."""
    given = operands(bench, step, state)
    details = _details(bench, step, state, given)
    for action in actions:
        arguments = tuple(given[parameter.name] for parameter in action.parameters)
        outcome = bench.interpreter.attempt(state, action, arguments)
        if outcome.guard is not None and outcome.refusal is None:
            continue
        status = outcome.answer
        assert isinstance(status, Status), f"{action.name} has no answer"
        low = details.get(status, 0)
        if outcome.detail:
            low = OPERANDS[outcome.detail]
        return Answer(status, low, outcome.after or state)
    raise OutOfScope(f"{step.leaf} where the model has no outcome for it")


def _details(
    bench: Bench, step: Step, state: Assignment, given: Mapping[str, Any]
) -> dict[Status, int]:
    """The details of the statuses that the tables of this call can give it."""
    verdicts: list[Verdict] = []
    if step.leaf == "TDH.SYS.INIT":
        verdicts = [_told(bench.platform_verdicts[given["sample"]])]
    elif step.leaf == "TDH.SYS.LP.INIT":
        pair = state[Module.reference, ()], given["sample"]
        package = bench.packages[given["package"]].to_bytes(4, "little")
        verdicts = [
            bench.late_verdicts[pair],
            Verdict(Status.TDX_INVALID_PKG_ID, tuple(package)),
            bench.early_verdicts[pair],
        ]
    elif step.leaf == "TDH.SYS.CONFIG" and bench.layouts:
        verdicts = [bench.layout_verdicts[given["layout"]]]
    return {verdict.status: verdict.code - verdict.status.value for verdict in verdicts}


def _told(verdict: Verdict | UnknownRegister) -> Verdict:
    if isinstance(verdict, UnknownRegister):
        raise OutOfScope(str(verdict))
    return verdict
