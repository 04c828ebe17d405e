"""Lines of a log that can matter, out of files of any size and in any disorder.

A log is untrusted: lines may be cut, glued together, endless, in no encoding, or
made to upset a terminal. What is read is bounded, and nothing is kept but what a
known line says.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

CHUNK: Final = 1 << 20
LONGEST: Final = 4096
"""Bytes of a line that are looked at."""
SMALL: Final = 64 << 10
"""Bytes of a piece of which every line is looked at, such as all of /proc/iomem."""
MOST: Final = 2 << 30
"""Bytes of a log, unpacked, that are read."""

KEYS: Final = (
    b"tdx", b"seam", b"e820: ", b"srat: node", b"pnp0c80:", b": cxl window", b"tme: ",
    b"linux version ", b"command line: ", b"hypervisor detected", b": system ram",
    b": persistent ", b": soft reserved", b": [mem 0x", b"  node ", b"smpboot: cpu0",
    b"dmi: ", b"-- boot ", b"-- reboot", b"kmem", b"online_pages [", b"hkid ",
    b"all packages need", b"support acpi ", b"machine check", b"load failed: ",
    b"hotplug memory", b"hot-adding memory", b"call trace:", b"kernel bug at",
    b"bug: unable",
)  # fmt: skip
"""What every line that matters has one of, in lower case; the longer, the faster."""

STAMP: Final = re.compile(
    rb"[>|\s]*(?:<\d{1,3}>)?(?:\w+ *:\w+ *: )?\[ *(\d{1,10}\.\d{1,9})\]"
    rb"(?:\[ *[TC]\d+\])?:?[ \t]?(?:\S{1,64} kernel: )?"
)
SYSLOG: Final = re.compile(
    rb"[>|\s]*(?:(?:[A-Z][a-z]{2} {1,2}\d{1,2}|\d{4}-\d\d-\d\d)[ T]\S{5,40} )?"
    rb"\S{1,64} (kernel|[^\s:]{1,64})(?:\[\d+\])?: (?:\[ *(\d{1,10}\.\d{1,9})\] )?"
)
NO_STAMP: Final = re.compile(
    rb"[>|\s]*(?:<\d{1,3}>)?"
    rb"(?:\[[.\s]*\]|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [^\]]{5,40}\])?\s*"
)
BOOT: Final = re.compile(rb"-- (?:Boot [0-9a-f]{8,}|Reboot) ?-*", re.IGNORECASE)


Readable = BufferedReader | BytesIO


class LogError(Exception):
    """A log that cannot be read; says which and why."""


BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""What comes of a broken archive."""


class Raw(NamedTuple):
    """A line that may matter, in its parts."""

    stamp: float | None
    """Seconds since boot."""
    body: bytes
    """The message, without stamp and origin."""
    boot: str = ""
    """The boot that a journal says it is of."""


def named(path: Path | None) -> str:
    return "standard input" if path is None else str(path)


@contextmanager
def opened(path: Path | None) -> Iterator[BufferedReader]:
    """The log as bytes, unpacked if it is packed; None is standard input.

    What is wrong with an archive comes out as it is read.
    """
    with ExitStack() as files:
        file: Any = sys.stdin.buffer
        if path is not None:
            file = files.enter_context(path.open("rb"))
        if file.peek(2)[:2] == b"\x1f\x8b":
            file = files.enter_context(gzip.GzipFile(fileobj=file))
        yield file


def _pieces(log: Readable) -> Iterator[bytes]:
    """The log in large pieces; what an archive has before it breaks off is one, too."""
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            part = log.read1(CHUNK)
        except (OSError, EOFError, zlib.error):
            if parts:
                yield b"".join(parts)
            raise
        parts.append(part)
        size += len(part)
        if not part or size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
        if not part:
            return


def _mark(data: bytes) -> bytes:
    """The mark of an encoding, by which some files begin."""
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return next((mark for mark in marks if data.startswith(mark)), b"")


def _chunks(log: Readable, name: str) -> Iterator[bytes]:
    """Whole lines, in pieces of bounded size; a line without an end is cut."""
    rest, total, cutting = b"", 0, False
    pieces = _pieces(log)
    while total < MOST:
        try:
            data = next(pieces, b"")
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise
            if rest and not cutting:
                yield rest
            if total:
                return  # A packed log that was cut: what came before stands.
            raise LogError(f"{name}: cannot be unpacked: {error}") from None
        if not data:
            break
        data = _normal(data if total else data.removeprefix(_mark(data)))
        total += len(data)
        if cutting:
            end = data.find(b"\n")
            if end < 0:
                continue
            data, cutting = data[end:], False
        data = rest + data
        end = data.rfind(b"\n")
        if end < 0:
            rest = data
            if len(rest) > CHUNK:
                yield rest[:LONGEST]
                rest, cutting = b"", True
            continue
        yield data[: end + 1]
        rest = data[end + 1 :]
    if rest and not cutting:
        yield rest


