"""Sides: a process for each state of the specification, asked in JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.gate.side import VERSION
from tdxcheck.checker.gate.trees import packages

Json = Any


class Refused(UsageError):
    """A side cannot answer."""


class Side:
    """One state of a specification, in an interpreter of its own."""

    def __init__(self, name: str, tree: Path, catalogue: str, records: str) -> None:
        self.name = name
        """What messages call it: a revision, or the working tree."""
        self.tree = tree
        paths = os.pathsep.join(map(str, packages(tree)))
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}
        environment.pop("PYTHONSAFEPATH", None)
        command = [sys.executable, "-m", "tdxcheck.checker.gate.side"]
        self._errors = _temporary()
        self._process = subprocess.Popen(
            [*command, catalogue, str(tree), records],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            cwd=tree,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if kind is not None:
            process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        process.wait()
        self._errors.close()

    def check(self) -> None:
        """Wait until it is loaded; a message that says what is wrong if it is not."""
        hello = self.answer("cannot be loaded")
        if hello["version"] != VERSION:
            raise Refused(
                f"{self.name} answers in version {hello['version']} of the gate's "
                f"format, and this tdxcheck reads {VERSION}"
            )
        package = Path(hello["package"])
        own = self.tree / "src" / "tdxcheck" / "checker" / "language"
        if own.is_dir() and not package.is_relative_to(self.tree.resolve()):
            raise Refused(
                f"{self.name} was not loaded from its own tree, but from {package}"
            )

    def ask(self, *request: Json) -> None:
        """Send a request; its answer is taken later, so that both sides can work."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Refused(f"{self.name} has ended: {self._told()}") from None

    def answer(self, failing: str = "cannot answer") -> Json:
        """The answer to the request that was sent first."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise Refused(f"{self.name} {failing}: {self._told()}")
        data = json.loads(line)
        if "error" in data:
            raise Refused(f"{self.name} {failing}: {data['error']}")
        return data["answer"]

    def asked(self, *request: Json) -> Json:
        self.ask(*request)
        return self.answer()

    def _told(self) -> str:
        """The last line that the process wrote about its end."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing is known of why"


def both(one: Side, other: Side, *request: Json) -> tuple[Json, Json]:
    """The answers of two sides to one request, which they work on together."""
    return each((one, request), (other, request))


def each(*requests: tuple[Side, Sequence[Json]]) -> tuple[Json, ...]:
    for side, request in requests:
        side.ask(*request)
    # Every answer is read, even after a refusal: none may be left for the next one.
    answers: list[Json] = []
    refusals: list[Refused] = []
    for side, _ in requests:
        try:
            answers.append(side.answer())
        except Refused as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]
    return tuple(answers)


def _temporary() -> Any:
    import tempfile

    return tempfile.TemporaryFile()
