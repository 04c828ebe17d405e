"""The helper: a process beside a worker, which carries out one order after the other.

A worker has threads, and is no place for alarm clocks, limits of memory or forks. Its
helper has one thread, reads orders from standard input and answers on standard output.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from typing import IO, Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.judging.combine import InternalError
from tdxcheck.checker.judging.order import Order
from tdxcheck.checker.judging.processes import BrokenSpecification, end_with_parent
from tdxcheck.checker.judging.work import Findings

_OF_THREAD = threading.local()


class Lost(Exception):
    """The helper has died."""


def carried_out(order: Order) -> Findings:
    """What the helper of this thread says; it is started if there is none."""
    helper: subprocess.Popen[bytes] | None = getattr(_OF_THREAD, "helper", None)
    if helper is None or helper.poll() is not None:
        helper = _OF_THREAD.helper = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    assert helper.stdin is not None and helper.stdout is not None, "both are pipes"
    try:
        _send(helper.stdin, order)
        answer = pickle.load(helper.stdout)
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        helper.kill()
        helper.wait()
        raise Lost(f"the process for {order.label} died") from error
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, Findings), "a helper answers with findings"
    return answer


def _send(stream: IO[bytes], what: Any) -> None:
    pickle.dump(what, stream)
    stream.flush()


def main() -> None:
    """The life of a helper: until its worker has gone."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    # What anything prints must not come between the answers.
    os.dup2(2, 1)
    while True:
        try:
            order = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            _send(answers, order.carried_out())
        except (UsageError, InternalError, BrokenSpecification) as error:
            _send(answers, error)


if __name__ == "__main__":
    main()
