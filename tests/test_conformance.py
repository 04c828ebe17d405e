"""The module model and a sample of what the real module was seen to do.

The sample is of the recorded vectors: the cheapest lines that together show each
leaf, state, status and fault, and of calls that overlap each place of each leaf with
each leaf that another LP calls meanwhile.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.language import Action, SpecificationError, Term
from tdxcheck.checker.language.simplify import simplified
from tdxcheck.checker.language.terms import Const
from tdxcheck.models.conformance.leaves import LEAVES, Leaves
from tdxcheck.models.conformance.replay import Disagreed, replay
from tdxcheck.models.conformance.report import Report, conform
from tdxcheck.models.conformance.single_calls import judge_cell, judge_layout
from tdxcheck.models.conformance.vectors import (
    Cell,
    MalformedVectors,
    Record,
    Sequence,
    find,
    read_cells,
    read_layouts,
    read_prefixes,
    read_sequences,
)
from tdxcheck.models.module import cpuid, enumeration, platform
from tdxcheck.spec import layout, layout_rules
from tdxcheck.spec.module import Module
from tdxcheck.spec.status import OPERANDS, Status
from tests.mutation import with_guards

Answer = tuple[str, int]
"""A status by name, and the details in the lower half of RAX."""

SAMPLE = Path(__file__).parent / "data" / "module-vectors"


@cache
def report() -> Report:
    return conform(SAMPLE)


@cache
def cells() -> tuple[Cell, ...]:
    path = find(SAMPLE, "leaf-state-table")
    assert path
    return tuple(read_cells(path))


@cache
def sequences() -> tuple[Sequence, ...]:
    prefixes = read_prefixes(SAMPLE)
    names = ("pairs", "sequences-other", "sequences-random", "interleavings")
    paths = (find(SAMPLE, name) for name in names)
    return tuple(
        sequence
        for path in paths
        if path
        for sequence in read_sequences(path, prefixes)
    )


def test_the_model_does_what_the_module_did() -> None:
    disagreed = [each for file in report().files for each in file.disagreed]
    assert not disagreed
    assert report().conforms


def test_nothing_of_the_sample_is_out_of_scope() -> None:
    assert not [reason for file in report().files for reason in file.skipped]


def test_every_cpuid_register_with_a_mask_is_read() -> None:
    """A mask of a register that the module does not read would never be used."""
    masks = cpuid.WANTED, cpuid.COMPARED_IN_PART, cpuid.NOT_COMPARED_REGISTERS
    for leaf, subleaf, _ in chain(*masks):
        has_subleaves = leaf in cpuid.WITH_SUBLEAVES
        assert cpuid.is_read(leaf, subleaf if has_subleaves else cpuid.NO_SUBLEAF)
    assert not set(cpuid.WITH_SUBLEAVES) & cpuid.WITHOUT_SUBLEAVES
    assert not cpuid.is_read(2, cpuid.NO_SUBLEAF)


@pytest.mark.parametrize(
    ("register", "bits", "status"),
    [
        # Threads, then cores, then none: a level more has no shift of its own.
        ((0x1F, 2, "ecx"), 0x400, Status.MODULE_FATAL),
        ((0x1F, 2, "ecx"), 0x100, Status.TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED),
        ((0x1F, 3, "ecx"), 0x100, Status.TDX_INVALID_WBINVD_SCOPE),
        ((0x1F, 0, "eax"), 0x08, Status.MODULE_FATAL),
        ((0x1F, 0, "ecx"), 0x100, Status.TDX_CPUID_LEAF_NOT_SUPPORTED),
        # CET is the supervisors' state; AVX is not.
        ((0xD, 0xC, "ecx"), 0x1, Status.MODULE_FATAL),
        ((0xD, 0x2, "ecx"), 0x1, Status.TDX_SUCCESS),
        ((0xD, 1, "ecx"), 0x2000, Status.MODULE_FATAL),
        ((0xD, 1, "ecx"), 0x1000, Status.TDX_INCORRECT_CPUID_VALUE),
        ((0xD, 1, "ecx"), 0x200, Status.TDX_SUCCESS),
        # Five levels of paging go with longer linear addresses only.
        ((0x7, 0, "ecx"), 0x10000, Status.TDX_INCORRECT_CPUID_VALUE),
        ((0x80000008, 0, "eax"), 0x0100, Status.TDX_INCORRECT_CPUID_VALUE),
        ((0xA, 0, "edx"), 0x8, Status.TDX_INCORRECT_CPUID_VALUE),
        ((0xA, 0, "eax"), 0x2, Status.TDX_SUCCESS),
        ((0x15, 0, "eax"), 1 << 31, Status.MODULE_FATAL),
        ((0x15, 0, "eax"), 1 << 4, Status.TDX_SUCCESS),
    ],
)
def test_registers_that_tell_more_than_bits(
    register: cpuid.Register, bits: int, status: Status
) -> None:
    told = next(enumeration.check_register(register, bits), layout.ACCEPTED)
    assert told.status is status


def test_what_the_usual_value_decides_is_not_known() -> None:
    with pytest.raises(enumeration.UnknownRegister, match=r"0x15\.eax"):
        next(enumeration.check_register((0x15, 0, "eax"), 0x2))


def test_a_register_is_read_in_its_own_place_only() -> None:
    """Leaf 0 is read twice: with no subleaf, and with 0 for the last leaf."""
    bits = 0x20
    tables = platform.Tables(layout.Memory((), 6, 31, 32, layout.Area(0, 0)), None)
    here, there = (
        platform.Difference(platform.Bank.CPUID, (0, subleaf, "eax"), bits)
        for subleaf in (0, cpuid.NO_SUBLEAF)
    )
    refused = platform.check_platform(here, tables)
    assert refused.status is Status.TDX_CPUID_LEAF_NOT_SUPPORTED
    assert platform.check_platform(there, tables) is layout.ACCEPTED
    assert platform.compare_early(None, here) is layout.ACCEPTED
    differs = platform.compare_early(None, there)
    assert differs.status is Status.TDX_INCONSISTENT_CPUID_FIELD


def test_what_init_does_not_keep_no_lp_is_compared_with() -> None:
    """Firmware tells the processor's signature, and not the LP that makes the call."""
    signature = (1, cpuid.NO_SUBLEAF, "eax")
    changed = platform.Difference(platform.Bank.CPUID, signature, 0x4000)
    assert platform.compare_early(changed, None) is layout.ACCEPTED
    differs = platform.compare_early(None, changed)
    assert differs.status is Status.TDX_INCONSISTENT_CPUID_FIELD


