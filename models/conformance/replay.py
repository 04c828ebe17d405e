"""Replaying recorded sequences on the model, and comparing all that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench
from tdxcheck.models.conformance.calls import (
    OutOfScope,
    alternatives,
    bench_for,
    operands,
)
from tdxcheck.models.conformance.leaves import LEAVES, Leaves
from tdxcheck.models.conformance.vectors import (
    MalformedVectors,
    Record,
    Sequence,
    Step,
)
from tdxcheck.models.module.layout import Verdict
from tdxcheck.models.module.update import handoff_header_overwritten, module_loaded
from tdxcheck.spec.module import Module, Pages, Status
from tdxcheck.spec.status import OPERANDS

UNMODELLED_STATE = ("busy", "lock", "tdmr_lock")
"""What the vectors tell of the state that the model has no variable for: locks."""


@dataclass(frozen=True)
class Agreed:
    """The model did what the real module did."""

    unmodelled: tuple[str, ...] = ()
    """What was recorded, but could not be compared."""


@dataclass(frozen=True)
class Skipped:
    """The record is not of something that the model speaks of."""

    reason: str


@dataclass(frozen=True)
class Disagreed:
    """The model did something else."""

    where: str
    what: str
    recorded: str
    modelled: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {self.recorded}, model: {self.modelled}"


Result = Agreed | Skipped | Disagreed


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


def replay(sequence: Sequence, leaves: Leaves = LEAVES) -> Iterator[Result]:
    """Every recorded call of the sequence; of its prefix only what disagrees."""
    try:
        bench = bench_for(sequence.platform, sequence.layouts, sequence.steps, leaves)
        state = bench.start
    except OutOfScope as reason:
        calls = sequence.steps[sequence.prefix_steps :]
        yield from (Skipped(str(reason)) for step in calls if step.record)
        return
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedVectors(sequence.place, str(error)) from error
    wrong_size = 0
    lost: str | None = None
    for number, step in enumerate(sequence.steps):
        where = f"{sequence.name} step {number} {step.leaf or step.operation}"
        result: Result
        if lost is None:
            wrong_size = step.header.get("size", wrong_size)
            try:
                result, state = _replay_step(bench, step, state, where, wrong_size)
            except OutOfScope as reason:
                lost = str(reason)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise MalformedVectors(sequence.place, str(error)) from error
        if lost is not None:
            result = Skipped(lost)
        if number >= sequence.prefix_steps and step.record:
            yield result
        elif isinstance(result, Disagreed):
            yield result


def _replay_step(
    bench: Bench, step: Step, state: Assignment, where: str, wrong_size: int
) -> tuple[Result, Assignment]:
    if step.operation == "reload":
        state = reload(bench, step, state)
        return _compare_state(bench, step, state, where, wrong_size), state
    if step.operation != "call" or step.record is None:
        raise OutOfScope("calls that overlap in time")
    answer, done = _repeat(bench, step, state)
    differing = (
        compare_answer(step.record, answer, where)
        or _compare_out(bench, step, state, answer, where)
        or (done != step.done and Disagreed(where, "calls", f"{step.done}", f"{done}"))
    )
    if differing:
        return differing, answer.state
    return _compare_state(bench, step, answer.state, where, wrong_size), answer.state


def reload(bench: Bench, step: Step, state: Assignment) -> Assignment:
    """A new image; the header of the handoff data may be overwritten afterwards."""
    attempt = bench.interpreter.attempt
    loaded = attempt(state, module_loaded, (step.keep_handoff,)).after
    assert loaded is not None, "an image can always be loaded"
    if not step.header:
        return loaded
    version = loaded[Module.handoff_version, ()]
    if "hv" in step.header:
        version = bench.versions.index(step.header["hv"])
    valid = bool(step.header.get("valid", 1))
    size_right = "size" not in step.header
    header = (version, valid, size_right)
    written = attempt(loaded, handoff_header_overwritten, header).after
    assert written is not None, "the header can always be overwritten"
    return written


def _repeat(bench: Bench, step: Step, state: Assignment) -> tuple[Answer, int]:
    """The call, over again until it is answered otherwise than with success."""
    answer = call(bench, step, state)
    done = 1
    while done < step.repeat and answer.status is Status.TDX_SUCCESS:
        answer = call(bench, step, answer.state)
        done += 1
    return answer, done


def call(bench: Bench, step: Step, state: Assignment) -> Answer:
    """The model's answer to a call."""
    given = operands(bench, step, state)
    details = _details(bench, step, state, given)
    for action in alternatives(step, bench.leaves):
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
        package = given["package"].to_bytes(4, "little")
        verdicts = [
            _told(bench.late_verdicts[pair]),
            Verdict(Status.TDX_INVALID_PKG_ID, tuple(package)),
            _told(bench.early_verdicts[pair]),
        ]
    elif step.leaf == "TDH.SYS.CONFIG" and bench.layouts:
        verdicts = [bench.layout_verdicts[given["layout"]]]
    return {verdict.status: verdict.code - verdict.status.value for verdict in verdicts}


def _told(verdict: Verdict | None) -> Verdict:
    if verdict is None:
        raise OutOfScope("a register that is checked by a mask that is not modelled")
    return verdict


def compare_answer(record: Record, answer: Answer, where: str) -> Disagreed | None:
    if record.status != answer.status.name:
        return Disagreed(where, "status", record.status, answer.status.name)
    if record.rax is not None and record.rax != answer.rax:
        return Disagreed(where, "RAX", hex(record.rax), hex(answer.rax))
    return None


def _compare_out(
    bench: Bench, step: Step, before: Assignment, answer: Answer, where: str
) -> Disagreed | None:
    """The registers that tell something of the module's state."""
    assert step.record is not None
    if answer.status is not Status.TDX_SUCCESS:
        return None
    out = step.record.out
    if step.leaf == "TDH.SYS.TDMR.INIT":
        tdmr = bench.tdmr_at(answer.state, step.operands.get("rcx", 0))
        modelled = bench.next_address(answer.state, tdmr)
        recorded = out.get("rdx", step.operands.get("rdx", 0))
        name = "RDX"
    elif step.leaf == "TDH.PHYMEM.PAGE.RDMD":
        page = bench.pages.index(step.operands.get("rcx", 0))
        modelled = answer.state[Pages.page_type, (page,)].value
        recorded = out.get("rcx", step.operands.get("rcx", 0))
        name = "RCX"
    else:
        return None
    if recorded == modelled:
        return None
    return Disagreed(where, name, hex(recorded), hex(modelled))


def _compare_state(
    bench: Bench, step: Step, state: Assignment, where: str, wrong_size: int
) -> Result:
    modelled = bench.show(state, wrong_size)
    recorded = {
        key: value for key, value in step.state.items() if key not in UNMODELLED_STATE
    }
    for key in dict.fromkeys((*recorded, *modelled)):
        if recorded.get(key) != modelled.get(key):
            return Disagreed(where, key, f"{recorded.get(key)}", f"{modelled.get(key)}")
    left_out = [key for key in UNMODELLED_STATE if key in step.state]
    out = step.record.out if step.record else {}
    compared = {"TDH.SYS.TDMR.INIT": "rdx", "TDH.PHYMEM.PAGE.RDMD": "rcx"}
    if set(out) - {compared.get(step.leaf)}:
        left_out.append("other registers")
    return Agreed(tuple(left_out))
