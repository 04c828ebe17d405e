"""Plain text: what can be printed on any terminal, whatever it is made of."""

from __future__ import annotations

import codecs
import sys

MOST = 1000
"""Characters of a message; more are garbage that somebody gave as a name."""

ASCII = {
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
    "\N{EM DASH}": "-",
    "\N{FULL BLOCK}": "#",
    "\N{MEDIUM SHADE}": "%",
    "\N{MIDDLE DOT}": ".",
}
"""One column for one, where the encoding of the output has no such character."""


def _nearest(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(ASCII.get(c) or _escaped(c) for c in missing), error.end


def bear_any_encoding() -> None:
    """Have both streams print the nearest that they can, and never fail for it."""
    codecs.register_error("nearest", _nearest)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="nearest")


def one_line(message: str) -> str:
    """The message, not endless, without what would break the line or a terminal."""
    shown = "".join(c if c.isprintable() else _escaped(c) for c in message)
    if len(shown) <= MOST:
        return shown
    return f"{shown[: MOST // 2]}...{shown[-MOST // 2 :]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
