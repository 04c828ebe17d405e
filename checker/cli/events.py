"""tdxcheck replay --events: whether a stream of events is a run of a design."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import IO

from tdxcheck.checker.catalogue import Catalogue, UsageError
from tdxcheck.checker.cli.following import followed
from tdxcheck.checker.cli.plain import one_line
from tdxcheck.checker.cli.status import OK, REFUTED, UNDECIDED
from tdxcheck.checker.engines.following import Followed, Parted
from tdxcheck.models.logs.events import LONGEST, Stream, stream_of
from tdxcheck.models.logs.observed import CONDITIONS

USUAL = "v6.8"
"""The design that is taken where nothing says which."""


def replay_events(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    if arguments.traces:
        raise UsageError("--events takes a stream of events, and no TRACE besides")
    name = "standard input" if arguments.events == "-" else arguments.events
    if arguments.events == "-":
        stream = stream_of(_lines(sys.stdin.buffer), name)
    else:
        with open(arguments.events, "rb") as file:
            stream = stream_of(_lines(file), name)
    design = arguments.design or stream.design or USUAL
    catalogue.design(design)
    if not stream.seen:
        raise UsageError(f"{name} has no event that the model knows")
    return _followed(name, design, stream, catalogue, arguments.max_states)


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines, of which none is kept that is endless."""
    while line := file.readline(LONGEST + 2):
        yield line.decode("utf-8", "replace")


def _followed(
    name: str, design: str, stream: Stream, catalogue: Catalogue, most: int | None
) -> int:
    sizes, settings = stream.machine()
    _, result = followed(
        catalogue, design, sizes, settings, CONDITIONS,
        [seen.observed for seen in stream.seen], (), most, stream.evident(),
    )  # fmt: skip
    match result:
        case Followed(run, seen, _):
            filled = sum(mark is None for mark in seen)
            print(
                f"{one_line(name)}: a run of {design}: {len(stream.seen)} events, "
                f"{len(run.steps)} steps, {filled} of them filled in"
            )
            return OK
        case Parted(at, _):
            event = stream.seen[at]
            print(
                f"{one_line(name)}: no run of {design}: line {event.number} is the "
                f"first that is illegal"
            )
            print(f"  {event.text}")
            if at:
                print(f"  after line {stream.seen[at - 1].number}:")
                print(f"  {stream.seen[at - 1].text}")
            return REFUTED
    event = stream.seen[result.at]
    print(
        f"{one_line(name)}: undecided: line {event.number} was reached, and there are "
        "too many ways to go on; trace more, or fewer CPUs"
    )
    return UNDECIDED