def test_leaves_that_come_after_the_topology_are_compared_late() -> None:
    for leaf, is_late in ((5, True), (0x80000007, True), (0x80000008, False)):
        register = (leaf, cpuid.NO_SUBLEAF, "edx" if leaf == 0x80000007 else "ebx")
        own = platform.Difference(platform.Bank.CPUID, register, 0x100)
        early = platform.compare_early(None, own)
        assert (early is layout.ACCEPTED) is is_late
        late = platform.compare_late(None, own)
        assert (late is layout.ACCEPTED) is not is_late


def test_an_lp_is_compared_with_what_init_saw() -> None:
    """The same bits on both are no difference, though each is one from the usual."""
    one, other = (
        platform.Difference(platform.Bank.CPUID, (7, 0, "edx"), bits)
        for bits in (0x1, 0x3)
    )
    differ = Status.TDX_INCONSISTENT_CPUID_FIELD
    assert platform.compare_early(one, one) is layout.ACCEPTED
    assert platform.compare_early(one, other).status is differ
    assert platform.compare_early(None, other).status is differ


def test_the_sample_has_every_kind_of_file_and_thousands_of_records() -> None:
    agreed = {file.name: file.agreed for file in report().files}
    assert agreed == {
        "leaf-state-table": 635,
        "layouts": 194,
        "platform-checks": 384,
        "sequences-random": 4095,
        "sequences-other": 1995,
        "pairs": 734,
        "interleavings": 2805,
    }


CHECKS = layout_rules.CHECKS
WRAP = 1
"""The check of a TDMR's end: one that wraps is no multiple of a gigabyte either."""
NO_SUCH_LAYOUT = {0, WRAP, 3}
"""Checks of which no recorded layout fails this one and the next, with two answers."""


