"""Replaying recorded sequences on the model, and comparing all that can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench
from tdxcheck.models.conformance.calls import OutOfScope, bench_for
from tdxcheck.models.conformance.leaves import LEAVES, Leaves
from tdxcheck.models.conformance.one_call import Answer, repeat
from tdxcheck.models.conformance.overlap import Stopped, as_begun, begin, end
from tdxcheck.models.conformance.vectors import (
    MalformedVectors,
    Record,
    Sequence,
    Step,
)
from tdxcheck.models.module.update import handoff_header_overwritten, module_loaded
from tdxcheck.spec.module import Module, Pages, Status


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


def replay(sequence: Sequence, leaves: Leaves = LEAVES) -> Iterator[Result]:
    """Every recorded call of the sequence; of its prefix only what disagrees."""
    try:
        bench = bench_for(sequence.platform, sequence.layouts, sequence.steps, leaves)
        state = bench.start
    except OutOfScope as reason:
        calls = sequence.steps[sequence.prefix_steps :]
        yield from (Skipped(str(reason)) for step in calls if step.is_call)
        return
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedVectors(sequence.place, str(error)) from error
    wrong_size = 0
    lost: str | None = None
    stopped: dict[int, Stopped] = {}
    for number, step in enumerate(sequence.steps):
        where = f"{sequence.name} step {number} {step.leaf or step.operation}"
        result: Result
        if lost is None:
            wrong_size = step.header.get("size", wrong_size)
            try:
                result, state = _replay_step(
                    bench, step, state, stopped, where, wrong_size
                )
            except OutOfScope as reason:
                lost = str(reason)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise MalformedVectors(sequence.place, str(error)) from error
        if lost is not None:
            result = Skipped(lost)
        if number >= sequence.prefix_steps and step.is_call:
            yield result
        elif isinstance(result, Disagreed):
            yield result


def _replay_step(
    bench: Bench,
    step: Step,
    state: Assignment,
    stopped: dict[int, Stopped],
    where: str,
    wrong_size: int,
) -> tuple[Result, Assignment]:
    differing: Disagreed | None = None
    if step.operation in ("call", "begin") and step.lp in stopped:
        raise ValueError(f"LP {step.lp} is inside a call already")
    match step.operation:
        case "reload":
            state = reload(bench, step, state)
        case "begin":
            answer, has_stopped = begin(bench, step, state)
            state = answer.state
            if has_stopped:
                stopped[step.lp] = has_stopped
            if bool(has_stopped) != step.is_stopped:
                modelled = "yes" if has_stopped else answer.status.name
                recorded = "yes" if step.is_stopped else "no"
                differing = Disagreed(where, "stopped", recorded, modelled)
            elif not has_stopped:
                differing = _compare_call(bench, step, answer, where)
        case "end":
            if step.lp not in stopped:
                return Disagreed(where, "stopped", "yes", "no"), state
            begun = stopped.pop(step.lp)
            step = as_begun(step, begun)
            answer, state = end(bench, step, begun, state)
            differing = _compare_call(bench, step, answer, where)
        case _:
            answer, done = repeat(bench, step, state)
            state = answer.state
            differing = _compare_call(bench, step, answer, where)
            if not differing and done != step.done:
                differing = Disagreed(where, "calls", f"{step.done}", f"{done}")
    return differing or _compare_state(bench, step, state, where, wrong_size), state


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


def compare_answer(record: Record, answer: Answer, where: str) -> Disagreed | None:
    if record.status != answer.status.name:
        return Disagreed(where, "status", record.status, answer.status.name)
    if record.rax is not None and record.rax != answer.rax:
        return Disagreed(where, "RAX", hex(record.rax), hex(answer.rax))
    return None


def _compare_call(
    bench: Bench, step: Step, answer: Answer, where: str
) -> Disagreed | None:
    if step.record is None:
        raise ValueError("the answer is missing")
    return compare_answer(step.record, answer, where) or _compare_out(
        bench, step, step.record, answer, where
    )


def _compare_out(
    bench: Bench, step: Step, record: Record, answer: Answer, where: str
) -> Disagreed | None:
    """The registers that tell something of the module's state."""
    if answer.status is not Status.TDX_SUCCESS:
        return None
    out = record.out
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
    recorded = step.state
    for key in dict.fromkeys((*recorded, *modelled)):
        if recorded.get(key) != modelled.get(key):
            return Disagreed(where, key, f"{recorded.get(key)}", f"{modelled.get(key)}")
    left_out = []
    out = step.record.out if step.record else {}
    compared = {"TDH.SYS.TDMR.INIT": "rdx", "TDH.PHYMEM.PAGE.RDMD": "rcx"}
    if set(out) - {compared.get(step.leaf)}:
        left_out.append("other registers")
    return Agreed(tuple(left_out))
