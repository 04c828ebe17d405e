"""A process that puts one fault after the other into children of its own.

It reads lines of JSON: the number of a fault, or the name of a check, which is then
made without any; and writes one for each, with what was noticed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faults.seeding import Imports, faults, seed

SECONDS = 10
"""Of CPU time, for checks that end."""
FEW = 3
"""For checks that are known not to end."""


def serve() -> None:
    with Imports() as imports:
        checks = Path(__file__).parent / "checks"
        for path in checks.glob("[a-z]*.py"):
            import_module(f"tests.faults.checks.{path.stem}")
        known = import_module("tests.faults.known")
        known.known()
        known.references()
        faults()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_in_a_child(json.loads(line), imports)), flush=True)


def _in_a_child(asked: int | str, imports: Imports) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w") as told:
            try:
                json.dump(_noticed(asked, imports), told)
            except BaseException as error:
                json.dump({"error": repr(error)}, told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status, used = os.wait4(child, 0)
    seconds = round(used.ru_utime + used.ru_stime, 2)
    found: dict[str, Any] = {"seconds": seconds}
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        return found | {
            "noticed": f"killed by {name}",
            "ended": number != signal.SIGXCPU,
        }
    found |= json.loads(text)
    return found


def _noticed(asked: int | str, imports: Imports) -> dict[str, Any]:
    """What the check says with the fault in."""
    warnings.simplefilter("ignore")
    check, seconds = asked, SECONDS
    if isinstance(asked, int):
        fault = faults()[asked]
        check, seconds = fault.check, SECONDS if fault.ends else FEW
        seed(fault, imports)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    module, _, name = str(check).rpartition(".")
    # What cannot be imported is no fault that a check has noticed.
    checked = getattr(import_module(f"tests.faults.checks.{module}"), name)
    try:
        checked()
    except BaseException as error:  # pytest's Failed is no Exception.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        said = str(error).partition("\n")[0][:200]
        noticed = f"{type(error).__name__}: {said} ({where})"
        return {"noticed": noticed, "ended": True}
    return {"noticed": "", "ended": True}


if __name__ == "__main__":
    serve()