def is_noticed_by_layouts(
    checks: tuple[layout_rules.Check, ...], monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Some record of a layout disagrees with these checks."""
    monkeypatch.setattr(layout_rules, "CHECKS", checks)
    path = find(SAMPLE, "layouts")
    assert path
    return any(isinstance(judge_layout(line), Disagreed) for line in read_layouts(path))


@pytest.mark.parametrize("number", sorted({*range(len(CHECKS))} - {WRAP}))
def test_a_dropped_check_of_layouts_is_noticed(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = (*CHECKS[:number], *CHECKS[number + 1 :])
    assert is_noticed_by_layouts(left, monkeypatch)


@pytest.mark.parametrize("number", sorted({*range(len(CHECKS) - 1)} - NO_SUCH_LAYOUT))
def test_swapped_checks_of_layouts_are_noticed(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = list(CHECKS)
    order[number], order[number + 1] = order[number + 1], order[number]
    assert is_noticed_by_layouts(tuple(order), monkeypatch)


def with_action(old: Action, new: Action) -> Leaves:
    """The leaves, one of their actions replaced."""
    return {
        leaf: tuple(new if action is old else action for action in actions)
        for leaf, actions in LEAVES.items()
    }


def is_noticed(leaf: str, answers: set[Answer], old: Action, new: Action) -> bool:
    """Some record in which the leaf gave one of the answers disagrees with `new`."""
    leaves = with_action(old, new)
    judged = chain(
        (
            judge_cell(cell, leaves)
            for cell in cells()
            if cell.leaf == leaf and answer_of(cell.record) in answers
        ),
        chain.from_iterable(
            replay(sequence, leaves)
            for sequence in sequences()
            if any(
                step.record and step.leaf == leaf and answer_of(step.record) in answers
                for step in sequence.steps
            )
        ),
    )
    try:
        return any(isinstance(result, Disagreed) for result in judged)
    except SpecificationError:
        return True


def answer_of(record: Record) -> Answer:
    return record.status, (record.rax or 0) & 0xFFFFFFFF


def refusals(action: Action) -> list[Answer | None]:
    """What each guard of an action answers; None where a table has the answer."""
    told: list[Answer | None] = []
    for guard in action.guards:
        answer = guard.refusal and guard.refusal.answer
        if isinstance(answer, Term):
            chosen = simplified(answer, {Module.entropy_shortage_is_busy: False})
            answer = chosen.value if isinstance(chosen, Const) else None
        if guard.refusal and isinstance(answer, Status):
            told.append((answer.name, OPERANDS[guard.refusal.detail or "RAX"]))
        else:
            told.append(None)
    return told


@cache
def recorded() -> frozenset[tuple[str, Answer]]:
    """The leaves with the answers that the sample has of them."""
    calls = {(cell.leaf, answer_of(cell.record)) for cell in cells()}
    for sequence in sequences():
        for step in sequence.steps:
            if step.record:
                calls.add((step.leaf, answer_of(step.record)))
    return frozenset(calls)


MUTABLE = (
    "TDH.SYS.INIT",
    "TDH.SYS.LP.INIT",
    "TDH.SYS.INFO",
    "TDH.SYS.RD",
    "TDH.SYS.RDALL",
    "TDH.SYS.CONFIG",
    "TDH.SYS.KEY.CONFIG",
    "TDH.SYS.TDMR.INIT",
    "TDH.SYS.SHUTDOWN",
    "TDH.SYS.UPDATE",
    "TDH.SYS.LP.SHUTDOWN",
    "TDH.MNG.CREATE",
    "TDH.PHYMEM.PAGE.RDMD",
)


SHADOWED = {("TDH.SYS.TDMR.INIT", "base_valid")}
"""Guards that another with the same answer stands behind."""
NEVER_BOTH = {
    ("TDH.SYS.INIT", "TDX_SYS_INIT_NOT_PENDING", "TDX_RND_NO_ENTROPY"),
    ("TDH.SYS.LP.INIT", "TDX_SYS_LP_INIT_DONE", "TDX_RND_NO_ENTROPY"),
    ("TDH.SYS.RD", "TDX_SYS_SHUTDOWN", "TDX_SYS_LP_INIT_NOT_DONE"),
    ("TDH.SYS.KEY.CONFIG", "TDX_OPERAND_BUSY", "TDX_KEY_GENERATION_FAILED"),
    ("TDH.SYS.TDMR.INIT", "TDX_OPERAND_INVALID", "TDX_OPERAND_BUSY"),
    ("TDH.SYS.SHUTDOWN", "TDX_OPERAND_INVALID", "TDX_SYS_BUSY"),
}
"""Refusals of a leaf of which no call in the sample could get either."""


def droppable() -> Iterator[tuple[str, int]]:
    """The guards of the leaves that some record of the sample is refused by."""
    for leaf in MUTABLE:
        action = LEAVES[leaf][0]
        for number, answer in enumerate(refusals(action)):
            text = action.guards[number].location.text
            shadowed = any(leaf == one and word in text for one, word in SHADOWED)
            if answer and (leaf, answer) in recorded() and not shadowed:
                yield leaf, number


@pytest.mark.parametrize(("leaf", "number"), list(droppable()))
def test_a_dropped_guard_is_noticed(leaf: str, number: int) -> None:
    action = LEAVES[leaf][0]
    others = [each for each in range(len(action.guards)) if each != number]
    answer = refusals(action)[number]
    assert answer
    assert is_noticed(leaf, {answer}, action, with_guards(action, others))


def swappable() -> Iterator[tuple[str, int, int]]:
    """The pairs of guards of a leaf that some records of the sample are refused by."""
    for leaf in MUTABLE:
        numbers = [number for each, number in droppable() if each == leaf]
        told = refusals(LEAVES[leaf][0])
        for one, two in combinations(numbers, 2):
            first, second = told[one], told[two]
            assert first and second
            if first != second and (leaf, first[0], second[0]) not in NEVER_BOTH:
                yield leaf, one, two


@pytest.mark.parametrize(("leaf", "one", "two"), list(swappable()))
def test_swapped_guards_are_noticed(leaf: str, one: int, two: int) -> None:
    action = LEAVES[leaf][0]
    order = list(range(len(action.guards)))
    order[one], order[two] = two, one
    told = refusals(action)
    answers = {answer for answer in told[one : two + 1] if answer}
    assert is_noticed(leaf, answers, action, with_guards(action, order))


def test_a_changed_record_disagrees() -> None:
    """The recorded answers are what is compared: none of them reaches the model."""
    sequence = sequences()[0]
    step = sequence.steps[-1]
    assert step.record
    changes = (
        replace(step, record=replace(step.record, status="TDX_SYS_BUSY")),
        replace(step, record=replace(step.record, rax=0x8000020200000000)),
        replace(step, state={**step.state, "n_init_lps": 7}),
        replace(step, state={**step.state, "kot": {"40": "FLUSHED"}}),
    )
    for changed in changes:
        steps = (*sequence.steps[:-1], changed)
        *_, last = replay(replace(sequence, steps=steps))
        assert isinstance(last, Disagreed)


@cache
def overlapping() -> Sequence:
    """A recorded sequence in which a call stops with the lock, and then ends."""
    for sequence in sequences():
        steps = [step for step in sequence.steps if step.place == "locked"]
        if steps and steps[0].is_stopped and len(steps) == 1:
            return sequence
    raise AssertionError("the sample has none")


def with_step(number: int, **changes: Any) -> Sequence:
    """The sequence with one of its steps recorded otherwise."""
    sequence = overlapping()
    steps = list(sequence.steps)
    steps[number] = replace(steps[number], **changes)
    return replace(sequence, steps=tuple(steps))


def numbers(operation: str) -> list[int]:
    steps = enumerate(overlapping().steps)
    return [number for number, step in steps if step.operation == operation]


def test_what_is_recorded_of_calls_that_overlap_is_compared() -> None:
    (begins,) = numbers("begin")
    state = overlapping().steps[begins].state
    assert state["lock"] == "exclusive"
    unlocked = {key: value for key, value in state.items() if key != "lock"}
    idle = {key: value for key, value in state.items() if key != "busy"}
    shared = {**state, "lock": "shared"}
    for changed in (
        *(with_step(begins, state=told) for told in (unlocked, idle, shared)),
        with_step(begins, is_stopped=False),
    ):
        assert any(isinstance(result, Disagreed) for result in replay(changed))


@pytest.mark.parametrize(
    ("place", "message"), [("nowhere", "NOWHERE"), ("tdmr_locked", "is nowhere")]
)
def test_a_place_that_does_not_exist_is_malformed(place: str, message: str) -> None:
    (begins,) = numbers("begin")
    with pytest.raises(MalformedVectors, match=message):
        list(replay(with_step(begins, place=place)))


def test_calls_that_overlap_on_one_lp_are_malformed() -> None:
    (begins,) = numbers("begin")
    inside = overlapping().steps[begins].lp
    with pytest.raises(MalformedVectors, match="inside a call already"):
        list(replay(with_step(begins + 1, lp=inside)))
    (ends,) = numbers("end")
    with pytest.raises(MalformedVectors, match="has begun here"):
        list(replay(with_step(ends, leaf="TDH.SYS.INFO")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"[]", "indices"),
        (b'{"id": "x", "platform": {}, "steps": []}', "lp_pkg"),
        (b'{"id": "x", "prefix": "nowhere", "steps": []}', "nowhere"),
    ],
)
def test_malformed_vectors_name_their_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress(content + b"\n"))
    with pytest.raises(MalformedVectors, match=message) as caught:
        conform(tmp_path)
    assert caught.value.place == f"{path}:1"


def test_a_broken_archive_and_an_empty_folder_are_malformed(tmp_path: Path) -> None:
    with pytest.raises(MalformedVectors, match="holds no vectors"):
        conform(tmp_path)
    (tmp_path / "pairs.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-9])
    with pytest.raises(MalformedVectors, match="cannot be read"):
        conform(tmp_path)
