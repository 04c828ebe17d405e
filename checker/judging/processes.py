"""Processes: engines at work side by side, which end when they are told to.

Each task runs in a process forked for it, so that it inherits its case, its
memory counts for itself, and a crash or a kill takes nothing else with it.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.judging.combine import Engine, InternalError
from tdxcheck.checker.judging.question import Case
from tdxcheck.checker.judging.work import (
    NOTHING_KNOWN,
    Budget,
    Findings,
    Judge,
    Known,
    Notice,
    Report,
    nothing,
    prepare,
)
from tdxcheck.checker.language.location import SpecificationError
from tdxcheck.checker.verdict import Limit

POLL = 0.2
"""Seconds between two looks at the clock and at Ctrl-C."""
PR_SET_PDEATHSIG = 1
"""Of prctl(2), from <linux/prctl.h>."""
SLACK = 6.0
"""By how much a task may pass its fair share of the time: most need far less."""
GRACE = 5.0
"""Seconds that an engine is given to end by itself when its time is up."""


class BrokenSpecification(Exception):
    """An engine's process met an error in the specification."""


@dataclass(frozen=True, eq=False)
class Task:
    """One engine on one case."""

    case: Case
    engine: Engine
    judge: Judge
    weight: int = 1
    """How much of the time it should have, compared with the others."""
    known: Known = NOTHING_KNOWN
    """What the engine may leave out."""


@dataclass(frozen=True)
class _Broken:
    message: str


@dataclass(frozen=True)
class _Misused:
    message: str


@dataclass(frozen=True)
class _Crashed:
    message: str


@dataclass
class _Running:
    number: int
    task: Task
    process: BaseProcess
    connection: Connection
    started: float
    deadline: float | None
    stopped: Limit | None = None
    """Why it was told to end, if it was."""
    so_far: Findings | None = None

    def partial(self, limit: Limit) -> Findings:
        """What is left of its work if it does not end by itself."""
        case, engine = self.task.case, self.task.engine
        return self.so_far or nothing(case, engine, limit, self.started)


Done = Callable[[int, Findings], None]
"""Told of a task that was begun and has ended, by its number."""
Runner = Callable[[Sequence["Task"], Budget, int, Report, Done], "Work"]
"""What runs tasks: `run`, or something with more machines."""


@dataclass(frozen=True)
class Work:
    """What the tasks have found, in their order."""

    findings: tuple[Findings, ...]
    interrupted: bool


