"""Time and memory of the plain engines, side by side in one run.

    python benchmarks/engines.py [NAME…]

Each measurement is a process of its own: CPU seconds of the engine alone, and
the peak memory of the whole process, interpreter and imports included.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date

from tdxcheck.checker.ground import GroundSystem, ground

CLASSICS = ("bakery", "Lamport's mutual exclusion")
DESIGNS = ("v3", "v6.8")
DEPTH = 12
"""Of the bounded model checking of the designs, in steps."""


def design(name: str) -> GroundSystem:
    from tdxcheck.models.catalogue import CATALOGUE

    setup = CATALOGUE.machine.setup({})
    system = CATALOGUE.design(name).system
    settings = {**system.settings, **setup.settings}
    return ground(replace(system, settings=settings), setup.scope)


def classic(name: str) -> GroundSystem:
    from tdxcheck.models.classic import CLASSICS as MODELS

    model = next(m for m in MODELS if m.system.name == name)
    return ground(model.system, model.scope)


def explicit(system: GroundSystem) -> dict[str, float]:
    from tdxcheck.checker.engines.explicit import explore

    begin = time.process_time()
    found = explore(system)
    seconds = time.process_time() - begin
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": seconds,
    }


def symbolic(system: GroundSystem) -> dict[str, float]:
    from tdxcheck.checker.engines.symbolic import bmc

    begin = time.process_time()
    bmc(system, DEPTH)
    return {"depth": DEPTH, "seconds": time.process_time() - begin}


def measure(engine: str, name: str) -> None:
    """Run one measurement in this process, and print it as JSON."""
    system = design(name) if name in DESIGNS else classic(name)
    found = explicit(system) if engine == "explicit" else symbolic(system)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**found, "megabytes": peak}))


def main(names: list[str]) -> None:
    print(f"{date.today()}, Python {platform.python_version()}, {platform.machine()}")
    print(
        f"{'system':27}{'engine':10}{'states':>10}{'transitions':>13}{'depth':>7}"
        f"{'CPU s':>8}{'states/s':>10}{'peak MB':>9}"
    )
    jobs = [("explicit", name) for name in (*DESIGNS, *CLASSICS)]
    jobs += [("symbolic", name) for name in DESIGNS]
    for engine, name in jobs:
        if names and name not in names:
            continue
        command = [sys.executable, __file__, "--measure", engine, name]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(output.stdout)
        states = found.get("states", 0)
        rate = f"{states / found['seconds']:10,.0f}" if states else f"{'':10}"
        counts = f"{states:10,}{found['transitions']:13,}" if states else f"{'':23}"
        print(
            f"{name:27}{engine:10}{counts}{found['depth']:7}"
            f"{found['seconds']:8.1f}{rate}{found['megabytes']:9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:4])
    else:
        main(sys.argv[1:])
