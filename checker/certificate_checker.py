"""The checker of certificates, apart from every engine: it believes a file nothing.

How the ground system starts, when each step is possible, what it does, and what breaks
the rule is written down here anew. The file must say the same, and give an invariant.
Whether it holds at first, is kept by each action, and excludes what breaks the rule is
asked of solvers; and the file must ask no less. To trust a certificate that is accepted
is to trust `checker/ground`, this file, and a solver.
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
ASKING = re.compile(r"\((push|pop|check-sat|assert|set-logic|exit)\b.*\)")
ASKS = "(push 1)\n(assert {})\n(assert {})\n(check-sat)\n(pop 1)\n".format
CLAUSES = re.compile(r"within|\(and within((?: \(\|clause \d+\|[^()]*\))+)\)")
TOKEN = re.compile(r"\|[^|]*\||[()]|[^\s()|]+")
PLAIN = re.compile(r"[()]|and|or|not|=|_|true|false|bv[0-9]+|[0-9]+")
"""What a clause consists of, beside its parameters."""
STEP = "{0.number} {0.action.name}".format
EFFECT = "|{0.number} {0.action.name}: {1.name}|".format
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
    asks: str = ""
    """What it asks itself, a command in each line."""


def read(text: str) -> Certificate:
    """What the file says, a command in each line."""
    found = Certificate()
    for number, line in enumerate(text.splitlines(), 1):
        if match := INFO.fullmatch(line):
            found.info[match[1]] = match[2]
        elif not found.variables and (match := WIDTH.fullmatch(line)):
            found.bits = int(match[1])
        elif not found.functions and (match := DECLARED.fullmatch(line)):
            found.variables[match[1]] = match[2]
        elif (match := DEFINED.fullmatch(line)) and _is_one(match[5]):
            found.functions[match[1]] = (match[2], match[4], match[5])
        elif ASKING.fullmatch(line):
            found.asks += f"{line}\n"
        elif line and line[0] != ";":
            raise Refused(f"line {number} is not understood: {line[:60]}")
    said = len(found.info) + len(found.variables) + len(found.functions) + 1
    if {*re.findall(r"^\((set-info|de|push)", text, re.MULTILINE)[said:]} - {"push"}:
        raise Refused("it says something twice, or too late")
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
    if certificate.asks != own.asks:
        raise Refused("it does not ask what is to be asked")
    return len(own.clauses)


class _Own:
    """The system as the checker writes it down, and what it asks."""

    def __init__(
        self, file: Certificate, system: GroundSystem, rule: GroundProperty
    ) -> None:
        self.file, self.system, self.rule = file, system, rule
        self.mode = rule.property.mode
        self.vacuous = file.info.get("says") == VACUOUS
        says = (UNREACHABLE,) if self.mode is Mode.REACHABLE else (HOLDS, VACUOUS)
        if self.mode is Mode.LEADS_TO or file.info.get("says") not in says:
            raise Refused("what it says of the rule is not understood")
        self.symbols = {slot.number: f"|now {slot.name}|" for slot in system.slots}
        self.numbers = {name: number for number, name in self.symbols.items()}
        known = {(f"|now {s.name}|", SORTS[s.term.boolean]) for s in system.slots}
        self.lines = ["(set-logic QF_BV)"]
        self.lines += [f"(define-sort Number () (_ BitVec {file.bits}))"]
        for name, sort in file.variables.items():
            if (name, sort) not in known:
                raise Refused(f"the system has no variable {name} of the sort {sort}")
            self.lines.append(f"(declare-const {name} {sort})")
        for name, (typed, sort, body) in file.functions.items():
            self.lines.append(f"(define-fun {name} ({typed}) {sort} {body})")
        self.slots = {self.numbers[name] for name in file.variables}
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
        found = [re.findall(r"\|[^|]+\|", t) for t in (match[1] or "").split(" (")[1:]]
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

    def _ranges(self, after: Mapping[str, str]) -> Iterator[str]:
        """That what stands for variables is in their ranges."""
        for name, text in after.items():
            term = self.system.slots[self.numbers[name]].term
            if not term.boolean:
                low, high = self._value(term, term.low), self._value(term, term.high)
                yield f"(and (bvsle {low} {text}) (bvsle {text} {high}))"

    def questions(self) -> Iterator[Question]:
        """What is possible if something is wrong, and what is if nothing is."""
        within = self._define(_all(self._ranges({n: n for n in self.file.variables})))
        init = self._define(_all((within, *self._init())))
        breaks = "{}" if self.mode is Mode.REACHABLE else "(not {})"
        hit = self._met(self.rule.conditions, breaks)
        speaks = self.mode in (Mode.INVARIANT, Mode.STEP_RULE)
        premise = self._met(self.rule.premises, "{}") if speaks else "true"
        rule = {"violation": hit} | ({"premise": premise} if self.vacuous else {})
        parts = {"range": {"within": within}, "start": {"init": init}, "rule": rule}
        yield from self._compared(within, parts)
        yield init, "sat", "the system cannot begin"
        due = {"initiation": ("init", "(not invariant)")}
        for action, left in self._left().items():
            due[f"consecution of {action}"] = "invariant", _some(left)
        due["safety"] = "invariant", _some(rule)
        for what, (given, text) in due.items():
            yield f"(and {given} {text})", "unsat", f"{what} fails"
        if not self.vacuous:
            yield f"(and {within} invariant {premise})", "sat", "it holds but vacuously"
        asks = "".join(ASKS(*each) for each in due.values())
        self.asks = f"(set-logic QF_BV)\n{asks}(exit)\n"

    def _init(self) -> Iterator[str]:
        for name, slot in ((self.symbols[n], self.system.slots[n]) for n in self.slots):
            if slot.start is not None:
                yield f"(= {name} {self._value(slot.term, slot.start)})"
        for condition in self.system.initial:
            if terms.support(condition) <= self.slots:
                yield self.term(condition)

    def _met(self, nodes: Sequence[Node], form: str) -> str:
        """Of states, or of steps: a condition of the rule in this form."""
        if self.mode is Mode.STEP_RULE:
            said = [(s, form.format(self.term(nodes[s.number]))) for s in self.steps]
            return _some(f"(and {self.may[step]} {text})" for step, text in said)
        possible = self.may.values() if self.mode is Mode.DEADLOCK_FREE else ()
        return form.format(_some((self.term(nodes[0]), *possible)))

    def _left(self) -> dict[str, list[str]]:
        """In the file's words: by action, that a step leaves a range or a clause."""
        found: dict[str, list[str]] = {}
        for step in self.steps:
            own = (self.system.slots[n] for n in step.updates if n in self.slots)
            after = {self.symbols[slot.number]: EFFECT(step, slot) for slot in own}
            changed = [c for c in self.clauses if not after.keys().isdisjoint(c)]
            kept = list(self._ranges(after))
            kept += [f"({' '.join(after.get(v, v) for v in c)})" for c in changed]
            leaves = f"(and |may {STEP(step)}| (not {_all(kept)}))"
            found.setdefault(step.action.name, []).append(leaves)
        return found

    def _compared(self, within: str, parts: Parts) -> Iterator[Question]:
        """The file must say of the system what the checker says of it."""
        for step in self.steps:
            said = parts.setdefault(step.action.name, {})
            said[f"|may {STEP(step)}|"] = self.may[step]
            for number in self.slots.intersection(step.updates):
                effect = EFFECT(step, self.system.slots[number])
                said[effect] = self.term(step.updates[number])
        for name in self.file.functions.keys() - {"invariant"}.union(*parts.values()):
            if not re.fullmatch(r"\|(part|clause) \d+\|", name):
                raise Refused(f"the system has no {name}")
        for what, said in parts.items():
            if missing := said.keys() - self.file.functions.keys():
                raise Refused(f"{min(missing)} is missing")
            differ = _some(f"(distinct {name} {text})" for name, text in said.items())
            asked = f"(and {within} {differ})"
            yield asked, "unsat", f"{what} is not that of the system"


def _all(texts: Iterable[str], kind: str = "and") -> str:
    parts = list(texts)
    if len(parts) < 2:
        return parts[0] if parts else str(kind == "and").lower()
    return f"({kind} {' '.join(parts)})"


def _some(texts: Iterable[str]) -> str:
    return _all(texts, "or")
