"""Time and memory of the engines, side by side with other model checkers.

    python -m benchmarks [--quick | --family] [--json FILE] [--table FILE] [--tlc JAR]
                         [--limit S] [SUBJECT ...]

    python -m benchmarks --family --table family.txt

Every measurement is a process of its own. What others are given is exported from the
same system; that all count the same states is checked, and a difference is an error.
CPU seconds are those of the search; what comes before it (imports and grounding,
translation and compilation) is told apart. Other checkers that are missing are named.

`--family` measures one model at growing sizes, in some minutes; `--table` writes what
is printed to a file, as README shows it, if nothing is wrong with it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.comparing import Row, as_answer, compare, disagreements, missing, own
from benchmarks.peers import Failed
from benchmarks.subjects import FAMILY, LARGER, QUICK, USUAL, Unknown, system
from benchmarks.table import HEAD, table
from tdxcheck.checker.files import write_whole

ALONE = (
    *(("diagrams", name) for name in ("v3", "v6.8", "v7.2")),
    *(("symbolic", name) for name in ("v3", "v6.8", "v7.2")),
    *(("family", name) for name in ("v3", "v6.8", "v7.2")),
    *(("guards", name) for name in ("v3", "v6.8", "v7.2")),
)
"""On the default machine, where no other checker can count."""
WIDEST = 24
"""Characters of a number of states."""


def main() -> int:
    arguments = _arguments()
    if arguments.tlc is not None:
        os.environ["TLA2TOOLS"] = str(arguments.tlc.resolve())
    names = arguments.subjects or _usual(arguments)
    try:
        for name in names:
            system(name)
    except Unknown as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        print(line, flush=True)

    say(machine())
    without = missing()
    for checker, reason in without.items():
        say(f"not measured: {checker}, {reason}")
    rows: list[Row] = []
    wrong: list[str] = []

    say(f"\n{HEAD}")
    for name in names:
        try:
            wrong += compare(name, arguments.limit, rows.append)
        except Failed as error:
            wrong.append(f"{name}: {error}")
        for line in table([row for row in rows if row.subject == name]):
            say(line)
    alone: list[dict[str, Any]] = []
    if arguments.family:
        alone = _alone("larger", LARGER, arguments.limit, say)
    elif not arguments.quick and not arguments.subjects:
        alone = _alone("default machine", ALONE, arguments.limit, say)
    wrong += disagreements(
        [Row(a["subject"], a["engine"], as_answer(a, arguments.limit)) for a in alone]
    )
    for what in wrong:
        print(f"WRONG: {what}")
    if arguments.json is not None:
        found = {
            "machine": machine(),
            "missing": without,
            "rows": [asdict(row) for row in rows],
            "alone": alone,
            "wrong": wrong,
        }
        write_whole(arguments.json, json.dumps(found, indent=1) + "\n")
    if arguments.table is not None and not wrong:
        write_whole(arguments.table, "".join(f"{line}\n" for line in said))
    return 1 if wrong else 0


def _usual(arguments: argparse.Namespace) -> Sequence[str]:
    """What is measured if nothing is named."""
    if arguments.family:
        return FAMILY
    return QUICK if arguments.quick else USUAL


def _alone(
    head: str,
    measured: Sequence[tuple[str, str]],
    limit: int | None,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """The engines on what only they can do, and the commands that use them."""
    say(f"\n{head:20}{'engine':10}{'states':>{WIDEST}}{'CPU s':>9}{'peak MB':>9}")
    rows = []
    for engine, name in measured:
        found = own(engine, name, None, limit)
        if found is None:
            say(f"{name:20}{engine:10}{'time was up':>{WIDEST}}")
            continue
        states = f"{found['states']:,}" if found.get("states") else ""
        if len(states) > WIDEST:
            states = f"{found['states']:.6e}"
        say(
            f"{name:20}{engine:10}{states:>{WIDEST}}{found['seconds']:9.1f}"
            f"{found['megabytes']:9.0f}"
        )
        rows.append({"engine": engine, "subject": name, **found})
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the engines, side by side with other model checkers.",
    )
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT",
        help="such as 'lifecycle 4x3', 'two-phase commit 6' or 'v6.8 2,1,2'",
    )  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="only small systems")
    which.add_argument(
        "--family", action="store_true", help="one model at growing sizes"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="what is printed, if all is right"
    )
    parser.add_argument(
        "--tlc", type=Path, metavar="JAR",
        help="tla2tools.jar (default: what TLA2TOOLS names)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=int, default=240, metavar="S",
        help="seconds of the CPU for each measurement (default: %(default)s)",
    )  # fmt: skip
    return parser.parse_args()


def machine() -> str:
    """The day, and what the measurements are made on."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return (
        f"{date.today()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {model}"
    )


if __name__ == "__main__":
    sys.exit(main())
