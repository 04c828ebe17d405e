"""One measurement of tdxcheck's own engines, in a process of its own.

    python -m benchmarks.own ENGINE NAME [RULES]

It prints JSON: CPU seconds of the engine alone, those of everything before it
(imports, grounding), and the peak memory of the whole process. RULES are numbers of
rules, joined by commas; without them it is every rule that can be exported.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from benchmarks.subjects import system
from tdxcheck.checker.export.subject import can_be_said, subject
from tdxcheck.checker.ground import GroundSystem
from tdxcheck.checker.verdict import Reached, Refuted, Verdict

Findings = dict[str, Any]


def by_tables(found: GroundSystem, *, compiled: bool) -> Findings:
    from tdxcheck.checker.engines.packed.search import explore

    exploration = explore(found, compiled=compiled)
    return {
        "states": exploration.states,
        "transitions": exploration.transitions,
        "depth": exploration.depth,
        "broken": _broken(exploration.verdicts),
    }


def explicit(found: GroundSystem) -> Findings:
    """The tables, read by the compiled kernel."""
    return by_tables(found, compiled=True)


def with_numpy(found: GroundSystem) -> Findings:
    return by_tables(found, compiled=False)


def orbits(found: GroundSystem) -> Findings:
    """One state of all that symmetry carries to each other."""
    from tdxcheck.checker.engines.orbits.judge import explore
    from tdxcheck.checker.engines.orbits.search import NoSymmetry

    try:
        exploration = explore(found)
    except NoSymmetry:
        return {"states": None, "broken": None, "note": "no symmetry"}
    return {
        "states": exploration.states,
        "transitions": exploration.transitions,
        "depth": exploration.depth,
        "orbits": exploration.orbits,
        "broken": _broken(exploration.verdicts),
    }


def diagrams(found: GroundSystem) -> Findings:
    from tdxcheck.checker.engines.diagrams.judge import survey

    result = survey(found)
    return {
        "states": result.states if result.limit is None else None,
        "transitions": result.transitions,
        "broken": _broken(result.verdicts) if result.limit is None else None,
    }


def shortest(found: GroundSystem) -> Findings:
    """What decision diagrams say of the rules alone, with the shortest runs."""
    from tdxcheck.checker.engines.diagrams.judge import survey

    verdicts = survey(found).verdicts
    return {"broken": _broken(verdicts), "note": ", ".join(map(_told, verdicts))}


def symbolic(found: GroundSystem) -> Findings:
    """Bounded model checking."""
    from tdxcheck.checker.engines.symbolic import bmc

    bmc(found, DEPTH)
    return {"depth": DEPTH}


def pdr(found: GroundSystem) -> Findings:
    """Proofs of the rules, or shortest runs."""
    from tdxcheck.checker.engines.symbolic.pdr import judge

    verdicts = judge(found)
    kinds = ", ".join(map(_told, verdicts))
    return {"broken": _broken(verdicts), "note": kinds}


def _told(verdict: Verdict) -> str:
    if isinstance(verdict, Refuted):
        return f"broken in {len(verdict.run.steps)}"
    return type(verdict).__name__.lower()


def spacer(found: GroundSystem) -> Findings:
    """z3's Spacer alone, on the first rule; its claim is checked."""
    from tdxcheck.checker.engines.symbolic import certificate, spacer
    from tdxcheck.checker.engines.symbolic.encoding import Encoding
    from tdxcheck.checker.engines.symbolic.solving import Clock
    from tdxcheck.checker.engines.symbolic.target import target_of

    encoding = Encoding(found)
    target = target_of(found, found.properties[0])
    claim = spacer.invariant(encoding, target, Clock(None))
    if claim is not None:
        certificate.check(encoding, claim, target, Clock(None))
    return {"broken": [claim is None]}


def checked(found: GroundSystem) -> Findings:
    """The certificate of the first rule, checked by every solver that is here."""
    from tdxcheck.checker.certificate_checker import check, read
    from tdxcheck.checker.certificate_solvers import solvers
    from tdxcheck.checker.certificates import Subject, certify
    from tdxcheck.checker.engines.symbolic.pdr import Budget

    rule = found.properties[0]
    subject = Subject(found.name, rule.property.name, "holds", {}, (), rule.property)
    text = certify(found, 0, subject, Budget()).script
    begin = time.process_time()
    asked = solvers()
    clauses = check(read(text), found, rule, asked)
    seconds = time.process_time() - begin
    return {"broken": [False], "note": f"{clauses} clauses", "seconds": seconds}


DEPTH = 12
"""Of the bounded model checking, in steps."""

ENGINES: dict[str, tuple[Callable[[GroundSystem], Findings], tuple[str, ...]]] = {
    "diagrams": (diagrams, ("diagrams.judge",)),
    "explicit": (explicit, ("packed.search", "packed.kernel")),
    "numpy": (with_numpy, ("packed.search",)),
    "orbits": (orbits, ("orbits.judge", "orbits.kernel")),
    "shortest": (shortest, ("diagrams.judge",)),
    "symbolic": (symbolic, ("symbolic",)),
    "pdr": (pdr, ("symbolic.pdr",)),
    "spacer": (spacer, ("symbolic",)),
    "checker": (checked, ("symbolic.pdr",)),
}
"""Each with its modules, which are imported before the time is taken."""


def family(name: str) -> Findings:
    """What `tdxcheck matrix` does of a design."""
    from tdxcheck.checker.judging import families
    from tdxcheck.models.catalogue import CATALOGUE

    families.family(CATALOGUE, CATALOGUE.design(name), {})
    return {}


def guards(name: str) -> Findings:
    """What `tdxcheck guards` does of a design."""
    from tdxcheck.checker.judging.comparing import Compare
    from tdxcheck.checker.judging.question import cases_of
    from tdxcheck.checker.judging.work import Budget
    from tdxcheck.models.catalogue import CATALOGUE

    design = CATALOGUE.design(name)
    rules = [rule.id for rule in CATALOGUE.rules]
    case, *_ = cases_of(CATALOGUE, [design], {}, names=rules)
    Compare(design.system.safeguards)(case, Budget(), lambda _: None)
    return {}


COMMANDS = {"family": family, "guards": guards}


def _broken(verdicts: Sequence[Verdict]) -> list[bool]:
    """Of each rule whether a run was found: to what breaks it, or to its goal."""
    return [isinstance(verdict, Refuted | Reached) for verdict in verdicts]


def measured(engine: str, name: str, rules: Sequence[int] | None) -> Findings:
    if engine in COMMANDS:
        begin = time.process_time()
        found = COMMANDS[engine](name)
    else:
        whole = system(name)
        if rules is None:
            every = enumerate(whole.properties)
            rules = [n for n, rule in every if can_be_said(rule.property)]
        part = subject(whole, rules).system
        found = {"rules": list(rules)}
        search, modules = ENGINES[engine]
        for module in modules:
            import_module(f"tdxcheck.checker.engines.{module}")
        begin = time.process_time()
        found |= search(part)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, **found, "before": begin, "megabytes": peak}


if __name__ == "__main__":
    engine, name, *rest = sys.argv[1:]
    chosen = [int(n) for n in rest[0].split(",") if n] if rest else None
    print(json.dumps(measured(engine, name, chosen)))
