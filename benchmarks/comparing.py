"""Side by side: every checker that is here, on one subject."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, Answer, Failed
from benchmarks.running import run
from benchmarks.subjects import system
from tdxcheck.checker.engines.orbits import stores as orbits
from tdxcheck.checker.engines.packed import visited as packed
from tdxcheck.checker.export.subject import subject

OWN = ("diagrams", "orbits", "explicit", "numpy")


def missing() -> dict[str, str]:
    """The checkers that cannot run here, and why."""
    found = {peer.name: peer.missing() for peer in PEERS}
    for engine, stores in (("explicit", packed), ("orbits", orbits)):
        found[engine] = "" if stores.kernel() else "its kernel is not compiled"
    return {name: reason for name, reason in found.items() if reason}


@dataclass(frozen=True)
class Row:
    """One checker on one subject."""

    subject: str
    checker: str
    answer: Answer


def compare(name: str, limit: int | None, told: Callable[[Row], None]) -> Iterator[str]:
    """Measure the subject; what is wrong with the answers.

    The rules are those that the system keeps, as others end at the first one broken.
    """
    rows: list[Row] = []

    def note(checker: str, answer: Answer) -> None:
        rows.append(Row(name, checker, answer))
        told(rows[-1])

    first = own("diagrams", name, None, limit) or own("explicit", name, None, limit)
    if first is None or first["broken"] is None:
        yield f"{name}: nothing tells which rules it keeps within the limits"
        return
    pairs = zip(first["rules"], first["broken"], strict=True)
    kept = [number for number, broken in pairs if not broken]
    without = missing()
    for engine in OWN:
        if engine in without:
            continue
        found = own(engine, name, kept, limit)
        note(engine, as_answer(found, limit))
    counted = next((r.answer.states for r in rows if r.answer.states), 0)
    exported = subject(system(name), kept)
    for peer in PEERS:
        if peer.name not in without:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    answer = peer.check(exported, Path(folder), counted, limit)
                except Failed as error:
                    yield f"{name}: {peer.name} fails: {error}"
                    continue
            note(peer.name, answer)
    yield from disagreements(rows)


def disagreements(rows: Sequence[Row]) -> Iterator[str]:
    """Where two checkers say different things of one subject."""
    for name in dict.fromkeys(row.subject for row in rows):
        of = [row for row in rows if row.subject == name]
        counts = {r.checker: r.answer.states for r in of if r.answer.states is not None}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{checker} {n:,}" for checker, n in counts.items())
            yield f"{name}: the counts of states differ: {told}"
        for row in of:
            if row.answer.broken:
                yield f"{name}: {row.checker} finds a rule broken that should be kept"


def own(
    engine: str, name: str, rules: Sequence[int] | None, limit: int | None
) -> dict[str, Any] | None:
    """One of tdxcheck's engines on the subject; None if the time was up."""
    command = [sys.executable, "-m", "benchmarks.own", engine, name]
    if rules is not None:
        command.append(",".join(map(str, rules)))
    found = run(command, Path.cwd(), limit)
    if found.expired:
        return None
    if found.status:
        raise Failed(f"{' '.join(command)}:\n{found.output[-2000:]}")
    result: dict[str, Any] = json.loads(found.output.splitlines()[-1])
    return result


def as_answer(found: dict[str, Any] | None, limit: int | None) -> Answer:
    """What was measured of an own engine, as that of another checker."""
    if found is None:
        return Answer(None, None, limit or 0.0, 0.0, expired=True)
    broken = found.get("broken")
    return Answer(
        found.get("states"),
        None if broken is None else any(broken),
        found["seconds"],
        found["megabytes"],
        found["before"],
        note=found.get("note", ""),
    )