def run(
    tasks: Sequence[Task],
    budget: Budget,
    jobs: int,
    report: Report = lambda _: None,
    done: Done = lambda number, findings: None,
) -> Work:
    """Run the tasks, `jobs` at a time; the budget's seconds are for all together.

    `done` is told of each as soon as it has ended.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return run_here(tasks, budget, jobs, report, done)
    prepare({task.engine for task in tasks})
    # A process inherits what is still to be written, and would write it again.
    sys.stdout.flush()
    sys.stderr.flush()
    pool = _Pool(tasks, budget, max(1, jobs), report, done)
    with first_interrupt() as interrupted:
        try:
            pool.run(interrupted)
        finally:
            pool.kill()
    return Work(tuple(pool.found[n] for n in range(len(tasks))), interrupted())


def run_here(
    tasks: Sequence[Task], budget: Budget, jobs: int, report: Report, done: Done
) -> Work:
    """Run the tasks in this process, where Ctrl-C ends the one under way."""
    findings: list[Findings] = []
    for number, task in enumerate(tasks):
        share = budget.seconds and budget.seconds / len(tasks)
        part = replace(budget, seconds=share, known=task.known)
        findings.append(task.judge(task.case, part, report))
        done(number, findings[-1])
    counted = [each.statistics for each in findings if each.statistics is not None]
    interrupted = any(each.limit is Limit.INTERRUPT for each in counted)
    return Work(tuple(findings), interrupted)


def share(left: float, weights: Sequence[int], jobs: int) -> float:
    """The seconds of the first of these tasks: what is left, divided with slack."""
    fair = min(jobs, len(weights)) * weights[0] / sum(weights)
    return max(1.0, left * min(1.0, SLACK * fair))


class _Pool:
    def __init__(
        self,
        tasks: Sequence[Task],
        budget: Budget,
        jobs: int,
        report: Report,
        done: Done,
    ) -> None:
        self.waiting = list(enumerate(tasks))
        self.running: list[_Running] = []
        self.found: dict[int, Findings] = {}
        self.budget = budget
        self.jobs = jobs
        self.report = report
        self.done = done
        self.started = time.monotonic()
        self.context: Any = multiprocessing.get_context("fork")

    def run(self, interrupted: Callable[[], bool]) -> None:
        while self.waiting or self.running:
            if interrupted():
                self._interrupt()
            while self.waiting and len(self.running) < self.jobs:
                number, task = self.waiting.pop(0)
                if self._left() > 0:
                    self._start(number, task)
                else:
                    now = time.monotonic()
                    found = nothing(task.case, task.engine, Limit.TIME, now)
                    self.found[number] = found
            if not self.running:
                return
            connections: list[Any] = [r.connection for r in self.running]
            ready = set(wait(connections, POLL))
            for running in list(self.running):
                if running.connection in ready:
                    self._receive(running)
                elif running.deadline and time.monotonic() > running.deadline:
                    self._stop(running, running.stopped or Limit.TIME)

    def _share(self, task: Task) -> float | None:
        """The seconds that the next task may use."""
        if self.budget.seconds is None:
            return None
        weights = [task.weight, *(other.weight for _, other in self.waiting)]
        return share(self._left(), weights, self.jobs)

    def _left(self) -> float:
        """The seconds until all is to end."""
        if self.budget.seconds is None:
            return float("inf")
        return self.budget.seconds - (time.monotonic() - self.started)

    def _start(self, number: int, task: Task) -> None:
        seconds = self._share(task)
        receiver, sender = self.context.Pipe(duplex=False)
        budget = replace(self.budget, seconds=seconds, known=task.known)
        process = self.context.Process(
            target=_work, args=(task, budget, sender), daemon=True
        )
        process.start()
        sender.close()
        now = time.monotonic()
        deadline = None if seconds is None else now + seconds * 1.1 + GRACE
        self.running.append(_Running(number, task, process, receiver, now, deadline))

    def _receive(self, running: _Running) -> None:
        try:
            message = running.connection.recv()
        except (EOFError, OSError):
            self._died(running)
            return
        match message:
            case Notice(so_far=so_far):
                running.so_far = so_far or running.so_far
                self.report(message)
            case Findings():
                self._finish(running, message)
            case _Broken(text):
                raise BrokenSpecification(text)
            case _Misused(text):
                raise UsageError(text)
            case _Crashed(text):
                raise InternalError(
                    f"the {running.task.engine.value} engine failed on "
                    f"{running.task.case.label}: {text}"
                )

    def _died(self, running: _Running) -> None:
        running.process.join(GRACE)
        code = running.process.exitcode
        if running.stopped is None and code != -signal.SIGKILL:
            raise InternalError(
                f"the {running.task.engine.value} engine died on "
                f"{running.task.case.label} with status {code}"
            )
        # Nobody but the kernel's out-of-memory killer sends this signal unasked.
        limit = running.stopped or Limit.MEMORY
        self._finish(running, running.partial(limit))

    def _finish(self, running: _Running, findings: Findings) -> None:
        self.found[running.number] = findings
        self.running.remove(running)
        running.connection.close()
        running.process.join(GRACE)
        self.done(running.number, findings)

    def _stop(self, running: _Running, limit: Limit) -> None:
        """End a process that has not ended by itself."""
        running.stopped = limit
        running.process.kill()
        running.process.join(GRACE)
        self._finish(running, running.partial(limit))

    def _interrupt(self) -> None:
        """Pass Ctrl-C on, and start nothing more."""
        now = time.monotonic()
        for number, task in self.waiting:
            self.found[number] = nothing(task.case, task.engine, Limit.INTERRUPT, now)
        self.waiting.clear()
        for running in self.running:
            if running.stopped is None:
                running.stopped = Limit.INTERRUPT
                running.deadline = now + GRACE
            # Sent again and again: a process that has just been forked may miss one.
            if running.process.pid is not None and running.process.is_alive():
                os.kill(running.process.pid, signal.SIGINT)

    def kill(self) -> None:
        for running in self.running:
            running.process.kill()
            running.process.join(GRACE)
            running.connection.close()


def _work(task: Task, budget: Budget, connection: Connection) -> None:
    """The life of a process: one task, one answer."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        # Not SIG_IGN: Python complains of a signal that is on its way by then.
        for each in _ends():
            signal.signal(each, lambda *_: None)
        raise KeyboardInterrupt

    started = time.monotonic()
    # What is inherited is not looked through again and again for what may be freed.
    gc.freeze()
    try:
        for number in _ends():
            signal.signal(number, interrupt)
        end_with_parent()
        connection.send(task.judge(task.case, budget, connection.send))
    except KeyboardInterrupt:
        connection.send(nothing(task.case, task.engine, Limit.INTERRUPT, started))
    except MemoryError:
        connection.send(nothing(task.case, task.engine, Limit.MEMORY, started))
    except SpecificationError as error:
        connection.send(_Broken(str(error)))
    except UsageError as error:
        connection.send(_Misused(str(error)))
    except BrokenPipeError:
        pass  # The parent is gone, and with it all interest in the answer.
    except Exception as error:
        if "TDXCHECK_DEBUG" in os.environ:
            traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        connection.send(_Crashed(f"{type(error).__name__}: {error} ({where})"))
    finally:
        connection.close()


@contextmanager
def first_interrupt() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C, or other request to end; let the second one through."""
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True

    try:
        before = {number: signal.signal(number, note) for number in _ends()}
    except ValueError:  # Not in the main thread: signals are somebody else's.
        yield lambda: False
        return
    try:
        yield lambda: noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ends() -> list[signal.Signals]:
    """The signals that ask a process to end, but for those that it is to ignore."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    there = [signal.Signals[name] for name in names if hasattr(signal, name)]
    return [n for n in there if signal.getsignal(n) is not signal.SIG_IGN]


def end_with_parent() -> None:
    """Have this process killed when the one that forked it is; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
