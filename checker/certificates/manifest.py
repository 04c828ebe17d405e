"""The manifest of a folder of certificates: its files, and a digest of each.

It is kept in the form of `sha256sum`, so that `sha256sum --check manifest.sha256` reads
it, too. It proves nothing: it tells what was lost, added or changed since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from tdxcheck.checker.certificate_checker import Refused
from tdxcheck.checker.files import write_whole

NAME = "manifest.sha256"
SUFFIXES = (".smt2", ".txt")
"""Of the files that it lists."""
LINE = re.compile(r"([0-9a-f]{64})  ([^/\x00]+)")
FEW = 3
"""How many files are named of each kind."""


def record(folder: Path, texts: Mapping[str, str | None]) -> None:
    """Note the files with these names and texts; None has been taken out.

    Errors: OSError.
    """
    try:
        listed = _listed(folder)
    except (OSError, Refused):
        listed = {}
    for name, text in texts.items():
        listed.pop(name, None)
        if text is not None:
            listed[name] = sha256(text.encode()).hexdigest()
    lines = (f"{digest}  {name}\n" for name, digest in sorted(listed.items()))
    write_whole(folder / NAME, "".join(lines))


def compare(folder: Path) -> None:
    """Refuse a folder that has other files than it lists. Raises OSError, too."""
    try:
        listed = _listed(folder)
    except FileNotFoundError as error:
        raise Refused(f"it has no {NAME}") from error
    if not listed:
        raise Refused(f"its {NAME} lists nothing")
    there = {path.name: path for path in folder.iterdir() if path.suffix in SUFFIXES}
    missing = listed.keys() - there.keys()
    added = there.keys() - listed.keys()
    changed = {
        name
        for name in listed.keys() & there.keys()
        if not there[name].is_file() or _digest(there[name]) != listed[name]
    }
    told = [
        f"{len(names)} {what} ({', '.join(_few(names))})"
        for what, names in (
            ("missing", missing),
            ("added", added),
            ("changed", changed),
        )
        if names
    ]
    if told:
        raise Refused(f"not what {NAME} lists: {', '.join(told)}")


def _few(names: set[str]) -> Iterator[str]:
    yield from sorted(names)[:FEW]
    if len(names) > FEW:
        yield "..."


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        found = sha256()
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()


def _listed(folder: Path) -> dict[str, str]:
    """By the name of each file that is listed, its digest. Raises Refused, OSError."""
    found: dict[str, str] = {}
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise Refused(f"its {NAME} is no text") from error
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        if not match or match[2] in found:
            raise Refused(f"line {number} of its {NAME} is not understood")
        found[match[2]] = match[1]
    return found
