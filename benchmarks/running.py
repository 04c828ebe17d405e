"""Processes, with the CPU time and the memory that they take."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WITHOUT_SPINNING = {"OPENBLAS_NUM_THREADS": "1"}
"""No engine multiplies matrices, but numpy starts threads for it, which wait for work
by spinning."""


@dataclass(frozen=True)
class Finished:
    """What a process has said, and what it took, its children's part included."""

    output: str
    status: int
    seconds: float
    """Of the CPU."""
    megabytes: float
    """At most at a time."""
    expired: bool


def run(command: Sequence[str], folder: Path, limit: int | None = None) -> Finished:
    """Run a program, which is ended after so many seconds of the CPU."""

    def bounded() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))

    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | WITHOUT_SPINNING,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=bounded,
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        output = said.read().decode(errors="replace")
    ended = process.returncode in (-signal.SIGKILL, -signal.SIGXCPU)
    seconds = used.ru_utime + used.ru_stime
    return Finished(
        output,
        process.returncode,
        seconds,
        used.ru_maxrss / 1024,
        # What is told of a killed process may lack the last moments of its time.
        ended and limit is not None and seconds > 0.5 * limit,
    )
