"""tdxcheck replay --events: whether a stream of events is a run of a design."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import IO, Any

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
    told = _followed(design, stream, catalogue, arguments.max_states)
    told = {"stream": one_line(name), "design": design, **told}
    if arguments.format == "json":
        head = {"format": "tdxcheck-replay", "version": 1}
        print(json.dumps({**head, **told}, indent=1))
    else:
        print("\n".join(_in_words(told)))
    status: int = told["exit"]
    return status


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines, of which none is kept that is endless."""
    while line := file.readline(LONGEST + 2):
        yield line.decode("utf-8", "replace")


def _followed(
    design: str, stream: Stream, catalogue: Catalogue, most: int | None
) -> dict[str, Any]:
    """What comes of the stream, as plain data; members may be added to it."""
    sizes, settings = stream.machine()
    system, result = followed(
        catalogue, design, sizes, settings, CONDITIONS,
        [seen.observed for seen in stream.seen], (), most, stream.evident(),
    )  # fmt: skip
    told: dict[str, Any] = {"events": len(stream.seen), "skipped": stream.skipped}
    if isinstance(result, Followed):
        run, marks = result.run, result.seen
        steps = [
            {
                "step": str(system.steps[step]),
                "line": None if mark is None else stream.seen[mark].number,
            }
            for step, mark in zip(run.steps, marks, strict=True)
        ]
        return {**told, "result": "possible", "steps": steps, "exit": OK}
    illegal = isinstance(result, Parted)
    event = stream.seen[result.at]
    before = stream.seen[result.at - 1] if result.at else None
    return {
        **told,
        "result": "impossible" if illegal else "undecided",
        "line": event.number,
        "text": event.text,
        "after": before and {"line": before.number, "text": before.text},
        "exit": REFUTED if illegal else UNDECIDED,
    }


def _in_words(told: dict[str, Any]) -> Iterator[str]:
    name, design = told["stream"], told["design"]
    match told["result"]:
        case "possible":
            filled = sum(step["line"] is None for step in told["steps"])
            yield (
                f"{name}: a run of {design}: {told['events']} events, "
                f"{len(told['steps'])} steps, {filled} of them filled in"
            )
        case "impossible":
            yield (
                f"{name}: no run of {design}: line {told['line']} is the first that is "
                "illegal"
            )
            yield f"  {told['text']}"
            if told["after"]:
                yield f"  after line {told['after']['line']}:"
                yield f"  {told['after']['text']}"
        case _:
            yield (
                f"{name}: undecided: line {told['line']} was reached, and there are "
                "too many ways to go on; trace more, or fewer CPUs"
            )
