"""Processes, with the CPU time and the memory that they take."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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


def run(command: Sequence[str], folder: Path, limit: float | None = None) -> Finished:
    """Run a program; it is ended after so many seconds by the clock."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        expired = threading.Event()

        def end() -> None:
            expired.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, end) if limit is not None else None
        if timer is not None:
            timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            end()
            os.wait4(process.pid, 0)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            process.returncode = 0
        said.seek(0)
        output = said.read().decode(errors="replace")
    return Finished(
        output,
        os.waitstatus_to_exitcode(status),
        used.ru_utime + used.ru_stime,
        _megabytes(used),
        expired.is_set(),
    )


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024
