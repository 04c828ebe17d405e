"""Proofs, side by side: property-directed reachability here, in ABC and in z3.

    python -m benchmarks.proofs [--limit S] [SIZE ...]

The rule is that memory which is online is covered, of the lifecycle model with as many
CPUs and memory blocks as SIZE says, and without the guard that sees to it. *checker* is
the time in which the certificate of the proof is checked. *broken in N* is a run of N
steps; those of pdr here, and of ABC's bmc3, are shortest ones.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import machine
from benchmarks.comparing import Row, as_answer, own
from benchmarks.peers import ABC, abc_shortest
from benchmarks.subjects import system
from benchmarks.table import HEAD, table
from tdxcheck.checker.export.subject import subject

SIZES = (2, 8, 16, 32)
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
    for size in arguments.sizes:
        for broken in (False, True):
            rows = list(_rows(f"{size}x{size}", arguments.limit, broken))
            print("\n".join(table(rows)), flush=True)
            told = [r for r in rows if r.answer.broken not in (None, broken)]
            for row in told:
                print(f"WRONG: {row.checker} on {row.subject}")
            wrong += len(told)
    return 1 if wrong else 0


def _rows(sizes: str, limit: int, broken: bool) -> list[Row]:
    name = f"lifecycle-mem_online {sizes}" if broken else f"lifecycle {sizes}"
    told = f"unguarded {sizes}" if broken else name
    engines = ("pdr", "spacer") if broken else ("pdr", "checker", "spacer")
    rows = [
        Row(told, engine, as_answer(own(engine, name, [RULE], limit), limit))
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
