"""The checker of certificates, apart from every engine.

It believes a file nothing. How the ground system starts, when each step is possible,
what it does, and what breaks the rule is written down here anew. The file must say the
same of each, and give the clauses of an invariant. Whether they hold at first, are kept
by each action, and exclude what breaks the rule is then asked of solvers, whatever the
file itself asks of them.

To trust one that is accepted is to trust `checker/ground`, this file, and a solver.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tdxcheck.checker.ground import terms
from tdxcheck.checker.ground.system import GroundProperty, GroundStep, GroundSystem
from tdxcheck.checker.ground.terms import Const, Node, Slot
from tdxcheck.checker.language.system import Mode

Solver = Callable[[str], Sequence[str]]
"""Runs a script, and gives what it prints."""
Question = tuple[str, str, str]
"""What is asserted, the answer that is expected, and what is wrong on another."""
Parts = dict[str, dict[str, str]]

HOLDS, VACUOUS, UNREACHABLE = "holds", "holds vacuously", "is unreachable"
VARIABLE = r"\|now [^|\\]+\|"
PART = r"\|(?!own |now )[^|\\ ]+ [^|\\]+\||within|init|violation|premise|invariant"
"""What is defined is called so: never as an operator is, nor as a part of ours."""
TYPED = rf"\({VARIABLE} (?:Bool|Number)\)"
INFO = re.compile(r'\(set-info :tdxcheck-([a-z]+) "([^"]*)"\)')
WIDTH = re.compile(r"\(define-sort Number \(\) \(_ BitVec ([0-9]+)\)\)")
DECLARED = re.compile(rf"\(declare-const ({VARIABLE}) (Bool|Number)\)")
DEFINED = re.compile(rf"\(define-fun ({PART}) \((({TYPED} ?)*)\) (Bool|Number) (.+)\)")
APART = re.compile(r"(;.*)?|\((push|pop|check-sat|exit|set-logic|assert)\b.*\)")
"""What is not looked at: comments, and what the file itself asks."""
CLAUSES = re.compile(r"within|\(and within((?: \(\|clause \d+\|[^()]*\))+)\)")
TOKEN = re.compile(r"\|[^|]*\||[()]|[^\s()|]+")
PLAIN = re.compile(r"[()]|and|or|not|=|_|true|false|bv[0-9]+|[0-9]+")
"""What a clause consists of, beside its parameters."""
STEP = "{0.number} {0.action.name}".format
SORTS = {True: "Bool", False: "Number"}
OPERATORS = {"Eq": "=", "Lt": "bvslt", "Add": "bvadd", "Sub": "bvsub"}


class Refused(Exception):
    """The certificate does not show what it says."""


class Undecided(Exception):
    """A solver has no answer."""


@dataclass
class Certificate:
    """What a file says."""

    info: dict[str, str] = field(default_factory=dict)
    bits: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    """The sort of each."""
    functions: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Of each its parameters, its sort and its body."""


def read(text: str) -> Certificate:
    """What the file says, a command in each line."""
    found = Certificate()
    for number, line in enumerate(text.splitlines(), 1):
        if match := INFO.fullmatch(line):
            found.info[match[1]] = match[2]
        elif match := WIDTH.fullmatch(line):
            found.bits = int(match[1])
        elif match := DECLARED.fullmatch(line):
            found.variables[match[1]] = match[2]
        elif (match := DEFINED.fullmatch(line)) and _is_one(match[5]):
            if match[1] in found.functions:
                raise Refused(f"line {number} defines {match[1]} once more")
            found.functions[match[1]] = (match[2], match[4], match[5])
        elif not APART.fullmatch(line):
            raise Refused(f"line {number} is not understood: {line[:60]}")
    return found


def _is_one(text: str) -> bool:
    """The text is no end of a command and the beginning of another."""
    depth = text.count("|") % 2
    for token in TOKEN.findall(text):
        depth += (token == "(") - (token == ")")
        if depth < 0 or (token[0] != "|" and not {";", '"'}.isdisjoint(token)):
            return False
    return depth == 0


def check(
    certificate: Certificate,
    system: GroundSystem,
    rule: GroundProperty,
    solvers: Mapping[str, Solver],
) -> int:
    """Refuse the certificate, or tell how many clauses its invariant has."""
    own = _Own(certificate, system, rule)
    questions = list(own.questions())
    asked = (f"(push 1)(assert {what})(check-sat)(pop 1)" for what, _, _ in questions)
    script = "\n".join([*own.lines, *asked, ""])
    for name, solve in solvers.items():
        answers = solve(script)
        for (_, expected, wrong), answer in zip(questions, answers, strict=False):
            if answer != expected:
                failed = Undecided if answer == "unknown" else Refused
                raise failed(f"{wrong}: {name} says {answer[:60]}")
        if len(answers) != len(questions):
            raise Undecided(f"{name} gave {len(answers)} of {len(questions)} answers")
    return len(own.clauses)


