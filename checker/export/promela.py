"""Promela, for SPIN: one process that takes a step at a time, each indivisible.

The states that SPIN stores are the system's, and those before the first: none where
the system starts in one way, one where it starts in a few, and else one for each way
to have chosen some of what it starts with. `before_the_first` tells how many. SPIN
leaves variables that nothing reads out of its states, unless it is told not to: -o2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tdxcheck.checker.export.assigning import in_order
from tdxcheck.checker.export.infix import Syntax, Writer
from tdxcheck.checker.export.names import Vocabulary
from tdxcheck.checker.export.start import Stage, first_states, stages, unfinished
from tdxcheck.checker.export.subject import Subject
from tdxcheck.checker.ground.system import GroundSlot, GroundStep, GroundSystem, Values
from tdxcheck.checker.ground.terms import TRUE, Slot

FEW = 200
"""Ways to start that are written one by one."""

SYNTAX = Syntax(
    true="true",
    false="false",
    not_="!",
    and_="&&",
    or_="||",
    equal="==",
    unequal="!=",
    if_="{0} -> {1} : {2}",
)

WORDS = """
    active assert atomic bit bool break byte chan d_step D_proctype do else empty
    enabled eval false fi for full get_priority goto hidden host if in init inline int
    len ltl mtype nempty never nfull notrace np_ od of pc_value pid priority printf
    printm proctype provided return run select set_priority short show skip timeout
    trace true typedef unless unsigned xr xs
    auto case char const continue default double enum extern float long now register
    restrict signed sizeof static struct switch union void volatile while
""".split()


def promela(subject: Subject) -> str:
    """The subject as a model for SPIN."""
    return "".join(f"{line}\n" for line in _Promela(subject).lines())


def before_the_first(system: GroundSystem) -> int:
    """How many states SPIN stores that are none of the system's."""
    if all(slot.start is not None for slot in system.slots):
        return 0
    few = len(first_states(system, FEW + 1)) <= FEW
    return 1 if few else unfinished(system)


class _Promela:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.system = subject.system
        self.words = Vocabulary(subject.system, WORDS)
        self.writer = Writer(self.words, SYNTAX)
        effects = [in_order(step.updates) for step in self.system.steps]
        self.effects = effects
        saved = sorted({number for effect in effects for number in effect.saved})
        self.saved = {
            n: self.words.names.new(f"old {self.words.slots[n]}") for n in saved
        }

    def lines(self) -> Iterator[str]:
        first = first_states(self.system, FEW + 1)
        free = [slot for slot in self.system.slots if slot.start is None]
        yield from self.head()
        yield ""
        for name, number in self.words.constants():
            yield f"#define {name} {number}"
        yield ""
        yield from self.declarations()
        yield ""
        yield "active proctype host() {"
        if free and len(first) <= FEW:
            yield "  /* Every state that it starts in. */"
            yield "  if"
            for state in first:
                yield f"  :: d_step {{ {'; '.join(self.chosen(free, state))} }}"
            yield "  fi;"
        elif free:
            yield "  /* What it starts with, one choice after the other. */"
            for stage in stages(self.system):
                yield from self.stage(stage)
        yield "  do"
        yield from self.steps()
        yield from self.rules()
        yield "  od"
        yield "}"

    def head(self) -> Iterator[str]:
        extra = before_the_first(self.system)
        yield f"/* {self.subject.title}"
        for note in self.subject.notes:
            yield f"   {note}"
        yield f"   SPIN stores {extra} states before the system's first."
        yield "   spin -o2 -a FILE"
        yield "   gcc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -E"
        yield "   spin -t FILE tells the run that it has found. */"

    def declarations(self) -> Iterator[str]:
        for slot, name in zip(self.system.slots, self.words.slots, strict=True):
            term, start = slot.term, ""
            variable, _ = slot.entry
            if slot.start is not None:
                start = f" = {self.value(slot, slot.start)}"
            range_ = "" if term.boolean else f" {term.low}..{term.high},"
            yield (
                f"{_type(term)} {name}{start}; /*{range_} {variable.location} */"
            ).replace("/*  ", "/* ")
        for number, name in self.saved.items():
            kind = _type(self.system.slots[number].term)
            yield f"hidden {'byte' if kind == 'bool' else kind} {name};"

    def value(self, slot: GroundSlot, number: int) -> str:
        if slot.term.boolean:
            return SYNTAX.true if number else SYNTAX.false
        return self.words.value(number, slot.entry[0].sort)

    def chosen(self, free: list[GroundSlot], state: Values) -> Iterator[str]:
        for slot in free:
            value = self.value(slot, state[slot.number])
            yield f"{self.words.slots[slot.number]} = {value}"

    def stage(self, stage: Stage) -> Iterator[str]:
        slot = stage.slot
        name = self.words.slots[slot.number]
        yield "  if"
        for number in range(slot.term.low, slot.term.high + 1):
            value = self.value(slot, number)
            known = {slot.number: value}
            tests = [self.writer.bare(c, None, known) for c in stage.conditions]
            test = " && ".join(f"({test})" for test in tests)
            yield f"  :: d_step {{ {f'{test} -> ' if test else ''}{name} = {value} }}"
        yield "  fi;"

    def steps(self) -> Iterator[str]:
        for step in self.system.steps:
            yield f"  /* {self.words.steps[step.number]}: {step.action.location} */"
            yield "  :: d_step {"
            guards = self.writer.parts(step.guards)
            for at, guard in enumerate(guards or ["true"]):
                last = at >= len(guards) - 1
                shown = guard if len(guards) < 2 else f"({guard})"
                yield f"       {shown} {'->' if last else '&&'}"
            told = f'printf("{_quoted(str(step))}\\n")'
            body = [told, *self.asserted(step), *self.assigned(step)]
            for at, statement in enumerate(body):
                yield f"       {statement}{';' if at < len(body) - 1 else ''}"
            yield "     }"
        if not self.system.steps and all(c.state is TRUE for c in self.subject.checks):
            yield "  :: false -> skip"

    def asserted(self, step: GroundStep) -> Iterator[str]:
        for check in self.subject.checks:
            condition = check.steps.get(step.number, TRUE)
            if condition is not TRUE:
                text = self.writer.bare(condition)
                yield f"assert({text}) /* {check.rule.name} */"

    def assigned(self, step: GroundStep) -> Iterator[str]:
        effect = self.effects[step.number]
        instead = {number: self.saved[number] for number in effect.saved}
        for number in effect.saved:
            yield f"{self.saved[number]} = {self.words.slots[number]}"
        for number, value in effect.ordered:
            sort = self.system.slots[number].entry[0].sort
            text = self.writer.bare(value, sort, instead)
            yield f"{self.words.slots[number]} = {text}"

    def rules(self) -> Iterator[str]:
        for check, name in zip(self.subject.checks, self.words.rules, strict=True):
            yield f"  /* {_comment(check.rule.summary)}"
            yield f"     {name} ({check.rule.mode.value}): {check.rule.location} */"
            if check.state is TRUE:
                continue  # It is asserted in its steps.
            text = self.writer.bare(check.state)
            yield f"  :: d_step {{ !({text}) -> assert(false) /* {name} */ }}"


def _type(term: Slot) -> str:
    if term.boolean:
        return "bool"
    if 0 <= term.low and term.high <= 255:
        return "byte"
    if -(1 << 15) <= term.low and term.high < 1 << 15:
        return "short"
    return "int"


def _quoted(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text).replace("%", "%%")


def _comment(text: str) -> str:
    return text.replace("*/", "* /")