LEFT_OUT: Final = re.compile(rb"\n\.\.[^\n]*")
"""Lines of dots, by which people say that they have cut something."""
COLOURS: Final = re.compile(rb"\x1b\[[0-9;]{0,20}m")


def _normal(data: bytes) -> bytes:
    """UTF-16 without its zeros, no colours, and only one kind of line end."""
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    if b"\x1b[" in data:
        data = COLOURS.sub(b"", data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def lines(log: Readable, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines that may matter, in the order of the log, with their numbers from 1."""
    base = 1
    for chunk in _chunks(log, name):
        low = chunk.lower()
        count = low.count(b"\n")
        dense = low.count(b"tdx") * 4 > count or low.count(b"e820") * 4 > count
        if dense or len(chunk) < SMALL:
            for number, line in enumerate(chunk.split(b"\n"), start=base):
                if line:
                    yield number, line[:LONGEST]
        else:
            yield from _found(chunk, low, base)
        base += count


def _found(chunk: bytes, low: bytes, base: int) -> Iterator[tuple[int, bytes]]:
    """The lines of the chunk that have a key, found without looking at each line."""
    spans: set[tuple[int, int]] = set()
    for key in KEYS:
        at = low.find(key)
        while at >= 0:
            begin = low.rfind(b"\n", 0, at) + 1
            end = low.find(b"\n", at)
            end = len(low) if end < 0 else end
            spans.add((begin, end))
            at = low.find(key, end)
    for found in LEFT_OUT.finditer(b"\n" + low):
        spans.add((found.start(), found.end() - 1))
    number, last = base, 0
    for begin, end in sorted(spans):
        number += low.count(b"\n", last, begin)
        last = begin
        yield number, chunk[begin : min(end, begin + LONGEST)]


def parted(line: bytes) -> Raw | None:
    """The line without its stamp; None if a program other than the kernel wrote it."""
    if found := STAMP.match(line):
        return Raw(float(found[1]), line[found.end() :])
    text = line.lstrip()
    if text[:1] in (b"{", b'"') and b"MESSAGE" in line:
        return _journal(text)
    if BOOT.match(text):
        return Raw(None, b"-- Boot", text.decode("ascii", "replace")[:64])
    if (found := SYSLOG.match(line)) and _is_syslog(found):
        if found[1] != b"kernel":
            return None
        stamp = float(found[2]) if found[2] else None
        return Raw(stamp, line[found.end() :])
    start = NO_STAMP.match(line)
    assert start is not None, "it matches nothing at all"
    return Raw(None, line[start.end() :])


DATED: Final = re.compile(
    rb"[>|\s]*(?:[A-Z][a-z]{2} {1,2}\d{1,2} \d|\d{4}-\d\d-\d\d[ T])"
)


def _is_syslog(found: re.Match[bytes]) -> bool:
    """It is no message such as `kvm_intel: tdx: ...`, which has a colon, too."""
    return found[1] == b"kernel" or DATED.match(found[0]) is not None


PRETTY: Final = re.compile(rb'"MESSAGE" ?: ?("(?:[^"\\]|\\.){0,4000}")')


def _journal(text: bytes) -> Raw | None:
    """A line of `journalctl -o json`, or one of its pretty form."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        found = PRETTY.search(text)
        if found is None:
            return None
        try:
            entry = {"MESSAGE": json.loads(found[1])}
        except ValueError:
            return None
    if not isinstance(entry, dict):
        return None
    message = entry.get("MESSAGE")
    if isinstance(message, list):
        # What is not UTF-8 the journal gives byte by byte.
        message = bytes(b for b in message if type(b) is int and 0 <= b < 256)
    elif isinstance(message, str):
        message = message.encode("utf-8", "replace")
    if not isinstance(message, bytes):
        return None
    origin = entry.get("_TRANSPORT", entry.get("SYSLOG_IDENTIFIER", "kernel"))
    if origin != "kernel":
        return None
    boot = entry.get("_BOOT_ID")
    return Raw(
        _microseconds(entry),
        message[:LONGEST],
        boot[:64] if isinstance(boot, str) else "",
    )


def _microseconds(entry: dict[str, Any]) -> float | None:
    for key in ("_SOURCE_MONOTONIC_TIMESTAMP", "__MONOTONIC_TIMESTAMP"):
        value = entry.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value[:18]) / 1e6
    return None
