"""Distant: tasks carried out by the workers of a Dask scheduler.

The client keeps the time and tells of what has ended, as the pool of processes does;
which worker does what, and that another does it when one has died, is Dask's part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.judging.helper import Lost, carried_out
from tdxcheck.checker.judging.order import Asked, order_for
from tdxcheck.checker.judging.partitions import explore_divided
from tdxcheck.checker.judging.processes import (
    GRACE,
    POLL,
    Done,
    Runner,
    Task,
    Work,
    first_interrupt,
    share,
)
from tdxcheck.checker.judging.work import (
    Budget,
    Findings,
    Judge,
    Report,
    judge_explicitly,
    nothing,
)
from tdxcheck.checker.verdict import Limit

LOCAL = "local"
"""In place of an address: a scheduler and workers of this run alone."""
PATIENCE = 20.0
"""Seconds in which a scheduler has to answer."""
RETRIES = 2
"""How often a task is tried again, whose process has died."""


@contextmanager
def distant(scheduler: str, asked: Asked, jobs: int) -> Iterator[Runner]:
    """What runs tasks as `processes.run` does, but on the workers of a scheduler.

    Raises UsageError.
    """
    with _client(scheduler, jobs) as client:

        def run(
            tasks: Sequence[Task],
            budget: Budget,
            jobs: int,
            report: Report,
            done: Done,
        ) -> Work:
            threads = sum(client.nthreads().values())
            if not threads:
                raise UsageError(f"the scheduler {scheduler} has no workers")
            crew = _Crew(client, asked, tasks, budget, threads, done)
            with first_interrupt() as interrupted:
                crew.run(interrupted)
            found = tuple(crew.found[number] for number in range(len(tasks)))
            return Work(found, interrupted())

        yield run


@contextmanager
def _client(scheduler: str, jobs: int) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError(
            "--scheduler needs Dask: pip install 'tdxcheck[cluster]'"
        ) from error
    if scheduler == LOCAL:
        with (
            LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no scheduler answers at {scheduler}: give --scheduler tcp://HOST:PORT, "
            f"or '{LOCAL}'"
        ) from error
    with client:
        yield client


@contextmanager
def dividing(scheduler: str, jobs: int) -> Iterator[Judge]:
    """The explicit engine, with the states of each search divided among the workers.

    Raises UsageError.
    """
    with _client(scheduler, jobs) as client:
        if not client.nthreads():
            raise UsageError(f"the scheduler {scheduler} has no workers")
        yield partial(judge_explicitly, large=partial(explore_divided, client))


class _Crew:
    def __init__(
        self,
        client: Any,
        asked: Asked,
        tasks: Sequence[Task],
        budget: Budget,
        threads: int,
        done: Done,
    ) -> None:
        self.client = client
        self.asked = asked
        self.tasks = tasks
        self.budget = budget
        self.threads = threads
        self.done = done
        self.started = time.monotonic()
        self.waiting = list(range(len(tasks)))
        self.running: dict[Any, int] = {}
        """By what is to come of it, the number of each task that was sent."""
        self.found: dict[int, Findings] = {}

    def run(self, interrupted: Callable[[], bool]) -> None:
        while self.waiting or self.running:
            if interrupted():
                self._give_up(Limit.INTERRUPT)
                return
            left = self._left()
            if left is not None and left < -GRACE:
                self._give_up(Limit.TIME)
                return
            while self.waiting and len(self.running) < self.threads:
                if left is not None and left <= 0:
                    break
                self._send(self.waiting.pop(0))
            if not self.running:
                self._give_up(Limit.TIME)
                return
            self._receive()

    def _left(self) -> float | None:
        """The seconds until all is to end."""
        if self.budget.seconds is None:
            return None
        return self.budget.seconds - (time.monotonic() - self.started)

    def _send(self, number: int) -> None:
        task, left = self.tasks[number], self._left()
        weights = [task.weight, *(self.tasks[other].weight for other in self.waiting)]
        seconds = None if left is None else share(left, weights, self.threads)
        order = order_for(self.asked, task, replace(self.budget, seconds=seconds))
        future = self.client.submit(carried_out, order, pure=False, retries=RETRIES)
        self.running[future] = number

    def _receive(self) -> None:
        from distributed import wait

        try:
            ended = wait(list(self.running), POLL, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return
        for future in ended:
            number = self.running.pop(future)
            self.found[number] = self._result(number, future)
            self.done(number, self.found[number])

    def _result(self, number: int, future: Any) -> Findings:
        from distributed import KilledWorker

        try:
            found: Findings = future.result()
        except (KilledWorker, Lost):
            # It has died wherever it was tried, as those do that want too much memory.
            task = self.tasks[number]
            return nothing(task.case, task.engine, Limit.MEMORY, time.monotonic())
        except ImportError as error:
            raise UsageError(f"a worker has no tdxcheck as this is: {error}") from error
        return found

    def _give_up(self, limit: Limit) -> None:
        """End what runs, and send nothing more."""
        self.client.cancel(list(self.running))
        now = time.monotonic()
        for number in (*self.running.values(), *self.waiting):
            task = self.tasks[number]
            self.found[number] = nothing(task.case, task.engine, limit, now)
        self.running.clear()
        self.waiting.clear()
