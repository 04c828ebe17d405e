"""The symbolic engines: bounded, by induction, by Spacer, by PDR; and certificates."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import z3

from tdxcheck.checker.certificate_checker import Refused, check, read
from tdxcheck.checker.certificate_solvers import by_z3
from tdxcheck.checker.certificates import Subject, certify
from tdxcheck.checker.certificates.wording import says_what_is_shown
from tdxcheck.checker.engines.explicit import explore
from tdxcheck.checker.engines.symbolic import bmc, certificate
from tdxcheck.checker.engines.symbolic.bmc import Hunt
from tdxcheck.checker.engines.symbolic.encoding import Encoding, constant
from tdxcheck.checker.engines.symbolic.induction import Induction, prove
from tdxcheck.checker.engines.symbolic.pairs import pair_lemmas, phase_lemmas
from tdxcheck.checker.engines.symbolic.pdr import Budget as Limits
from tdxcheck.checker.engines.symbolic.pdr import judge as by_pdr
from tdxcheck.checker.engines.symbolic.solving import (
    Clock,
    _state,
    _step,
)
from tdxcheck.checker.engines.symbolic.spacer import invariant
from tdxcheck.checker.engines.symbolic.target import target_of
from tdxcheck.checker.ground import GroundSystem, ground
from tdxcheck.checker.ground.slicing import slice_for
from tdxcheck.checker.ground.system import Values
from tdxcheck.checker.verdict import Refuted
from tdxcheck.models.classic import lifecycle
from tests.faults.comparing import all_answered, same, same_answers, systems
from tests.test_certificates import FORGERIES, without_clauses, written
from tests.test_certificates_foreign import test_what_is_left_out_is_named

SECONDS = 20.0


def encoded() -> None:
    """The formula of a step has the solutions that the interpreter has steps."""
    for of, system in systems():
        encoding = Encoding(system)
        relation = z3.simplify(encoding.transition)
        solver = z3.SolverFor("QF_FD")
        solver.add(relation)
        for sample in (*of.samples[:2], *of.samples[-2:]):
            solver.push()
            solver.add(_is(encoding, encoding.now.state, sample.values))
            same("steps", _solutions(encoding, solver), sorted(sample.steps))
            solver.pop()
        starts = z3.SolverFor("QF_FD")
        starts.add(encoding.initial)
        for values in sorted(of.reachable)[:12]:
            starts.push()
            starts.add(_is(encoding, encoding.now.state, values))
            found = starts.check() == z3.sat
            same("an initial state", found, values in of.initial)
            starts.pop()


def _is(
    encoding: Encoding, state: tuple[z3.ExprRef, ...], values: Values
) -> z3.BoolRef:
    held = zip(encoding.system.slots, state, values, strict=True)
    return z3.And([now == constant(slot, value) for slot, now, value in held])


def _solutions(encoding: Encoding, solver: z3.Solver) -> list[tuple[int, Values]]:
    found = []
    while solver.check() == z3.sat:
        model = solver.model()
        step = _step(model, encoding.now)
        after = _state(encoding.system, model, encoding.then)
        found.append((step, after))
        solver.add(
            z3.Not(
                z3.And(encoding.taken(step), _is(encoding, encoding.then.state, after))
            )
        )
    return sorted(found)


def bounded() -> None:
    """Bounded model checking finds shortest runs, and none where there is none."""
    for of, system in systems()[:6]:
        same_answers(system, bmc(system, 3), of.told)
    for of, system in systems()[6:-1]:
        verdicts = bmc(system, of.depth + 1)
        all_answered(
            v
            for v, told in zip(verdicts, of.told, strict=True)
            if told.length is not None
        )
        same_answers(
            system,
            verdicts,
            # That what a rule speaks of never happens is not asked.
            [replace(t, kind="holds") if t.kind == "vacuous" else t for t in of.told],
        )


def by_induction() -> None:
    """k-induction proves what holds, and nothing else."""
    for of, system in systems()[::2]:
        encoding = Encoding(system)
        for rule, told in zip(system.properties, of.told, strict=True):
            target = target_of(system, rule)
            hunt = Hunt(encoding, [target], Clock(SECONDS))
            most = 60 if told.length is None else told.length + 1
            found = prove(hunt, 0, Induction(encoding, target, Clock(SECONDS)), most)
            same(rule.property.name, found is not None, told.length is None)


def by_spacer() -> None:
    """Spacer's invariants pass their check where a rule holds, and it finds runs."""
    for of, system in systems()[1::4]:
        encoding = Encoding(system)
        for rule, told in zip(system.properties, of.told, strict=True):
            target = target_of(system, rule)
            found = invariant(encoding, target, Clock(SECONDS))
            same(rule.property.name, found is not None, told.length is None)
            if found is not None:
                certificate.check(encoding, found, target, Clock(SECONDS))