class _Own:
    """The system as the checker writes it down, and what it asks."""

    def __init__(
        self, certificate: Certificate, system: GroundSystem, rule: GroundProperty
    ) -> None:
        self.file = certificate
        self.system = system
        self.rule = rule
        self.mode = rule.property.mode
        self.vacuous = certificate.info.get("says") == VACUOUS
        says = (UNREACHABLE,) if self.mode is Mode.REACHABLE else (HOLDS, VACUOUS)
        if self.mode is Mode.LEADS_TO or certificate.info.get("says") not in says:
            raise Refused("what it says of the rule is not understood")
        self.symbols = {slot.number: f"|now {slot.name}|" for slot in system.slots}
        numbers = {name: number for number, name in self.symbols.items()}
        self.lines = ["(set-logic QF_BV)"]
        self.lines += [f"(define-sort Number () (_ BitVec {certificate.bits}))"]
        for name, sort in certificate.variables.items():
            if (
                name not in numbers
                or sort != SORTS[system.slots[numbers[name]].term.boolean]
            ):
                raise Refused(f"the system has no variable {name} of the sort {sort}")
            self.lines.append(f"(declare-const {name} {sort})")
        for name, (typed, sort, body) in certificate.functions.items():
            self.lines.append(f"(define-fun {name} ({typed}) {sort} {body})")
        self.slots = {numbers[name] for name in certificate.variables}
        self.steps = [step for step in system.steps if self._concerns(step)]
        self.clauses = self._clauses()
        self.written: dict[Node, str] = {}
        ends = system.steps if self.mode is Mode.DEADLOCK_FREE else ()
        self.may = {s: _all(map(self.term, s.guards)) for s in (*self.steps, *ends)}

    def _concerns(self, step: GroundStep) -> bool:
        """The step assigns a variable of the file, or file or rule speak of it."""
        spoken = f"|may {STEP(step)}|" in self.file.functions
        if self.mode is Mode.STEP_RULE:
            spoken |= self.rule.conditions[step.number] != terms.TRUE
            spoken |= self.rule.premises[step.number] != terms.FALSE
        return spoken or not self.slots.isdisjoint(step.updates)

    def _clauses(self) -> list[list[str]]:
        """Each clause of the invariant: its name, and the variables it is about."""
        invariant = self.file.functions.get("invariant", ("", "", ""))[2]
        if not (match := CLAUSES.fullmatch(invariant)):
            raise Refused("it has no invariant that is a conjunction of clauses")
        applied = (match[1] or "").split(" (")[1:]
        found = [re.findall(r"\|[^|]+\|", text) for text in applied]
        for name, *variables in found:
            typed, _, body = self.file.functions.get(name, ("", "", "?"))
            own = {*TOKEN.findall(typed)} - {"(", ")"}
            is_closed = all(t in own or PLAIN.fullmatch(t) for t in TOKEN.findall(body))
            if not (is_closed and self.file.variables.keys() >= set(variables)):
                raise Refused(f"{name} is not a clause of variables")
        return found

    def term(self, root: Node) -> str:
        """The symbol of a term of the ground system, defined where it is new."""
        for node in terms.walk(root):
            if node not in self.written:
                self.written[node] = self._term(node)
        return self.written[root]

    def _term(self, node: Node) -> str:
        if isinstance(node, Slot):
            if node.number not in self.slots:
                raise Refused(f"the variable {self.symbols[node.number]} is missing")
            return self.symbols[node.number]
        if not node.boolean:
            self._value(node, node.low), self._value(node, node.high)
        if isinstance(node, Const):
            return self._value(node, node.value)
        kind = type(node).__name__
        operands = " ".join(self.written[child] for child in terms.children(node))
        text = f"({OPERATORS.get(kind, kind.lower())} {operands})"
        return self._define(text, SORTS[node.boolean])

    def _define(self, text: str, sort: str = "Bool") -> str:
        name = f"|own {len(self.lines)}|"
        self.lines.append(f"(define-fun {name} () {sort} {text})")
        return name

    def _value(self, node: Node, value: int) -> str:
        """A value of the term; of a number, the file must have bits enough for it."""
        half = 1 << self.file.bits >> 1
        if node.boolean:
            return "true" if value else "false"
        if not -half <= value < half:
            raise Refused(f"{self.file.bits} bits are too few for {value}")
        return f"(_ bv{value % (2 * half)} {self.file.bits})"

    def _within(self, number: int, text: str) -> str:
        term = self.system.slots[number].term
        if term.boolean:
            return "true"
        low, high = self._value(term, term.low), self._value(term, term.high)
        return f"(and (bvsle {low} {text}) (bvsle {text} {high}))"

    def questions(self) -> Iterator[Question]:
        """What is possible if something is wrong, and what is if nothing is."""
        ranges = (self._within(number, self.symbols[number]) for number in self.slots)
        within = self._define(_all(ranges))
        init = self._define(_all((within, *self._init())))
        breaks = "{}" if self.mode is Mode.REACHABLE else "(not {})"
        hit = self._met(self.rule.conditions, breaks)
        speaks = self.mode in (Mode.INVARIANT, Mode.STEP_RULE)
        premise = self._met(self.rule.premises, "{}") if speaks else "true"
        rule = {"violation": hit} | ({"premise": premise} if self.vacuous else {})
        parts = {"range": {"within": within}, "start": {"init": init}, "rule": rule}
        yield from self._compared(within, parts)
        invariant = self._define(_all((within, *map(_applied, self.clauses))))
        yield init, "sat", "the system cannot begin"
        yield f"(and {init} (not {invariant}))", "unsat", "initiation fails"
        for action in dict.fromkeys(step.action.name for step in self.steps):
            left = _some(self._left(s) for s in self.steps if s.action.name == action)
            yield f"(and {invariant} {left})", "unsat", f"consecution of {action} fails"
        yield f"(and {invariant} {hit})", "unsat", "safety fails"
        expected, wrong = "sat", "the rule holds vacuously, which is not said"
        if self.vacuous:
            expected, wrong = "unsat", "what the rule speaks of is not excluded"
        yield f"(and {invariant} {premise})", expected, wrong

    def _init(self) -> Iterator[str]:
        for slot in (self.system.slots[number] for number in self.slots):
            if slot.start is not None:
                start = self._value(slot.term, slot.start)
                yield f"(= {self.symbols[slot.number]} {start})"
        for condition in self.system.initial:
            if terms.support(condition) <= self.slots:
                yield self.term(condition)

    def _met(self, nodes: Sequence[Node], form: str) -> str:
        """Of states, or of steps: a condition of the rule in this form."""
        if self.mode is Mode.STEP_RULE:
            said = [form.format(self.term(nodes[s.number])) for s in self.steps]
            pairs = zip(self.steps, said, strict=True)
            return _some(f"(and {self.may[step]} {text})" for step, text in pairs)
        possible = self.may.values() if self.mode is Mode.DEADLOCK_FREE else ()
        return form.format(_some((self.term(nodes[0]), *possible)))

    def _left(self, step: GroundStep) -> str:
        """The step is possible, and leaves a range or a clause."""
        own = self.slots.intersection(step.updates)
        after = {self.symbols[n]: self.term(step.updates[n]) for n in own}
        kept = [self._within(number, after[self.symbols[number]]) for number in own]
        changed = [c for c in self.clauses if not after.keys().isdisjoint(c)]
        kept += [_applied(clause, after) for clause in changed]
        return f"(and {self.may[step]} (not {_all(kept)}))"

    def _compared(self, within: str, parts: Parts) -> Iterator[Question]:
        """The file must say of the system what the checker says of it."""
        for step in self.steps:
            said = parts.setdefault(step.action.name, {})
            said[f"|may {STEP(step)}|"] = self.may[step]
            for number in self.slots.intersection(step.updates):
                effect = f"|{STEP(step)}: {self.system.slots[number].name}|"
                said[effect] = self.term(step.updates[number])
        for name in self.file.functions.keys() - {"invariant"}.union(*parts.values()):
            if not re.fullmatch(r"\|(part|clause) \d+\|", name):
                raise Refused(f"the system has no {name}")
        for what, said in parts.items():
            if missing := said.keys() - self.file.functions.keys():
                raise Refused(f"{min(missing)} is missing")
            differ = _some(f"(distinct {name} {text})" for name, text in said.items())
            wrong = f"{what} is not that of the system"
            yield f"(and {within} {differ})", "unsat", wrong


def _applied(clause: Sequence[str], after: Mapping[str, str] = {}) -> str:
    """The clause of its variables, or of what a step makes of them."""
    return f"({' '.join(after.get(each, each) for each in clause)})"


def _all(texts: Iterable[str], kind: str = "and true true") -> str:
    return f"({kind} {' '.join(texts)})"


def _some(texts: Iterable[str]) -> str:
    return _all(texts, "or false false")
