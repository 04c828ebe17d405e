"""Options that several commands have, and what their values may be."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

LONGEST = 1e8
"""Seconds: three years, which every system's timer can be set to."""


def catalogue(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalogue", metavar="FILE",
        help="work on the designs and rules of this Python file, or 'tdxcheck' for its "
        "own (default: what pyproject.toml says)",
    )  # fmt: skip


def machine(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the machine (default: the smallest sensible)")
    group.add_argument("--cpus", type=positive, metavar="N")
    group.add_argument("--packages", type=positive, metavar="P")
    group.add_argument("--blocks", type=positive, metavar="M", help="memory blocks")


def limits(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("limits, at which verdicts are partial")
    group.add_argument("--max-states", type=positive, metavar="N", help="per design")
    group.add_argument("--depth", type=positive, metavar="K", help="steps of a run")
    resources(group, "120, more for many")


def resources(command: argparse._ActionsContainer, usual: str) -> None:
    command.add_argument(
        "--max-memory", "--memory", type=memory, metavar="SIZE",
        help="per process, such as 512M or 4G (default: what is available, shared)",
    )  # fmt: skip
    command.add_argument(
        "--time", type=seconds, default=None, metavar="S",
        help=f"seconds for everything; 0 for no limit (default: {usual})",
    )  # fmt: skip


def cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cache", type=Path, default=None, metavar="DIR",
        help="where results are kept for later runs (default: ~/.cache/tdxcheck)",
    )  # fmt: skip
    command.add_argument(
        "--no-cache", action="store_true", help="judge everything anew, keep nothing"
    )


def folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--folder", type=Path, default=None, metavar="DIR",
        help="of the recorded counterexamples (default: those of tdxcheck)",
    )  # fmt: skip


def formats(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the report")
    group.add_argument(
        "--format", default="text", metavar="NAME",
        choices=("text", "json", "junit", "sarif", "markdown", "github"),
        help="text, json ('tdxcheck schema' documents it), junit, sarif, markdown, or "
        "github: text, annotations, and the job's summary (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--output", type=Path, action="append", default=[], metavar="FILE",
        help="write it there as well, in the format of its ending: .txt, .json, .xml "
        "(JUnit), .sarif or .md; may be repeated",
    )  # fmt: skip
    mail(group)


def mail(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--mail", action="store_true", help="text of 72 columns, without colour"
    )


def format(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="for people or, as 'tdxcheck schema' documents it, for programs "
        "(default: %(default)s)",
    )  # fmt: skip


def default_jobs() -> int:
    if sys.platform == "linux":
        return min(2, len(os.sched_getaffinity(0)))
    return min(2, os.cpu_count() or 1)


def positive(text: str) -> int:
    if not re.fullmatch(r"0*[1-9](_?[0-9]){0,17}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= LONGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")
    return value


def memory(text: str) -> int:
    found = re.fullmatch(r"0*([1-9][0-9]{0,17})([KMG]?)(?:i?B)?", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size such as 512M or 4G")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()]
