"""Records of single calls: of leaves in states, lists of TDMRs, register values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from tdxcheck.checker.language.instance import Assignment
from tdxcheck.models.conformance.bench import Bench
from tdxcheck.models.conformance.calls import OutOfScope, bench_for
from tdxcheck.models.conformance.leaves import LEAVES, Leaves
from tdxcheck.models.conformance.one_call import Answer, call
from tdxcheck.models.conformance.replay import (
    Agreed,
    Disagreed,
    Result,
    Skipped,
    compare_answer,
    reload,
)
from tdxcheck.models.conformance.vectors import (
    Cell,
    Json,
    LayoutLine,
    MalformedVectors,
    Platform,
    Record,
    RegisterLine,
    Step,
    TdmrList,
)
from tdxcheck.models.module.cpuid import NO_SUBLEAF, WITH_SUBLEAVES
from tdxcheck.spec.layout import KB4, Area, Memory, TdmrInfo
from tdxcheck.spec.module import Module, Status, SysState

# The table does not tell its machine, so this is one that fits its calls: that of
# prefixes.json, with one TDMR. The second list is the first with one PAMT too small.
_MEMORY: Final = Memory(
    (Area(0, 0x80000000), Area(0x100000000, 0x400000000)),
    keyid_bits=6,
    mktme_keyids=31,
    tdx_keyids=32,
    seamrr=Area(0xF800000000, 0x2000000),
)
_TDMR: Final = TdmrInfo(
    Area(0x100000000, 0x40000000),
    pamt_1g=Area(0x1000000, 0x1000),
    pamt_2m=Area(0x1001000, 0x2000),
    pamt_4k=Area(0x1003000, 0x400000),
)
_SHORT: Final = Area(_TDMR.pamt_4k.base, _TDMR.pamt_4k.size - KB4)
_LAYOUTS: Final = {
    "good": TdmrList(0x10000, (_TDMR,)),
    "bad": TdmrList(0x20000, (replace(_TDMR, pamt_4k=_SHORT),)),
}
_CONFIG_OPERANDS: Final = {"rcx": 0x10000, "rdx": 1, "r8": 0x20}
SAMPLES: Final = 8
_ONE_LP: Final = Platform((0,), 1, 1, _MEMORY, 0, 0, False, 14, None)
_COUNTED: Final = replace(_ONE_LP, lp_package=(0, 0), reported_lps=2)
_NOT_COUNTED: Final = replace(_ONE_LP, lp_package=(0, 0))


def judge_cell(cell: Cell, leaves: Leaves = LEAVES) -> Result:
    """A line of the table: reach its state with the model's own calls, then call."""
    try:
        return _judge_cell(cell, leaves)
    except OutOfScope as reason:
        return Skipped(str(reason))
    except (KeyError, ValueError, TypeError) as error:
        raise MalformedVectors(cell.place, f"{error!r}") from error


def _judge_cell(cell: Cell, leaves: Leaves) -> Result:
    before = cell.before
    counted = not before.get("caller_not_counted", 0)
    caller = 0 if counted else 1
    platform = _COUNTED if counted else _NOT_COUNTED
    step = _step(cell.leaf, caller, cell.operands, cell.rax)
    ready = _step("TDH.SYS.CONFIG", 0, _CONFIG_OPERANDS)
    bench = bench_for(platform, _LAYOUTS, (step, ready), leaves)
    initialized = []
    if before["caller_lp_init"]:
        initialized.append(caller)
    if before["all_lps_init"]:
        initialized.append(1 - caller)
    state = bench.start
    if before["handoff_valid"] and before["sys"] != SysState.SYS_SHUTDOWN.name:
        counted_lps = list(range(platform.reported_lps))
        state = _reach(bench, state, SysState.SYS_SHUTDOWN, counted_lps)
        state = reload(bench, replace(step, keep_handoff=True), state)
    state = _reach(bench, state, SysState[before["sys"]], initialized)
    answer = call(bench, step, state)
    differing = compare_answer(cell.record, answer, cell.name)
    if differing:
        return differing
    modelled = {
        "sys": answer.state[Module.sys_state, ()].name,
        "caller_lp_init": int(answer.state[Module.lp_initialized, (caller,)]),
    }
    if modelled != dict(cell.after):
        return Disagreed(cell.name, "state", str(dict(cell.after)), str(modelled))
    return Agreed()


