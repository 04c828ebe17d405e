"""TLA+, for TLC: a module with an action for each step, and its configuration."""

from __future__ import annotations

from collections.abc import Iterator

from tdxcheck.checker.export.infix import Syntax, Writer
from tdxcheck.checker.export.names import Vocabulary
from tdxcheck.checker.export.start import conjuncts, stages
from tdxcheck.checker.export.subject import Check, Subject
from tdxcheck.checker.ground.system import GroundStep
from tdxcheck.checker.ground.terms import Ite, Node, Or, Slot, support

SYNTAX = Syntax(
    true="TRUE",
    false="FALSE",
    not_="~",
    and_="/\\",
    or_="\\/",
    equal="=",
    unequal="#",
    if_="IF {0} THEN {1} ELSE {2}",
)

WORDS = """
    assume assumption axiom boolean by case choose constant constants corollary def
    define defs domain else enabled except extends false have hide if in init instance
    int integers lambda lemma let local module nat naturals new next obvious omitted
    only onlyinit other pick proof proposition prove qed recursive seq sf sequences
    spec state string subset suffices take temporal then theorem true typeok unchanged
    union use variable variables vars wf wf_ sf_ witness with
""".split()


def tla(subject: Subject, module: str) -> str:
    """The subject as a module of this name."""
    return "".join(f"{line}\n" for line in _Tla(subject).lines(module))


def tla_configuration(subject: Subject) -> str:
    """What TLC is to check of the module."""
    words = Vocabulary(subject.system, WORDS)
    lines = ["INIT Init", "NEXT Next", "CHECK_DEADLOCK FALSE"]
    lines += [f"INVARIANT {name}" for name in words.rules]
    return "".join(f"{line}\n" for line in lines)


class _Tla:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.system = subject.system
        self.words = Vocabulary(subject.system, WORDS)
        self.writer = Writer(self.words, SYNTAX)
        self.names = self.words.slots or [self.words.names.new("nothing")]
        """Of the variables: TLC asks for one."""

    def lines(self, module: str) -> Iterator[str]:
        line = "-" * max(4, (78 - len(module)) // 2)
        yield f"{line} MODULE {module} {line}"
        yield f"\\* {self.subject.title}"
        for note in self.subject.notes:
            yield f"\\* {note}"
        yield "EXTENDS Integers"
        yield ""
        for name, number in self.words.constants():
            yield f"{name} == {number}"
        yield ""
        yield from self.variables()
        yield ""
        yield from self.start()
        for step in self.system.steps:
            yield ""
            yield from self.step(step)
        yield ""
        yield "Next =="
        for name in self.words.steps:
            yield f"  \\/ {name}"
        if not self.system.steps:
            yield "  FALSE /\\ UNCHANGED vars"
        for check, name in zip(self.subject.checks, self.words.rules, strict=True):
            yield ""
            yield from self.rule(check, name)
        yield "=" * 78

    def variables(self) -> Iterator[str]:
        yield "VARIABLES"
        for number, name in enumerate(self.names):
            comma = "," if number < len(self.names) - 1 else ""
            told = ""
            if self.system.slots:
                slot = self.system.slots[number]
                told = f" \\* in {_domain(slot.term)}, {slot.entry[0].location}"
            yield f"  {name}{comma}{told}"
        yield ""
        yield f"vars == <<{', '.join(self.names)}>>"

    def start(self) -> Iterator[str]:
        """The initial states; a condition comes once its variables have values."""
        yield "Init =="
        chosen = stages(self.system)
        of_slots = {stage.slot.number for stage in chosen}
        for slot in self.system.slots:
            if slot.start is not None:
                sort = slot.entry[0].sort
                value = self.words.value(slot.start, sort)
                if slot.term.boolean:
                    value = SYNTAX.true if slot.start else SYNTAX.false
                yield f"  /\\ {self.words.slots[slot.number]} = {value}"
        for condition in conjuncts(self.system.initial):
            if not support(condition) & of_slots:
                yield f"  /\\ {self.condition(condition)}"
        for stage in chosen:
            name = self.words.slots[stage.slot.number]
            yield f"  /\\ {name} \\in {_domain(stage.slot.term)}"
            for condition in stage.conditions:
                yield f"  /\\ {self.condition(condition)}"
        if not self.system.slots:
            yield f"  {self.names[0]} = 0"

    def condition(self, node: Node) -> str:
        """A condition in an action: TLC takes a bare disjunction for several ways."""
        text = self.writer.text(node)
        return f"{text} = TRUE" if isinstance(node, Or | Ite) else text

    def step(self, step: GroundStep) -> Iterator[str]:
        yield f"\\* {step}"
        yield f"\\* {step.action.location}"
        yield f"{self.words.steps[step.number]} =="
        for guard in conjuncts(step.guards):
            yield f"  /\\ {self.condition(guard)}"
        for number, value in step.updates.items():
            sort = self.system.slots[number].entry[0].sort
            text = self.writer.text(value, sort)
            yield f"  /\\ {self.words.slots[number]}' = {text}"
        kept = [
            name for number, name in enumerate(self.names) if number not in step.updates
        ]
        yield f"  /\\ UNCHANGED <<{', '.join(kept)}>>"

    def rule(self, check: Check, name: str) -> Iterator[str]:
        yield f"\\* {check.rule.summary}"
        yield f"\\* {check.rule.mode.value}: {check.rule.location}"
        yield f"{name} =="
        for part in self.writer.parts([check.whole]) or [SYNTAX.true]:
            yield f"  /\\ {part}"


def _domain(term: Slot) -> str:
    return "BOOLEAN" if term.boolean else f"{term.low}..{term.high}"
