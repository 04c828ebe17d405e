"""Statuses as people and programs read them: one word, or a call and its answer."""

from __future__ import annotations

import re
from typing import Any, Final

from tdxcheck.spec.decoding import Decoded, decode
from tdxcheck.spec.leaves import leaf_name
from tdxcheck.spec.status import Status

NUMBER: Final = re.compile(
    r"0x[0-9a-f]{1,40}|-?[0-9]{1,40}|[0-9a-f]{16}", re.IGNORECASE
)


def word_of(text: str) -> int:
    """The number that is meant: hexadecimal with or without 0x, or decimal.

    Sixteen digits without 0x are hexadecimal, as a log prints them; a negative
    number is what a program makes of it that takes it for signed.

    Errors: ValueError, which says what is wrong.
    """
    stripped = text.strip().replace("_", "").removesuffix("ULL").removesuffix("ull")
    if not NUMBER.fullmatch(stripped):
        raise ValueError("is not a number in hexadecimal or decimal")
    if stripped[:2].lower() == "0x" or len(stripped) == 16:
        value = int(stripped, 16)
    else:
        value = int(stripped)
    if -(1 << 63) <= value < 0:
        value += 1 << 64
    if not 0 <= value < 1 << 64:
        raise ValueError("does not fit into 64 bits")
    return value


def as_json(decoded: Decoded) -> dict[str, Any]:
    """The status for programs. Members may be added; none changes its meaning."""
    return {
        "status": f"{decoded.word:#018x}",
        "name": decoded.name,
        "class": decoded.category,
        "detail": decoded.detail or None,
        "error": decoded.error,
        "fatal": decoded.fatal,
        "retry": decoded.retry.value,
        "advice": decoded.advice,
        "source": str(decoded.source) if decoded.source else None,
    }


def described(words: list[int]) -> list[dict[str, Any]]:
    return [as_json(decode(word)) for word in words]


def told(decoded: Decoded) -> str:
    """The name with its detail, in one line."""
    detail = f", {decoded.detail}" if decoded.detail else ""
    return f"{decoded.name}{detail}"


def advice_for(leaf: int, decoded: Decoded) -> str:
    """What to do, where the leaf says more than the status by itself."""
    match leaf & 0xFFFF, decoded.status:
        case 34, Status.TDX_SYS_NOT_READY:
            return (
                "the module is older than 1.5, and answers TDH.SYS.RD only once it is "
                "initialised: update the TDX module"
            )
        case 69, Status.TDX_OPERAND_INVALID:
            return "the module is too old to have TDH.SYS.DISABLE: update it"
        case 33, Status.TDX_INCORRECT_MSR_VALUE if decoded.word & 0xFFFFFFFF == 0x122:
            return (
                "the module wants IA32_TSX_CTRL to be 0 on every CPU: update the BIOS, "
                "or take a kernel that clears it around the call"
            )
        case 254, _:
            return "nothing: only debug modules have this leaf"
    return decoded.advice


def call(leaf: int, word: int) -> dict[str, Any]:
    """A call and its answer, for programs."""
    decoded = decode(word)
    return {
        "leaf": leaf,
        "leaf_name": leaf_name(leaf),
        **as_json(decoded),
        "advice": advice_for(leaf, decoded),
    }