def lemmas() -> None:
    """No lemma about pairs of values excludes a reachable state."""
    for of, system in systems()[:9:2]:
        encoding = Encoding(system)
        for make in (pair_lemmas, phase_lemmas):
            for lemma in make(encoding, Clock(SECONDS)):
                for values in of.reachable:
                    met = all(values[n] == value for n, value in lemma.literals)
                    assert not met, f"{lemma} is not so in {values}"


def pdr() -> None:
    """PDR says of each rule what is known, and its runs are shortest ones."""
    for of, system in systems():
        verdicts = by_pdr(system)
        all_answered(verdicts)
        same_answers(system, verdicts, of.told)


def pdr_of_a_host() -> None:
    """The same of a host of several sizes, one of whose rules is broken."""
    for broken, size in ((False, 3), (True, 2)):
        system = lifecycle.MEM_ONLINE if broken else lifecycle.LIFECYCLE
        verdicts = by_pdr(ground(system, lifecycle.scope(size, size)))
        all_answered(verdicts)
        first = verdicts[0]
        length = len(first.run.steps) if isinstance(first, Refuted) else None
        same("length of a run", length, 6 if broken else None)


SAYS = {
    "holds": "holds",
    "vacuous": "holds vacuously",
    "unreachable": "is unreachable",
}


def certificates() -> None:
    """Every proof is certified, accepted, and lacks whatever clause is taken out."""
    for of, system in systems():
        for number, told in enumerate(of.told):
            if told.kind in SAYS:
                _certified(system, number, SAYS[told.kind])


def certificates_of_a_host() -> None:
    """The same of a host."""
    host = _host()
    for number in range(2):
        _certified(host, number, "holds")


@cache
def _host() -> GroundSystem:
    return ground(lifecycle.LIFECYCLE, lifecycle.scope(2, 2))


def _certified(system: GroundSystem, number: int, says: str) -> None:
    rule = system.properties[number].property
    subject = Subject(system.name, rule.name, says, {}, (), rule)
    made = certify(system, number, subject, Limits())
    text = made.script
    solvers = {"z3": by_z3}
    clauses = check(read(text), system, system.properties[number], solvers)
    said = says_what_is_shown(text, read(text), system, number, subject)
    same("words", said, made.story)
    answers = by_z3(text)
    same("answers of the file", set(answers), {"unsat"})
    actions = {step.action.name for step in _part(system, number).steps}
    same("questions of the file", len(answers), 2 + len(actions))
    same("clauses", text.count("define-fun |clause "), clauses)


def _part(system: GroundSystem, number: int) -> GroundSystem:
    return slice_for(system, (number,)).system


def questions() -> None:
    """What the file itself asks notices a clause that is missing, or a guard."""
    for of, system in systems()[::2]:
        for number, told in enumerate(of.told):
            if told.kind in SAYS:
                text = written(system, number, SAYS[told.kind])
                for less in without_clauses(text):
                    assert "sat" in by_z3(less), f"{number} needs no such clause"
    host = ground(lifecycle.LIFECYCLE, lifecycle.scope(1, 2))
    text = written(host, 0)
    noticed = 0
    for step in host.steps:
        name = f"|may {step.number} {step.action.name}| () Bool"
        found = re.search(rf"{re.escape(name)} .*\)$", text, re.MULTILINE)
        if found is None:
            continue
        unguarded = replace(step, guards=())
        steps = (*host.steps[: step.number], unguarded, *host.steps[step.number + 1 :])
        rule = host.properties[:1]
        (verdict,) = explore(replace(host, steps=steps, properties=rule)).verdicts
        if isinstance(verdict, Refuted):
            noticed += 1
            changed = text.replace(found[0], f"{name} true)")
            assert "sat" in by_z3(changed), f"{step} need not be guarded"
    assert noticed > 2


def apart() -> None:
    """Every action is asked about, or is said not to be."""
    test_what_is_left_out_is_named()


def forgeries() -> None:
    """What is forged is refused, clause by clause and in other ways."""
    host = _host()
    proof = written(host, 0)
    rule = host.properties[0]
    check(read(proof), host, rule, {"z3": by_z3})
    texts = [(change(proof), reason) for change, reason in FORGERIES.values()]
    texts += [(less, "fails") for less in without_clauses(proof)]
    for text, reason in texts:
        try:
            check(read(text), host, rule, {"z3": by_z3})
        except Refused as refused:
            assert re.search(reason, str(refused)), f"{refused} is not {reason}"
        else:
            raise AssertionError(f"accepted, though: {reason}")