def _reach(
    bench: Bench, state: Assignment, goal: SysState, initialized: list[int]
) -> Assignment:
    """Bring the module as far as this, with these LPs initialised."""
    way = (
        [_step("TDH.SYS.INIT", 0)],
        [
            *(_step("TDH.SYS.LP.INIT", lp) for lp in initialized),
            _step(
                "TDH.SYS.CONFIG", initialized[0] if initialized else 0, _CONFIG_OPERANDS
            ),
        ],
        [_step("TDH.SYS.KEY.CONFIG", 0)],
        [_step("TDH.SYS.SHUTDOWN", 0)],
    )
    steps = [step for part in way[: goal.value] for step in part]
    if goal is SysState.SYSINIT_DONE:
        steps += way[1][:-1]
    for step in steps:
        answer = call(bench, step, state)
        if answer.status is not Status.TDX_SUCCESS:
            raise ValueError(f"no such state: {step.leaf} gives {answer.status.name}")
        state = answer.state
    return state


def judge_layout(line: LayoutLine, leaves: Leaves = LEAVES) -> Result:
    """A line of layouts: the three calls up to the one that answers."""
    platform = replace(_ONE_LP, memory=line.memory, smrr=line.smrr)
    address = line.operands.get("rcx", 0) % line.memory.usable_limit
    config = _step("TDH.SYS.CONFIG", 0, line.operands)
    steps = (_step("TDH.SYS.INIT", 0), _step("TDH.SYS.LP.INIT", 0), config)
    try:
        bench = bench_for(platform, {"": TdmrList(address, line.tdmrs)}, steps, leaves)
        state = bench.start
        for step in steps:
            answer = call(bench, step, state)
            state = answer.state
            if answer.status is not Status.TDX_SUCCESS:
                break
    except OutOfScope as reason:
        return Skipped(str(reason))
    if step.leaf != line.stage:
        return Disagreed(line.name, "leaf that answers", line.stage, step.leaf)
    differing = compare_answer(line.record, answer, line.name)
    if differing or line.keyids_reserved is None:
        return differing or Agreed()
    reserved = bench.show(state, 0).get("kot", {})
    keyids = tuple(sorted(int(keyid) for keyid in reserved))
    if keyids != line.keyids_reserved:
        return Disagreed(line.name, "KeyIDs", str(line.keyids_reserved), str(keyids))
    return Agreed()


def judge_register(line: RegisterLine, leaves: Leaves = LEAVES) -> Iterator[Result]:
    """A line of platform-checks: one call for each flipped bit."""
    outcomes = [(bit, told) for told, places in line.outcomes.items() for bit in places]
    # A bench compares every sample with every other, so it is given few at a time.
    for first in range(0, len(outcomes), SAMPLES):
        yield from _judge_bits(line, outcomes[first : first + SAMPLES], leaves)


def _judge_bits(
    line: RegisterLine, outcomes: list[tuple[int, str]], leaves: Leaves
) -> Iterator[Result]:
    init = _step("TDH.SYS.INIT", 0)
    faults = [_flip(line, bit) for bit, _ in outcomes]
    steps = [_step(line.leaf, 0, fault=fault) for fault in faults]
    try:
        bench = bench_for(_ONE_LP, {}, steps, leaves)
    except OutOfScope as reason:
        if len(outcomes) == 1:
            yield Skipped(str(reason))
            return
        for each in outcomes:
            yield from _judge_bits(line, [each], leaves)
        return
    state = bench.start
    if line.leaf != init.leaf:
        state = call(bench, init, state).state
    for step, (bit, told) in zip(steps, outcomes, strict=True):
        try:
            answer = call(bench, step, state)
        except OutOfScope as reason:
            yield Skipped(str(reason))
            continue
        yield _compare_outcome(told, answer, f"{line.name} bit {bit}")


def _flip(line: RegisterLine, bit: int) -> Json:
    """The fault that flips one bit of the line's register."""
    leaf, *rest = line.register
    if line.source == "cpuid" and int(leaf, 16) not in WITH_SUBLEAVES:
        rest[0] = hex(NO_SUBLEAF)
    return {f"{line.source}_xor": [leaf, *rest, hex(1 << bit)]}


def _compare_outcome(outcome: str, answer: Answer, where: str) -> Result:
    status, _, detail = outcome.partition(":")
    number = int(detail, 0) if detail else None
    differing = compare_answer(Record(status, None, {}), answer, where)
    if differing is None and number not in (None, answer.low):
        differing = Disagreed(where, "details", detail, hex(answer.low))
    return differing or Agreed()


def _step(
    leaf: str,
    lp: int,
    operands: Any = None,
    rax: int | None = None,
    fault: Any = None,
) -> Step:
    """A call that nobody recorded."""
    return Step(
        operation="call",
        leaf=leaf,
        lp=lp,
        rax=rax,
        operands=operands or {},
        layout=None,
        fault=fault or {},
        repeat=1,
        record=None,
        done=1,
        keep_handoff=False,
        header={},
        state={},
    )
