"""Time and memory of the engines, side by side with other model checkers.

    python -m benchmarks [--quick] [--json FILE] [--tlc JAR] [--limit S] [SUBJECT ...]

Every measurement is a process of its own. What others are given is exported from the
same system; that all count the same states is checked, and a difference is an error.
CPU seconds are those of the search; what comes before it (imports and grounding,
translation and compilation) is told apart. Other checkers that are missing are named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.comparing import Row, compare, missing, own
from benchmarks.peers import Failed
from benchmarks.subjects import QUICK, USUAL, Unknown, system
from benchmarks.table import HEAD, table
from tdxcheck.checker.files import write_whole

ALONE = (
    *(("diagrams", name) for name in ("v3", "v6.8", "v7.2")),
    *(("symbolic", name) for name in ("v3", "v6.8", "v7.2")),
    *(("family", name) for name in ("v3", "v6.8", "v7.2")),
    *(("guards", name) for name in ("v3", "v6.8", "v7.2")),
)
"""On the default machine, where no other checker can count."""


def main() -> int:
    arguments = _arguments()
    if arguments.tlc is not None:
        os.environ["TLA2TOOLS"] = str(arguments.tlc.resolve())
    names = arguments.subjects or (QUICK if arguments.quick else USUAL)
    try:
        for name in names:
            system(name)
    except Unknown as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print(machine())
    without = missing()
    for checker, reason in without.items():
        print(f"not measured: {checker}, {reason}")
    rows: list[Row] = []
    wrong: list[str] = []

    print(f"\n{HEAD}", flush=True)
    for name in names:
        try:
            wrong += compare(name, arguments.limit, rows.append)
        except Failed as error:
            wrong.append(f"{name}: {error}")
        measured = table([row for row in rows if row.subject == name])
        print("".join(f"{line}\n" for line in measured), end="", flush=True)
    alone: list[dict[str, Any]] = []
    if not arguments.quick and not arguments.subjects:
        alone = _alone(arguments.limit)
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
    return 1 if wrong else 0


def _alone(limit: int | None) -> list[dict[str, Any]]:
    """The engines on what only they can do, and the commands that use them."""
    print(
        f"\n{'default machine':20}{'engine':10}{'states':>18}{'CPU s':>9}{'peak MB':>9}"
    )
    rows = []
    for engine, name in ALONE:
        found = own(engine, name, None, limit)
        if found is None:
            print(f"{name:20}{engine:10}{'time was up':>18}", flush=True)
            continue
        states = f"{found['states']:,}" if found.get("states") else ""
        print(
            f"{name:20}{engine:10}{states:>18}{found['seconds']:9.1f}"
            f"{found['megabytes']:9.0f}",
            flush=True,
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
    parser.add_argument("--quick", action="store_true", help="only small systems")
    parser.add_argument("--json", type=Path, metavar="FILE")
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
