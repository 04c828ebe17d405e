"""Time and memory of the engines, side by side in one run.

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
DESIGNS = ("v3", "v6.8", "v7.2")
SMALL = {"cpus": 2, "packages": 2, "blocks": 2}
"""The machine that is small enough to be visited state by state."""
DEPTH = 12
"""Of the bounded model checking of the designs, in steps."""


def design(name: str, sizes: dict[str, int]) -> GroundSystem:
    from tdxcheck.models.catalogue import CATALOGUE

    setup = CATALOGUE.machine.setup(sizes)
    system = CATALOGUE.design(name).system
    settings = {**setup.settings, **system.settings}
    return ground(replace(system, settings=settings), setup.scope)


def classic(name: str) -> GroundSystem:
    from tdxcheck.models.classic import CLASSICS as MODELS

    model = next(m for m in MODELS if m.system.name == name)
    return ground(model.system, model.scope)


def explicit(system: GroundSystem) -> dict[str, float]:
    from tdxcheck.checker.engines.visiting import explore

    begin = time.process_time()
    found = explore(system)
    seconds = time.process_time() - begin
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": seconds,
    }


def diagrams(system: GroundSystem) -> dict[str, float]:
    from tdxcheck.checker.engines.diagrams.judge import survey

    begin = time.process_time()
    found = survey(system)
    return {
        "states": found.states,
        "transitions": found.transitions,
        "seconds": time.process_time() - begin,
    }


def family(name: str) -> dict[str, float]:
    from tdxcheck.checker.judging import families
    from tdxcheck.models.catalogue import CATALOGUE

    begin = time.process_time()
    families.family(CATALOGUE, CATALOGUE.design(name), {})
    return {"seconds": time.process_time() - begin}


def guards(name: str) -> dict[str, float]:
    from tdxcheck.checker.judging.comparing import Compare
    from tdxcheck.checker.judging.question import cases_of
    from tdxcheck.checker.judging.work import Budget
    from tdxcheck.models.catalogue import CATALOGUE

    design = CATALOGUE.design(name)
    rules = [rule.id for rule in CATALOGUE.rules]
    case, *_ = cases_of(CATALOGUE, [design], {}, names=rules)
    begin = time.process_time()
    Compare(design.system.safeguards)(case, Budget(), lambda _: None)
    return {"seconds": time.process_time() - begin}


def symbolic(system: GroundSystem) -> dict[str, float]:
    from tdxcheck.checker.engines.symbolic import bmc

    begin = time.process_time()
    bmc(system, DEPTH)
    return {"depth": DEPTH, "seconds": time.process_time() - begin}


ENGINES = {"explicit": explicit, "diagrams": diagrams, "symbolic": symbolic}


def measure(engine: str, name: str) -> None:
    """Run one measurement in this process, and print it as JSON."""
    if engine in ("family", "guards"):
        found = {"family": family, "guards": guards}[engine](name)
    elif name in DESIGNS:
        sizes = SMALL if engine == "explicit" else {}
        found = ENGINES[engine](design(name, sizes))
    else:
        found = ENGINES[engine](classic(name))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**found, "megabytes": peak}))


def main(names: list[str]) -> None:
    print(f"{date.today()}, Python {platform.python_version()}, {platform.machine()}")
    print(
        f"{'system':27}{'engine':10}{'states':>13}{'transitions':>15}{'depth':>6}"
        f"{'CPU s':>7}{'peak MB':>8}"
    )
    jobs = [("diagrams", name) for name in (*DESIGNS, *CLASSICS[:1])]
    jobs += [("explicit", name) for name in (*DESIGNS[1:], *CLASSICS)]
    jobs += [("symbolic", name) for name in DESIGNS]
    jobs += [("family", name) for name in DESIGNS]
    jobs += [("guards", name) for name in DESIGNS]
    for engine, name in jobs:
        if names and name not in names:
            continue
        command = [sys.executable, __file__, "--measure", engine, name]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(output.stdout)
        where = f"{name}, 2 CPUs" if engine == "explicit" and name in DESIGNS else name
        counts = (
            f"{found['states']:13,}{found['transitions']:15,}"
            if "states" in found
            else f"{'':28}"
        )
        depth = found.get("depth")
        print(
            f"{where:27}{engine:10}{counts}{depth if depth is not None else '':>6}"
            f"{found['seconds']:7.1f}{found['megabytes']:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:4])
    else:
        main(sys.argv[1:])
