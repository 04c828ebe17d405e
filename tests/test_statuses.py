"""Statuses of SEAMCALLs: every name decodes to itself, and to something to do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxcheck.checker.cli import main
from tdxcheck.models.logs.statuses import advice_for, word_of
from tdxcheck.spec.decoding import (
    ADVICE,
    CLASSES,
    NOT_ANSWERS,
    Retry,
    decode,
)
from tdxcheck.spec.leaves import LEAVES, is_of_initialization, leaf_name
from tdxcheck.spec.status import OPERANDS, Status

ANSWERS = [status for status in Status if status not in NOT_ANSWERS]
MODULE = [status for status in ANSWERS if status.name.startswith("TDX_")]


@pytest.mark.parametrize("status", ANSWERS, ids=lambda status: status.name)
def test_every_status_decodes_to_itself(status: Status) -> None:
    found = decode(status.value)
    assert found.status is status
    assert found.error is status.is_error
    assert found.category in (*CLASSES.values(), "SEAM loader")
    assert found.advice
    assert found.source is not None


@given(status=st.sampled_from(MODULE), details=st.integers(0, 0xFFFFFFFF))
def test_details_do_not_change_the_name(status: Status, details: int) -> None:
    found = decode(status.value | details)
    assert found.status is status
    assert found.retry is decode(status.value).retry


@given(st.integers(0, (1 << 64) - 1))
def test_any_word_can_be_decoded(word: int) -> None:
    found = decode(word)
    assert found.word == word
    assert found.name and found.advice and found.category
    assert found.error == bool(word >> 63)


@pytest.mark.parametrize(
    ("word", "name", "detail", "retry"),
    [
        (0xC000010000000001, "TDX_OPERAND_INVALID", "operand RCX", Retry.NO),
        (0x8000020000000092, "TDX_OPERAND_BUSY", "operand SEPT_TREE", Retry.YES),
        (0x8000020300000000, "TDX_RND_NO_ENTROPY", "", Retry.YES),
        (0x0000081500000000, "TDX_KEY_CONFIGURED", "", Retry.NONE_NEEDED),
        (0x8000082400000000, "TDX_FLUSHVP_NOT_DONE", "", Retry.AFTER),
        (0xC000092100000122, "TDX_INCORRECT_MSR_VALUE", "MSR 0x122 (IA32_TSX_CTRL)",
         Retry.NO),
        (0xC0000A2100000500, "TDX_NON_ORDERED_RESERVED_IN_TDMR",
         "TDMR 0, reserved area 5", Retry.NO),
        (0xC0000A1200020103, "TDX_PAMT_OVERLAP", "TDMR 3, level 2M, other TDMR 2",
         Retry.NO),
        (0x8000FF00FFFF0000, "TDX_SEAMCALL_VMFAILINVALID", "", Retry.NO),
        (0x8000FF000000000D, "TDX_SEAMCALL_GP", "", Retry.NO),
        (0x8000FF0000000006, "TDX_SEAMCALL_UD", "", Retry.AFTER),
        (0x8000FF000000000E, "TDX_SW_ERROR", "exception 14", Retry.NO),
        (0x8000000000030001, "SEAMLDR_ENOENTROPY", "", Retry.YES),
        (0x8000000000000005, "SEAMLDR_ECLEANUPREQ", "", Retry.AFTER),
    ],
)  # fmt: skip
def test_words_in_full(word: int, name: str, detail: str, retry: Retry) -> None:
    found = decode(word)
    assert (found.name, found.detail, found.retry) == (name, detail, retry)


def test_the_loader_that_launches_the_loader_is_told_apart() -> None:
    assert "NP-SEAMLDR" in decode(0x8000000000010000).name
    assert "NP-SEAMLDR" in decode(0x8000000000010002).detail


def test_advice_is_about_what_can_be_answered() -> None:
    assert not set(ADVICE) & NOT_ANSWERS
    assert (
        advice_for(69, decode(0xC000010000000000)) != decode(0xC000010000000000).advice
    )


def test_leaves_have_names() -> None:
    assert leaf_name(33) == "TDH.SYS.INIT"
    assert leaf_name(0x10021) == "TDH.SYS.INIT version 1"
    assert leaf_name(0x8000000000000001) == "SEAMLDR.INSTALL"
    assert leaf_name(77) == "unknown leaf 77"
    assert is_of_initialization(45) and not is_of_initialization(28)
    assert len(set(LEAVES.values())) == len(LEAVES)
    assert len(set(OPERANDS.values())) == len(OPERANDS)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("0xC000092100000122", 0xC000092100000122),
        ("c000092100000122", 0xC000092100000122),
        ("13835068187163328802", 13835068187163328802),
        ("-4611675886546222814", (1 << 64) - 4611675886546222814),
        ("0", 0),
        ("0xc0000921_00000122ULL", 0xC000092100000122),
    ],
)
def test_numbers_as_people_write_them(text: str, word: int) -> None:
    assert word_of(text) == word


def test_the_command_decodes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "0xc000050500000000", "0"]) == 0
    out = capsys.readouterr().out
    assert "TDX_SYS_NOT_READY" in out and "TDX_SUCCESS" in out
    assert max(map(len, out.splitlines())) <= 100
    assert main(["status", "--format", "json", "0x8000020300000000"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["statuses"][0]["name"] == "TDX_RND_NO_ENTROPY"
    assert document["statuses"][0]["retry"] == "yes"


@pytest.mark.parametrize("text", ["", "foo", "0x", "0x" + "f" * 17, "\x1b[2J", "1.5"])
def test_what_is_no_status_is_one_line(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", text]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
