"""Engines on the workers of a real scheduler, one of which is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdxcheck.checker.catalogue import UsageError
from tdxcheck.checker.cli.main import main
from tdxcheck.checker.judging.combine import Engine
from tdxcheck.checker.judging.helper import carried_out
from tdxcheck.checker.judging.order import Order, asked, order_for
from tdxcheck.checker.judging.processes import Task
from tdxcheck.checker.judging.question import cases_of
from tdxcheck.checker.judging.work import Budget, judge_by_diagrams
from tdxcheck.models.catalogue import CATALOGUE

pytest.importorskip("distributed", exc_type=ImportError)

ADDRESS = "tdxcheck.models.catalogue:CATALOGUE"
VERIFY = ("verify", "v6.8", "--engine", "diagrams", "--format", "json", "--no-cache")

KILLING = """
import os, signal, sys, time
from distributed import Client
client = Client(scheduler_file=sys.argv[1])
victim = int(sys.argv[2])
pids = client.run(os.getpid)
(address,) = (a for a, pid in pids.items() if pid == victim)
while not client.processing().get(address):
    time.sleep(0.01)
os.kill(victim, signal.SIGKILL)
"""


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """A scheduler with workers: its address, and the workers' process ids."""
    file = folder / "scheduler.json"
    cli = ("-m", "distributed.cli.dask_scheduler")
    processes = [
        started(
            *cli, "--port", "0", "--no-dashboard", "--scheduler-file", str(file),
            "--host", "127.0.0.1",
        )
    ]  # fmt: skip
    try:
        while not file.exists() or not file.read_text():
            time.sleep(0.1)
        for _ in range(workers):
            processes.append(
                started(
                    "-m",
                    "distributed.cli.dask_worker",
                    "--scheduler-file",
                    str(file),
                    "--nthreads",
                    "1",
                    "--no-nanny",
                    "--no-dashboard",
                    "--local-directory",
                    str(folder),
                )
            )
        waiting = (
            "import sys; from distributed import Client; "
            "Client(scheduler_file=sys.argv[1]).wait_for_workers(int(sys.argv[2]), 60)"
        )
        subprocess.run(
            [sys.executable, "-c", waiting, str(file), str(workers)],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        address = json.loads(file.read_text())["address"]
        yield address, [process.pid for process in processes[1:]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def essence(said: Any) -> Any:
    """What does not say how long anything took."""
    if isinstance(said, dict):
        return {k: essence(v) for k, v in said.items() if k != "seconds"}
    return [essence(each) for each in said] if isinstance(said, list) else said


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    code = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    alone = started("-c", code, *VERIFY)
    expected = json.loads(alone.communicate()[0])
    with cluster(tmp_path, workers=2) as (address, pids):
        told = started("-c", code, *VERIFY, "--scheduler", address)
        file = str(tmp_path / "scheduler.json")
        killed = subprocess.run(
            [sys.executable, "-c", KILLING, file, str(pids[0])],
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
        assert killed.returncode == 0, "the worker was killed while it had work"
        said = json.loads(told.communicate()[0])
    assert told.returncode == alone.returncode
    assert essence(said) == essence(expected)


DIVIDED = (
    "verify", "v6.8", "--cpus", "2", "--packages", "1", "--blocks", "1",
    "--rule", "no_private_line_survives_kexec",
    "--rule", "memory_is_not_overwritten", "--rule", "configuration_is_final",
    "--engine", "explicit", "--format", "json", "--no-cache",
)  # fmt: skip
"""One case of one engine, which is itself divided among workers."""


def test_a_search_is_divided_and_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path,
) -> None:
    code = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    alone = started("-c", code, *DIVIDED)
    expected = json.loads(alone.communicate()[0])
    with cluster(tmp_path, workers=2) as (address, pids):
        told = started("-c", code, *DIVIDED, "--scheduler", address)
        file = str(tmp_path / "scheduler.json")
        killed = subprocess.run(
            [sys.executable, "-c", KILLING, file, str(pids[0])],
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
        assert killed.returncode == 0, "the worker was killed while it had work"
        said = json.loads(told.communicate()[0])
    assert told.returncode == alone.returncode
    ways = [
        each["designs"][0]["engines"]["explicit"].pop("kept")
        for each in (said, expected)
    ]
    assert ["2 partitions" in way for way in ways] == [True, False]
    assert any(each["trace"] for each in said["verdicts"])
    assert essence(said) == essence(expected)


def test_an_address_where_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; from tdxcheck.checker.cli import main; sys.exit(main())"
    run = subprocess.run(
        [sys.executable, "-c", code, "verify", "v6.8", "--scheduler", "nowhere"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1 and "tcp://HOST:PORT" in run.stderr


def an_order() -> Order:
    sizes = {"cpus": 1, "packages": 1, "blocks": 1}
    names = ["memory_is_not_overwritten"]
    (case,) = cases_of(CATALOGUE, [CATALOGUE.design("v6.8")], sizes, names=names)
    task = Task(case, Engine.DIAGRAMS, judge_by_diagrams)
    return order_for(asked(ADDRESS, ["v6.8"], sizes, names, ()), task, Budget())


def test_a_helper_says_what_the_engine_does() -> None:
    order = an_order()
    (case,) = cases_of(
        CATALOGUE,
        [CATALOGUE.design("v6.8")],
        dict(order.asked.sizes),
        names=order.asked.names,
    )
    here = judge_by_diagrams(case, Budget(), lambda notice: None)
    for _ in range(2):
        there = carried_out(order)
        assert replace(there, seconds=0) == replace(here, seconds=0)


def test_another_version_is_refused() -> None:
    with pytest.raises(UsageError, match="another version"):
        carried_out(replace(an_order(), digest="0" * 64))


def test_resume_is_of_this_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["verify", "v6.8", "--engine", "explicit", "--resume", str(tmp_path)]
    assert main([*arguments, "--scheduler", "local"]) == 2
    assert "--resume" in capsys.readouterr().err
