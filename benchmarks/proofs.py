"""Proofs, side by side: property-directed reachability here, in ABC and in z3.

    python -m benchmarks.proofs [--limit S] [SIZE ...]

The rule is that memory which is online is covered, of the lifecycle model with as many
CPUs and memory blocks as SIZE says, and without the guard that sees to it. *checker* is
the time in which the certificate of the proof is checked. *broken in N* is a run of N
steps; those of pdr and diagrams here, and of ABC's bmc3, are shortest ones. *All
online* has no guard either, and many CPUs to initialise before memory can come online.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.__main__ import machine
from benchmarks.comparing import Row, as_answer, own
from benchmarks.peers import ABC, abc_shortest
from benchmarks.subjects import system
from benchmarks.table import HEAD, table
from tdxcheck.checker.export.subject import subject

SIZES = (2, 8, 16, 32)
STARTED = ("8x8", "11x8")
"""CPUs and blocks, where every CPU is online at first, and none is initialised."""
RULE = 0
"""The number of `online_memory_is_covered`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proofs")
    parser.add_argument("sizes", nargs="*", type=int, metavar="SIZE", default=SIZES)
    parser.add_argument(
        "--limit", type=int, default=60, metavar="S",
        help="seconds of the CPU for each measurement (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args()
    print(f"{machine()}\n\n{HEAD}", flush=True)
    wrong = 0
    for told, name, broken in _subjects(arguments.sizes):
        rows = list(_rows(told, name, arguments.limit, broken))
        print("\n".join(table(rows)), flush=True)
        for row in rows:
            if row.answer.broken not in (None, broken):
                print(f"WRONG: {row.checker} on {row.subject}")
                wrong += 1
    return 1 if wrong else 0


def _subjects(sizes: Sequence[int]) -> Iterator[tuple[str, str, bool]]:
    """What to call each, its name, and whether the rule is broken there."""
    for size in sizes:
        yield f"lifecycle {size}x{size}", f"lifecycle {size}x{size}", False
        yield f"unguarded {size}x{size}", f"lifecycle-mem_online {size}x{size}", True
    for started in STARTED:
        name = f"lifecycle-mem_online started {started}"
        yield f"all online {started}", name, True


def _rows(told: str, name: str, limit: int, broken: bool) -> list[Row]:
    engines = ["pdr", "shortest" if broken else "checker", "spacer"]
    shown = {"shortest": "diagrams"}
    rows = [
        Row(
            told,
            shown.get(engine, engine),
            as_answer(own(engine, name, [RULE], limit), limit),
        )
        for engine in engines
    ]
    if all(map(shutil.which, ABC.programs)):
        exported = subject(system(name), [RULE])
        peers = {ABC.name: ABC.check}
        if broken:
            peers["ABC bmc3"] = abc_shortest
        for peer, check in peers.items():
            with tempfile.TemporaryDirectory() as folder:
                rows.append(Row(told, peer, check(exported, Path(folder), 0, limit)))
    return rows


if __name__ == "__main__":
    sys.exit(main())
