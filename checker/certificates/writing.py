"""Certificates as files: an SMT-LIB script that any solver runs, and plain words.

The script defines the parts of the system that the rule can depend on: how it starts,
when each step is possible and what it makes of the variables, what breaks the rule.
Then comes the invariant, and what is to be shown of it: that it holds at first, that
each action keeps it, and that it excludes what breaks the rule. A solver answers each
with `unsat`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from tdxcheck.checker.certificates.smtlib import Writer, constant, junction, width
from tdxcheck.checker.engines.symbolic.pdr import Never, Proof
from tdxcheck.checker.engines.symbolic.target import Target, premise_of, target_of
from tdxcheck.checker.ground.system import (
    GroundProperty,
    GroundSlot,
    GroundStep,
    GroundSystem,
)
from tdxcheck.checker.ground.terms import Node
from tdxcheck.checker.language.system import Property
from tdxcheck.checker.verdict import ProvedForEvery

HOLDS, VACUOUS, UNREACHABLE = "holds", "holds vacuously", "is unreachable"
EVERY = "holds for every number"
VACUOUS_FOR_EVERY = "holds vacuously for every number"
"""What is said of a rule."""


@dataclass(frozen=True)
class Subject:
    """What is certified of what."""

    design: str
    question: str
    """The name of the rule, or of the claim."""
    says: str
    """One of the five above."""
    sizes: Mapping[str, int]
    assumed: tuple[str, ...]
    rule: Property
    ranking: Mapping[str, str] = field(default_factory=dict)
    """Of a leads-to rule: what its certificate says more, and ..."""
    stages: tuple[str, ...] = ()
    """... the same for people."""
    apart: tuple[str, ...] = ()
    """The actions of which no step concerns the rule, by name."""


def targets_of(
    system: GroundSystem, rule: GroundProperty, says: str
) -> tuple[Target, ...]:
    """What is never hit where it is so; if vacuously, not what the rule speaks of."""
    premise = premise_of(rule) if says == VACUOUS else None
    found = target_of(system, rule)
    return (found,) if premise is None else (found, premise)


def script(subject: Subject, proof: Proof, numbers: tuple[int, ...]) -> str:
    """The SMT-LIB script; `numbers` are those of the steps in the whole system."""
    return "".join(f"{line}\n" for line in _Script(subject, proof, numbers).lines())


def story(subject: Subject, proof: Proof) -> str:
    """The invariant for people."""
    rule = subject.rule
    lines = [f"{subject.design}, {subject.question}: {rule.summary}"]
    lines += [
        f"What is shown: it {subject.says}, on a machine with {_machine(subject)}."
    ]
    if subject.assumed:
        lines.append(f"Assumed: {', '.join(subject.assumed)}.")
    lines += [f"Stated at {rule.location}."]
    lines += [f"Source: {source}" for source in rule.sources]
    lines += ["", *subject.stages, *_invariant(proof)]
    if subject.apart:
        lines += [
            "",
            "Not asked about, since no step of theirs changes what this reads:",
        ]
        lines += [f"    {line}" for line in wrap(", ".join(subject.apart), 80)]
    return "".join(f"{line}\n" for line in lines)


def for_every(subject: Subject, verdict: ProvedForEvery) -> str:
    """The SMT-LIB script of a proof for every number of things."""
    lines = [
        f"; {line}".rstrip() for line in story_of_every(subject, verdict).splitlines()
    ]
    lines += ["", *_info(subject), ""]
    return "".join(f"{line}\n" for line in lines) + verdict.certificate


def story_of_every(subject: Subject, verdict: ProvedForEvery) -> str:
    """The invariant of a proof for every number of things, for people."""
    rule = subject.rule
    lines = [f"{subject.design}, {subject.question}: {rule.summary}"]
    save = f", save machines with {verdict.excepted}" if verdict.excepted else ""
    holds = VACUOUS if subject.says == VACUOUS_FOR_EVERY else HOLDS
    lines += [f"What is shown: it {holds}, with any number of {verdict.family}{save}."]
    if holds == VACUOUS:
        lines += [f"Below, {rule.name} is that what it speaks of never happens."]
    if subject.assumed:
        lines.append(f"Assumed: {', '.join(subject.assumed)}.")
    lines += [f"Stated at {rule.location}."]
    lines += [f"Source: {source}" for source in rule.sources]
    if verdict.because:
        lines += ["", "The rule follows, because", *verdict.because]
    lines += ["", "This holds at first, and every action keeps it:"]
    lines += [f"{n:5}. {part}" for n, part in enumerate(verdict.invariant, 1)]
    return "".join(f"{line}\n" for line in lines)


def _info(subject: Subject) -> Iterator[str]:
    for key, value in (
        ("design", subject.design),
        ("question", subject.question),
        ("says", subject.says),
        ("sizes", " ".join(f"{k} {n}" for k, n in subject.sizes.items())),
        ("assumed", " ".join(subject.assumed)),
        *subject.ranking.items(),
    ):
        yield f'(set-info :tdxcheck-{key} "{value}")'


def _machine(subject: Subject) -> str:
    return ", ".join(f"{number} {name}" for name, number in subject.sizes.items())


def _invariant(proof: Proof) -> Iterator[str]:
    if not proof.clauses:
        yield "It follows from the ranges of the variables: no step and no state that"
        yield "could break it is possible."
        return
    yield "It holds at first, no step leaves it, and it excludes what breaks the rule:"
    for number, clause in enumerate(proof.clauses, 1):
        yield f"{number:5}. never {proof.words(clause)}"


class _Script:
    def __init__(
        self, subject: Subject, proof: Proof, numbers: tuple[int, ...]
    ) -> None:
        self.subject = subject
        self.proof = proof
        self.system = proof.system
        self.steps = [
            f"{number} {step.action.name}"
            for number, step in zip(numbers, self.system.steps, strict=True)
        ]
        system = proof.system
        nodes: list[Node] = [slot.term for slot in system.slots]
        for step in system.steps:
            nodes += [*step.guards, *step.updates.values()]
        for rule in system.properties:
            nodes += [*rule.conditions, *rule.premises]
        nodes += system.initial
        self.bits = width(nodes)
        self.symbols = [f"|now {slot.name}|" for slot in system.slots]
        self.writer = Writer(self.symbols, self.bits)

    def lines(self) -> Iterator[str]:
        yield from self._head()
        yield from self._state()
        for step, name in zip(self.system.steps, self.steps, strict=True):
            yield from self._step(step, name)
        names = ("violation", "premise")[: len(self.proof.targets)]
        for name, target in zip(names, self.proof.targets, strict=True):
            yield from self._define(name, "Bool", self._hit(target))
        yield ""
        for number, clause in enumerate(self.proof.clauses, 1):
            yield from self._clause(number, clause)
        claims = [self._applied(number) for number in range(len(self.proof.clauses))]
        yield from self._define(
            "invariant", "Bool", junction("and", ["within", *claims])
        )
        yield from self._asked("initiation", "init", "(not invariant)")
        yield from self._consecution()
        yield from self._asked("safety", "invariant", junction("or", names))
        yield "(exit)"

    def _head(self) -> Iterator[str]:
        subject = self.subject
        for line in story(subject, self.proof).splitlines():
            yield f"; {line}".rstrip()
        yield ""
        yield from _info(subject)
        yield "(set-logic QF_BV)"
        yield f"(define-sort Number () (_ BitVec {self.bits}))"

    def _state(self) -> Iterator[str]:
        yield ""
        for slot, symbol in zip(self.system.slots, self.symbols, strict=True):
            yield f"(declare-const {symbol} {_sort(slot)})"
        bounds = [
            bound
            for slot, symbol in zip(self.system.slots, self.symbols, strict=True)
            if not slot.term.boolean
            for bound in self._bounds(slot, symbol)
        ]
        yield from self._define("within", "Bool", junction("and", bounds))
        starts = [
            self._equal(slot, self.symbols[slot.number], slot.start)
            for slot in self.system.slots
            if slot.start is not None
        ]
        conditions = [self.writer.term(node) for node in self.system.initial]
        init = junction("and", ["within", *starts, *conditions])
        yield from self._define("init", "Bool", init)

    def _bounds(self, slot: GroundSlot, symbol: str) -> tuple[str, str]:
        low = constant(slot.term.low, self.bits)
        high = constant(slot.term.high, self.bits)
        return f"(bvsle {low} {symbol})", f"(bvsle {symbol} {high})"

    def _equal(self, slot: GroundSlot, text: str, value: int) -> str:
        if slot.term.boolean:
            return text if value else f"(not {text})"
        return f"(= {text} {constant(value, self.bits)})"

    def _define(self, name: str, sort: str, text: str) -> Iterator[str]:
        yield from self.writer.flush()
        yield f"(define-fun {name} () {sort} {text})"

    def _step(self, step: GroundStep, name: str) -> Iterator[str]:
        yield ""
        yield f"; {step} ({step.action.location})"
        yield from self._define(f"|may {name}|", "Bool", self.writer.all(step.guards))
        for number, value in step.updates.items():
            slot = self.system.slots[number]
            text = self.writer.term(value)
            yield from self._define(_effect(name, slot), _sort(slot), text)

    def _hit(self, target: Target) -> str:
        if not target.at_step:
            return self.writer.term(target.nodes[0])
        cases = [
            junction("and", (f"|may {name}|", text))
            for name, node in zip(self.steps, target.nodes, strict=True)
            if (text := self.writer.term(node)) != "false"
        ]
        return junction("or", cases)

    def _clause(self, number: int, clause: Never) -> Iterator[str]:
        yield f"; never {self.proof.words(clause)}"
        slots = [self.system.slots[n] for n, _ in clause.slots]
        typed = " ".join(f"({self.symbols[s.number]} {_sort(s)})" for s in slots)
        parts = [
            junction("or", (self._equal(slot, self.symbols[n], v) for v in values))
            for slot, (n, values) in zip(slots, clause.slots, strict=True)
        ]
        said = f"(not {junction('and', parts)})"
        yield f"(define-fun |clause {number}| ({typed}) Bool {said})"

    def _applied(self, place: int, after: Mapping[int, str] = {}) -> str:
        """The clause of the variables, or of what a step makes of them."""
        slots = [number for number, _ in self.proof.clauses[place].slots]
        if not slots:
            return f"|clause {place + 1}|"
        of = " ".join(after.get(number, self.symbols[number]) for number in slots)
        return f"(|clause {place + 1}| {of})"

    def _asked(self, title: str, *texts: str) -> Iterator[str]:
        """A question, whose answer is to be `unsat`."""
        yield f"\n; {title}"
        yield "(push 1)"
        for text in texts:
            yield f"(assert {text})"
        yield "(check-sat)"
        yield "(pop 1)"

    def _consecution(self) -> Iterator[str]:
        """Of each action, that no step of it leaves the invariant."""
        steps: dict[str, list[str]] = {}
        for step, name in zip(self.system.steps, self.steps, strict=True):
            broken = self._broken(step, name)
            steps.setdefault(step.action.name, []).append(broken)
        for action, cases in steps.items():
            breaks = junction("or", cases)
            yield from self._asked(f"consecution: {action}", "invariant", breaks)

    def _broken(self, step: GroundStep, name: str) -> str:
        """The step is possible, and leaves a range or a clause that it can leave."""
        slots = [self.system.slots[number] for number in step.updates]
        after = {slot.number: _effect(name, slot) for slot in slots}
        kept = [
            junction("and", self._bounds(slot, after[slot.number]))
            for slot in slots
            if not slot.term.boolean
        ]
        kept += [
            self._applied(place, after)
            for place, clause in enumerate(self.proof.clauses)
            if any(number in step.updates for number, _ in clause.slots)
        ]
        return f"(and |may {name}| (not {junction('and', kept)}))"


def _effect(step: str, slot: GroundSlot) -> str:
    return f"|{step}: {slot.name}|"


def _sort(slot: GroundSlot) -> str:
    return "Bool" if slot.term.boolean else "Number"
